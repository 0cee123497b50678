"""Which published flows could fit a session."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from proposals.mining.examples import FlowSource
from proposals.mining.records import Record
from proposals.mining.text import stems, unit_rows
from proposals.mining.transcript import counted_steps, problem_of

Key = TypeVar("Key", bound=Hashable)

PER_NODE = 5  # wordings of a node that count


class FlowIndex(Generic[Key]):
    """Flows by the words of their problems and prompts; scores in 0..1."""

    def __init__(self, flows: Mapping[Key, FlowSource]) -> None:
        self.keys = list(flows)
        problems = [_problems(flow) for flow in flows.values()]
        prompts = [_prompts(flow) for flow in flows.values()]
        self._vectorizer = CountVectorizer(analyzer=stems, dtype=np.float32)
        self._vectorizer.fit([*problems, *prompts, "unknown"])
        counts = self._vectorizer.transform([f"{a} {b}" for a, b in zip(problems, prompts, strict=True)])
        df = np.bincount(counts.indices, minlength=counts.shape[1])
        self._rarity = np.log((1 + len(self.keys)) / (1 + df)) + 0.3
        self._problems = self._weigh(problems)
        self._prompts = self._weigh(prompts)

    def _weigh(self, texts: Sequence[str]) -> sparse.csr_matrix:
        counts = self._vectorizer.transform(texts)
        counts.data = 1 + np.log(counts.data)
        return unit_rows(sparse.csr_matrix(counts @ sparse.diags(self._rarity)))

    def match(self, record: Record, limit: int = 5) -> list[tuple[Key, float]]:
        """The likeliest flows for a session, best first, at most `limit`."""
        return self.match_many([record], limit)[0]

    def match_many(self, records: Sequence[Record], limit: int = 5) -> list[list[tuple[Key, float]]]:
        """`match` for many sessions at once."""
        if not self.keys:
            return [[] for _ in records]
        said = self._weigh([problem_of(record) for record in records])
        asked = self._weigh([" ".join(step.prompt for step in counted_steps(record)) for record in records])
        problem = (said @ (self._problems + self._prompts).T).toarray()
        scores = 0.2 * problem + 0.6 * (asked @ self._prompts.T).toarray()
        answers = []
        for row in np.clip(scores, 0, 1):
            order = np.argsort(-row, kind="stable")[:limit]
            answers.append([(self.keys[k], float(row[k])) for k in order if row[k] > 0])
        return answers


def _problems(flow: FlowSource) -> str:
    return " ".join([flow.about, *(flow.examples.problems if flow.examples else ())])


def _prompts(flow: FlowSource) -> str:
    known = flow.examples.prompts if flow.examples else {}
    texts = []
    for node in flow.definition["nodes"]:
        texts.append(str(node["text"]))
        texts += known.get(str(node["id"]), [])[:PER_NODE]
    return " ".join(texts)
