// Keys 1 to 9 give the answers; after a swap the focus goes to the new step, so that a screen reader reads it.
"use strict";
{
  const isTyping = (element) => element.closest("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
    const answer = document.querySelector(`.fp-answer[data-key="${CSS.escape(event.key)}"]`);
    if (!answer) return;
    event.preventDefault();
    answer.click();
  });

  // Enter in the ticket's field looks it up; in all others it finds a flow.
  document.addEventListener("keydown", (event) => {
    const button = event.key === "Enter" && document.getElementById(event.target.dataset?.enter ?? "");
    if (!button) return;
    event.preventDefault();
    button.click();
  });

  // What htmx has swapped in is drawn when it is opened; graph.js has drawn the page's first.
  const drawWhenOpened = (event) => {
    const host = event.target.matches(".fp-on-graph") && event.target.open && event.target.querySelector(".fp-graph");
    if (host && !host.firstChild) window.flowpilotGraph.show(host);
  };
  document.addEventListener("toggle", drawWhenOpened, true);

  document.addEventListener("htmx:afterSettle", () => {
    const title = document.getElementById("node-title");
    if (title) title.focus({ preventScroll: true });
  });
}
