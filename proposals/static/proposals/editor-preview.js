// The flow as a technician walks it: one node at a time, its answers as big buttons.
"use strict";
{
  const { el, model } = window.flowpilotEditor;
  const ENDS = {
    resolution: ["✓ Solved", "The session ends here as resolved."],
    escalation: ["↗ Escalated", "The session ends here; somebody else takes over."],
  };

  // `edit(id)` is called when the reviewer wants to change the step that is shown.
  class Preview {
    constructor(dialog, { edit }) {
      const part = (name) => dialog.querySelector(`#ed-preview-${name}`);
      this.dialog = dialog;
      this.way = part("way");
      this.step = part("step");
      this.backButton = part("back");
      part("close").addEventListener("click", () => dialog.close());
      this.backButton.addEventListener("click", () => this.back());
      part("again").addEventListener("click", () => this.start(this.definition.root));
      part("edit").addEventListener("click", () => {
        const { id } = this.taken[this.taken.length - 1];
        dialog.close();
        edit(id);
      });
    }

    open(definition, id) {
      this.definition = definition;
      this.dialog.showModal();
      this.start(id);
    }

    start(id) {
      this.taken = [{ id, label: null }];
      this.show();
    }

    back() {
      this.taken.pop();
      this.show();
    }

    go(option) {
      this.taken.push({ id: option.next, label: option.label });
      this.show();
    }

    show() {
      const { definition, taken } = this;
      const node = model.nodeOf(definition, taken[taken.length - 1].id);
      this.way.replaceChildren(...taken.slice(1).map(({ label }, index) =>
        el("li", {}, `${model.nameOf(model.nodeOf(definition, taken[index].id))} `, el("strong", {}, label || "(no words yet)"))));
      this.backButton.disabled = taken.length < 2;
      const [end, about] = ENDS[node.kind] || [];
      const title = el("h3", { tabindex: -1 }, node.text || "(no text yet)");
      this.step.replaceChildren(
        el("div", { class: `fp-preview-step fp-preview-${node.kind}` },
          end ? el("p", { class: "fp-preview-end" }, end) : el("p", { class: "fp-quiet" }, `Step ${taken.length}`),
          title,
          ...(node.help || []).map((line) => el("p", { class: "fp-preview-help" }, line)),
          about ? el("p", { class: "fp-quiet" }, about) : null,
          el("div", { class: "fp-preview-answers" }, model.optionsOf(node).map((option) => this.answer(option))),
          !end && !model.optionsOf(node).length ? el("p", { class: "fp-problem" }, "There is no answer here: the technician could not go on.") : null,
        ),
      );
      title.focus();
    }

    answer(option) {
      const isKnown = model.nodeOf(this.definition, option.next);
      return el("button", { type: "button", class: "fp-preview-answer", disabled: !isKnown, onclick: () => this.go(option) },
        option.label || "(no words yet)", isKnown ? null : el("span", { class: "fp-sub" }, "leads nowhere yet"));
    }
  }

  window.flowpilotEditor.Preview = Preview;
}
