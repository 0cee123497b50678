// The outline as a tree that arrow keys walk: one line for each way to a node.
"use strict";
{
  const { el, model } = window.flowpilotEditor;
  const SIGNS = { resolution: "✓", escalation: "↗", action: "▸", question: "?" };

  // `select(id, isOpened)` is called for a line that is walked to, or opened by Enter or a click.
  class OutlineView {
    constructor(host, { select }) {
      this.host = host;
      this.select = select;
      this.lines = [];
      this.items = [];
      this.current = 0;
      host.addEventListener("click", (event) => {
        const item = event.target.closest("[role=treeitem]");
        if (item) this.open(this.items.indexOf(item), true);
      });
      host.addEventListener("keydown", (event) => this.key(event));
    }

    // `problems` is a set of node ids, `selected` the id of the node that is edited.
    render(definition, selected, problems) {
      const hadFocus = this.host.contains(document.activeElement);
      const top = this.host.scrollTop;
      this.lines = model.outline(definition);
      const at = this.lines[this.current];
      if (!at || at.id !== selected || at.isReference) {
        this.current = Math.max(0, this.lines.findIndex((line) => line.id === selected && !line.isReference));
      }
      this.items = this.lines.map((line, index) => this.item(definition, line, index, selected, problems));
      const firstLost = this.lines.findIndex((line) => line.isLost);
      const tree = (items, label) => el("ul", { role: "tree", "aria-label": label, class: "fp-tree" }, items);
      const main = firstLost < 0 ? this.items : this.items.slice(0, firstLost);
      const parts = [tree(main, "Steps of the flow")];
      if (firstLost >= 0) {
        parts.push(el("p", { class: "fp-problem" }, "No answer leads to these yet:"), tree(this.items.slice(firstLost), "Steps that no answer leads to"));
      }
      this.host.replaceChildren(...parts);
      this.host.scrollTop = top;
      if (hadFocus) this.items[this.current].focus({ preventScroll: true });
    }

    item(definition, line, index, selected, problems) {
      const node = model.nodeOf(definition, line.id);
      const hasProblem = problems.has(line.id) && !line.isReference;
      const item = el(
        "li",
        {
          role: "treeitem", "aria-level": line.level, "aria-selected": String(line.id === selected && !line.isReference),
          tabindex: index === this.current ? 0 : -1, "data-node": line.id,
          class: `fp-tree-line fp-kind-${node.kind}${hasProblem ? " fp-has-problem" : ""}${line.id === selected ? " fp-tree-chosen" : ""}`,
        },
        el("span", { class: "fp-sign", "aria-hidden": "true" }, SIGNS[node.kind] || ""),
        line.via === null ? null : el("span", { class: "fp-via" }, `${line.via.trim() || "(no words yet)"} → `),
        el("span", { class: "fp-tree-text" }, model.nameOf(node)),
        el("span", { class: "visually-hidden" }, `, ${node.kind}`),
        line.isReference ? el("span", { class: "fp-quiet" }, " (see above)") : null,
        hasProblem ? el("span", { class: "fp-tree-problem" }, " ⚠ problem") : null,
      );
      item.style.setProperty("--level", Math.min(line.level - 1, 9));
      return item;
    }

    open(index, isOpened) {
      this.items[this.current].tabIndex = -1;
      this.current = index;
      const item = this.items[index];
      item.tabIndex = 0;
      item.focus();
      this.select(this.lines[index].id, isOpened);
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const { level } = this.lines[this.current];
      const parent = () => {
        for (let index = this.current - 1; index >= 0; index -= 1) if (this.lines[index].level < level) return index;
        return this.current;
      };
      const child = () => (this.lines[this.current + 1] && this.lines[this.current + 1].level > level ? this.current + 1 : this.current);
      const moves = {
        ArrowDown: () => Math.min(this.current + 1, this.lines.length - 1),
        ArrowUp: () => Math.max(this.current - 1, 0),
        ArrowLeft: parent,
        ArrowRight: child,
        Home: () => 0,
        End: () => this.lines.length - 1,
      };
      if (event.key === "Enter" || event.key === " ") this.open(this.current, true);
      else if (moves[event.key]) this.open(moves[event.key](), false);
      else return;
      event.preventDefault();
    }
  }

  window.flowpilotEditor.OutlineView = OutlineView;
}
