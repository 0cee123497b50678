// Parts of the page that the server makes later: more evidence, what is similar, a replay's progress, who else is here.
"use strict";
{
  const HEARTBEAT_MS = 15000;
  const POLL_MS = 1200;
  const token = () => document.querySelector("[name=csrfmiddlewaretoken]").value;

  const text = async (url, options = {}) => {
    const answer = await fetch(url, { credentials: "same-origin", ...options });
    if (!answer.ok) throw new Error(`the server said ${answer.status}`);
    return answer.text();
  };

  const post = (url, data = new FormData()) => {
    data.set("csrfmiddlewaretoken", token());
    return fetch(url, { method: "POST", body: data, credentials: "same-origin" });
  };

  // Our own server's HTML, made by a template that escapes; scripts in it would not run.
  const parse = (html) => document.createRange().createContextualFragment(html);

  const fill = async (place, url) => {
    try {
      place.replaceChildren(parse(await text(url)));
    } catch (error) {
      place.textContent = `It could not be fetched (${error.message}). Try again.`;
    }
  };

  // --- More evidence ---
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-more]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const pages = link.closest(".fp-evidence-pages");
    try {
      const part = parse(await text(`${link.href}&fragment=1`));
      const first = part.querySelector("li");
      link.closest(".fp-more").remove();
      pages.append(part);
      const focus = first && first.querySelector("a");
      if (focus) focus.focus({ preventScroll: true });
    } catch {
      window.location.assign(link.href);
    }
  });

  // --- Similar ---
  const similar = document.getElementById("similar");
  const filters = document.querySelector("[name=_changelist_filters]");
  if (similar) {
    const kept = filters ? `&_changelist_filters=${encodeURIComponent(filters.value)}` : "";
    fill(similar, `${similar.dataset.url}?fragment=1${kept}`);
  }

  // --- Replay ---
  const report = document.getElementById("replay-report");
  const told = document.getElementById("replay-told");
  const state = () => report.querySelector("[data-state]").dataset.state;
  const put = (html) => {
    const hadFocus = report.contains(document.activeElement);
    report.replaceChildren(parse(html));
    if (!hadFocus) return;
    report.tabIndex = -1;
    report.focus({ preventScroll: true });
  };
  const watch = async () => {
    while (state() === "running") {
      const progress = report.querySelector("progress");
      if (progress) told.textContent = `Replaying: ${progress.value} of ${progress.max} sessions.`;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      try {
        put(await text(report.querySelector("[data-url]").dataset.url));
      } catch {
        // A moment without the server is no end: the next round asks again.
      }
    }
    told.textContent = state() === "done" ? "The replay is done." : "The replay did not finish.";
  };
  if (report) {
    report.addEventListener("submit", async (event) => {
      event.preventDefault();
      const form = event.target;
      const button = form.querySelector("button");
      button.disabled = true;
      button.textContent = "Replaying…";
      told.textContent = "Replaying past sessions.";
      const data = new FormData(form);
      data.set("fragment", "1");
      try {
        const answer = await post(form.action, data);
        if (!answer.ok) throw new Error();
        put(await answer.text());
        await watch();
      } catch {
        form.submit();
      }
    });
    if (state() === "running") watch();
  }

  // --- Who else is here ---
  const page = document.getElementById("proposal");
  const presence = document.getElementById("presence");
  const here = (answer) => {
    const names = answer.viewers;
    const reading = names.length ? `${names.join(", ")} ${names.length === 1 ? "is" : "are"} reading this too.` : "";
    const moved =
      answer.status !== page.dataset.status ? "It has been decided meanwhile: reload to see how."
      : String(answer.revision) !== page.dataset.revision ? `It has changed meanwhile (revision ${answer.revision}): reload to read it.`
      : "";
    const words = [moved, reading, answer.claim].filter(Boolean).join(" ");
    // A live region is read out whenever it is written to.
    if (presence.textContent.trim().replace(/\s+/g, " ") !== words) presence.textContent = words;
  };
  const beat = async () => {
    if (document.visibilityState !== "visible") return;
    try {
      const answer = await post(page.dataset.presence);
      if (answer.ok) here(await answer.json());
    } catch {
      // Nobody is told that the server was away for a moment: the next beat is soon.
    }
  };
  if (page && presence) {
    beat();
    setInterval(beat, HEARTBEAT_MS);
  }

  window.flowpilotFetched = { fill };
}
