// What the ticked rows would bring, and ticking beyond the page. The list works without it.
"use strict";
{
  const form = document.getElementById("changelist-form");
  const said = document.querySelector(".fp-selected");
  const across = form && form.elements.select_across instanceof RadioNodeList
    ? [...form.elements.select_across].find((field) => field.type === "checkbox")
    : null;

  const ticked = () => [...document.querySelectorAll("#result_list .action-select:checked")];

  const tell = () => {
    const rows = ticked();
    const impact = rows.reduce((sum, box) => {
      const rank = box.closest("tr").querySelector("[data-impact]");
      return sum + (rank ? Number(rank.dataset.impact) : 0);
    }, 0);
    said.hidden = rows.length === 0;
    if (!rows.length) return;
    const total = Number(said.dataset.total);
    const minutes = Math.max(1, Math.round(rows.length * Number(said.dataset.each)));
    const share = total > 0 ? ` cover ${Math.min(100, Math.round((impact / total) * 100))}\u00a0% of the recent sessions,` : "";
    said.textContent = across && across.checked
      ? "All of this view are selected."
      : `${rows.length} selected:${share} about ${minutes} minute${minutes === 1 ? "" : "s"}.`;
  };

  if (said && form) {
    form.addEventListener("change", () => window.setTimeout(tell)); // after the admin's own script has ticked rows
    window.addEventListener("pageshow", () => window.setTimeout(tell));
  }

  if (across) {
    across.addEventListener("change", () => {
      const all = document.getElementById("action-toggle");
      if (all && all.checked !== across.checked) all.click();
    });
  }

  document.addEventListener("keydown", (event) => {
    const views = event.key === "Escape" && event.target.closest("details.fp-views[open]");
    if (!views) return;
    views.open = false;
    views.querySelector("summary").focus();
  });
}
