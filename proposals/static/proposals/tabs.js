// Makes tabs of the sections within [data-tabs]; without this script they stand below each other.
"use strict";
{
  const PHONE = window.matchMedia("(max-width: 640px)");

  const setUp = (box) => {
    const panels = [...box.querySelectorAll(":scope > [data-tab]")];
    const list = document.createElement("div");
    list.className = "fp-tablist";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", box.dataset.tabs);
    const tabs = panels.map((panel) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.id = `${panel.id}-tab`;
      tab.textContent = panel.dataset.tab;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      panel.removeAttribute("aria-label");
      list.append(tab);
      return tab;
    });
    const open = (chosen) => {
      tabs.forEach((tab, index) => {
        const isChosen = index === chosen;
        tab.setAttribute("aria-selected", String(isChosen));
        tab.tabIndex = isChosen ? 0 : -1;
        panels[index].hidden = !isChosen;
      });
    };
    list.addEventListener("click", (event) => {
      const index = tabs.indexOf(event.target.closest("[role=tab]"));
      if (index >= 0) open(index);
    });
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const index = (tabs.indexOf(event.target) + step + tabs.length) % tabs.length;
      open(index);
      tabs[index].focus();
      event.preventDefault();
    });
    box.prepend(list);
    // A phone has no room for a drawing: the outline tells the same.
    const wanted = box.dataset.first || (PHONE.matches ? "outline" : panels[0].id);
    open(Math.max(0, panels.findIndex((panel) => panel.id === wanted)));
  };

  for (const box of document.querySelectorAll("[data-tabs]")) setUp(box);
}
