"""Where prompts stand in their sessions: what came before, how that was answered, what follows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proposals.mining.steptable import StepTable, fold
from proposals.mining.text import all_stems, tfidf, unit_rows, word_features

Matrix = NDArray[np.floating[Any]]

Answer = tuple[str, bool]  # what was said, and whether it said no to its question


@dataclass(frozen=True)
class Context:
    """Rows are the u units of a step table; shares are of a unit's occurrences."""

    before_yes: sparse.csr_matrix  # (u x u) share preceded by unit j, answered yes
    before_no: sparse.csr_matrix
    after: sparse.csr_matrix  # (u x u) share followed by unit j, other than a farewell
    picks: Matrix  # (u x u) likeness of the options picked before, 1 where none were
    answers: Matrix  # (u x u) likeness of the answers that came before, by words and pairs
    answer_words: Matrix  # (u x u) the same with glue words
    starts: Matrix  # u, share of occurrences that begin a session
    ends: Matrix  # ends one, but for a farewell

    @classmethod
    def of(cls, table: StepTable, farewell: NDArray[np.bool_]) -> "Context":
        """`farewell`: the occurrences that are to count as the end of their session."""
        size = len(table.prompts)
        total = np.bincount(table.unit, minlength=size).astype(np.float32)
        later = np.flatnonzero(table.before >= 0)
        here, there = table.unit[later], table.unit[table.before[later]]
        no = table.negative[table.before[later]]

        def shares(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> sparse.csr_matrix:
            ones = np.ones(len(rows), np.float32)
            counts = sparse.csr_matrix((ones, (rows, columns)), shape=(size, size))
            return sparse.csr_matrix(sparse.diags(1 / total) @ counts)

        goes_on = ~farewell[later]
        starting = np.bincount(table.unit[table.before < 0], minlength=size)
        ends = (table.after < 0) | farewell[table.after]
        ending = np.bincount(table.unit[ends], minlength=size)
        return cls(
            before_yes=shares(here[~no], there[~no]),
            before_no=shares(here[no], there[no]),
            after=shares(there[goes_on], here[goes_on]),
            picks=_picks_before(table),
            answers=_answers_before(table, _sided_words),
            answer_words=_answers_before(table, _all_words),
            starts=(starting / total).astype(np.float32),
            ends=(ending / total).astype(np.float32),
        )

    def likeness(self, same: Matrix) -> dict[str, Matrix]:
        """Likenesses (u x u) of contexts, given the chance that two units are one node."""
        preceded = sandwich(self.before_yes + self.before_no, same)
        return {
            "preceded": preceded,
            "before": self.picks * (sandwich(self.before_yes, same) + sandwich(self.before_no, same)),
            "answer": preceded * self.answers,
            "answer_words": preceded * self.answer_words,
            "after": sandwich(self.after, same),
            "starts": np.outer(self.starts, self.starts),
            "ends": np.outer(self.ends, self.ends),
        }


def _picks_before(table: StepTable) -> Matrix:
    """Cosine of the options that were picked just before each two units; 1 as far as none were."""
    label: dict[str, int] = {}
    rows, columns = [], []
    for unit, before in zip(table.unit.tolist(), table.before.tolist(), strict=True):
        option = table.steps[before].selected_option if before >= 0 else None
        if option:
            rows.append(unit)
            columns.append(label.setdefault(fold(option), len(label)))
    size = len(table.prompts)
    ones = np.ones(len(rows), np.float32)
    picks = sparse.csr_matrix((ones, (rows, columns)), shape=(size, max(1, len(label))))
    share = np.bincount(rows, minlength=size) / np.bincount(table.unit, minlength=size)
    return np.asarray(1 - np.outer(share, share) * (1 - products(unit_rows(picks))), np.float32)


def _answers_before(table: StepTable, features: Callable[[Answer], list[str]]) -> Matrix:
    """Likeness of the answers that were given just before each two units."""
    place: dict[Answer, int] = {}
    said = [
        place.setdefault(
            (table.answers[before], bool(table.negative[before])) if before >= 0 else ("", False),
            len(place),
        )
        for before in table.before
    ]
    rows = tfidf(list(place), features)
    ones = np.ones(len(said), np.float32)
    total = sparse.csr_matrix((ones, (table.unit, said)), shape=(len(table.prompts), len(place)))
    return products(unit_rows(sparse.csr_matrix(total @ rows)))


def _sided_words(answer: Answer) -> list[str]:
    """Words and pairs, each also as the word of a yes or of a no: "it is not green" shares its
    words with "it is green" and yet is far from it."""
    found = word_features(answer[0])
    return found + [f"{answer[1]} {word}" for word in found]


def _all_words(answer: Answer) -> list[str]:
    return all_stems(answer[0])


def products(rows: sparse.csr_matrix) -> Matrix:
    """rows @ rows.T, dense."""
    return np.asarray((rows @ rows.T).toarray(), dtype=np.float32)


def sandwich(shares: sparse.csr_matrix, same: Matrix) -> Matrix:
    """shares @ same @ shares.T, dense."""
    return np.asarray((shares @ (shares @ same).T).T, dtype=np.float32)
