// The evidence of the node that is chosen in the graph; and a reason before a rejection leaves the page.
"use strict";
{
  const panel = document.getElementById("chosen-evidence");
  const script = document.getElementById("node-evidence");
  const evidence = script ? JSON.parse(script.textContent) : {};
  const MOST = 30;

  const link = (sessionId, line) => {
    const known = document.querySelector(`.fp-evidence [data-session="${sessionId}"]`);
    const made = document.createElement("a");
    made.href = `${panel.dataset.sessionUrl.replace("/0/", `/${sessionId}/`)}#line-${line}`;
    made.textContent = `${known ? known.dataset.name : `session ${sessionId}`}, line ${line + 1}`;
    return made;
  };

  const showEvidence = (id) => {
    const places = evidence[id] || [];
    const title = document.createElement("h3");
    title.textContent = places.length ? "The lines that the chosen step rests on" : "No line is recorded for the chosen step";
    const list = document.createElement("ul");
    for (const [sessionId, line] of places.slice(0, MOST)) {
      const item = document.createElement("li");
      item.append(link(sessionId, line));
      list.append(item);
    }
    panel.replaceChildren(title, list);
    if (places.length > MOST) panel.append(`and ${places.length - MOST} more`);
    panel.hidden = false;
  };
  if (panel) document.addEventListener("flowpilot:node", (event) => showEvidence(event.detail.id));

  const form = document.querySelector(".fp-decide form");
  if (form) {
    form.addEventListener("submit", (event) => {
      const rejects = event.submitter && event.submitter.value === "reject";
      const missing = rejects && !form.elements.notes.value.trim();
      document.getElementById("notes-problem").hidden = !missing;
      if (!missing) return;
      event.preventDefault();
      form.elements.notes.focus();
    });
  }
}
