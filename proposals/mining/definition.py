"""From branches to a flow definition (DESIGN section 3) with the evidence of every node and option."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proposals.mining.answers import AnswerExample
from proposals.mining.branches import Branches
from proposals.mining.labels import option_labels
from proposals.mining.masking import Masker
from proposals.mining.polarity import says_no
from proposals.mining.records import Record
from proposals.mining.visits import Visit
from proposals.mining.wording import clearest, shorten

Place = tuple[str, int]  # record key, index of the step or turn

NODE_CHARS = 1000
EXAMPLES = 60  # texts kept for each option and node
END_SHARE = 0.1  # of a node's visits that must end there for an option that ends the flow

ESCALATE_TEXT = "Escalate: no earlier case shows what to do next."
ESCALATE_SEEN = "Escalate to the next level: this is where earlier cases were handed over."
RESOLVED_TEXT = "Resolved. Confirm with the user that all works and close the ticket."
WHICH_TEXT = "Which of these describes the problem best?"


@dataclass
class Draft:
    """A definition in the making."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    evidence: dict[str, list[Place]] = field(default_factory=dict)
    option_evidence: dict[str, dict[str, list[Place]]] = field(default_factory=dict)
    answers: dict[str, dict[str, list[AnswerExample]]] = field(default_factory=dict)
    prompts: dict[str, list[str]] = field(default_factory=dict)
    root: str = "n1"

    def definition(self) -> dict[str, Any]:
        return {"schema_version": 1, "root": self.root, "nodes": list(self.nodes.values())}


