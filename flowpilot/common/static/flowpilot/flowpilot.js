// Small comforts of every page; each page works without them.
"use strict";
{
  // A menu closes by Escape and by a click elsewhere.
  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details.fp-menu[open]")) {
      if (menu !== except) menu.open = false;
    }
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.fp-menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest("details.fp-menu[open]");
    closeMenus(null);
    if (menu) menu.querySelector("summary").focus();
  });

  // Forms of choices that only ask for another view of the same page need no button.
  for (const form of document.querySelectorAll("form[data-submit-on-change]")) {
    form.addEventListener("change", () => form.requestSubmit());
    form.querySelector("button").hidden = true;
  }

  // On a phone the filters start closed, so that the end of the page is near.
  if (window.matchMedia("(max-width: 1023px)").matches) {
    for (const filter of document.querySelectorAll("#changelist-filter details")) {
      filter.open = Boolean(filter.querySelector("li:not(:first-child).selected"));
    }
  }

  // Single keys for the buttons that name one, never while somebody types.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [contenteditable]")) return;
    const target = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (!target) return;
    event.preventDefault();
    if (target.matches("a")) target.click();
    else target.focus();
  });
}
