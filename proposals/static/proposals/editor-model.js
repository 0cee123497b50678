// What can be done to a definition. Every function is pure: it takes a definition and gives another, or a question's answer.
//
// An edit gives {definition, select, told}: the node to go on with, and a sentence of what was done; or {refused}: why not.
"use strict";
window.flowpilotEditor = {};
{
  const ENDINGS = ["resolution", "escalation"];
  const KINDS = ["question", "action", ...ENDINGS];
  const LONGEST_NAME = 60;

  const isEnding = (node) => ENDINGS.includes(node.kind);
  const optionsOf = (node) => node.options || [];
  const nodeOf = (definition, id) => definition.nodes.find((node) => node.id === id);
  const quoted = (text) => `“${text}”`;

  // A node's text in one short line.
  const nameOf = (node) => {
    const line = (node ? node.text : "").split(/\s+/).filter(Boolean).join(" ");
    if (!line) return "(no text yet)";
    return line.length <= LONGEST_NAME ? line : `${line.slice(0, LONGEST_NAME - 1)}…`;
  };
  const named = (definition, id) => quoted(nameOf(nodeOf(definition, id)));

  const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

  // An empty list is left out, as the canonical form has it.
  const withList = (node, key, list) => {
    const { [key]: _, ...rest } = node;
    return list.length ? { ...rest, [key]: list } : rest;
  };
  const mapNode = (definition, id, change) => ({
    ...definition,
    nodes: definition.nodes.map((node) => (node.id === id ? change(node) : node)),
  });
  const mapOptions = (definition, id, change) => mapNode(definition, id, (node) => withList(node, "options", change(optionsOf(node))));

  const free = (letter, taken) => {
    let number = 1;
    while (taken.has(letter + number)) number += 1;
    return letter + number;
  };
  const freeNodeId = (definition) => free("n", new Set(definition.nodes.map((node) => node.id)));
  const freeOptionId = (node) => free("o", new Set(optionsOf(node).map((option) => option.id)));

  // Ids that are reached from a node, itself included.
  const reachable = (definition, from) => {
    const byId = new Map(definition.nodes.map((node) => [node.id, node]));
    const seen = new Set();
    const pending = [from];
    while (pending.length) {
      const id = pending.pop();
      if (seen.has(id) || !byId.has(id)) continue;
      seen.add(id);
      for (const option of optionsOf(byId.get(id))) pending.push(option.next);
    }
    return seen;
  };

  // The ids on a way from one node to another; null where none leads there.
  const wayBetween = (definition, from, to) => {
    const before = new Map([[from, null]]);
    const pending = [from];
    while (pending.length) {
      const id = pending.shift();
      if (id === to) {
        const way = [];
        for (let step = id; step !== null; step = before.get(step)) way.unshift(step);
        return way;
      }
      for (const option of optionsOf(nodeOf(definition, id) || {})) {
        if (!before.has(option.next)) {
          before.set(option.next, id);
          pending.push(option.next);
        }
      }
    }
    return null;
  };

  // Why an answer of `id` must not lead to `target`; empty where it may.
  const circle = (definition, id, target) => {
    if (id === target) return "An answer cannot lead back to its own node.";
    const way = wayBetween(definition, target, id);
    if (!way) return "";
    return `That would lead in a circle: ${[...way, target].map((step) => named(definition, step)).join(" → ")}.`;
  };

  // The nodes that `after` cuts off: reached before, and not any more.
  const lostBetween = (before, after) => {
    const left = reachable(after, after.root);
    return [...reachable(before, before.root)].filter((id) => !left.has(id));
  };
  const without = (definition, ids) => {
    const gone = new Set(ids);
    const nodes = definition.nodes.filter((node) => !gone.has(node.id));
    return {
      ...definition,
      nodes: nodes.map((node) =>
        optionsOf(node).some((option) => gone.has(option.next))
          ? withList(node, "options", optionsOf(node).filter((option) => !gone.has(option.next)))
          : node,
      ),
    };
  };

  const setText = (definition, id, text) => ({
    definition: mapNode(definition, id, (node) => ({ ...node, text })),
    select: id,
    told: "text",
  });

  const setHelp = (definition, id, lines) => ({
    definition: mapNode(definition, id, (node) => withList(node, "help", lines)),
    select: id,
    told: "help",
  });

  // An ending has no answers: what only they led to goes with them.
  const setKind = (definition, id, kind) => {
    let changed = mapNode(definition, id, (node) => {
      const of_kind = { ...node, kind };
      return ENDINGS.includes(kind) ? withList(of_kind, "options", []) : of_kind;
    });
    const lost = lostBetween(definition, changed);
    changed = without(changed, lost);
    return { definition: changed, select: id, lost, told: `${named(changed, id)} is ${"ae".includes(kind[0]) ? "an" : "a"} ${kind} now` };
  };

  const setLabel = (definition, id, optionId, label) => ({
    definition: mapOptions(definition, id, (options) => options.map((o) => (o.id === optionId ? { ...o, label } : o))),
    select: id,
    told: "answer",
  });

  const isBlank = (node) => Boolean(node) && !node.text.trim() && !node.help && !optionsOf(node).length;
  const newNode = (definition, kind, text = "") => ({ id: freeNodeId(definition), kind, text });

  // `target` is a node's id, or "new:question" and so on.
  const setTarget = (definition, id, optionId, target) => {
    let grown = definition;
    let next = target;
    if (target.startsWith("new:")) {
      const made = newNode(definition, target.slice(4));
      grown = { ...definition, nodes: [...definition.nodes, made] };
      next = made.id;
    } else {
      const refused = circle(definition, id, target);
      if (refused) return { refused };
    }
    const before = optionsOf(nodeOf(definition, id)).find((o) => o.id === optionId).next;
    const turned = mapOptions(grown, id, (options) => options.map((o) => (o.id === optionId ? { ...o, next } : o)));
    // A new node that nothing was written into yet goes when its one answer turns elsewhere.
    const isLeft = isBlank(nodeOf(turned, before)) && before !== turned.root && !turned.nodes.some((node) => optionsOf(node).some((o) => o.next === before));
    const changed = isLeft ? without(turned, [before]) : turned;
    const isNew = next !== target;
    return { definition: changed, select: isNew ? next : id, isNew, told: isNew ? "New node" : `The answer leads to ${named(changed, next)} now` };
  };

  // A new answer that leads to a node there is, or to a new one ("new:action").
  const addOption = (definition, id, target, label = "") => {
    const node = nodeOf(definition, id);
    const option = { id: freeOptionId(node), label, next: "" };
    const added = mapOptions(definition, id, (options) => [...options, option]);
    const result = setTarget(added, id, option.id, target);
    if (result.refused) return result;
    return { ...result, select: id, optionId: option.id, told: result.isNew ? "New answer with a new node" : "New answer" };
  };

  // A step put between an answer and what it leads to.
  const insertStep = (definition, id, optionId) => {
    const option = optionsOf(nodeOf(definition, id)).find((o) => o.id === optionId);
    const step = { ...newNode(definition, "action"), options: [{ id: "o1", label: "Done", next: option.next }] };
    const grown = { ...definition, nodes: [...definition.nodes, step] };
    const changed = mapOptions(grown, id, (options) => options.map((o) => (o.id === optionId ? { ...o, next: step.id } : o)));
    return { definition: changed, select: step.id, told: "New step" };
  };

  const removeOption = (definition, id, optionId) => {
    const shorter = mapOptions(definition, id, (options) => options.filter((o) => o.id !== optionId));
    const lost = lostBetween(definition, shorter);
    const option = optionsOf(nodeOf(definition, id)).find((o) => o.id === optionId);
    return { definition: without(shorter, lost), select: id, lost, told: `The answer ${quoted(option.label)} is deleted` };
  };

  // The node, the answers that lead to it, and what is cut off by that. Of a node that is not reached: what only it led to.
  const removeNode = (definition, id) => {
    if (id === definition.root) return { refused: "The flow starts here: lead the start elsewhere before you delete this node." };
    const parent = definition.nodes.find((node) => optionsOf(node).some((option) => option.next === id));
    const shorter = without(definition, [id]);
    const roots = [definition.root, ...heads(shorter).filter((head) => heads(definition).includes(head))];
    const kept = new Set(roots.flatMap((root) => [...reachable(shorter, root)]));
    const lost = shorter.nodes.map((node) => node.id).filter((one) => !kept.has(one));
    const changed = without(shorter, lost);
    const still = parent && nodeOf(changed, parent.id);
    return {
      definition: changed, select: still ? parent.id : changed.root, lost: [id, ...lost], told: `${named(definition, id)} is deleted`,
    };
  };

  const moveOption = (definition, id, optionId, by) => {
    const options = optionsOf(nodeOf(definition, id));
    const at = options.findIndex((option) => option.id === optionId);
    const to = at + by;
    if (to < 0 || to >= options.length) return { refused: by < 0 ? "This is the first answer." : "This is the last answer." };
    const changed = mapOptions(definition, id, (all) => {
      const others = all.filter((option) => option.id !== optionId);
      others.splice(to, 0, all[at]);
      return others;
    });
    return { definition: changed, select: id, told: `Answer ${to + 1} of ${options.length} now` };
  };

  // An answer, and the branch behind it, goes to another node.
  const moveBranch = (definition, id, optionId, to) => {
    const option = optionsOf(nodeOf(definition, id)).find((o) => o.id === optionId);
    if (to === id) return { refused: "The branch is there already." };
    if (isEnding(nodeOf(definition, to))) return { refused: `${named(definition, to)} ends the flow: it has no answers.` };
    const refused = circle(definition, to, option.next);
    if (refused) return { refused };
    const taken = mapOptions(definition, id, (options) => options.filter((o) => o.id !== optionId));
    const moved = { ...option, id: freeOptionId(nodeOf(taken, to)) };
    return {
      definition: mapOptions(taken, to, (options) => [...options, moved]),
      select: to,
      told: `The branch ${quoted(option.label)} is under ${named(definition, to)} now`,
    };
  };

  const setRoot = (definition, id) => ({ definition: { ...definition, root: id }, select: id, told: `The flow starts at ${named(definition, id)} now` });

  // Where each branch begins that no answer reaches from the start; of a circle, one of its nodes.
  const heads = (definition) => {
    const reached = reachable(definition, definition.root);
    const lost = definition.nodes.filter((node) => !reached.has(node.id));
    const ledTo = new Set(lost.flatMap((node) => optionsOf(node).map((option) => option.next)));
    const found = lost.filter((node) => !ledTo.has(node.id)).map((node) => node.id);
    const seen = new Set(found.flatMap((id) => [...reachable(definition, id)]));
    for (const node of lost) {
      if (seen.has(node.id)) continue;
      found.push(node.id);
      for (const id of reachable(definition, node.id)) seen.add(id);
    }
    return found;
  };

  // The lines of the outline: {id, level, via, isReference, isLost}, depth first; what is not reached stands at the end.
  const outline = (definition) => {
    const byId = new Map(definition.nodes.map((node) => [node.id, node]));
    const lines = [];
    const seen = new Set();
    const walk = (start, isLost) => {
      const pending = [{ id: start, level: 1, via: null, from: null }];
      while (pending.length) {
        const line = pending.pop();
        const node = byId.get(line.id);
        if (!node) continue;
        const isReference = seen.has(line.id);
        lines.push({ ...line, isReference, isLost });
        if (isReference) continue;
        seen.add(line.id);
        for (const option of [...optionsOf(node)].reverse()) {
          pending.push({ id: option.next, level: line.level + 1, via: option.label, from: line.id });
        }
      }
    };
    walk(definition.root, false);
    for (const id of heads(definition)) walk(id, true);
    return lines;
  };

  // The definition as a graph can draw it: answers that lead nowhere are left out, empty texts are named.
  const drawable = (definition) => {
    const ids = new Set(definition.nodes.map((node) => node.id));
    if (!ids.has(definition.root)) return null;
    const nodes = definition.nodes.map((node) => ({
      ...node,
      text: nameOf(node) === "(no text yet)" ? "(no text yet)" : node.text,
      options: optionsOf(node)
        .filter((option) => ids.has(option.next))
        .map((option) => ({ ...option, label: option.label.trim() || "(no words yet)" })),
    }));
    return { ...definition, nodes };
  };

  // Why a value cannot be shown as nodes; empty where it can, valid or not.
  const unreadable = (value) => {
    const isText = (text) => typeof text === "string";
    if (!value || typeof value !== "object" || !isText(value.root)) return "It is not an object with a “root”.";
    if (!Array.isArray(value.nodes) || !value.nodes.length) return "There is no list of nodes.";
    const ids = new Set();
    for (const node of value.nodes) {
      if (!node || !isText(node.id) || !isText(node.kind) || !isText(node.text)) return "A node has no “id”, “kind” or “text”.";
      if (ids.has(node.id)) return `The id ${node.id} is used twice.`;
      ids.add(node.id);
      if (node.help !== undefined && !(Array.isArray(node.help) && node.help.every(isText))) return `The help of ${node.id} is no list of texts.`;
      if (node.options === undefined) continue;
      if (!Array.isArray(node.options)) return `The options of ${node.id} are no list.`;
      const own = new Set();
      for (const option of node.options) {
        if (!option || !isText(option.id) || !isText(option.label) || !isText(option.next)) return `An option of ${node.id} has no “id”, “label” or “next”.`;
        if (own.has(option.id)) return `The option ${option.id} of ${node.id} is there twice.`;
        own.add(option.id);
      }
    }
    return ids.has(value.root) ? "" : `The root ${value.root} is not among the nodes.`;
  };

  window.flowpilotEditor.model = {
    KINDS, isEnding, optionsOf, nodeOf, nameOf, named, plural, quoted, reachable, circle, heads, outline, drawable, unreadable,
    setText, setHelp, setKind, setLabel, setTarget, setRoot, addOption, insertStep, removeOption, removeNode, moveOption, moveBranch,
  };
}
{
  // An element with attributes, listeners (`onclick`) and children; null and false are left out.
  const el = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === null || value === false) continue;
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (key === "value") made.value = value;
      else made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== false));
    return made;
  };
  window.flowpilotEditor.el = el;
}