class DefinitionBuilder:
    """Writes a draft from branches; one use each."""

    def __init__(self, branches: Branches, records: Sequence[Record], masker: Masker) -> None:
        self._branches = branches
        self._records = records
        self._masker = masker
        self._draft = Draft()
        self._ids: dict[int, str] = {}
        self._ends: dict[tuple[str, str], str] = {}

    def build(self) -> Draft:
        order = self._breadth_first()
        synthetic = bool(self._branches.starts)
        self._ids = {node: f"n{place}" for place, node in enumerate(order, 2 if synthetic else 1)}
        if synthetic:
            self._add_chooser()
        for node in order:
            self._add_node(node)
        return self._draft

    def _breadth_first(self) -> list[int]:
        todo = deque([self._branches.root, *self._branches.starts])
        order = list(todo)
        while todo:
            children = self._branches.edges.get(todo.popleft(), {})
            for child in sorted(children, key=lambda c: (-len(children[c]), c)):
                if child not in order:
                    order.append(child)
                    todo.append(child)
        return order

    def _add_chooser(self) -> None:
        """A first question for sessions that begin at different places."""
        firsts = [self._branches.root, *self._branches.starts]
        options: list[dict[str, str]] = []
        for number, node in enumerate(firsts, 1):
            visits = self._branches.visits[node]
            label = shorten(self._text(visits), 70)
            taken = {option["label"].lower() for option in options}
            label = f"{label} ({number})" if label.lower() in taken else label
            options.append({"id": f"o{number}", "label": label, "next": self._ids[node]})
        self._put("n1", "question", WHICH_TEXT, options, [])

    def _add_node(self, node: int) -> None:
        node_id, visits = self._ids[node], self._branches.visits[node]
        text = self._text(visits)
        groups = self._groups(node)
        self._draft.prompts[node_id] = self._examples(visit.step.prompt for visit in visits)
        if not groups:
            self._put(node_id, self._ending_kind(self._branches.ends[node]), text, [], visits)
            return
        kind = _kind(visits)
        labels = option_labels([[v.step for v in group] for _, group in groups], kind, self._masker)
        options = []
        self._draft.option_evidence[node_id] = {}
        self._draft.answers[node_id] = {}
        for number, ((target, group), label) in enumerate(zip(groups, labels, strict=True), 1):
            option_id = f"o{number}"
            options.append({"id": option_id, "label": label, "next": target})
            self._draft.option_evidence[node_id][option_id] = self._places(group)
            self._draft.answers[node_id][option_id] = self._answers(group)
        self._put(node_id, kind, text, options, visits)

    def _groups(self, node: int) -> list[tuple[str, list[Visit]]]:
        """(target id, visits) of each way on from a node; none if it ends the flow itself."""
        branches = self._branches.edges.get(node, {})
        groups = [
            (self._ids[child], list(branches[child]))
            for child in sorted(branches, key=lambda c: (-len(branches[c]), c))
            if child in self._ids
        ]
        for ending, visits in self._ways_out(node, bool(groups)):
            groups.append((self._end_node(ending, visits), visits))
        return groups

    def _ways_out(self, node: int, goes_on: bool) -> list[tuple[str, list[Visit]]]:
        """Answers after which sessions ended, by how they ended."""
        ended = [v for v in self._branches.ends[node] if self._status(v) != "abandoned"]
        total = len(self._branches.visits[node])
        ways = []
        for ending in ("resolution", "escalation"):
            visits = [v for v in ended if self._ending_kind([v]) == ending]
            if goes_on:
                enough = len(visits) >= max(2 if total >= 8 else 1, END_SHARE * total)
            else:
                enough = any(_is_answered(v) for v in visits)
            if enough:
                ways.append((ending, visits))
        if not goes_on and len(ways) == 1 and not self._asks(node):
            return []
        return ways

    def _asks(self, node: int) -> bool:
        """Whether the answers to a node matter, so that it cannot be an ending itself."""
        visits = self._branches.visits[node]
        answered = sum(_is_answered(visit) for visit in visits)
        return answered > 0.5 * len(visits)

    def _end_node(self, kind: str, visits: Sequence[Visit]) -> str:
        text = self._ending_text(kind, visits)
        key = (kind, text.lower())
        if key not in self._ends:
            self._ends[key] = f"e{len(self._ends) + 1}"
            self._put(self._ends[key], kind, text, [], [])
        return self._ends[key]

    def _ending_text(self, kind: str, visits: Sequence[Visit]) -> str:
        told = Counter(text for visit in visits if (text := self._records[visit.session].resolution_summary.strip()))
        if told:
            texts = sorted(told)
            best = texts[clearest(texts, [told[text] for text in texts])]
            return shorten(self._masker.mask(best), NODE_CHARS)
        return RESOLVED_TEXT if kind == "resolution" else ESCALATE_SEEN

    def _ending_kind(self, ended: Sequence[Visit]) -> str:
        escalated = sum(self._status(visit) == "escalated" for visit in ended)
        if ended and escalated > 0.5 * len(ended):
            return "escalation"
        return "resolution"

    def _status(self, visit: Visit) -> str:
        return self._records[visit.session].status

    def _text(self, visits: Sequence[Visit]) -> str:
        said = Counter(visit.step.prompt for visit in visits)
        texts = sorted(said)
        best = texts[clearest(texts, [said[text] for text in texts])]
        return shorten(self._masker.mask(best), NODE_CHARS)

    def _examples(self, texts: Any) -> list[str]:
        counted = Counter(text for text in texts if text)
        ranked = sorted(counted, key=lambda text: (-counted[text], text))[:EXAMPLES]
        return [shorten(self._masker.mask(text), 400) for text in ranked]

    def _answers(self, visits: Sequence[Visit]) -> list[AnswerExample]:
        said = Counter((v.step.answer, says_no(v.step)) for v in visits if v.step.answer)
        ranked = sorted(said, key=lambda example: (-said[example], example))[:EXAMPLES]
        return [(shorten(self._masker.mask(text), 400), negative) for text, negative in ranked]

    def _places(self, visits: Sequence[Visit]) -> list[Place]:
        return [(self._records[v.session].key, v.step.index) for v in visits]

    def _put(
        self,
        node_id: str,
        kind: str,
        text: str,
        options: Sequence[Mapping[str, str]],
        visits: Sequence[Visit],
    ) -> None:
        node: dict[str, Any] = {"id": node_id, "kind": kind, "text": text}
        if options:
            node["options"] = list(options)
        self._draft.nodes[node_id] = node
        self._draft.evidence[node_id] = self._places(visits)


def _kind(visits: Sequence[Visit]) -> str:
    questions = sum(visit.step.kind == "question" for visit in visits)
    return "question" if questions >= 0.5 * len(visits) else "action"


def _is_answered(visit: Visit) -> bool:
    """Whether the answer decides something: an option was picked, or a question answered."""
    step = visit.step
    return bool(step.selected_option or (step.kind == "question" and step.response))
