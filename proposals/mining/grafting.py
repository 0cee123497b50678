"""Putting what a part of the sessions did after their way out into the flow.

The tails are mined, and the mined nodes aligned to the flow's. Then each session's tail is a walk over nodes, known and
new, and every step on it a vote for where an answer leads. New nodes keep what was mined of them; a known option is led
elsewhere only where those who voted outweigh those who followed; all else stays.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from proposals.mining.alignment import Mined, align
from proposals.mining.answers import AnswerExample, AnswerReader
from proposals.mining.draft import Draft, Edge, fresh, options_of
from proposals.mining.engine import mine_topic
from proposals.mining.leaving import Desk, Part
from proposals.mining.masking import NO_NAMES, Masker, Names
from proposals.mining.polarity import says_no
from proposals.mining.prompts import PromptMatcher
from proposals.mining.records import Record, Step
from proposals.mining.steptable import fold
from proposals.mining.wording import clearest, shorten

EXAMPLES = 20
PROMPTS = 40
LABEL_LENGTH = 60
# Sessions of a part from which what one of them alone did is noise; of more, this share is.
FEW = 6
NOISE_SHARE = 0.04
GOES_ON_ALIKE = 0.5  # of those who went on from a new node where the node expected there goes: then it is that node
OWN_WORDING = 0.1  # of the prompts in the flow's own words from which these stand
CLEARLY_LIKER = 2.0  # times that the prompts are liker to the new wording than to the flow's

Walk = list[tuple[str, Step]]


@dataclass(frozen=True)
class Grounds:
    """What a graft is judged by: how often each option was taken to where it leads, and whose sessions there are.

    And the names that it must not show.
    """

    passes: Mapping[Edge, float]
    desk: Desk
    minimum: int
    names: Names = NO_NAMES


def graft(base: Draft, part: Part, grounds: Grounds) -> Draft | None:
    """The draft with what the part's sessions did; None where that changes nothing or cannot be put in soundly."""
    tails = [leaving.tail_record for leaving in part.members]
    mined = mine_topic(tails, grounds.names)
    if mined is None:
        return None
    return _Graft(base, part, grounds, Mined.of(mined, tails)).apply()


