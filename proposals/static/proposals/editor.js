// Draws the definition while it is edited, and says at once where the text is not JSON. The server decides what is valid.
"use strict";
{
  const PAUSE_MS = 400;
  const source = document.getElementById("id_definition");
  const state = document.getElementById("editor-state");
  const data = document.getElementById("definition");
  const preview = document.getElementById("preview");

  const problem = (definition) => {
    const nodes = definition && Array.isArray(definition.nodes) ? definition.nodes : null;
    if (!nodes || !nodes.length) return "There is no list of nodes yet.";
    const ids = new Set(nodes.map((node) => node && node.id));
    if (!ids.has(definition.root)) return `The root ${definition.root} is not among the nodes.`;
    for (const node of nodes) {
      if (!node || typeof node.id !== "string" || typeof node.text !== "string") return "A node has no id or no text.";
      for (const option of node.options || []) {
        if (!ids.has(option.next)) return `In ${node.id}, “${option.label}” leads to ${option.next}, which does not exist.`;
        if (typeof option.label !== "string") return `In ${node.id}, an answer has no label.`;
      }
    }
    return "";
  };

  const draw = () => {
    try {
      const definition = JSON.parse(source.value);
      const wrong = problem(definition);
      if (wrong) throw new SyntaxError(wrong);
      data.textContent = source.value;
      window.flowpilotGraph.show(preview);
      state.textContent = `${definition.nodes.length} nodes. The graph follows what you type.`;
      state.classList.remove("fp-problem");
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      state.textContent = `The graph waits: ${error.message}`;
      state.classList.add("fp-problem");
    }
  };

  let timer = 0;
  source.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(draw, PAUSE_MS);
  });
  draw();
}
