"""Placing the steps of further sessions on nodes that were found in a sample of them."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from proposals.mining.prompts import PromptMatcher
from proposals.mining.records import Step
from proposals.mining.steptable import StepTable, fold

NEAR = 0.35  # likeness to a node's prompts that places a wording never seen before
FOLLOWS = 0.15  # likeness that a node gains where it usually comes next


class Placer:
    """Knows the nodes of a step table; `nodes` has the node of each occurrence."""

    def __init__(self, table: StepTable, nodes: NDArray[np.int64]) -> None:
        self._by_text: dict[str, Counter[int]] = defaultdict(Counter)
        self._after: dict[int, Counter[int]] = defaultdict(Counter)
        wordings: dict[int, dict[str, None]] = defaultdict(dict)
        for place, node in enumerate(nodes.tolist()):
            prompt = fold(table.steps[place].prompt)
            self._by_text[prompt][node] += 1
            wordings[node][prompt] = None
            if table.before[place] >= 0:
                self._after[int(nodes[table.before[place]])][node] += 1
        self._known = sorted(wordings)
        self._matcher = PromptMatcher(
            [{"id": str(node), "text": next(iter(wordings[node]))} for node in self._known],
            {str(node): list(texts) for node, texts in wordings.items()},
        )

    def place(self, sessions: Sequence[Sequence[Step]]) -> list[list[tuple[int, Step]]]:
        """(node, step) of each step that fits a node, session by session."""
        prompts = dict.fromkeys(fold(step.prompt) for session in sessions for step in session)
        unseen = [prompt for prompt in prompts if prompt not in self._by_text]
        strange = {prompt: row for row, prompt in enumerate(unseen)}
        likeness = self._matcher.likeness(unseen)
        placed = []
        for session in sessions:
            walk: list[tuple[int, Step]] = []
            for step in session:
                before = walk[-1][0] if walk else None
                row = strange.get(fold(step.prompt))
                node = (
                    self._known_node(fold(step.prompt), before) if row is None else self._nearest(likeness[row], before)
                )
                if node is not None:
                    walk.append((node, step))
            placed.append(walk)
        return placed

    def _known_node(self, prompt: str, before: int | None) -> int:
        nodes = self._by_text[prompt]
        usual = self._after.get(before, Counter()) if before is not None else Counter[int]()
        return max(nodes, key=lambda node: (usual[node] > 0, nodes[node], -node))

    def _nearest(self, likeness: NDArray[np.float64], before: int | None) -> int | None:
        scores = likeness.copy()
        for node in self._after.get(before, ()) if before is not None else ():
            scores[self._matcher.place[str(node)]] += FOLLOWS
        best = int(scores.argmax())
        return self._known[best] if scores[best] >= NEAR else None
