"""Which flows could answer a problem that somebody has just told in words, before anything was asked."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from proposals.mining.examples import FlowSource
from proposals.mining.text import stem, stems, unit_rows, words

Key = TypeVar("Key", bound=Hashable)

MOST_PROBLEMS = 60  # of the sessions a flow was made from
OF_NODES = 0.3  # weight of a word that only the flow's steps say, against one of its problems
USUAL = 0.35  # likeness that a problem needs to a flow that no session has told a problem of
LEAST_NEEDED = 0.15
SHOWN = 4


@dataclass(frozen=True, slots=True)
class ProblemMatch(Generic[Key]):
    """`fit` in 0..1: 1 is as like as the flow's own sessions are; `shared` are the problem's words that count most."""

    key: Key
    fit: float
    shared: tuple[str, ...]


class ProblemIndex(Generic[Key]):
    """Flows by the problems of the sessions they were made from, their titles, and a little by what their steps say."""

    def __init__(self, flows: Mapping[Key, FlowSource]) -> None:
        self.keys = list(flows)
        told = [_problems(flow) for flow in flows.values()]
        steps = [_steps(flow) for flow in flows.values()]
        self._vectorizer = CountVectorizer(analyzer=stems, dtype=np.float32)
        self._vectorizer.fit([*(text for texts in told for text in texts), *steps, "unknown"])
        df = np.zeros(len(self._vectorizer.vocabulary_))
        for texts, step in zip(told, steps, strict=True):
            df[np.unique(self._vectorizer.transform([*texts, step]).indices)] += 1
        self._rarity = np.log((1 + len(self.keys)) / (1 + df)) + 0.3
        self._names = self._vectorizer.get_feature_names_out()
        rows = [self._weigh(texts) for texts in told]
        spoken = self._weigh(steps) if steps else sparse.csr_matrix((0, len(self._names)))
        centres = [unit_rows(sparse.csr_matrix(row.sum(axis=0))) for row in rows]
        mixed = [centre + OF_NODES * spoken[i] for i, centre in enumerate(centres)]
        self._centres = unit_rows(sparse.csr_matrix(sparse.vstack(mixed))) if mixed else spoken
        self._needed = np.array([_needed(row, self._centres[i]) for i, row in enumerate(rows)])

    def match(self, problem: str, limit: int = 5) -> list[ProblemMatch[Key]]:
        """The likeliest flows for a problem, best first, at most `limit`; those that share nothing are left out."""
        if not self.keys:
            return []
        row = self._weigh([problem])
        likeness = np.asarray((row @ self._centres.T).toarray()).ravel()
        fits = np.clip(likeness / self._needed, 0, 1)
        order = np.lexsort((-likeness, -fits))[:limit]
        said = {stem(word): word for word in reversed(words(problem))}
        found = [k for k in order if likeness[k] > 0]
        return [ProblemMatch(self.keys[k], float(fits[k]), self._shared(row, k, said)) for k in found]

    def _weigh(self, texts: Sequence[str]) -> sparse.csr_matrix:
        counts = self._vectorizer.transform(texts)
        counts.data = 1 + np.log(counts.data)
        return unit_rows(sparse.csr_matrix(counts @ sparse.diags(self._rarity)))

    def _shared(self, row: sparse.csr_matrix, place: int, said: Mapping[str, str]) -> tuple[str, ...]:
        weights = np.asarray(row.multiply(self._centres[place]).toarray()).ravel()
        best = np.argsort(-weights, kind="stable")[:SHOWN]
        return tuple(said.get(str(self._names[k]), str(self._names[k])) for k in best if weights[k] > 0)


def _problems(flow: FlowSource) -> list[str]:
    told = flow.examples.problems[:MOST_PROBLEMS] if flow.examples else []
    return [flow.about, *told]


def _steps(flow: FlowSource) -> str:
    return " ".join(str(node["text"]) for node in flow.definition["nodes"])


def _needed(rows: sparse.csr_matrix, centre: sparse.csr_matrix) -> float:
    """The likeness that counts as a full fit: the median of the flow's own problems, its title apart."""
    own = np.asarray((rows @ centre.T).toarray()).ravel()[1:]
    return max(LEAST_NEEDED, float(np.median(own))) if len(own) else USUAL
