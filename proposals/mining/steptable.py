"""The steps of one topic's sessions as arrays, ready for arithmetic."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proposals.mining.polarity import says_no
from proposals.mining.records import Step
from proposals.mining.transcript import is_pleasantry

# A prompt that comes again in this share of its sessions is a stock phrase ("Did that help?") and
# means something else after each step; below it the technician just went back a step.
STOCK_PHRASE_SHARE = 0.25


@dataclass(frozen=True)
class StepTable:
    """`n` occurrences (one a step of a session, in session order) of `u` units.

    A unit is one wording of a prompt; a stock phrase is one unit for each wording it follows.
    """

    prompts: list[str]  # u texts
    unit: NDArray[np.int64]  # n, the unit of each occurrence
    session: NDArray[np.int64]  # n
    before: NDArray[np.int64]  # n, the previous occurrence in the session, or -1
    after: NDArray[np.int64]  # n, the next one, or -1
    negative: NDArray[np.bool_]  # n, whether the answer says no to the question
    answers: list[str]  # n
    steps: list[Step]  # n

    @property
    def sessions(self) -> int:
        return int(self.session.max()) + 1 if len(self.session) else 0

    def farewells(self) -> NDArray[np.bool_]:
        """(n) whether the occurrence is a farewell that ends its session."""
        return np.array(
            [after < 0 and is_pleasantry(step.prompt)
             for after, step in zip(self.after, self.steps, strict=True)], dtype=bool
        )  # fmt: skip

    def units_by_session(self) -> sparse.csr_matrix:
        """(sessions x u) 1 where the unit occurs in the session."""
        shape = (self.sessions, len(self.prompts))
        found = sparse.csr_matrix((np.ones(len(self.unit), np.float32), (self.session, self.unit)), shape=shape)
        found.data[:] = 1
        return found


def table_of(sessions: Sequence[Sequence[Step]]) -> StepTable:
    """The table of sessions, each a list of the steps that count, in order."""
    steps = [step for session in sessions for step in session]
    session = np.repeat(np.arange(len(sessions)), [len(steps) for steps in sessions])
    first = np.ones(len(steps), bool)
    first[1:] = session[1:] != session[:-1]
    last = np.roll(first, -1) if len(steps) else first
    places = np.arange(len(steps))
    keys = _unit_keys(sessions)
    unit_of: dict[tuple[str, str], int] = {}
    unit = np.array([unit_of.setdefault(key, len(unit_of)) for key in keys], dtype=np.int64)
    return StepTable(
        prompts=[prompt for prompt, _ in unit_of],
        unit=unit,
        session=session.astype(np.int64),
        before=np.where(first, -1, places - 1),
        after=np.where(last, -1, places + 1),
        negative=np.array([says_no(step) for step in steps], dtype=bool),
        answers=[step.answer for step in steps],
        steps=steps,
    )


def _unit_keys(sessions: Sequence[Sequence[Step]]) -> list[tuple[str, str]]:
    """(prompt, previous prompt if the prompt is a stock phrase) of each step."""
    seen: Counter[str] = Counter()
    again: Counter[str] = Counter()
    folded = [[fold(step.prompt) for step in session] for session in sessions]
    for prompts in folded:
        for prompt, times in Counter(prompts).items():
            seen[prompt] += 1
            again[prompt] += times > 1
    stock = {p for p, times in again.items() if times >= STOCK_PHRASE_SHARE * seen[p]}
    return [
        (prompt, before if prompt in stock else "")
        for prompts in folded
        for before, prompt in zip(["", *prompts], prompts, strict=False)
    ]


def fold(text: str) -> str:
    """Texts that differ only in case, spaces or quotes fold to one."""
    return " ".join(text.replace("\u2019", "'").lower().split())
