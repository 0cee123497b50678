"""Which sessions are about the same problem.

Sessions of a sample are compared pair by pair on what the user said, what was asked, and how the
work began; sure groups come first, then groups join when the prompts of one are those of the other
(branches of one tree share its trunk). Prompts that turn up in most groups, greetings and farewells,
say nothing about the topic and do not count. The rest of the sessions go to the nearest group.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from proposals.mining.linkage import average_linkage
from proposals.mining.records import Record
from proposals.mining.text import piece_features, stems, tfidf
from proposals.mining.topicindex import TopicIndex
from proposals.mining.transcript import problem_of, steps_of

__all__ = ["TopicIndex", "group_topics"]

SAMPLE = 700  # sessions compared pair by pair at once

# Log odds of one topic per unit of likeness (logistic regression on pairs of sessions, rounded).
WEIGHTS = {"problem": 10.0, "user": 4.0, "all": 10.0, "shared": 4.0, "first": 13.0}
BIAS = -5.0
SURE = 0.0  # mean log odds that make a sure group
TRUNK_WEIGHT = 4.0  # log odds for groups of which one is wholly contained in the other
JOIN_ABOVE = -0.3
SMALL = 4  # sessions
ALIKE = 0.45  # likeness of prompts that counts as a match between groups


def group_topics(records: Sequence[Record]) -> list[list[int]]:
    """Positions of the records, grouped by topic, each group and the list of groups in order."""
    left = np.arange(len(records))
    groups: list[list[int]] = []
    while len(left):
        sample = left[np.unique(np.linspace(0, len(left) - 1, SAMPLE).astype(int))]
        labels = _group_sample([records[i] for i in sample])
        found = [sample[labels == k].tolist() for k in range(labels.max() + 1)]
        rest = np.setdiff1d(left, sample)
        if len(rest):
            index = TopicIndex({k: [records[i] for i in group] for k, group in enumerate(found)})
            for i, (key, _) in zip(rest, index.assign([records[i] for i in rest]), strict=True):
                if key is not None:
                    found[key].append(int(i))
        groups += found
        left = np.setdiff1d(rest, np.concatenate([np.array(group) for group in found]))
    return sorted(sorted(int(i) for i in group) for group in groups)


def _group_sample(records: Sequence[Record]) -> NDArray[np.int64]:
    prompts = _Prompts.of(records)
    odds = _session_odds(records, prompts)
    groups = average_linkage(odds, SURE)
    return _join_by_trunk(groups, odds, prompts)


@dataclass(frozen=True)
class _Prompts:
    """Distinct prompts of the sample's sessions and how alike they are."""

    found: sparse.csr_matrix  # (sessions x prompts) 1 where the session has the prompt
    first: NDArray[np.int64]  # sessions, the first prompt or -1
    alike: sparse.csr_matrix  # (prompts x prompts) likeness in 0..1, small ones left out

    @classmethod
    def of(cls, records: Sequence[Record]) -> "_Prompts":
        place: dict[str, int] = {}
        rows, columns, first = [], [], []
        for row, record in enumerate(records):
            asked = [
                place.setdefault(step.prompt, len(place))
                for step in steps_of(record)
                if step.kind not in ("help", "note") and step.prompt
            ]
            first.append(asked[0] if asked else -1)
            rows += [row] * len(set(asked))
            columns += sorted(set(asked))
        shape = (len(records), max(1, len(place)))
        found = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
        return cls(found, np.array(first), _alike(list(place) or [""]))


def _alike(prompts: Sequence[str]) -> sparse.csr_matrix:
    views = [tfidf(prompts, stems), tfidf(prompts, piece_features)]
    stacked = sparse.hstack(views, format="csr") / np.float32(np.sqrt(len(views)))
    alike = sparse.csr_matrix(stacked @ stacked.T)
    alike.data[alike.data < 0.35] = 0
    alike.eliminate_zeros()
    return alike


