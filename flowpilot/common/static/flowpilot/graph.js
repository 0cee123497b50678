// Draws a flow definition as an SVG graph. dagre places the nodes; the outline on the same page tells the same as text.
//
// <div class="fp-graph" data-definition="ID" data-marks="ID"></div> with two <script type="application/json" id="ID">.
// A node that is chosen dispatches "flowpilot:node" on the element, with {id, node} as its detail: the shape itself too.
// With data-lazy it is drawn when it first has a width, such as when its tab opens.
//
// window.flowpilotGraph: show(host) draws from the two scripts; redraw(host, definition, marks) from what it is given,
// keeping what was chosen and the zoom; select(host, id) marks a node without choosing it.
"use strict";
{
  const SVG = "http://www.w3.org/2000/svg";
  const NODE_WIDTHS = [184, 156, 132]; // the widest that lets the whole width be seen
  const WIDEST_NODE = 300; // a single word as long as this, such as a path, still stands in one line
  const PADDING = 12;
  const LINE = 17;
  const MOST_LINES = { 184: 5, 156: 6, 132: 8 };
  const LABEL_WIDTH = 124;
  const LEAST_FIT = 0.6; // smaller than this nobody reads it: scroll instead
  const TRIED_UP_TO = 150; // nodes up to which several layouts are tried for the one that fits best
  const SIGNS = { resolution: "✓ ", escalation: "↗ " };
  const MARK_SIGNS = { added: "+ ", removed: "− ", changed: "~ ", passed: "• ", here: "▶ " };
  const pen = document.createElement("canvas").getContext("2d");

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  const readJson = (id) => {
    const script = id && document.getElementById(id);
    return script ? JSON.parse(script.textContent) : null;
  };

  // Pieces of a word that is too long for a line: cut behind a separator where there is one.
  const cutWord = (word, fits) => {
    const pieces = [];
    let rest = word;
    while (!fits(rest)) {
      let end = rest.length - 1;
      while (end > 1 && !fits(rest.slice(0, end))) end -= 1;
      const separator = Math.max(...["/", "\\", ".", "-", "_", "@", ":"].map((sign) => rest.lastIndexOf(sign, end - 1)));
      const at = separator > 0 ? separator + 1 : end;
      pieces.push(rest.slice(0, at));
      rest = rest.slice(at);
    }
    return [...pieces, rest];
  };

  const wrap = (text, width, font, most = 5) => {
    pen.font = font;
    const fits = (line) => pen.measureText(line).width <= width;
    const lines = [];
    let line = "";
    for (const word of text.split(/\s+/).filter(Boolean)) {
      if (line && fits(`${line} ${word}`)) {
        line = `${line} ${word}`;
        continue;
      }
      if (line) lines.push(line);
      const pieces = cutWord(word, fits);
      line = pieces.pop();
      lines.push(...pieces);
    }
    if (line) lines.push(line);
    if (lines.length <= most) return lines;
    let last = lines[most - 1];
    while (last && !fits(`${last}…`)) last = last.slice(0, -1);
    return [...lines.slice(0, most - 1), `${last}…`];
  };

  // The width that a text gets: the usual one, or that of its longest word up to WIDEST_NODE.
  const widthFor = (text, usual, font) => Math.max(usual, Math.min(WIDEST_NODE, Math.ceil(widest(text.split(/\s+/), font)) + 1));

  const widest = (lines, font) => {
    pen.font = font;
    return Math.max(...lines.map((line) => pen.measureText(line).width));
  };

  // The nodes and answers to draw: the definition's own, and those that the change takes away. A session's way is marked
  // by the same means: the nodes that it passed, and the one where it stands. Figures stand below a node's text (notes)
  // and behind an answer's (edgeNotes); heat colours a node's border, edgeWeights (1 to 5) make an answer's line thick.
  const collect = (definition, marks) => {
    const has = (list, id) => (marks[list] || []).includes(id);
    const markOf = (id) => {
      if (has("addedNodes", id)) return "added";
      if (has("changedNodes", id)) return "changed";
      return marks.here === id ? "here" : has("passedNodes", id) ? "passed" : "";
    };
    const of = (list, id) => (marks[list] || {})[id] || "";
    const nodes = definition.nodes.map((node) => ({
      ...node, mark: markOf(node.id), note: of("notes", node.id), heat: of("heat", node.id),
    }));
    const edges = definition.nodes.flatMap((node) =>
      (node.options || []).map((option) => {
        const id = `${node.id}/${option.id}`;
        const isNew = has("addedEdges", id) || has("addedNodes", node.id);
        const note = of("edgeNotes", id);
        return {
          from: node.id, to: option.next, label: note ? `${option.label}: ${note}` : option.label, weight: of("edgeWeights", id),
          mark: isNew ? "added" : has("changedEdges", id) ? "changed" : "",
        };
      }),
    );
    const removed = marks.removedNodes || [];
    const gone = new Set(removed.map((node) => node.id));
    const known = new Set(definition.nodes.map((node) => node.id));
    const target = (id) => (gone.has(id) ? `removed ${id}` : (marks.renamed || {})[id] || id);
    const lost = [
      ...(marks.removedEdges || []).map((edge) => ({ ...edge })),
      ...removed.flatMap((node) => (node.options || []).map((option) => ({ from: `removed ${node.id}`, ...option }))),
    ];
    for (const node of removed) nodes.push({ ...node, id: `removed ${node.id}`, mark: "removed" });
    for (const edge of lost) {
      const to = target(edge.next);
      if (known.has(to) || to.startsWith("removed ")) edges.push({ from: edge.from, to, label: edge.label, mark: "removed" });
    }
    return { nodes, edges };
  };

  const place = ({ nodes, edges }, font, smallFont, direction, nodeWidth) => {
    const graph = new dagre.graphlib.Graph({ multigraph: true });
    graph.setGraph({ rankdir: direction, nodesep: 18, ranksep: 28, marginx: 8, marginy: 8 });
    graph.setDefaultEdgeLabel(() => ({}));
    const bold = (mark, plain) => (mark === "added" ? `600 ${plain}` : plain);
    for (const node of nodes) {
      const nodeFont = bold(node.mark, font);
      const text = (MARK_SIGNS[node.mark] || "") + (SIGNS[node.kind] || "") + node.text;
      const usual = nodeWidth - 2 * PADDING;
      const lines = wrap(text, widthFor(text, usual, nodeFont), nodeFont, MOST_LINES[nodeWidth]);
      if (node.note) lines.push(...wrap(node.note, usual, nodeFont, 2));
      const width = Math.max(90, Math.ceil(widest(lines, nodeFont)) + 2 * PADDING + 4);
      graph.setNode(node.id, { ...node, lines, width, height: lines.length * LINE + 2 * PADDING - 4 });
    }
    edges.forEach((edge, index) => {
      const labelFont = bold(edge.mark, smallFont);
      const text = (MARK_SIGNS[edge.mark] || "") + edge.label;
      const lines = wrap(text, widthFor(text, LABEL_WIDTH, labelFont), labelFont);
      const width = Math.ceil(widest(lines, labelFont)) + 10;
      graph.setEdge(edge.from, edge.to, { ...edge, lines, width, height: lines.length * 15 + 4, labelpos: "c" }, String(index));
    });
    dagre.layout(graph);
    return graph;
  };

  const fitOf = (view, { width, height }) => Math.min(1, (view.clientWidth - 2) / width, (mostHeight(view) - 2) / height);
  // The height that the style allows, whatever the view holds yet.
  const mostHeight = (view) => parseFloat(getComputedStyle(view).maxHeight) || Infinity;
  // The scale to open at: all of it where that can be read, else the full width, else what can just be read.
  const openingFit = (view, size) => {
    const whole = fitOf(view, size);
    return whole >= LEAST_FIT ? whole : Math.max(LEAST_FIT, Math.min(1, (view.clientWidth - 2) / size.width));
  };

  // Downward, as one expects a tree; with narrower nodes where that shows its whole width; from left to right where it
  // is still too wide and fits better so.
  const placeToFit = (parts, font, smallFont, view) => {
    const widthFit = (graph) => (view.clientWidth - 2) / graph.graph().width;
    const [usual, ...narrower] = NODE_WIDTHS;
    let best = place(parts, font, smallFont, "TB", usual);
    if (parts.nodes.length > TRIED_UP_TO) return best;
    for (const width of narrower) {
      if (widthFit(best) >= LEAST_FIT) return best;
      const tried = place(parts, font, smallFont, "TB", width);
      if (widthFit(tried) > widthFit(best)) best = tried;
    }
    if (widthFit(best) >= LEAST_FIT) return best;
    const across = place(parts, font, smallFont, "LR", usual);
    return widthFit(across) > 1.15 * widthFit(best) ? across : best;
  };

  // A smooth line through dagre's points: quadratic curves between their middles.
  const curve = (points) => {
    const middle = (a, b) => `${(a.x + b.x) / 2} ${(a.y + b.y) / 2}`;
    let path = `M${points[0].x} ${points[0].y}`;
    for (let i = 1; i < points.length - 1; i += 1) {
      const end = i === points.length - 2 ? `${points[i + 1].x} ${points[i + 1].y}` : middle(points[i], points[i + 1]);
      path += ` Q${points[i].x} ${points[i].y} ${end}`;
    }
    if (points.length === 2) path += ` L${points[1].x} ${points[1].y}`;
    return path;
  };

  const textBlock = (lines, x, y, step, name) => {
    const text = element("text", { x, y: y - ((lines.length - 1) * step) / 2, class: name, "text-anchor": "middle" });
    lines.forEach((line, index) => {
      const part = element("tspan", { x, dy: index ? step : 0, "dominant-baseline": "central" });
      part.textContent = line;
      text.append(part);
    });
    return text;
  };

  const drawEdge = (edge, arrow) => {
    const weight = edge.weight ? ` fp-g-w${edge.weight}` : "";
    const group = element("g", { class: `fp-g-edge${edge.mark ? ` fp-g-${edge.mark}` : ""}${weight}` });
    group.append(element("path", { d: curve(edge.points), "marker-end": `url(#${arrow}${edge.mark ? `-${edge.mark}` : ""})` }));
    const { x, y, width, height } = edge;
    group.append(element("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: 4 }));
    group.append(textBlock(edge.lines, x, y, 15, "fp-g-label"));
    return group;
  };

  const spoken = (node, graph) => {
    const answers = (graph.outEdges(node.id) || []).map((e) => `${graph.edge(e).label}: ${graph.node(e.w).text}`);
    const mark = node.mark ? `${node.mark} ` : "";
    const note = node.note ? `. ${node.note}` : "";
    return `${mark}${node.kind}: ${node.text}${note}${answers.length ? `. Answers: ${answers.join("; ")}` : ""}`;
  };

  const drawNode = (node, graph) => {
    const { x, y, width, height } = node;
    const group = element("g", {
      class: `fp-g-node fp-g-${node.kind}${node.mark ? ` fp-g-${node.mark}` : ""}${node.heat ? ` fp-g-heat-${node.heat}` : ""}`,
      role: "button", tabindex: -1, "aria-label": spoken(node, graph), "aria-pressed": "false", "data-node": node.id,
    });
    const title = element("title");
    title.textContent = node.text;
    group.append(title, element("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: 8 }));
    group.append(textBlock(node.lines, x, y, LINE, "fp-g-text"));
    return group;
  };

  const arrowHead = (id, name) => {
    const marker = element("marker", {
      id, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto", class: name,
    });
    marker.append(element("path", { d: "M0 1 L10 5 L0 9 z" }));
    return marker;
  };

  const drawAll = (graph, label, arrow) => {
    const { width, height } = graph.graph();
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label });
    const heads = element("defs");
    for (const mark of ["", "added", "removed", "changed"]) {
      heads.append(arrowHead(mark ? `${arrow}-${mark}` : arrow, `fp-g-head${mark ? ` fp-g-${mark}` : ""}`));
    }
    svg.append(heads);
    for (const edge of graph.edges()) svg.append(drawEdge(graph.edge(edge), arrow));
    for (const id of graph.nodes()) svg.append(drawNode(graph.node(id), graph));
    return svg;
  };

  // The next node in the direction of an arrow key; null where there is none.
  const neighbour = (graph, id, key) => {
    const here = graph.node(id);
    const isAcross = graph.graph().rankdir === "LR";
    const [along, across] = isAcross ? ["x", "y"] : ["y", "x"];
    const [onward, back, after] = isAcross ? ["ArrowRight", "ArrowLeft", "ArrowDown"] : ["ArrowDown", "ArrowUp", "ArrowRight"];
    const inOrder = (ids, side = 1) => ids.sort((a, b) => (graph.node(a)[across] - graph.node(b)[across]) * side);
    if (key === onward) return inOrder(graph.successors(id) || [])[0] || null;
    if (key === back) return (graph.predecessors(id) || [])[0] || null;
    const row = graph.nodes().filter((other) => Math.abs(graph.node(other)[along] - here[along]) < 50 && other !== id);
    const side = key === after ? 1 : -1;
    return inOrder(row.filter((other) => (graph.node(other)[across] - here[across]) * side > 0), side)[0] || null;
  };

  const addKeys = (svg, graph, root, choose) => {
    const shapes = new Map([...svg.querySelectorAll(".fp-g-node")].map((shape) => [shape.dataset.node, shape]));
    let current = root;
    shapes.get(root).setAttribute("tabindex", 0);
    const move = (id) => {
      shapes.get(current).setAttribute("tabindex", -1);
      current = id;
      shapes.get(id).setAttribute("tabindex", 0);
      shapes.get(id).focus();
    };
    svg.addEventListener("click", (event) => {
      const shape = event.target.closest(".fp-g-node");
      if (shape) choose(shape.dataset.node);
    });
    svg.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") choose(current);
      else if (event.key === "Home") move(root);
      else if (event.key.startsWith("Arrow")) {
        const next = neighbour(graph, current, event.key);
        if (next) move(next);
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
    svg.addEventListener("focusin", (event) => {
      const shape = event.target.closest(".fp-g-node");
      if (!shape || shape.dataset.node === current) return;
      shapes.get(current).setAttribute("tabindex", -1);
      current = shape.dataset.node;
      shape.setAttribute("tabindex", 0);
    });
    return shapes;
  };

  const zoomButtons = (view, svg, size, first, wanted) => {
    let scale = 1;
    const apply = (asked, keepCentre = true) => {
      const ratio = (view.scrollLeft + view.clientWidth / 2) / Math.max(1, size.width * scale);
      scale = Math.min(2.5, Math.max(0.1, asked));
      svg.setAttribute("width", size.width * scale);
      svg.setAttribute("height", size.height * scale);
      svg.dataset.scale = scale;
      if (keepCentre) view.scrollLeft = ratio * size.width * scale - view.clientWidth / 2;
    };
    const bar = document.createElement("div");
    bar.className = "fp-graph-zoom";
    for (const [sign, words, act] of [
      ["−", "Smaller", () => apply(scale / 1.25)],
      ["+", "Larger", () => apply(scale * 1.25)],
      ["Fit", "Fit all of it", () => apply(fitOf(view, size))],
    ]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "fp-button";
      button.textContent = sign;
      if (sign !== "Fit") button.setAttribute("aria-label", words);
      button.title = words;
      button.addEventListener("click", act);
      bar.append(button);
    }
    apply(wanted || openingFit(view, size), false);
    view.scrollLeft = first.x * scale - view.clientWidth / 2;
    view.scrollTop = first.y * scale - Math.min(view.clientHeight / 2, 120);
    return bar;
  };

  // What is chosen here is marked in the outline, and the other way round. Its links go where they say.
  const linkOutline = (host, choose) => {
    const outline = document.getElementById(host.dataset.outline);
    if (!outline) return;
    outline.addEventListener("click", (event) => {
      const item = event.target.closest("[data-node]");
      if (item && !event.target.closest("a, button, summary")) choose(item.dataset.node, item);
    });
  };

  const markOutline = (host, id) => {
    const outline = document.getElementById(host.dataset.outline);
    if (!outline) return;
    for (const item of outline.querySelectorAll("[data-node]")) item.classList.toggle("fp-chosen", item.dataset.node === id);
  };

  const drawings = new WeakMap(); // host -> {shapes, chosen, scale}
  let drawn = 0;

  const select = (host, id) => {
    const drawing = drawings.get(host);
    if (drawing) {
      drawing.chosen = id;
      for (const [other, shape] of drawing.shapes) {
        shape.classList.toggle("fp-chosen", other === id);
        shape.setAttribute("aria-pressed", String(other === id));
      }
    }
    markOutline(host, id);
  };

  const choose = (host, id, node) => {
    select(host, id);
    host.dispatchEvent(new CustomEvent("flowpilot:node", { detail: { id, node }, bubbles: true }));
  };

  const draw = (host, definition, marks, scale) => {
    host.replaceChildren();
    if (!definition || !definition.nodes || !definition.nodes.length) return;
    const family = getComputedStyle(host).fontFamily;
    const view = document.createElement("div");
    view.className = "fp-graph-view";
    host.append(view);
    const graph = placeToFit(collect(definition, marks), `13px ${family}`, `12px ${family}`, view);
    drawn += 1;
    const svg = drawAll(graph, host.dataset.label || "Graph of the flow", `fp-arrow-${drawn}`);
    view.append(svg);
    const first = graph.node((marks.addedNodes || [])[0] || marks.here) || graph.node(definition.root);
    host.prepend(zoomButtons(view, svg, graph.graph(), first, scale));
    const shapes = addKeys(svg, graph, definition.root, (id) => choose(host, id, shapes.get(id)));
    drawings.set(host, { shapes, chosen: null });
  };

  const redraw = (host, definition, marks = {}) => {
    const chosen = drawings.get(host) ? drawings.get(host).chosen : null;
    const svg = host.querySelector("svg[data-scale]");
    draw(host, definition, marks, svg ? Number(svg.dataset.scale) : 0);
    if (chosen) select(host, chosen);
  };

  const show = (host) => draw(host, readJson(host.dataset.definition), readJson(host.dataset.marks) || {});

  window.flowpilotGraph = { show, redraw, select };
  for (const host of document.querySelectorAll(".fp-graph[data-definition]")) {
    linkOutline(host, (id, item) => choose(host, id, item));
    if (host.dataset.lazy === undefined || host.clientWidth) show(host);
    else {
      const waiting = new ResizeObserver(() => {
        if (!host.clientWidth) return;
        waiting.disconnect();
        show(host);
      });
      waiting.observe(host);
    }
  }
}
