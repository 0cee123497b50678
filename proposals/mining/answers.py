"""Reading an answer: which option of a node it picks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from proposals.mining.polarity import says_no, says_yes_or_no
from proposals.mining.records import Step
from proposals.mining.steptable import fold
from proposals.mining.text import negations, stem, stems, unit_rows, words

AnswerExample = tuple[str, bool]  # what was said, and whether it said no to its question

RIDGE = 0.5
LIKE_EXAMPLE = 0.5  # share of an example's words that an answer outside the shown options must hold
MARGIN = 0.02  # between the best two options (scores -1..1) below which an answer stays unread


class AnswerReader:
    """Reads the answers to one node. Examples come from sessions whose next step told the
    option; without any, the options' labels are all there is to go by."""

    def __init__(
        self,
        options: Sequence[Mapping[str, Any]],
        examples: Mapping[str, Sequence[AnswerExample]] | None = None,
    ) -> None:
        self._labels = {str(option["id"]): str(option["label"]) for option in options}
        self._ids = list(self._labels)
        known = {i: list((examples or {}).get(i, ())) for i in self._ids}
        self._seen: dict[tuple[str, bool], Counter[str]] = {}
        for option_id, said in known.items():
            for text, negative in said:
                self._seen.setdefault((fold(text), negative), Counter())[option_id] += 1
        self._texts = {i: [self._labels[i], *(text for text, _ in said)] for i, said in known.items()}
        self._known = known
        self._read: dict[tuple[str, str | None, bool], str | None] = {}

    @cached_property
    def _learned(self) -> "_Ridge | None":
        """Learned when first needed: most nodes of most flows never are."""
        return _Ridge(self._known, self._labels) if all(self._known.values()) else None

    def read(self, step: Step) -> str | None:
        """The id of the option that the step's answer picks, or None if it cannot be told."""
        if step.options and not step.selected_option and step.kind == "question":
            return self._not_shown(step)
        if not step.answer:
            return self._ids[0] if len(self._ids) == 1 and step.kind != "question" else None
        asked = (step.answer, step.selected_option, says_no(step))
        if asked not in self._read:
            self._read[asked] = self._decide(step)
        return self._read[asked]

    def _decide(self, step: Step) -> str | None:
        exact = self._exact(step)
        if exact is not None:
            return exact
        if step.selected_option and not step.response and self._learned is None:
            return self._by_picked(step.selected_option)
        if len(self._ids) == 1:
            return self._ids[0] if self._only_fits(step) else None
        if self._learned is not None:
            return self._learned.choose(step)
        return self._by_label(step.answer, says_no(step))

    def _exact(self, step: Step) -> str | None:
        """The option whose label, or whose example alone, is the answer word for word."""
        negative = says_no(step)
        for said in (step.selected_option, step.response, step.answer):
            folded = fold(said or "")
            for option_id, label in self._labels.items():
                if folded and fold(label) == folded:
                    return option_id
            seen = self._seen.get((folded, negative))
            if seen:
                (best, times), *others = seen.most_common(2)
                if not others or others[0][1] < times:
                    return best
        return None

    def _not_shown(self, step: Step) -> str | None:
        """Options were shown and none was picked: only one that was not shown yet can be meant."""
        shown = {fold(label) for label in step.options}
        said = set(stems(step.answer))
        scores = {
            option_id: max((_overlap(said, set(stems(text))) for text in self._texts[option_id]), default=0.0)
            for option_id, label in self._labels.items()
            if fold(label) not in shown
        }
        best = max(scores, key=scores.__getitem__, default=None)
        return best if best is not None and scores[best] >= LIKE_EXAMPLE else None

    def _only_fits(self, step: Step) -> bool:
        """Whether the one option may stand: not if another was picked, nor for the opposite."""
        label = self._labels[self._ids[0]]
        if step.selected_option:
            return bool(set(stems(step.selected_option)) & set(stems(label)))
        return says_no(step) == (negations(label) > 0) or fold(label) not in ("yes", "no")

    def _by_label(self, answer: str, negative: bool) -> str | None:
        """By words shared with the labels, else by yes and no."""
        said = set(stems(answer))
        shared = {i: _overlap(said, set(stems(label))) for i, label in self._labels.items()}
        ranked = sorted(self._ids, key=lambda i: -shared[i])
        if shared[ranked[0]] > 0 and (len(ranked) == 1 or shared[ranked[1]] < shared[ranked[0]]):
            return ranked[0]
        agreeing = [i for i, label in self._labels.items() if (negations(label) > 0) == negative]
        return agreeing[0] if len(agreeing) == 1 else None

    def _by_picked(self, label: str) -> str | None:
        """A picked option stands for itself: it is never guessed from yes and no unless it says so."""
        found = self._by_label(label, negations(label) > 0)
        if found is None or set(stems(label)) & set(stems(self._labels[found])) or says_yes_or_no(label):
            return found
        return None


def _overlap(said: set[str], label: set[str]) -> float:
    return len(said & label) / len(label) if label else 0.0


class _Ridge:
    """Least-squares classifier with one output an option (ridge regression in its dual form;
    Saunders, Gammerman, Vovk 1998): words and word pairs, polarity, a constant."""

    def __init__(self, known: Mapping[str, Sequence[AnswerExample]], labels: Mapping[str, str]) -> None:
        self._ids = list(known)
        said = [
            (place, text, negative)
            for place, option_id in enumerate(self._ids)
            for text, negative in (
                *dict.fromkeys(known[option_id]),
                (labels[option_id], negations(labels[option_id]) > 0),
            )
        ]
        owner = np.array([place for place, _, _ in said])
        self._vectorizer = CountVectorizer(analyzer=_features, binary=True, dtype=np.float32)
        counts = self._vectorizer.fit_transform([*(text for _, text, _ in said), "answer"])[:-1]
        df = np.bincount(counts.indices, minlength=counts.shape[1])
        self._rarity = np.log((1 + len(said)) / (1 + df)) + 1
        rows = self._rows(counts, [negative for _, _, negative in said])
        share = np.bincount(owner, minlength=len(self._ids))[owner] * len(self._ids) / len(said)
        kernel = (rows @ rows.T).toarray() + RIDGE * np.diag(share)
        wanted = np.where(owner[:, None] == np.arange(len(self._ids)), 1.0, -1.0)
        self._weights: NDArray[np.float64] = rows.T @ np.linalg.solve(kernel, wanted)

    def _rows(self, counts: sparse.csr_matrix, negative: Sequence[bool]) -> sparse.csr_matrix:
        texts = unit_rows(sparse.csr_matrix(counts @ sparse.diags(self._rarity)))
        sides = np.where(np.array(negative), 1.0, -1.0)
        extra = sparse.csr_matrix(np.column_stack([sides, np.ones(len(sides))]))
        return sparse.csr_matrix(sparse.hstack([texts, extra]))

    def choose(self, step: Step) -> str | None:
        row = self._rows(self._vectorizer.transform([step.answer]), [says_no(step)])
        scores = np.asarray(row @ self._weights).ravel()
        order = np.argsort(-scores, kind="stable")
        return self._ids[order[0]] if scores[order[0]] - scores[order[1]] >= MARGIN else None


def _features(text: str) -> list[str]:
    """Stems, glue words included (an answer may hold nothing else), and pairs of them."""
    found = [stem(word) for word in words(text)]
    return found + [f"{a} {b}" for a, b in pairwise(found)]
