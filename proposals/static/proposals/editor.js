// The editor of a flow: a definition, an address that checks it, one that keeps it, and a form that publishes it.
//
// Without this script the form on the same page does all of it, field by field.
"use strict";
{
  const { el, model, History, OutlineView, NodeView, Preview, checker, saver } = window.flowpilotEditor;
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("editor-data").textContent);
  const form = byId("editor-form");
  const text = byId("id_definition");
  const title = byId("id_title");
  const notes = byId("id_notes");
  const token = form.elements.csrfmiddlewaretoken.value;
  const start = data.definition || data.fallback;
  if (!model.unreadable(start)) run();

  function run() {
    let selected = data.node || start.root;
    let comparison = data.comparison;
    let isChecked = true; // whether `comparison` is of the present state
    let isLeaving = false;
    let isTextTyped = data.definition === null;

    // --- What is said ------------------------------------------------------------------------------------------

    const say = (words) => {
      byId("ed-said").textContent = "";
      // A live region tells of a change only: the same words twice would be one.
      setTimeout(() => (byId("ed-said").textContent = words), 30);
    };
    const clock = (at) => at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const told = {
      saving: () => "Saving…",
      saved: ({ at }) => `Saved ${clock(at)}`,
      failed: ({ message }) => `Not saved: ${message}. It tries again.`,
      refused: ({ message }) => `Not saved: ${message}.`,
    };
    let saveState = "";
    const toldSaved = (news) => {
      saveState = news.state;
      if (["saved", "refused"].includes(news.state)) delete byId("flow-editor").dataset.unsaved;
      byId("ed-saved").textContent = told[news.state](news);
      byId("ed-saved").classList.toggle("fp-problem", ["failed", "refused"].includes(news.state));
      if (news.state === "saved") byId("ed-discard").hidden = false;
    };

    // --- The state ---------------------------------------------------------------------------------------------

    const history = new History({ definition: start, title: title.value, selected }, () => {});
    const definition = () => history.state.definition;
    const revision = () => Number(form.elements.revision.value);
    const problems = () => (comparison && comparison.problems) || [];
    const problemNodes = () => new Set(problems().flatMap((one) => [one.node_id, ...one.follows]).filter(Boolean));

    const drafts = saver({
      url: data.urls.save, token, seen: data.seen, told: toldSaved,
      read: () => ({ definition: definition(), title: title.value, revision: revision() }),
      conflict: (draft) => askWhichDraft(draft),
    });
    const checks = checker({
      url: data.urls.check, token,
      read: () => ({ definition: definition(), title: title.value }),
      told: (answer, sent) => {
        isChecked = sent.definition === definition();
        comparison = answer;
        showComparison(sent.definition);
      },
      failed: (error) => {
        byId("ed-to-problems").textContent = "Not checked";
        say(`The flow could not be checked: ${error.message}`);
        drawGraph(definition(), {});
      },
    });

    const changed = () => {
      isChecked = false;
      byId("flow-editor").dataset.unsaved = "yes";
      byId("ed-undo").disabled = !history.canUndo;
      byId("ed-redo").disabled = !history.canRedo;
      drafts.changed();
      checks.changed();
      if (!isTextTyped) text.value = JSON.stringify(definition(), null, 2);
    };

    // --- The views ---------------------------------------------------------------------------------------------

    const graph = byId("ed-graph");
    const outline = new OutlineView(byId("ed-outline"), { select: (id, isOpened) => (isOpened ? goTo(id) : choose(id)) });
    const preview = new Preview(byId("ed-preview"), { edit: (id) => goTo(id) });

    const renderOutline = () => outline.render(definition(), selected, problemNodes());
    const renderNode = () => node.render(definition(), selected, problems());
    // Scrolls the graph alone, never the page.
    const reveal = () => {
      window.flowpilotGraph.select(graph, selected);
      const view = graph.querySelector(".fp-graph-view");
      const shape = graph.querySelector(`[data-node="${CSS.escape(selected)}"]`);
      if (!view || !shape) return;
      const [outer, inner] = [view.getBoundingClientRect(), shape.getBoundingClientRect()];
      if (inner.left < outer.left || inner.right > outer.right) view.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
      if (inner.top < outer.top || inner.bottom > outer.bottom) view.scrollTop += inner.top + inner.height / 2 - outer.top - outer.height / 2;
    };
    const choose = (id) => {
      if (!model.nodeOf(definition(), id)) return;
      history.settle();
      selected = id;
      renderOutline();
      renderNode();
      reveal();
    };
    const goTo = (id) => {
      choose(id);
      byId("ed-node").scrollIntoView({ block: "nearest" });
      node.focus("text");
    };

    const drawGraph = (drawn, marks) => {
      const shown = model.drawable(drawn);
      if (!shown) return;
      window.flowpilotGraph.redraw(graph, shown, marks);
      reveal();
      const wrong = problemNodes();
      for (const shape of graph.querySelectorAll("[data-node]")) {
        if (!wrong.has(shape.dataset.node)) continue;
        shape.classList.add("fp-g-problem");
        shape.setAttribute("aria-label", `has a problem, ${shape.getAttribute("aria-label")}`);
      }
    };

    const list = (id, sentences) => {
      const host = byId(id);
      if (!host) return;
      const items = sentences === null ? ["What is listed above has to be mended first."] : sentences.length ? sentences : ["Nothing."];
      host.replaceChildren(...items.map((words) => el("li", { class: sentences && sentences.length ? null : "fp-quiet" }, words)));
    };

    let toldProblems = problems().length;
    const showComparison = (drawn) => {
      const count = problems().length;
      byId("ed-problems").hidden = !count;
      byId("ed-to-problems").textContent = count ? `⚠ ${model.plural(count, "problem")}` : "✓ No problems";
      byId("ed-to-problems").disabled = !count;
      byId("ed-problem-list").replaceChildren(...problems().map((one) =>
        el("li", {}, el("button", { type: "button", class: "fp-linklike", onclick: () => showProblem(one) }, one.place), `: ${one.message}`)));
      list("ed-from-proposal", comparison.from_proposal);
      list("ed-from-base", comparison.from_base);
      renderOutline();
      node.showProblems(problems());
      drawGraph(drawn, count ? {} : comparison.marks);
      if (count !== toldProblems) say(count ? `${model.plural(count, "problem")}: ${problems()[0].place}: ${problems()[0].message}` : "No problems any more.");
      toldProblems = count;
    };
    const showProblem = (problem) => {
      if (!problem.node_id) return;
      choose(problem.node_id);
      node.focus(problem.pointer.split("/").slice(3).join("/") || "text");
    };

    // --- Doing, undoing ----------------------------------------------------------------------------------------

    const push = (next, words, key) => {
      history.push({ definition: next, title: title.value, selected }, words, key);
      changed();
    };
    const type = (result, key) => {
      push(result.definition, `${result.told} of ${model.named(result.definition, selected)}`, key);
      node.update(definition());
      renderOutline();
    };
    const edit = (result, focus = null) => {
      if (result.refused) {
        refuse(result.refused);
        return;
      }
      selected = result.select;
      push(result.definition, result.told);
      renderOutline();
      renderNode();
      if (focus) node.focus(focus);
      say(result.told);
    };
    const refuse = (words) => {
      const host = byId("ed-node");
      for (const old of host.querySelectorAll(".fp-ed-refusal")) old.remove();
      host.querySelector("h2").after(el("p", { class: "fp-problem fp-ed-refusal", role: "alert" }, words));
    };
    const travel = (words, step, where) => {
      if (!words) return;
      title.value = history.state.title;
      selected = [where, history.state.selected, definition().root].find((id) => model.nodeOf(definition(), id));
      renderOutline();
      renderNode();
      changed();
      say(`${step}: ${words}`);
    };
    const undo = () => {
      const where = history.state.selected;
      travel(history.undo(), "Undone", where);
    };
    const redo = () => {
      const words = history.redo();
      travel(words, "Done again", history.state.selected);
    };

    // --- Questions ---------------------------------------------------------------------------------------------

    // Asks in a dialog; `act()` gives why it cannot be, or nothing when it is done.
    const ask = ({ heading, body, yes, isHarm = true, act }) => {
      const dialog = byId("ed-ask");
      byId("ed-ask-title").textContent = heading;
      const alert = el("p", { class: "fp-problem", role: "alert" });
      byId("ed-ask-body").replaceChildren(...body, alert);
      const button = byId("ed-ask-yes");
      button.textContent = yes;
      button.classList.toggle("fp-harm", isHarm);
      button.classList.toggle("fp-go", !isHarm);
      button.onclick = () => {
        alert.textContent = "";
        // The dialog gives the focus back before what is done may move it.
        const refused = act(() => dialog.close());
        if (refused) alert.textContent = refused;
      };
      byId("ed-ask-no").onclick = () => dialog.close();
      dialog.showModal();
    };
    const goesToo = (lost) => {
      if (!lost.length) return [];
      const shown = lost.slice(0, 8).map((id) => el("li", {}, model.named(definition(), id)));
      if (lost.length > shown.length) shown.push(el("li", {}, `and ${lost.length - shown.length} more`));
      return [el("p", {}, `${model.plural(lost.length, "node")} that nothing else leads to will go too:`), el("ul", {}, shown)];
    };
    const editAfterAsking = (heading, result, lost, yes, focus) => {
      if (result.refused) return refuse(result.refused);
      if (!lost.length) return edit(result, focus);
      return ask({
        heading, yes, body: [...goesToo(lost), el("p", { class: "fp-quiet" }, "Undo brings all of it back.")],
        act: (close) => {
          close();
          edit(result, focus);
        },
      });
    };

    const node = new NodeView(byId("ed-node"), {
      type, edit, goTo,
      settle: () => history.settle(),
      preview: (id) => preview.open(definition(), id),
      setKind(id, kind) {
        const result = model.setKind(definition(), id, kind);
        const name = model.named(definition(), id);
        editAfterAsking(`Make ${name} an end of the flow?`, result, result.lost, "Yes, end here", "kind");
        renderNode();
      },
      removeOption(id, optionId) {
        const option = model.optionsOf(model.nodeOf(definition(), id)).find((one) => one.id === optionId);
        const result = model.removeOption(definition(), id, optionId);
        editAfterAsking(`Delete the answer ${model.quoted(option.label)}?`, result, result.lost, "Delete", "options/add");
      },
      removeNode(id) {
        const result = model.removeNode(definition(), id);
        const others = result.lost ? result.lost.filter((one) => one !== id) : [];
        editAfterAsking(`Delete ${model.named(definition(), id)}?`, result, others, "Delete", "text");
      },
      moveBranch(id, optionId) {
        const option = model.optionsOf(model.nodeOf(definition(), id)).find((one) => one.id === optionId);
        const places = definition().nodes.filter((other) => other.id !== id && !model.isEnding(other));
        const select = el("select", { id: "ed-move-to" }, places.map((place) => el("option", { value: place.id }, `${model.nameOf(place)} (${place.kind})`)));
        ask({
          heading: `Move the branch ${model.quoted(option.label)}`, yes: "Move", isHarm: false,
          body: places.length
            ? [el("label", { for: "ed-move-to" }, "It becomes an answer of"), select]
            : [el("p", {}, "There is no other node that could take it.")],
          act: (close) => {
            if (!places.length) return close();
            const result = model.moveBranch(definition(), id, optionId, select.value);
            if (result.refused) return result.refused;
            close();
            edit(result, `options/${model.optionsOf(model.nodeOf(result.definition, select.value)).length - 1}/label`);
            return "";
          },
        });
      },
    });

    const askWhichDraft = (draft) => {
      const panel = byId("ed-conflict");
      byId("ed-conflict-told").textContent =
        `Your draft was saved elsewhere at ${clock(new Date(draft.saved_at))}, in another tab or on another device. Nothing of either is lost yet: choose which one to go on with.`;
      panel.hidden = false;
      delete byId("flow-editor").dataset.unsaved;
      byId("ed-saved").textContent = "Not saved: there are two drafts.";
      panel.focus();
      byId("ed-take").onclick = () => {
        panel.hidden = true;
        const problem = model.unreadable(draft.definition);
        if (problem) return refuse(`The other draft cannot be shown: ${problem}`);
        title.value = draft.title;
        form.elements.revision.value = draft.revision;
        selected = draft.definition.root;
        push(draft.definition, "the other draft");
        drafts.taken(draft.saved_at);
        choose(selected);
        say("This is the other draft. Undo brings yours back.");
        return byId("ed-undo").focus();
      };
      byId("ed-mine").onclick = () => {
        panel.hidden = true;
        drafts.overrule(draft.saved_at);
        say("Yours is kept.");
        byId("ed-undo").focus();
      };
    };

    // --- Buttons, keys, the form -------------------------------------------------------------------------------

    byId("ed-undo").addEventListener("click", undo);
    byId("ed-redo").addEventListener("click", redo);
    byId("ed-try").addEventListener("click", () => preview.open(definition(), definition().root));
    byId("ed-to-problems").addEventListener("click", () => byId("ed-problems").focus());
    graph.addEventListener("flowpilot:node", (event) => choose(event.detail.id));
    title.addEventListener("input", () => push(definition(), "the title", "title"));
    title.addEventListener("blur", () => history.settle());

    document.addEventListener("keydown", (event) => {
      const { target } = event;
      if (event.key === "Enter" && target.matches("#flow-editor input, #id_title")) event.preventDefault();
      if (!(event.ctrlKey || event.metaKey) || event.altKey || target === notes || target === text || target.closest("dialog")) return;
      const key = event.key.toLowerCase();
      if (key === "z" && !event.shiftKey) undo();
      else if (key === "y" || (key === "z" && event.shiftKey)) redo();
      else return;
      event.preventDefault();
    });

    const textProblem = (words) => {
      byId("ed-text-problem").textContent = words;
      byId("ed-text-problem").hidden = !words;
      if (words) byId("experts").open = true;
    };
    text.addEventListener("input", () => (isTextTyped = true));
    byId("ed-use-text").addEventListener("click", () => {
      let value = null;
      try {
        value = JSON.parse(text.value);
      } catch (error) {
        textProblem(`This is not JSON: ${error.message}`);
        return;
      }
      const problem = model.unreadable(value);
      textProblem(problem);
      if (problem) return;
      isTextTyped = false;
      edit({ definition: value, select: value.root, told: "the text for experts" });
    });

    const cannotPublish = () => {
      if (isTextTyped) {
        textProblem("You changed this text and have not used it: use it, or bring the old one back with Ctrl+Z.");
        text.focus();
        return true;
      }
      if (!isChecked || !problems().length) return false; // the server looks at it again
      byId("ed-problems").focus();
      say(`Not published: ${model.plural(problems().length, "problem")} to mend first.`);
      return true;
    };
    form.addEventListener("submit", (event) => {
      const button = event.submitter;
      const isPublish = !button || button.value === "publish";
      const isDiscard = button && button.hasAttribute("formaction");
      if (isDiscard && !button.dataset.asked) {
        event.preventDefault();
        ask({
          heading: "Discard your draft?", yes: "Discard", body: [el("p", {}, "The editor opens with the proposal again. This cannot be undone.")],
          act: (close) => {
            close();
            button.dataset.asked = "yes";
            form.requestSubmit(button);
          },
        });
      } else if (isPublish && cannotPublish()) event.preventDefault();
      else {
        isLeaving = true;
        drafts.stop();
        if (!isTextTyped) text.value = JSON.stringify(definition(), null, 2);
        form.elements.seen.value = drafts.seen || "";
      }
    });
    window.addEventListener("pagehide", () => isLeaving || drafts.flush());
    window.addEventListener("beforeunload", (event) => {
      if (!isLeaving && drafts.isDirty && saveState === "failed") event.preventDefault();
    });

    // Notes are not part of the draft: they wait in this tab.
    const notesKey = `flowpilot notes ${data.urls.save}`;
    if (!notes.value) notes.value = sessionStorage.getItem(notesKey) || "";
    notes.addEventListener("input", () => sessionStorage.setItem(notesKey, notes.value));

    // --- Ready -------------------------------------------------------------------------------------------------

    byId("plain").remove();
    for (const id of ["plain-use-text", "ed-keep"]) if (byId(id)) byId(id).remove();
    byId("ed-use-text").hidden = false;
    byId("flow-editor").hidden = false;
    byId("ed-undo").disabled = byId("ed-redo").disabled = true;
    if (!isTextTyped) text.value = JSON.stringify(start, null, 2);
    if (data.isDraft && data.seen) toldSaved({ state: "saved", at: new Date(data.seen) });
    renderNode();
    showComparison(start);
    if (data.node) goTo(data.node);
    if (isTextTyped) textProblem("This text cannot be shown as nodes. Mend it, then use it; above stands the proposal.");
    else if (!data.isSaved) changed();
  }
}
