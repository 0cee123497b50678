// What was done, to be undone: every state is kept while the page is open. Typing in one field is one step.
"use strict";
{
  class History {
    // A state is whatever the editor keeps, such as {definition, title}; `changed(state)` is called when another is current.
    constructor(state, changed) {
      this.steps = [{ state, told: "", key: null }];
      this.at = 0;
      this.changed = changed;
    }

    get state() {
      return this.steps[this.at].state;
    }

    get canUndo() {
      return this.at > 0;
    }

    get canRedo() {
      return this.at < this.steps.length - 1;
    }

    // `key` names the field that is typed in: the next state of the same key replaces this one.
    push(state, told, key = null) {
      const last = this.steps[this.at];
      this.steps.length = this.at + 1;
      if (key !== null && last.key === key) this.steps[this.at] = { ...last, state };
      else {
        this.steps.push({ state, told, key });
        this.at += 1;
      }
      this.changed(state);
    }

    // What is typed from here on is a step of its own.
    settle() {
      this.steps[this.at].key = null;
    }

    // Both give what was undone or done again in words; null where there is nothing.
    undo() {
      if (!this.canUndo) return null;
      const { told } = this.steps[this.at];
      this.settle();
      this.at -= 1;
      this.settle();
      this.changed(this.state);
      return told;
    }

    redo() {
      if (!this.canRedo) return null;
      this.at += 1;
      this.settle();
      this.changed(this.state);
      return this.steps[this.at].told;
    }
  }

  window.flowpilotEditor.History = History;
}