class _Graft:
    """One use each."""

    def __init__(self, base: Draft, part: Part, grounds: Grounds, mined: Mined) -> None:
        self._base, self._part, self._grounds, self._mined = base, part, grounds, mined
        self._draft = base.copy()
        self._records = {leaving.record.key: leaving.record for leaving in part.members}
        self._masker = Masker(list(self._records.values()), grounds.names)
        self._readers: dict[str, AnswerReader] = {}
        self._votes: dict[Edge, int] = {}
        self._otherwise: dict[Edge, str] = {}  # where enough sessions went, if not enough to outweigh the others
        start = base.target(part.node, part.option) if part.option else part.node
        self._above = base.above(part.node)
        names = align(mined, list(base.nodes.values()), base.prompts, below=base.below(start))
        self._names = {name: node for name, node in names.items() if node not in self._above}
        self._back = names.keys() - self._names.keys()
        self._match_by_place()
        self._noise = self._seen_too_rarely()
        self._name_new_nodes()
        self._walks = {key: self._walk(key) for key in self._records}

    def apply(self) -> Draft | None:
        firsts = Counter(walk[0][0] for walk in self._walks.values() if walk)
        if not firsts:
            return None
        target, times = firsts.most_common(1)[0]
        if times < self._grounds.minimum or 2 * times < len(self._part.members):
            return None
        self._add_new_nodes()
        if not self._lead(target, times):
            return None
        self._follow_votes()
        if not self._break_cycles(times):
            return None
        self._reword()
        self._learn_prompts()
        self._draft.drop_unreachable()
        self._draft.sessions |= self._records.keys()
        self._draft.masked |= {*self._mined.flow.masked, *self._masker.kinds}
        return self._draft

    # Which node a step is at

    def _match_by_place(self) -> None:
        """New nodes that stand where a known one is expected, and go on as it does, are that node in other words."""
        expected: dict[str, Counter[str]] = defaultdict(Counter)
        for key in self._records:
            for place, mined in self._expectations(key):
                expected[mined][place] += 1
        taken = set(self._names.values()) | self._above
        for mined, places in expected.items():
            target, times = places.most_common(1)[0]
            if mined in self._back:
                continue
            if target not in taken and times > 0.5 * len(self._mined.sessions_at(mined)) and self._is(mined, target):
                self._names[mined] = target
                taken.add(target)

    def _expectations(self, key: str) -> list[tuple[str, str]]:
        """(node that the flow expects, new node that came instead) of a session."""
        steps = [(node, step) for node, step in self._steps(key)]
        found = []
        if self._part.option and steps and steps[0][0] not in self._names:
            found.append((self._base.target(self._part.node, self._part.option), steps[0][0]))
        for (node, step), (following, _) in pairwise(steps):
            if node in self._names and following not in self._names:
                known = self._names[node]
                if option := self._read(known, step):
                    found.append((self._base.target(known, option), following))
        return found

    def _is(self, mined: str, known: str) -> bool:
        node, other = self._mined.nodes[mined], self._base.nodes[known]
        if node["kind"] != other["kind"]:
            return False
        if self._base.is_end(known):
            return True
        children = {str(option["next"]) for option in options_of(other)}
        went_on = [self._names.get(str(option["next"])) in children for option in self._options_by_visit(mined)]
        return bool(went_on) and sum(went_on) >= GOES_ON_ALIKE * len(went_on)

    def _options_by_visit(self, mined: str) -> list[dict[str, Any]]:
        """The mined node's options, each as often as it was taken."""
        taken = self._mined.flow.option_evidence.get(mined, {})
        options = options_of(self._mined.nodes[mined])
        return [option for option in options for _ in taken.get(str(option["id"]), ())]

    def _seen_too_rarely(self) -> set[str]:
        """New nodes of a large part in which hardly anybody was: a detour of the day, not of the problem."""
        size = len(self._part.members)
        least = 1 if size < FEW else max(2.0, NOISE_SHARE * size)
        steps = {node for node in self._mined.nodes if self._mined.flow.evidence.get(node)}
        return {node for node in steps if node not in self._names and len(self._mined.sessions_at(node)) < least}

    def _name_new_nodes(self) -> None:
        ends = {(n["kind"], fold(str(n["text"]))): i for i, n in self._base.nodes.items() if self._base.is_end(i)}
        for mined, node in self._mined.nodes.items():
            if mined in self._names or mined in self._noise | self._back:
                continue
            same_end = ends.get((node["kind"], fold(str(node["text"])))) if not options_of(node) else None
            self._names[mined] = same_end or fresh("n", {*self._base.nodes, *self._names.values()})

    def _steps(self, key: str) -> list[tuple[str, Step]]:
        """The mined node of each step of a session's tail that has one."""
        tail = next(leaving.tail for leaving in self._part.members if leaving.record.key == key)
        found = ((self._mined.node_of.get((key, step.index)), step) for step in tail)
        return [(node, step) for node, step in found if node is not None]

    def _walk(self, key: str) -> Walk:
        walk: Walk = []
        for mined, step in self._steps(key):
            if mined in self._back:
                return []  # who went back took the answer back
            if mined in self._noise:
                continue
            if walk and walk[-1][0] == self._names[mined]:
                walk.pop()  # asked again: the last answer counts
            walk.append((self._names[mined], step))
        return walk

    def _read(self, node_id: str, step: Step) -> str | None:
        if self._base.is_end(node_id):
            return None
        if node_id not in self._readers:
            options = self._base.nodes[node_id]["options"]
            self._readers[node_id] = AnswerReader(options, self._base.answers.get(node_id))
        return self._readers[node_id].read(step)

    # What goes into the flow

    def _add_new_nodes(self) -> None:
        for mined, node in self._mined.nodes.items():
            node_id = self._names.get(mined)
            if node_id is None or node_id in self._draft.nodes:
                continue
            new = {name: value for name, value in node.items() if name != "options"}
            self._draft.nodes[node_id] = {**new, "id": node_id}
            if options_of(node):
                self._add_options(mined, node_id)
            self._draft.prompts[node_id] = list(self._mined.flow.prompt_examples.get(mined, []))
            self._draft.evidence[node_id] += self._mined.flow.evidence.get(mined, [])

    def _add_options(self, mined: str, node_id: str) -> None:
        """A mined node's options, those that lead to one node as one."""
        answers: dict[str, list[AnswerExample]] = {}
        by_target: dict[str, str] = {}
        options = []
        for option in options_of(self._mined.nodes[mined]):
            target = self._target(mined, option)
            if target is None or target == node_id:
                continue
            option_id = by_target.setdefault(target, str(option["id"]))
            if option_id == str(option["id"]):
                options.append({**option, "next": target})
            answers.setdefault(option_id, []).extend(
                self._mined.flow.answer_examples.get(mined, {}).get(str(option["id"]), [])
            )
            taken = self._mined.flow.option_evidence.get(mined, {}).get(str(option["id"]), [])
            self._votes[node_id, option_id] = self._votes.get((node_id, option_id), 0) + len(taken)
        if options:
            self._draft.nodes[node_id]["options"] = options
            self._draft.answers[node_id] = answers
        else:
            self._draft.nodes[node_id]["kind"] = "resolution"

    def _target(self, mined: str, option: Mapping[str, Any]) -> str | None:
        """Where a mined option leads; past a detour, where most went on; None where nobody did."""
        target = str(option["next"])
        if target in self._names:
            return self._names[target]
        places = set(self._mined.flow.option_evidence.get(mined, {}).get(str(option["id"]), []))
        following: Counter[str] = Counter()
        for key, walk in self._walks.items():
            for (_, step), (after, _) in pairwise(walk):
                following[after] += (key, step.index) in places
        best = following.most_common(1)
        return best[0][0] if best and best[0][1] else None

    def _lead(self, target: str, times: int) -> bool:
        """Lead the way out to `target`; False where the flow leads there already, or should not be led elsewhere."""
        part, draft = self._part, self._draft
        option_id = part.option
        if option_id is None and (same := self._option_to(target)):
            # An answer in other words that leads where a known one does is no option of its own.
            if (part.node, same) not in draft.added:
                return False
            option_id = same
        elif option_id is None:
            option_id = draft.add_option(part.node, self._labels(), target)
        else:
            now = draft.target(part.node, option_id)
            voters = [self._records[key] for key, walk in self._walks.items() if walk and walk[0][0] == target]
            if now == target or not self._outweighs((part.node, option_id), voters):
                return False
            draft.retarget(part.node, option_id, target)
        self._votes[part.node, option_id] = times
        self._remember_answers(option_id)
        draft.evidence[part.node] += [(leaving.record.key, leaving.answer.index) for leaving in part.members]
        return True

    def _option_to(self, target: str) -> str | None:
        options = options_of(self._draft.nodes[self._part.node])
        return next((str(option["id"]) for option in options if str(option["next"]) == target), None)

    def _outweighs(self, edge: Edge, voters: Sequence[Record], others: int = 0) -> bool:
        """Whether those who go elsewhere may redirect an option: against an escalation that they got past, always."""
        if not self._grounds.desk.agrees(voters, self._grounds.minimum):
            return False
        now = self._base.nodes[self._base.target(*edge)]
        if now["kind"] == "escalation":
            return True
        return self._grounds.desk.weight(voters) > self._grounds.passes.get(edge, 0.0) + others

    def _follow_votes(self) -> None:
        """Lead known options on the walks to where the sessions went, where these outweigh the others."""
        votes: dict[Edge, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
        places: dict[Edge, list[tuple[str, int]]] = defaultdict(list)
        for key, walk in self._walks.items():
            for (node, step), (following, _) in pairwise(walk):
                if node in self._base.nodes and (option := self._read(node, step)):
                    votes[node, option][following].append(self._records[key])
                    places[node, option].append((key, step.index))
        for edge, by_target in votes.items():
            now = self._base.target(*edge)
            target = max(by_target, key=lambda name: (len(by_target[name]), name))
            self._votes[edge] = len(by_target[now])
            if target != now and self._outweighs(edge, by_target[target], len(by_target[now])):
                self._draft.retarget(*edge, target)
                self._draft.evidence[edge[0]] += places[edge]
                self._votes[edge] = len(by_target[target])
            elif target != now and self._grounds.desk.agrees(by_target[target], self._grounds.minimum):
                self._otherwise[edge] = target

    def _break_cycles(self, times: int) -> bool:
        """Options that close a cycle lead to where else sessions went, or go: the least used first.

        False where more would have to go than comes.
        """
        while cycle := self._draft.cycle():
            used = {edge: max(self._votes.get(edge, 0), self._grounds.passes.get(edge, 0)) for edge in cycle}
            edge = min(cycle, key=lambda edge: (used[edge], edge))
            if used[edge] >= times:
                return False
            if edge in self._otherwise:
                self._draft.retarget(*edge, self._otherwise.pop(edge))
            elif len(options_of(self._draft.nodes[edge[0]])) > 1:
                self._draft.remove_option(*edge)
            else:
                return False
        return True

    # Words

    def _labels(self) -> list[str]:
        """What to call the new answer: the clearest words of those who gave it first."""
        said = Counter(
            shorten(self._masker.mask(text.strip()), LABEL_LENGTH)
            for leaving in self._part.members
            if (text := leaving.answer.selected_option or leaving.answer.response) and len(text) <= 2 * LABEL_LENGTH
        )
        texts = sorted(said)
        if not texts:
            return ["Something else"]
        best = texts[clearest(texts, [said[text] for text in texts])]
        return [best, *(text for text, _ in said.most_common())]

    def _remember_answers(self, option_id: str) -> None:
        said = self._draft.answers.setdefault(self._part.node, {}).setdefault(option_id, [])
        answers = [leaving.answer for leaving in self._part.members if leaving.answer.answer][:EXAMPLES]
        said += [(self._masker.mask(answer.answer), says_no(answer)) for answer in answers]

    def _known(self) -> dict[str, list[str]]:
        """Known node -> the mined nodes that are it."""
        found: dict[str, list[str]] = defaultdict(list)
        for mined, name in self._names.items():
            if name in self._base.nodes and self._mined.flow.evidence.get(mined):
                found[name].append(mined)
        return found

    def _learn_prompts(self) -> None:
        for name, nodes in self._known().items():
            said = [text for mined in nodes for text in self._mined.flow.prompt_examples.get(mined, [])]
            self._draft.prompts[name] = list(dict.fromkeys([*self._draft.prompts.get(name, []), *said]))[:PROMPTS]

    def _reword(self) -> None:
        """Give a known node the sessions' wording where none of them uses its own and theirs is clearly another."""
        for name, nodes in self._known().items():
            steps = [step for mined in nodes for step in self._mined.steps_at(mined)]
            sessions = {key for mined in nodes for key in self._mined.sessions_at(mined)}
            if not self._grounds.desk.agrees([self._records[key] for key in sessions], self._grounds.minimum):
                continue
            text = str(self._base.nodes[name]["text"])
            usual = max(nodes, key=lambda mined: (len(self._mined.flow.evidence[mined]), mined))
            wording = str(self._mined.nodes[usual]["text"])
            prompts = [step.prompt for step in steps]
            own = sum(fold(prompt) == fold(text) for prompt in prompts)
            old, new = (
                PromptMatcher([{"id": "old", "text": text}, {"id": "new", "text": wording}], {})
                .likeness(prompts)
                .mean(axis=0)
            )
            if own < OWN_WORDING * len(prompts) and new >= CLEARLY_LIKER * old:
                self._draft.nodes[name]["text"] = wording
                self._draft.prompts[name] = list(dict.fromkeys([*self._draft.prompts.get(name, []), text]))
                for mined in nodes:
                    self._draft.evidence[name] += self._mined.flow.evidence[mined]
