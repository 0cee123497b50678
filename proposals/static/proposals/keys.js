// Single keys for reviewing. What decides asks for a second press; nothing happens while somebody types; the help
// overlay has a switch that turns them off, which this browser remembers.
"use strict";
{
  const STORED = "flowpilot.keys";
  const ARMED_MS = 6000;
  const dialog = document.getElementById("keys");
  const form = document.getElementById("decide-form");
  const told = document.getElementById("decide-told");
  const button = (act) => document.querySelector(`[data-act=${act}]`);
  let armed = "";
  let timer = 0;

  const areOn = () => {
    try {
      return localStorage.getItem(STORED) !== "off";
    } catch {
      return true; // no storage: the keys work, and cannot be remembered as off
    }
  };
  const remember = (on) => {
    try {
      localStorage.setItem(STORED, on ? "on" : "off");
    } catch {
      // Without storage the choice holds for this page only.
    }
    isOn = on;
    document.documentElement.classList.toggle("fp-keys-off", !on);
  };
  let isOn = areOn();
  document.documentElement.classList.toggle("fp-keys-off", !isOn);

  const disarm = () => {
    armed = "";
    clearTimeout(timer);
  };
  const say = (words) => {
    told.textContent = words;
    told.hidden = !words;
  };
  const arm = (act, words) => {
    armed = act;
    say(words);
    clearTimeout(timer);
    timer = setTimeout(() => {
      disarm();
      say("");
    }, ARMED_MS);
  };
  const follow = (act) => button(act) && button(act).click();

  // The first press shows what would be done, the second does it.
  const twice = (act, words) => {
    const target = button(act);
    if (!target) return;
    if (armed === act) {
      disarm();
      form.requestSubmit(target);
      return;
    }
    target.focus();
    arm(act, words);
  };
  const reject = () => {
    const target = button("reject");
    if (!target) return;
    const hasReason = form.elements.notes.value.trim() || form.querySelector("[name=reasons]:checked");
    if (armed === "reject" && hasReason) {
      disarm();
      form.requestSubmit(target);
      return;
    }
    document.getElementById("reject-reasons").open = true;
    form.querySelector("[name=reasons]").focus();
    arm("reject", hasReason ? "Press R again to reject it." : "Pick a reason with Space or write one, then press R again.");
    // Choosing a reason takes as long as it takes.
    clearTimeout(timer);
  };
  const evidence = () => {
    const node = document.activeElement.closest(".fp-g-node, #outline [data-node], #sides [data-node]");
    const panel = document.getElementById("chosen-evidence");
    if (node) node.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    else if (panel && !panel.hidden) document.getElementById("chosen-title").focus();
    else {
      const heading = document.getElementById("evidence-title");
      heading.tabIndex = -1;
      heading.focus();
    }
  };
  const help = () => {
    document.getElementById("keys-on").checked = isOn;
    dialog.showModal();
  };

  const ACTS = {
    j: () => follow("next"), n: () => follow("next"), k: () => follow("previous"), p: () => follow("previous"),
    a: () => twice("approve", "Press A again, or Enter, to approve and publish it."),
    d: () => twice("dismiss", "Press D again, or Enter, to dismiss it."),
    r: reject,
    e: () => follow("edit"),
    g: evidence,
    u: () => document.querySelector("[data-undo]") && document.querySelector("[data-undo]").click(),
    "?": help,
  };
  const isTyping = (element) => element.closest("textarea, select, [contenteditable], input:not([type=checkbox], [type=radio])");

  document.addEventListener("keydown", (event) => {
    if (!isOn || dialog.open || event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
    const act = ACTS[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });

  document.getElementById("keys-on").addEventListener("change", (event) => remember(event.target.checked));
  const opener = document.getElementById("keys-open");
  opener.hidden = false;
  opener.addEventListener("click", help);
}
