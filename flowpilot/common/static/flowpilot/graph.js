// Draws a flow definition as an SVG graph. dagre places the nodes; the outline on the same page tells the same as text.
//
// <div class="fp-graph" data-definition="ID" data-marks="ID"></div> with two <script type="application/json" id="ID">.
// A node that is chosen dispatches "flowpilot:node" on the element, with {id} as its detail.
"use strict";
{
  const SVG = "http://www.w3.org/2000/svg";
  const NODE_WIDTH = 184;
  const PADDING = 12;
  const LINE = 17;
  const MAX_LINES = 5;
  const LABEL_WIDTH = 124;
  const LEAST_FIT = 0.62; // smaller than this nobody reads it: scroll instead
  const SIGNS = { resolution: "✓ ", escalation: "↗ " };
  const MARK_SIGNS = { added: "+ ", removed: "− ", changed: "~ " };
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

  const wrap = (text, width, font) => {
    pen.font = font;
    const fits = (line) => pen.measureText(line).width <= width;
    const lines = [];
    let line = "";
    for (let word of text.split(/\s+/).filter(Boolean)) {
      if (line && fits(`${line} ${word}`)) {
        line = `${line} ${word}`;
        continue;
      }
      if (line) lines.push(line);
      while (!fits(word)) {
        let cut = word.length - 1;
        while (cut > 1 && !fits(word.slice(0, cut))) cut -= 1;
        lines.push(word.slice(0, cut));
        word = word.slice(cut);
      }
      line = word;
    }
    if (line) lines.push(line);
    if (lines.length <= MAX_LINES) return lines;
    let last = lines[MAX_LINES - 1];
    while (last && !fits(`${last}…`)) last = last.slice(0, -1);
    return [...lines.slice(0, MAX_LINES - 1), `${last}…`];
  };

  const widest = (lines, font) => {
    pen.font = font;
    return Math.max(...lines.map((line) => pen.measureText(line).width));
  };

  // The nodes and answers to draw: the definition's own, and those that the change takes away.
  const collect = (definition, marks) => {
    const has = (list, id) => (marks[list] || []).includes(id);
    const nodes = definition.nodes.map((node) => ({
      ...node,
      mark: has("addedNodes", node.id) ? "added" : has("changedNodes", node.id) ? "changed" : "",
    }));
    const edges = definition.nodes.flatMap((node) =>
      (node.options || []).map((option) => {
        const id = `${node.id}/${option.id}`;
        const isNew = has("addedEdges", id) || has("addedNodes", node.id);
        return { from: node.id, to: option.next, label: option.label, mark: isNew ? "added" : has("changedEdges", id) ? "changed" : "" };
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

  const place = ({ nodes, edges }, font, smallFont) => {
    const graph = new dagre.graphlib.Graph({ multigraph: true });
    graph.setGraph({ rankdir: "TB", nodesep: 18, ranksep: 28, marginx: 8, marginy: 8 });
    graph.setDefaultEdgeLabel(() => ({}));
    const bold = (mark, plain) => (mark === "added" ? `600 ${plain}` : plain);
    for (const node of nodes) {
      const nodeFont = bold(node.mark, font);
      const lines = wrap((MARK_SIGNS[node.mark] || "") + (SIGNS[node.kind] || "") + node.text, NODE_WIDTH - 2 * PADDING, nodeFont);
      const width = Math.max(90, Math.ceil(widest(lines, nodeFont)) + 2 * PADDING + 4);
      graph.setNode(node.id, { ...node, lines, width, height: lines.length * LINE + 2 * PADDING - 4 });
    }
    edges.forEach((edge, index) => {
      const labelFont = bold(edge.mark, smallFont);
      const lines = wrap((MARK_SIGNS[edge.mark] || "") + edge.label, LABEL_WIDTH, labelFont);
      const width = Math.ceil(widest(lines, labelFont)) + 10;
      graph.setEdge(edge.from, edge.to, { ...edge, lines, width, height: lines.length * 15 + 4, labelpos: "c" }, String(index));
    });
    dagre.layout(graph);
    return graph;
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
    const group = element("g", { class: `fp-g-edge${edge.mark ? ` fp-g-${edge.mark}` : ""}` });
    group.append(element("path", { d: curve(edge.points), "marker-end": `url(#${arrow}${edge.mark ? `-${edge.mark}` : ""})` }));
    const { x, y, width, height } = edge;
    group.append(element("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: 4 }));
    group.append(textBlock(edge.lines, x, y, 15, "fp-g-label"));
    return group;
  };

  const spoken = (node, graph) => {
    const answers = (graph.outEdges(node.id) || []).map((e) => `${graph.edge(e).label}: ${graph.node(e.w).text}`);
    const mark = node.mark ? `${node.mark} ` : "";
    return `${mark}${node.kind}: ${node.text}${answers.length ? `. Answers: ${answers.join("; ")}` : ""}`;
  };

  const drawNode = (node, graph) => {
    const { x, y, width, height } = node;
    const group = element("g", {
      class: `fp-g-node fp-g-${node.kind}${node.mark ? ` fp-g-${node.mark}` : ""}`,
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
    if (key === "ArrowDown") return (graph.successors(id) || []).sort((a, b) => graph.node(a).x - graph.node(b).x)[0] || null;
    if (key === "ArrowUp") return (graph.predecessors(id) || [])[0] || null;
    const row = graph.nodes().filter((other) => Math.abs(graph.node(other).y - here.y) < 50 && other !== id);
    const side = key === "ArrowRight" ? 1 : -1;
    const ahead = row.filter((other) => (graph.node(other).x - here.x) * side > 0);
    return ahead.sort((a, b) => (graph.node(a).x - graph.node(b).x) * side)[0] || null;
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

  const zoomButtons = (view, svg, size, first) => {
    let scale = 1;
    const apply = (wanted, keepCentre = true) => {
      const ratio = (view.scrollLeft + view.clientWidth / 2) / Math.max(1, size.width * scale);
      scale = Math.min(2.5, Math.max(0.25, wanted));
      svg.setAttribute("width", size.width * scale);
      svg.setAttribute("height", size.height * scale);
      if (keepCentre) view.scrollLeft = ratio * size.width * scale - view.clientWidth / 2;
    };
    const whole = () => (view.clientWidth - 2) / size.width;
    const bar = document.createElement("div");
    bar.className = "fp-graph-zoom";
    for (const [sign, words, act] of [
      ["−", "Smaller", () => apply(scale / 1.25)],
      ["+", "Larger", () => apply(scale * 1.25)],
      ["Fit", "Fit the whole width", () => apply(Math.min(1, whole()))],
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
    apply(Math.min(1, Math.max(LEAST_FIT, whole())), false);
    view.scrollLeft = first.x * scale - view.clientWidth / 2;
    return bar;
  };

  // What is chosen here is marked in the outline, and the other way round.
  const linkOutline = (host, shapes, choose) => {
    const outline = document.getElementById(host.dataset.outline);
    if (!outline) return () => {};
    outline.addEventListener("click", (event) => {
      const item = event.target.closest("[data-node]");
      if (item && shapes.has(item.dataset.node)) choose(item.dataset.node);
    });
    return (id) => {
      for (const item of outline.querySelectorAll("[data-node]")) {
        const isChosen = item.dataset.node === id;
        item.classList.toggle("fp-chosen", isChosen);
      }
    };
  };

  let drawn = 0;
  const show = (host) => {
    host.replaceChildren();
    const definition = readJson(host.dataset.definition);
    if (!definition || !definition.nodes || !definition.nodes.length) return;
    const family = getComputedStyle(host).fontFamily;
    const marks = readJson(host.dataset.marks) || {};
    const graph = place(collect(definition, marks), `13px ${family}`, `12px ${family}`);
    drawn += 1;
    const svg = drawAll(graph, host.dataset.label || "Graph of the flow", `fp-arrow-${drawn}`);
    const view = document.createElement("div");
    view.className = "fp-graph-view";
    view.append(svg);
    host.append(view);
    host.prepend(zoomButtons(view, svg, graph.graph(), graph.node((marks.addedNodes || [])[0] || definition.root)));
    const choose = (id) => {
      for (const [other, shape] of shapes) {
        shape.classList.toggle("fp-chosen", other === id);
        shape.setAttribute("aria-pressed", String(other === id));
      }
      mark(id);
      host.dispatchEvent(new CustomEvent("flowpilot:node", { detail: { id }, bubbles: true }));
    };
    const shapes = addKeys(svg, graph, definition.root, choose);
    const mark = linkOutline(host, shapes, choose);
  };

  window.flowpilotGraph = { show };
  for (const host of document.querySelectorAll(".fp-graph[data-definition]")) show(host);
}
