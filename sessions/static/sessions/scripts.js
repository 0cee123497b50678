// Copies a script. Listens on the document: parts of the page are replaced while it is open.
"use strict";
{
  document.documentElement.classList.add("fp-js");
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      // Without the right to write to the clipboard the text is selected, to be copied by hand.
      getSelection().selectAllChildren(source);
      button.textContent = "Selected: press Ctrl+C";
    }
  });
  // A file comes from a plain request: htmx would put it into the page. It listens on the form, after this.
  document.addEventListener(
    "click",
    (event) => {
      const button = event.target.closest("button[data-plain]");
      if (!button) return;
      event.preventDefault();
      event.stopPropagation();
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: button.name, value: button.value });
      button.form.append(field);
      if (button.form.reportValidity()) HTMLFormElement.prototype.submit.call(button.form);
      field.remove();
    },
    true,
  );
}
