// The evidence of the step that is chosen, right below the graph; and a reason before a rejection leaves the page.
"use strict";
{
  const panel = document.getElementById("chosen-evidence");
  const graph = document.querySelector("#flow .fp-graph");
  let cameFrom = null;

  const textOf = (id) => {
    const node = JSON.parse(document.getElementById("definition").textContent).nodes.find((one) => one.id === id);
    return node ? node.text : "";
  };

  const showEvidence = async (id, node) => {
    const title = document.getElementById("chosen-title");
    const lines = document.getElementById("chosen-lines");
    const text = textOf(id);
    cameFrom = node || null;
    title.textContent = text ? `Evidence for “${text}”` : "This step would be taken away";
    document.getElementById("chosen-hint").hidden = true;
    panel.hidden = false;
    panel.dataset.node = id;
    if (text) {
      lines.textContent = "Fetching the lines…";
      await window.flowpilotFetched.fill(lines, `${panel.dataset.url}?node=${encodeURIComponent(id)}&fragment=1`);
    } else lines.textContent = "It is in the version that this was made from; no session speaks for it here.";
    if (panel.dataset.node !== id) return; // another was chosen meanwhile
    title.focus({ preventScroll: true });
    panel.scrollIntoView({ block: "nearest" });
  };

  const close = () => {
    panel.hidden = true;
    document.getElementById("chosen-hint").hidden = false;
    if (cameFrom) (cameFrom.querySelector("a") || cameFrom).focus();
  };

  if (panel) {
    document.addEventListener("flowpilot:node", (event) => showEvidence(event.detail.id, event.detail.node));
    document.getElementById("chosen-close").addEventListener("click", close);
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
    });
    document.getElementById("flow").addEventListener("click", (event) => {
      const link = event.target.closest("[data-evidence]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      window.flowpilotGraph.select(graph, link.dataset.evidence);
      showEvidence(link.dataset.evidence, link.closest("[data-node]"));
    });
  }

  const form = document.getElementById("decide-form");
  if (form) {
    const told = document.getElementById("decide-told");
    const hasReason = () => form.elements.notes.value.trim() || form.querySelector("[name=reasons]:checked");
    form.addEventListener("submit", (event) => {
      const isMissing = event.submitter && event.submitter.value === "reject" && !hasReason();
      told.hidden = !isMissing;
      if (!isMissing) return;
      event.preventDefault();
      told.textContent = "Say why it is rejected: pick a reason or write one, then press Reject again.";
      document.getElementById("reject-reasons").open = true;
      form.querySelector("[name=reasons]").focus();
    });
    // What is filled in is meant: the choice above it follows.
    for (const [name, value] of [["wake_date", "date"], ["wake_sessions", "sessions"], ["wake_clients", "sessions"]]) {
      form.elements[name].addEventListener("input", () => {
        form.querySelector(`[name=wake][value=${value}]`).checked = true;
      });
    }
  }
}
