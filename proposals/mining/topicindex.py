"""Which known topic a new session belongs to."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from proposals.mining.records import Record
from proposals.mining.text import stems, unit_rows
from proposals.mining.transcript import counted_steps, opening_of, problem_of

Key = TypeVar("Key", bound=Hashable)

BELONGS = 0.5  # of the median likeness of the topic's own sessions to it
NEARLY, CLEARLY = 0.6, 1.5  # share of that which is enough when the next topic is so much farther
PER_TOPIC = 60  # sessions that a topic is known by
PER_SKETCH = 16  # of them that are kept with a large topic
AT_ONCE = 2000
SHARES = (0.35, 0.25, 0.4)  # of the problem, the opening prompt and the whole session


@dataclass(frozen=True, slots=True)
class Exemplar:
    """What of a session tells its topic: stems of the problem, of the opening prompt and of all prompts."""

    key: str
    problem: str
    opening: str
    prompts: str

    @classmethod
    def of(cls, record: Record) -> "Exemplar":
        problem, opening, prompts = _record_stems(record)
        return cls(record.key, " ".join(problem), " ".join(opening), " ".join(prompts))

    def to_json(self) -> list[str]:
        return [self.key, self.problem, self.opening, self.prompts]


def sketch(exemplars: Iterable[Exemplar]) -> list[Exemplar]:
    """At most PER_SKETCH of them: those whose keys hash lowest.

    That is an even sample whatever order they come in, and it can be kept up to date without the rest (bottom-k
    sampling; Cohen and Kaplan 2007). Of two with one key the later counts.
    """
    by_key = {exemplar.key: exemplar for exemplar in exemplars}
    return sorted(by_key.values(), key=lambda exemplar: _rank(exemplar.key))[:PER_SKETCH]


def _rank(key: str) -> tuple[bytes, str]:
    return blake2b(key.encode(), digest_size=8).digest(), key


class TopicIndex(Generic[Key]):
    """Nearest topic by the words of the problem, the opening prompt and the whole session.

    A topic is known by sessions or by what was kept of them.
    """

    def __init__(self, topics: Mapping[Key, Sequence[Record | Exemplar]]) -> None:
        self.keys = list(topics)
        samples = [_spread(records) for records in topics.values()]
        owner = np.repeat(np.arange(len(samples)), [len(sample) for sample in samples])
        self._views = _Views([record for sample in samples for record in sample])
        rows = self._views.rows
        size = np.maximum(np.bincount(owner, minlength=len(samples)), 1)
        shape = (len(samples), len(owner))
        member = sparse.csr_matrix((1 / size[owner], (owner, np.arange(len(owner)))), shape=shape)
        self._centres = unit_rows(sparse.csr_matrix(member @ rows))
        own = np.asarray(rows.multiply(self._centres[owner]).sum(axis=1)).ravel()
        self._needed = np.array(
            [BELONGS * np.median(own[owner == k]) if (owner == k).any() else np.inf for k in range(len(samples))]
        )

    def assign(self, records: Sequence[Record]) -> list[tuple[Key | None, float]]:
        """The topic of each record and how like it is (0..1); None where no topic fits."""
        if not self.keys:
            return [(None, 0.0) for _ in records]
        answers: list[tuple[Key | None, float]] = []
        for start in range(0, len(records), AT_ONCE):
            likeness = self._views.of(records[start : start + AT_ONCE]) @ self._centres.T
            answers += self._nearest(np.asarray(likeness.toarray()))
        return answers

    def candidates(self, records: Sequence[Record], limit: int, least: float) -> list[list[Key]]:
        """The topics of each record, nearest first, that it is like by at least `least` of what belonging needs."""
        if not self.keys or not records:
            return [[] for _ in records]
        likeness = np.asarray((self._views.of(records) @ self._centres.T).toarray())
        margin = likeness / np.maximum(self._needed, 1e-9)
        order = np.argsort(-margin, axis=1, kind="stable")[:, :limit]
        return [[self.keys[k] for k in places if row[k] >= least] for row, places in zip(margin, order, strict=True)]

    def likest(self, sample: Sequence[Record | Exemplar]) -> list[tuple[Key, float]]:
        """The topics by how like a sample of another topic's sessions is to them, the likest first.

        1.0 is what belonging to the topic needs; it is the median of the sample that counts.
        """
        if not self.keys or not sample:
            return []
        likeness = np.asarray((self._views.of(sample) @ self._centres.T).toarray())
        margin = np.median(likeness / np.maximum(self._needed, 1e-9), axis=0)
        order = np.argsort(-margin, kind="stable")
        return [(self.keys[k], float(margin[k])) for k in order]

    def _nearest(self, likeness: NDArray[np.float64]) -> list[tuple[Key | None, float]]:
        margin = likeness / np.maximum(self._needed, 1e-9)
        best = margin.argmax(axis=1)
        first = margin[np.arange(len(best)), best]
        second = np.sort(margin, axis=1)[:, -2] if margin.shape[1] > 1 else np.zeros(len(best))
        fits = (first >= 1) | ((first >= NEARLY) & (first >= CLEARLY * second))
        return [
            (self.keys[k] if ok else None, float(likeness[row, k]))
            for row, (k, ok) in enumerate(zip(best, fits, strict=True))
        ]


def _spread(records: Sequence[Record | Exemplar]) -> list[Record | Exemplar]:
    if len(records) <= PER_TOPIC:
        return list(records)
    return [records[int(i)] for i in np.linspace(0, len(records) - 1, PER_TOPIC)]


class _Views:
    """Sessions as rows: problem, opening prompt and whole session side by side, rare words heavy."""

    def __init__(self, records: Sequence[Record | Exemplar]) -> None:
        self._vectorizer = CountVectorizer(analyzer=list, dtype=np.float32)
        texts = [_stems(record) for record in records]
        counts = self._vectorizer.fit_transform([[""], *(whole for _, _, whole in texts)])[1:]
        df = np.bincount(counts.indices, minlength=counts.shape[1])
        self._rarity = sparse.diags(np.log((1 + counts.shape[0]) / (1 + df)) + 0.01)
        self.rows = self._join(texts)

    def of(self, records: Sequence[Record | Exemplar]) -> sparse.csr_matrix:
        return self._join([_stems(record) for record in records])

    def _join(self, texts: Sequence[tuple[list[str], ...]]) -> sparse.csr_matrix:
        parts = []
        for view, share in enumerate(SHARES):
            counts = self._vectorizer.transform([text[view] for text in texts])
            counts.data = 1 + np.log(counts.data)
            parts.append(unit_rows(sparse.csr_matrix(counts @ self._rarity)) * np.sqrt(share))
        return sparse.csr_matrix(sparse.hstack(parts))


def _stems(session: Record | Exemplar) -> tuple[list[str], ...]:
    """Problem, opening, whole session."""
    if isinstance(session, Exemplar):
        problem, opening, prompts = (text.split() for text in (session.problem, session.opening, session.prompts))
    else:
        problem, opening, prompts = _record_stems(session)
    return problem, opening, problem + prompts


def _record_stems(record: Record) -> tuple[list[str], list[str], list[str]]:
    prompts = [stem for step in counted_steps(record) for stem in _prompt_stems(step.prompt)]
    return stems(problem_of(record)), list(_prompt_stems(opening_of(record))), prompts


@lru_cache(maxsize=50_000)
def _prompt_stems(prompt: str) -> tuple[str, ...]:
    """Prompts come again and again."""
    return tuple(stems(prompt))
