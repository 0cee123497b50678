"""From a route to the steps of a session record, or to its transcript."""

from collections.abc import Collection
from datetime import datetime, timedelta
from random import Random
from typing import Any

from flowpilot.sample import phrases
from flowpilot.sample.clock import step_seconds
from flowpilot.sample.model import Answer, Node
from flowpilot.sample.routes import Route, Visit
from flowpilot.sample.wording import Wording, pick

Step = dict[str, Any]

_HELP_CHANCE = 0.24
_WRONG_TURN_CHANCE = 0.014
_NOTE_CHANCE = 0.1
_DIAGNOSTIC_CHANCE = 0.045
_FREE_TEXT_CHANCE = 0.32  # a free-hand step where no options were offered
_END_TOLD_CHANCE = 0.9  # the closing advice is written down as a step
_REPHRASED_CHANCE = 0.05  # a guided technician still types a prompt in their own words


class StepWriter:
    """Writes the steps of one session.

    `in_flow` are the keys of the nodes that the published flow showed on screen: those steps carry
    its wording and options. `spoken` makes every answer free text, as in a call.
    """

    def __init__(self, rng: Random, wording: Wording, in_flow: Collection[str], *, spoken: bool) -> None:
        self._rng = rng
        self._wording = wording
        self._in_flow = in_flow
        self._spoken = spoken
        self.steps: list[Step] = []

    def write(self, route: Route) -> list[Step]:
        for place, visit in enumerate(route.visits):
            following = route.visits[place + 1].node if place + 1 < len(route.visits) else None
            self._write_visit(route, visit, following)
        for follow_up in route.follow_ups:
            self._add(follow_up.kind, follow_up.prompt, response=follow_up.response)
        if route.end and self._rng.random() < _END_TOLD_CHANCE:
            self._write_end(route.end)
        self._write_ending(route)
        return self.steps

    def _write_visit(self, route: Route, visit: Visit, following: Node | None) -> None:
        rng, node = self._rng, visit.node
        prompt = self._prompt(node)
        if visit.answer and following and rng.random() < _WRONG_TURN_CHANCE:
            self._write_wrong_turn(node, visit.answer, prompt)
        self._ask(route, visit, prompt)
        if node.help and rng.random() < _HELP_CHANCE:
            asked, told = pick(rng, node.help)
            self._add("help", told, response=self._wording.typed((asked,)))
        if rng.random() < _NOTE_CHANCE:
            self._add("note", pick(rng, phrases.NOTES))
        if rng.random() < _DIAGNOSTIC_CHANCE:
            ran, reported = pick(rng, phrases.DIAGNOSTICS)
            self._add("script", ran, response=reported)

    def _prompt(self, node: Node) -> str:
        guided = node.key in self._in_flow and self._rng.random() >= _REPHRASED_CHANCE
        return self._wording.fill(node.texts[0]) if guided else self._wording.one_of(node.texts)

    def _ask(self, route: Route, visit: Visit, prompt: str) -> None:
        rng, node = self._rng, visit.node
        guided = node.key in self._in_flow
        options = self._options(node)
        if visit.answer is None:
            said = self._wording.typed(route.left.said) if route.left else None
            self._add(node.kind, prompt, options, response=said)
            return
        said = self._wording.typed(visit.answer.said)
        if self._spoken or visit.answer.label not in options:
            self._add(node.kind, prompt, options, response=said)
        else:
            written = rng.random() < (0.35 if guided else 0.6)
            self._add(node.kind, prompt, options, visit.answer.label, said if written else None)

    def _options(self, node: Node) -> list[str]:
        if node.key in self._in_flow:
            return node.labels
        if self._spoken or self._rng.random() < _FREE_TEXT_CHANCE:
            return []
        return [item.label for item in node.answers]

    def _write_wrong_turn(self, node: Node, right: Answer, prompt: str) -> None:
        """The technician chose another answer first, saw it did not fit, and asked again."""
        options = self._options(node)
        wrong = [item for item in node.answers if item is not right and item.label in options]
        if not wrong:
            return
        slip = pick(self._rng, wrong)
        said = self._wording.typed(slip.said)
        self._add(node.kind, prompt, options, slip.label, said if self._spoken else None)
        self._add("note", pick(self._rng, phrases.WENT_BACK))

    def _write_end(self, end: Node) -> None:
        told = self._prompt(end)
        if self._spoken and end.kind == "escalation":
            told = self._wording.one_of(end.texts[1:])  # the first is an instruction, not said aloud
        if end.kind == "resolution":
            self._add("action", told, response=self._wording.typed(phrases.THANKS))
        else:
            self._add("action", told, response=pick(self._rng, phrases.ESCALATION_REPLIES))

    def _write_ending(self, route: Route) -> None:
        if route.outcome == "abandoned":
            self._add("note", pick(self._rng, phrases.NO_REPLY))
        elif route.outcome == "open" and self._rng.random() < 0.4:
            self._add("note", pick(self._rng, phrases.WAITING))
        elif route.outcome == "escalated" and route.end is None:
            by_site = route.hand_over_by_site
            reasons = phrases.SITE_HANDED_OVER if by_site else phrases.HANDED_OVER
            self._add("note", pick(self._rng, reasons))

    def _add(
        self,
        kind: str,
        prompt: str,
        options: list[str] | None = None,
        selected: str | None = None,
        response: str | None = None,
    ) -> None:
        self.steps.append(
            {
                "kind": kind,
                "prompt": self._wording.fill(prompt),
                "options": options or [],
                "selected_option": selected,
                "response": self._wording.fill(response) if response else None,
            }
        )


def set_times(rng: Random, steps: list[Step], started: datetime, *, until: datetime) -> datetime:
    """Give every step its `at` (ISO 8601, the moment it was put) and return when the session ended.

    Nothing lies after `until`.
    """
    now = started + timedelta(seconds=rng.randint(20, 150))
    for step in steps:
        step["at"] = min(now, until).isoformat()
        now += timedelta(seconds=step_seconds(rng, step["kind"]))
    if rng.random() < 0.03:  # left open over a break or until a call-back
        now += timedelta(minutes=rng.randint(45, 300))
    return min(now, until)


def as_transcript(rng: Random, summary: str, steps: list[Step], *, resolved: bool) -> list[Step]:
    """The same talk as turns `{"role", "text"}`; notes are not spoken and stay out."""
    turns: list[Step] = []

    def say(role: str, text: str) -> None:
        turns.append({"role": role, "text": text})

    if rng.random() < 0.5:
        say("agent", pick(rng, phrases.GREETINGS))
    say("user", summary)
    if rng.random() < 0.3:
        say("agent", pick(rng, phrases.ACKNOWLEDGEMENTS))
        say("user", pick(rng, phrases.GO_AHEADS))
    spoken = [s for s in steps if s["kind"] != "note" or s["prompt"] in phrases.WENT_BACK]
    for place, step in enumerate(spoken):
        if step["kind"] == "help":
            continue
        if step["kind"] == "note":
            say("user", pick(rng, phrases.NOT_THIS))
            continue
        say("agent", step["prompt"])
        detour = spoken[place + 1] if place + 1 < len(spoken) else None
        if detour and detour["kind"] == "help":
            say("user", detour["response"])
            say("agent", detour["prompt"])
        if step["response"]:
            say("user", step["response"])
    if resolved and rng.random() < 0.6:
        say("agent", pick(rng, phrases.FAREWELLS))
    return turns
