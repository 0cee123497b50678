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

  // A fold that somebody opened stays open when the page around it is swapped; a part to be fetched is fetched anew.
  const opened = new Set();
  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (target.id) opened[target.open ? "add" : "delete"](target.id);
    },
    true,
  );

  // What comes back is not always the part that was asked for: the log-in has run out, the page is gone, nobody
  // answers. Then the page stays, with what was typed, and says so.
  const tell = (text) => {
    const place = document.getElementById("work") ?? document.getElementById("content");
    document.getElementById("unsent")?.remove();
    const said = document.createElement("p");
    Object.assign(said, { id: "unsent", className: "fp-problem fp-card", textContent: `Nothing was changed: ${text} ` });
    said.setAttribute("role", "alert");
    const again = document.createElement("a");
    Object.assign(again, { href: location.href, textContent: "Load the page again" });
    again.setAttribute("hx-boost", "false");
    said.append(again);
    place.prepend(said);
    said.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target } = event.detail;
    const isPage = /^\s*<!doctype/i.test(xhr.responseText);
    if (!event.detail.shouldSwap || !isPage || xhr.responseText.includes(`id="${target.id}"`)) return;
    event.detail.shouldSwap = false;
    tell(xhr.responseURL.includes("/login/") ? "you are logged out." : `the answer was an error (${xhr.status}).`);
  });
  document.addEventListener("htmx:responseError", (event) => tell(`the answer was an error (${event.detail.xhr.status}).`));
  document.addEventListener("htmx:sendError", () => tell("FlowPilot does not answer."));

  document.addEventListener("htmx:afterSettle", () => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    const title = document.getElementById("node-title");
    if (title) title.focus({ preventScroll: true });
  });
}
