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

  document.addEventListener("htmx:afterSettle", () => {
    const title = document.getElementById("node-title");
    if (title) title.focus({ preventScroll: true });
  });
}
