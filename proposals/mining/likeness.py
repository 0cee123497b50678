"""How alike sessions, and groups of sessions, are in what they are about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proposals.mining.context import Matrix, products
from proposals.mining.records import Record
from proposals.mining.text import piece_features, stems, tfidf
from proposals.mining.transcript import counted_steps, opening_of, problem_of

CLOSE = 0.35  # likeness below which two prompts have nothing in common
ALIKE = 0.45  # likeness of prompts that counts as a match between groups
COMMON = 0.55  # likeness at which a group is said to know a prompt too


@dataclass(frozen=True)
class PromptUse:
    """Distinct prompts of some sessions, who asked them, and how alike they are."""

    found: sparse.csr_matrix  # (sessions x prompts) 1 where the session has the prompt
    first: NDArray[np.int64]  # sessions, the first prompt or -1
    alike: sparse.csr_matrix  # (prompts x prompts) likeness in 0..1, small ones left out

    @classmethod
    def of(cls, records: Sequence[Record]) -> "PromptUse":
        place: dict[str, int] = {}
        rows: list[int] = []
        columns: list[int] = []
        first = []
        for row, record in enumerate(records):
            asked = [place.setdefault(step.prompt, len(place)) for step in counted_steps(record)]
            first.append(asked[0] if asked else -1)
            rows += [row] * len(set(asked))
            columns += sorted(set(asked))
        shape = (len(records), max(1, len(place)))
        found = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
        return cls(found, np.array(first), _alike(list(place) or [""]))

    def likeness(self) -> tuple[Matrix, Matrix]:
        """Soft cosine of the prompts of two sessions (Sidorov et al. 2014), and likeness of
        their first prompts weighted by how rare those are; both (n x n) in 0..1."""
        count = self.found.shape[0]
        close = sparse.csr_matrix(self.alike.multiply(self.alike))
        reach = sparse.csr_matrix(self.found @ close)
        reach.data = np.minimum(reach.data, 1)
        common = np.asarray(reach.sum(axis=0)).ravel()
        rarity = np.maximum(np.log((1 + count) / (1 + common)), 0.01)
        weighted = self.found @ sparse.diags(np.sqrt(rarity))
        shared = np.asarray((weighted @ close @ weighted.T).toarray())
        length = np.sqrt(np.maximum(shared.diagonal(), 1e-9))
        scale = np.sqrt(rarity[self.first]) * (self.first >= 0)
        first = close[self.first][:, self.first].toarray() * np.outer(scale, scale)
        return (
            (shared / length[:, None] / length[None, :]).astype(np.float32),
            (first / np.log(count + 1)).astype(np.float32),
        )

    def first_likeness(self) -> Matrix:
        """(n x n) likeness of the first prompts; 0 where a session has none."""
        asked = (self.first >= 0).astype(np.float32)
        alike = self.alike[self.first][:, self.first].toarray()
        return np.asarray(alike * np.outer(asked, asked), np.float32)

    def containment(self, member: Matrix) -> tuple[Matrix, Matrix]:
        """(k x k) share of group i's prompts that group j also has; prompts that most groups
        have (greetings, farewells) hardly count. And (k) how far the groups' first prompts
        are their own in that sense, in 0..1."""
        uses = member @ self.found
        reach = np.zeros_like(uses)
        for group, row in enumerate(uses):
            asked = np.flatnonzero(row)
            reach[group] = self.alike[asked].max(axis=0).toarray().ravel() if len(asked) else 0
        telling = (1 - (reach > COMMON).mean(axis=0)) ** 2
        weight = uses * telling
        total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
        own_start = member @ (telling[self.first] * (self.first >= 0)) / member.sum(axis=1)
        contained = np.asarray(weight @ np.where(reach > ALIKE, reach, 0).T / total, np.float32)
        return contained, own_start


def _alike(prompts: Sequence[str]) -> sparse.csr_matrix:
    views = [tfidf(prompts, stems), tfidf(prompts, piece_features)]
    stacked = sparse.hstack(views, format="csr") / np.float32(np.sqrt(len(views)))
    alike = sparse.csr_matrix(stacked @ stacked.T)
    alike.data[alike.data < CLOSE] = 0
    alike.eliminate_zeros()
    return alike


def session_likeness(records: Sequence[Record], prompts: PromptUse) -> dict[str, Matrix]:
    """(n x n) likenesses of sessions: the problem, all that was said, how the work opened, the
    prompts, and the first prompt."""
    openings = [opening_of(record) for record in records]
    shared, first = prompts.likeness()
    return {
        "problem": products(tfidf([problem_of(record) for record in records], stems)),
        "all": products(tfidf([_said(record) for record in records], stems)),
        "opening": (
            products(tfidf(openings, stems)) + products(tfidf(openings, piece_features))
        ) / 2,
        "shared": shared,
        "first": first,
    }  # fmt: skip


def _said(record: Record) -> str:
    """All that was said in a session."""
    if record.transcript and not record.steps:
        return " ".join(turn.text for turn in record.transcript)
    told = (f"{step.prompt} {step.response or ''}" for step in record.steps)
    return " ".join([record.problem_summary, *told])


def group_means(likeness: Matrix, member: Matrix) -> Matrix:
    """(k x k) mean likeness between the members of two groups."""
    size = member.sum(axis=1)
    chosen = sparse.csr_matrix(member)  # one entry a column: adding rows up beats multiplying
    total = chosen @ (chosen @ likeness).T
    return np.asarray(total.T / np.outer(size, size), dtype=np.float32)


def relative_likeness(likeness: Matrix, member: Matrix, usual: float, shrink: float) -> Matrix:
    """Mean likeness of two groups' members, relative to that within each: 1 is as alike as if
    they were one (at most 1.5). A member's likeness to itself does not count, and the likeness
    within a small group is shrunk to the `usual` one, which counts as `shrink` pairs."""
    size = member.sum(axis=1)
    means = group_means(likeness, member)
    own = means.diagonal() * size**2 - member @ likeness.diagonal()
    within = (own + shrink * usual) / (size * (size - 1) + shrink)
    scale = np.sqrt(np.maximum(np.outer(within, within), 1e-6))
    return np.asarray(np.minimum(means / scale, 1.5), dtype=np.float32)


def members(groups: NDArray[np.int64]) -> Matrix:
    """(k x n) 1 where item n is in group k."""
    return np.eye(int(groups.max()) + 1, dtype=np.float32)[:, groups]
