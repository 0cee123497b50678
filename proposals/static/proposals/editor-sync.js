// The server's side of editing: what it says of a definition, and the draft that it keeps.
"use strict";
{
  const CHECK_MS = 300;
  const SAVE_MS = 1000;
  const LONGEST_RETRY_MS = 30_000;

  class Refused extends Error {
    constructor(status, answer) {
      super(answer.message);
      this.status = status;
      this.details = answer.details || {};
    }
  }

  const post = async (url, token, body, keepalive = false) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token, Accept: "application/json" },
      body: JSON.stringify(body),
      redirect: "manual",
      keepalive,
    });
    if (response.type === "opaqueredirect") throw new Refused(401, { message: "you are logged out. Log in in another tab; then it saves by itself" });
    const isJson = (response.headers.get("Content-Type") || "").includes("json");
    if (response.ok && isJson) return response.json();
    throw new Refused(response.status, isJson ? await response.json() : { message: `the server answered ${response.status}` });
  };

  // Calls `act` once things have been quiet for a while; one call runs at a time, and the last wish is always served.
  class Later {
    constructor(pause, act) {
      this.pause = pause;
      this.act = act;
      this.timer = 0;
      this.isRunning = false;
      this.isWanted = false;
    }

    want(pause = this.pause) {
      this.isWanted = true;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.run(), pause);
    }

    async run() {
      if (this.isRunning) return;
      this.isRunning = true;
      this.isWanted = false;
      try {
        await this.act();
      } finally {
        this.isRunning = false;
        if (this.isWanted) this.want();
      }
    }
  }

  // `read()` gives {definition, title}; `told(comparison, sent)` hears what the server says of it.
  const checker = ({ url, token, read, told, failed }) => {
    const later = new Later(CHECK_MS, async () => {
      const sent = read();
      try {
        told(await post(url, token, sent), sent);
      } catch (error) {
        failed(error);
      }
    });
    return { changed: () => later.want() };
  };

  // `read()` gives {definition, title, revision}; `seen` is the time of the draft that the editing started from.
  const saver = ({ url, token, read, seen: first, told, conflict }) => {
    let seen = first;
    let isDirty = false;
    let isStopped = false;
    let retry = SAVE_MS;
    const save = async () => {
      if (!isDirty || isStopped) return;
      isDirty = false;
      told({ state: "saving" });
      try {
        const answer = await post(url, token, { ...read(), seen: seen || null });
        retry = SAVE_MS;
        if (answer.conflict) {
          isDirty = isStopped = true;
          conflict(answer.conflict);
          return;
        }
        seen = answer.saved_at;
        if (!isDirty) told({ state: "saved", at: new Date(seen) });
      } catch (error) {
        isDirty = true;
        if ([400, 403, 404, 409].includes(error.status)) told({ state: "refused", message: error.message });
        else {
          told({ state: "failed", message: error instanceof Refused ? error.message : "the server cannot be reached" });
          retry = Math.min(2 * retry, LONGEST_RETRY_MS);
          later.want(retry);
        }
      }
    };
    const later = new Later(SAVE_MS, save);
    return {
      changed() {
        isDirty = true;
        later.want();
      },
      // What is typed wins over the draft that was saved elsewhere at `at`.
      overrule(at) {
        seen = at;
        isStopped = false;
        isDirty = true;
        later.want(0);
      },
      taken(at) {
        seen = at;
        isStopped = false;
        isDirty = false;
        told({ state: "saved", at: new Date(at) });
      },
      stop() {
        isStopped = true;
      },
      // At the last moment: a page that goes away does not wait for answers.
      flush() {
        if (isDirty && !isStopped) post(url, token, { ...read(), seen: seen || null }, true).catch(() => {});
      },
      get seen() {
        return seen;
      },
      get isDirty() {
        return isDirty;
      },
    };
  };

  Object.assign(window.flowpilotEditor, { checker, saver });
}
