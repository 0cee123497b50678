// The form of one node: its text, kind and help, and its answers with where they lead.
"use strict";
{
  const { el, model } = window.flowpilotEditor;
  const NEW = [["new:question", "A new question"], ["new:action", "A new action"], ["new:resolution", "A new resolution"], ["new:escalation", "A new escalation"]];
  const KIND_WORDS = {
    question: "Question: the technician finds something out",
    action: "Action: the technician does something",
    resolution: "Resolution: the problem is solved here",
    escalation: "Escalation: somebody else takes over here",
  };

  // A choice takes effect at once by mouse. By keys it waits until one leaves the list (or presses Enter): arrows and
  // letters pass over choices that nobody means.
  const choice = (children, chosen, act) => {
    const select = el("select", {}, children);
    let isByKeys = false;
    const commit = () => {
      if (select.isConnected && select.value !== chosen()) act(select);
    };
    select.addEventListener("pointerdown", () => (isByKeys = false));
    select.addEventListener("keydown", (event) => {
      isByKeys = true;
      if (event.key === "Enter") commit();
    });
    select.addEventListener("change", () => isByKeys || commit());
    // Once the focus has arrived where it goes.
    select.addEventListener("blur", () => setTimeout(commit));
    return select;
  };

  // `actions` are the editor's: edit(result, key), goTo(id), remove…, preview(id).
  class NodeView {
    constructor(host, actions) {
      this.host = host;
      this.actions = actions;
    }

    // Draws the form anew; what had the focus has it again.
    render(definition, id, problems) {
      const active = document.activeElement;
      const focused = this.host.contains(active) ? active.dataset.field : null;
      const range = focused && active.selectionStart !== undefined ? [active.selectionStart, active.selectionEnd] : null;
      this.definition = definition;
      this.node = model.nodeOf(definition, id);
      this.host.replaceChildren(...this.parts());
      this.showProblems(problems);
      if (focused) this.focus(focused, range);
    }

    // The definition has changed by typing here: the fields stand as they are.
    update(definition) {
      this.definition = definition;
      this.node = model.nodeOf(definition, this.node.id);
    }

    focus(field, range = null) {
      const found = this.host.querySelector(`[data-field="${CSS.escape(field)}"]`) || this.host.querySelector("h2");
      found.focus();
      if (range && found.setSelectionRange && found.type !== "button") found.setSelectionRange(...range);
    }

    parts() {
      const { node, definition } = this;
      const isRoot = node.id === definition.root;
      const isEnding = model.isEnding(node);
      return [
        el("h2", { id: "ed-node-title", tabindex: -1 }, `This ${node.kind}`),
        isRoot ? el("p", { class: "fp-quiet" }, "The flow starts here.") : this.cameFrom(),
        this.field("Text", "text", el("textarea", { rows: 3, value: node.text, oninput: (e) => this.typed("text", model.setText(this.definition, node.id, e.target.value)) })),
        this.field("Kind", "kind", this.kinds()),
        this.help(),
        isEnding ? null : this.answers(),
        el("div", { class: "fp-actions fp-ed-of-node" },
          this.button("Preview from here", "preview", () => this.actions.preview(node.id)),
          isRoot ? null : this.button("Start the flow here", "root", () => this.actions.edit(model.setRoot(this.definition, node.id))),
          isRoot ? null : this.button("Delete this node", "delete", () => this.actions.removeNode(node.id), "fp-harm"),
        ),
      ].filter(Boolean);
    }

    cameFrom() {
      const from = this.definition.nodes.flatMap((node) =>
        model.optionsOf(node).filter((option) => option.next === this.node.id).map((option) => ({ node, option })),
      );
      if (!from.length) return el("p", { class: "fp-problem" }, "No answer leads here.");
      return el("p", { class: "fp-quiet" }, "Comes after ", from.flatMap(({ node, option }, index) => [
        index ? ", " : "",
        el("button", { type: "button", class: "fp-linklike", onclick: () => this.actions.goTo(node.id) }, `${model.named(this.definition, node.id)}: ${option.label || "(no words yet)"}`),
      ]));
    }

    // A label, the control and a place for its problems.
    field(label, name, control, isHidden = false) {
      const id = `ed-f-${name}`;
      control.id = id;
      control.dataset.field = name;
      control.setAttribute("aria-describedby", `${id}-problem`);
      control.addEventListener("blur", () => this.actions.settle());
      return el("div", { class: "fp-field" },
        el("label", { for: id, class: isHidden ? "visually-hidden" : null }, label),
        control,
        el("p", { class: "fp-problem", id: `${id}-problem`, "data-problem": name, hidden: true }),
      );
    }

    button(words, field, act, name = "", label = null) {
      return el("button", { type: "button", class: `fp-button ${name}`, "data-field": field, "aria-label": label, title: label, onclick: act }, words);
    }

    typed(key, result) {
      this.actions.type(result, `${this.node.id}/${key}`);
    }

    kinds() {
      const kinds = model.KINDS.includes(this.node.kind) ? model.KINDS : [...model.KINDS, this.node.kind];
      return choice(
        kinds.map((kind) => el("option", { value: kind, selected: kind === this.node.kind }, KIND_WORDS[kind] || kind)),
        () => this.node.kind,
        (select) => this.actions.setKind(this.node.id, select.value),
      );
    }

    help() {
      const { node } = this;
      const lines = node.help || [];
      const changed = (index, text) => {
        const now = this.node.help || [];
        return model.setHelp(this.definition, node.id, now.map((line, other) => (other === index ? text : line)));
      };
      return el("fieldset", { class: "fp-ed-group" }, el("legend", {}, "Help for the technician"),
        lines.map((line, index) => el("div", { class: "fp-ed-row" },
          this.field(`Help line ${index + 1}`, `help/${index}`, el("textarea", { rows: 1, value: line, oninput: (e) => this.typed(`help/${index}`, changed(index, e.target.value)) }), true),
          this.button("✕", `help/${index}/delete`, () => this.actions.edit({ ...model.setHelp(this.definition, node.id, (this.node.help || []).filter((_, other) => other !== index)), told: "Help line deleted" }, "help/add"), "fp-ed-small fp-harm", `Delete help line ${index + 1}`),
        )),
        el("p", { class: "fp-problem", "data-problem": "help", hidden: true }),
        this.button("Add help", "help/add", () => this.actions.edit({ ...model.setHelp(this.definition, node.id, [...(this.node.help || []), ""]), told: "New help line" }, `help/${(this.node.help || []).length}`)),
      );
    }

    answers() {
      const { node } = this;
      const add = (target) => {
        const result = model.addOption(this.definition, node.id, target);
        this.actions.edit(result, `options/${model.optionsOf(node).length}/label`);
      };
      return el("fieldset", { class: "fp-ed-group" }, el("legend", {}, "Answers"),
        model.optionsOf(node).map((option, index) => this.answer(option, index)),
        el("p", { class: "fp-problem", "data-problem": "options", hidden: true }),
        el("div", { class: "fp-actions" }, this.button("Add an answer", "options/add", () => add("new:action"))),
      );
    }

    answer(option, index) {
      const { node } = this;
      const name = `options/${index}`;
      const number = index + 1;
      const label = el("input", { type: "text", value: option.label, oninput: (e) => this.typed(`${option.id}/label`, model.setLabel(this.definition, node.id, option.id, e.target.value)) });
      const moved = (by) => this.actions.edit(model.moveOption(this.definition, node.id, option.id, by), `options/${index + by}/${by < 0 ? "up" : "down"}`);
      return el("div", { class: "fp-ed-answer", role: "group", "aria-label": `Answer ${number} and where it leads` },
        this.field(`Answer ${number}`, `${name}/label`, label),
        this.field("leads to", `${name}/next`, this.targets(option)),
        el("div", { class: "fp-ed-tools" },
          this.button("Open", `${name}/open`, () => this.actions.goTo(option.next), "fp-ed-small", `Open what answer ${number} leads to`),
          this.button("↑", `${name}/up`, () => moved(-1), "fp-ed-small", `Answer ${number} up`),
          this.button("↓", `${name}/down`, () => moved(1), "fp-ed-small", `Answer ${number} down`),
          this.button("Insert a step", `${name}/insert`, () => this.actions.edit(model.insertStep(this.definition, node.id, option.id), "text"), "fp-ed-small", `Insert a step after answer ${number}`),
          this.button("Move…", `${name}/move`, () => this.actions.moveBranch(node.id, option.id), "fp-ed-small", `Move answer ${number} and its branch to another node`),
          this.button("Delete", `${name}/delete`, () => this.actions.removeOption(node.id, option.id), "fp-ed-small fp-harm", `Delete answer ${number}`),
        ),
      );
    }

    targets(option) {
      const { definition, node } = this;
      const known = option.next !== node.id && model.nodeOf(definition, option.next);
      const others = definition.nodes.filter((other) => other.id !== node.id);
      const groups = [
        el("optgroup", { label: "A node that is there" },
          others.map((other) => el("option", { value: other.id, selected: other.id === option.next }, `${model.nameOf(other)} (${other.kind})`))),
        el("optgroup", { label: "New" }, NEW.map(([value, words]) => el("option", { value }, words))),
      ];
      if (!known) groups.unshift(el("option", { value: option.next, selected: true }, `${option.next || "(nothing)"}: no such node`));
      return choice(groups, () => option.next, (select) => {
        const result = model.setTarget(this.definition, node.id, option.id, select.value);
        if (result.refused) select.value = option.next;
        this.actions.edit(result, result.isNew ? "text" : null);
      });
    }

    // Each problem of this node at its field: the pointer behind the node's own is the field's name.
    showProblems(problems) {
      for (const place of this.host.querySelectorAll("[data-problem]")) {
        place.hidden = true;
        place.textContent = "";
      }
      for (const field of this.host.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
      if (!this.node) return;
      for (const problem of problems.filter((one) => one.node_id === this.node.id)) {
        const name = problem.pointer.split("/").slice(3).join("/");
        const place = this.host.querySelector(`[data-problem="${CSS.escape(name)}"]`) || this.host.querySelector("[data-problem=text]");
        place.textContent = [place.textContent, problem.message].filter(Boolean).join(" ");
        place.hidden = false;
        const field = this.host.querySelector(`:is(input, textarea, select)[data-field="${CSS.escape(name)}"]`);
        if (field) field.setAttribute("aria-invalid", "true");
      }
    }
  }

  window.flowpilotEditor.NodeView = NodeView;
}