def _session_odds(records: Sequence[Record], prompts: _Prompts) -> NDArray[np.float32]:
    """(n x n) log odds that two sessions are of one topic."""
    said = [_said(record) for record in records]
    texts = {
        "problem": [problem_of(record) for record in records],
        "user": [user for user, _ in said],
        "all": [f"{user} {agent}" for user, agent in said],
    }
    odds = np.full((len(records), len(records)), BIAS, np.float32)
    for name, view in texts.items():
        rows = tfidf(view, stems)
        odds += WEIGHTS[name] * (rows @ rows.T).toarray()
    shared, first = _prompt_likeness(prompts, len(records))
    return odds + WEIGHTS["shared"] * shared + WEIGHTS["first"] * first


def _said(record: Record) -> tuple[str, str]:
    """All that the user and the agent said."""
    if record.transcript:
        return (
            " ".join(turn.text for turn in record.transcript if turn.role == "user"),
            " ".join(turn.text for turn in record.transcript if turn.role == "agent"),
        )
    return (
        " ".join([record.problem_summary, *(step.response or "" for step in record.steps)]),
        " ".join(step.prompt for step in record.steps),
    )


def _prompt_likeness(prompts: _Prompts, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Soft cosine of the prompts of two sessions (Sidorov et al. 2014), and likeness of their
    first prompts weighted by how rare those are; both (n x n) in 0..1."""
    close = prompts.alike.multiply(prompts.alike).tocsr()
    reach = (prompts.found @ close).tocsr()
    reach.data = np.minimum(reach.data, 1)
    common = np.asarray(reach.sum(axis=0)).ravel()
    rarity = np.maximum(np.log((1 + count) / (1 + common)), 0.01)
    weighted = prompts.found @ sparse.diags(np.sqrt(rarity))
    shared = np.asarray((weighted @ close @ weighted.T).toarray())
    length = np.sqrt(np.maximum(shared.diagonal(), 1e-9))
    shared = shared / length[:, None] / length[None, :]
    has_first = prompts.first >= 0
    scale = np.sqrt(rarity[prompts.first]) * has_first
    first = close[prompts.first][:, prompts.first].toarray() * np.outer(scale, scale)
    return shared.astype(np.float32), (first / np.log(count + 1)).astype(np.float32)


def _join_by_trunk(groups: NDArray[np.int64], odds: NDArray[np.float32], prompts: _Prompts) -> NDArray[np.int64]:
    """Join groups of which one's prompts are largely the other's.

    Groups are compared as they were found, never as they grow, so that branches join through
    the trunk they share. A small group joins the one group it fits best and cannot glue two.
    """
    member = np.eye(groups.max() + 1, dtype=np.float32)[:, groups]  # (k x n)
    size = member.sum(axis=1)
    contained = _containment(member, prompts)
    score = member @ odds @ member.T / np.outer(size, size)
    score += TRUNK_WEIGHT * np.maximum(contained, contained.T)
    np.fill_diagonal(score, -np.inf)
    joins = score > JOIN_ABOVE
    small = size < SMALL
    joins[small] = joins[:, small] = False
    fitting = np.flatnonzero(small & (score.max(axis=1) > JOIN_ABOVE))
    joins[fitting, score[fitting].argmax(axis=1)] = True
    return np.asarray(connected_components(joins, directed=False)[1][groups], dtype=np.int64)


def _containment(member: NDArray[np.float32], prompts: _Prompts) -> NDArray[np.float32]:
    """(k x k) share of group i's prompts that group j also has, common prompts counting less."""
    uses = member @ prompts.found  # (k x prompts)
    reach = np.zeros_like(uses)
    for group, row in enumerate(uses):
        asked = np.flatnonzero(row)
        reach[group] = prompts.alike[asked].max(axis=0).toarray().ravel() if len(asked) else 0
    spread = (reach > 0.55).mean(axis=0)
    weight = uses * (1 - spread) ** 2
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(weight @ np.where(reach > ALIKE, reach, 0).T / total, dtype=np.float32)
