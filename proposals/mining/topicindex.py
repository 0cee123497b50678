"""Which known topic a new session belongs to."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from proposals.mining.records import Record
from proposals.mining.text import stems, unit_rows
from proposals.mining.transcript import problem_of, steps_of

Key = TypeVar("Key", bound=Hashable)

BELONGS = 0.5  # of the median likeness of the topic's own sessions to it
PER_TOPIC = 60  # sessions that a topic is known by


class TopicIndex(Generic[Key]):
    """Nearest topic by the words of the problem, the first prompts and the whole session."""

    def __init__(self, topics: Mapping[Key, Sequence[Record]]) -> None:
        self.keys = list(topics)
        samples = [_spread(records) for records in topics.values()]
        owner = np.repeat(np.arange(len(samples)), [len(sample) for sample in samples])
        self._views = _Views([record for sample in samples for record in sample])
        rows = self._views.rows
        size = np.maximum(np.bincount(owner, minlength=len(samples)), 1)
        member = sparse.csr_matrix((1 / size[owner], (owner, np.arange(len(owner)))), shape=(len(samples), len(owner)))
        means = sparse.csr_matrix(member @ rows)
        self._centres = unit_rows(means)
        own = np.asarray((rows.multiply(self._centres[owner])).sum(axis=1)).ravel()
        self._needed = np.array(
            [BELONGS * np.median(own[owner == k]) if (owner == k).any() else np.inf
             for k in range(len(samples))]
        )  # fmt: skip

    def assign(self, records: Sequence[Record]) -> list[tuple[Key | None, float]]:
        """The topic of each record and how like it is (0..1); None where no topic fits."""
        if not self.keys or not records:
            return [(None, 0.0) for _ in records]
        answers: list[tuple[Key | None, float]] = []
        for start in range(0, len(records), 2000):
            likeness = self._views.of(records[start : start + 2000]) @ self._centres.T
            answers += self._nearest(np.asarray(likeness.toarray()))
        return answers

    def _nearest(self, likeness: NDArray[np.float64]) -> list[tuple[Key | None, float]]:
        margin = likeness / np.maximum(self._needed, 1e-9)
        best = margin.argmax(axis=1)
        fits = margin[np.arange(len(best)), best] >= 1
        return [
            (self.keys[k] if ok else None, float(likeness[row, k]))
            for row, (k, ok) in enumerate(zip(best, fits, strict=True))
        ]


def _spread(records: Sequence[Record]) -> list[Record]:
    places = np.unique(np.linspace(0, len(records) - 1, PER_TOPIC).astype(int)) if records else []
    return [records[i] for i in places]


class _Views:
    """Sessions as rows: problem, first prompts and whole text side by side, rare words heavy."""

    SHARES = {"problem": 0.35, "opening": 0.25, "whole": 0.4}

    def __init__(self, records: Sequence[Record]) -> None:
        self._vectorizer = CountVectorizer(analyzer=stems, dtype=np.float32)
        texts = [_texts(record) for record in records]
        try:
            counts = self._vectorizer.fit_transform([whole for _, _, whole in texts])
        except ValueError:
            counts = self._vectorizer.fit_transform(["nothing said"])
        df = np.bincount(counts.indices, minlength=counts.shape[1])
        self._rarity = np.log((1 + counts.shape[0]) / (1 + df)) + 0.01
        self.rows = self._join(texts)

    def of(self, records: Sequence[Record]) -> sparse.csr_matrix:
        return self._join([_texts(record) for record in records])

    def _join(self, texts: Sequence[tuple[str, str, str]]) -> sparse.csr_matrix:
        parts = []
        for view, share in enumerate(self.SHARES.values()):
            counts = self._vectorizer.transform([text[view] for text in texts])
            counts.data = 1 + np.log(counts.data)
            weighted = unit_rows(sparse.csr_matrix(counts @ sparse.diags(self._rarity)))
            parts.append(weighted * np.sqrt(share))
        return sparse.csr_matrix(sparse.hstack(parts))


def _texts(record: Record) -> tuple[str, str, str]:
    steps = [step for step in steps_of(record) if step.kind not in ("help", "note")]
    problem = problem_of(record)
    opening = " ".join(step.prompt for step in steps[:2])
    whole = " ".join([problem, *(f"{step.prompt} {step.response or ''}" for step in steps)])
    return problem, opening, whole
