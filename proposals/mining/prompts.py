"""Recognising a flow's prompts in what technicians asked."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from proposals.mining.steptable import fold
from proposals.mining.text import piece_features, stems, unit_rows

PER_NODE = 40  # wordings compared


class PromptMatcher:
    """How like each node's wordings a prompt is."""

    def __init__(self, nodes: Sequence[Mapping[str, Any]], examples: Mapping[str, Sequence[str]]) -> None:
        self.ids = [str(node["id"]) for node in nodes]
        self.place = {node_id: place for place, node_id in enumerate(self.ids)}
        texts: list[str] = []
        owner: list[int] = []
        self._exact: dict[str, set[int]] = {}
        for place, node in enumerate(nodes):
            said = [str(node["text"]), *examples.get(self.ids[place], ())][: PER_NODE + 1]
            for text in dict.fromkeys(said):
                texts.append(text)
                owner.append(place)
                self._exact.setdefault(fold(text), set()).add(place)
        self._views = [_View(texts, features) for features in (stems, piece_features)]
        self._first = np.searchsorted(np.array(owner), np.arange(len(self.ids)))

    def likeness(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """(prompts x nodes) likeness in 0..1: the best of a node's wordings."""
        if not prompts:
            return np.zeros((0, len(self.ids)))
        pairs = sum(view.likeness(prompts) for view in self._views) / len(self._views)
        best = np.maximum.reduceat(np.asarray(pairs), self._first, axis=1)
        for row, prompt in enumerate(prompts):
            for place in self._exact.get(fold(prompt), ()):
                best[row, place] = 1.0
        return best


class _View:
    def __init__(self, texts: Sequence[str], features: Any) -> None:
        self._vectorizer = CountVectorizer(analyzer=features, dtype=np.float32)
        counts = self._vectorizer.fit_transform([*texts, "unknown"])[:-1]
        df = np.bincount(counts.indices, minlength=counts.shape[1])
        self._rarity = np.log((1 + counts.shape[0]) / (1 + df)) + 1
        self._rows = self._weigh(counts)

    def _weigh(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        counts = counts.copy()
        counts.data = (1 + np.log(counts.data)) * self._rarity[counts.indices]
        return unit_rows(counts)

    def likeness(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        rows = self._weigh(self._vectorizer.transform(prompts))
        return np.asarray((rows @ self._rows.T).toarray())
