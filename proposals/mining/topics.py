"""Which sessions are about the same problem.

Sessions of a sample are compared pair by pair on what the user said, what was asked, and how the
work began; sure groups come first, then groups join: branches of one tree share its trunk, open
alike and answer the same complaints. Prompts that turn up in most groups, greetings and farewells,
do not count. The rest of the sessions go to the nearest group.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from proposals.mining.context import Matrix
from proposals.mining.likeness import (
    PromptUse,
    group_means,
    members,
    relative_likeness,
    session_likeness,
)
from proposals.mining.linkage import average_linkage
from proposals.mining.records import Record
from proposals.mining.topicindex import TopicIndex

__all__ = ["TopicIndex", "group_topics"]

SAMPLE = 700  # sessions compared pair by pair at once
RECONCILED = 1500  # sessions that stand for the groups of several samples

# Log odds of one topic per unit of likeness (logistic regression on pairs of sessions, then of
# groups, of random parts of half of the development charts, rounded).
WEIGHTS = {"problem": 9.0, "all": 22.0, "shared": 5.5, "first": 5.5}
BIAS = -5.0
SURE = 2.0  # mean log odds that make a sure group
GROUP_WEIGHTS = {
    "odds": 0.5, "contained": 5.0, "inside": 5.0, "opening": 5.0, "problem": 2.5, "small": 1.1,
}  # fmt: skip
GROUP_BIAS = -5.0
JOIN_ABOVE = -0.4
NEVER = -30.0  # log odds of groups that must stay apart
SMALL = 4  # sessions; a smaller group says little about itself
USUAL = {"opening": 0.35, "problem": 0.12}
SHRINK = 3.0
ROUNDS = 4


def group_topics(records: Sequence[Record]) -> list[list[int]]:
    """Positions of the records, grouped by topic, each group and the list of groups in order."""
    left = np.arange(len(records))
    groups: list[list[int]] = []
    rounds: list[int] = []  # the sample that each group was found in
    while len(left):
        sample = left[np.unique(np.linspace(0, len(left) - 1, SAMPLE).astype(int))]
        found = _grouped(sample, _group_sample([records[i] for i in sample]))
        rest = np.setdiff1d(left, sample, assume_unique=True)
        left = _assign(records, found, rest)
        rounds += [rounds[-1] + 1 if rounds else 0] * len(found)
        groups += found
    if rounds and rounds[-1]:
        groups = _reconcile(records, groups, np.array(rounds))
    return sorted(sorted(group) for group in groups)


def _grouped(items: NDArray[np.int64], labels: NDArray[np.int64]) -> list[list[int]]:
    return [[int(i) for i in items[labels == k]] for k in range(int(labels.max()) + 1)]


def _assign(records: Sequence[Record], groups: list[list[int]], rest: NDArray[np.int64]) -> NDArray[np.int64]:
    """Add each of the rest to the group it fits; those that fit none."""
    if not len(rest):
        return rest
    index = TopicIndex({k: [records[i] for i in group] for k, group in enumerate(groups)})
    unplaced = []
    for i, (key, _) in zip(rest, index.assign([records[i] for i in rest]), strict=True):
        if key is None:
            unplaced.append(i)
        else:
            groups[key].append(int(i))
    return np.array(unplaced, dtype=np.int64)


def _reconcile(records: Sequence[Record], groups: list[list[int]], rounds: NDArray[np.int64]) -> list[list[int]]:
    """Join groups of different samples that are one topic, judged by some sessions of each.
    Groups of one sample have been compared already and stay apart."""
    each = max(3, RECONCILED // len(groups))
    chosen = [[group[int(p)] for p in np.linspace(0, len(group) - 1, min(each, len(group)))] for group in groups]
    labels = np.repeat(np.arange(len(groups)), [len(part) for part in chosen])
    joint = _group_odds(labels, *_odds([records[i] for part in chosen for i in part]))
    joint[rounds[:, None] == rounds[None, :]] = NEVER
    size = np.array([len(group) for group in groups], dtype=np.float64)
    merged: dict[int, list[int]] = {}
    for group, target in zip(groups, average_linkage(joint, JOIN_ABOVE, size).tolist(), strict=True):
        merged.setdefault(target, []).extend(group)
    return list(merged.values())


def _group_sample(records: Sequence[Record]) -> NDArray[np.int64]:
    prompts, likeness, odds = _odds(records)
    return _join_groups(average_linkage(odds, SURE), prompts, likeness, odds)


def _odds(records: Sequence[Record]) -> tuple[PromptUse, dict[str, Matrix], Matrix]:
    """What two sessions have in common, and the (n x n) log odds that they are of one topic."""
    prompts = PromptUse.of(records)
    likeness = session_likeness(records, prompts)
    odds = np.full((len(records), len(records)), BIAS, np.float32)
    for name, weight in WEIGHTS.items():
        odds += np.float32(weight) * likeness[name]
    return prompts, likeness, odds


def _join_groups(
    groups: NDArray[np.int64], prompts: PromptUse, likeness: dict[str, Matrix], odds: Matrix
) -> NDArray[np.int64]:
    """The groups, joined until none is like another."""
    for _ in range(ROUNDS):
        if not groups.max():
            break
        joint = _group_odds(groups, prompts, likeness, odds)
        joined = average_linkage(joint, JOIN_ABOVE, np.bincount(groups).astype(np.float64))
        if joined.max() == groups.max():
            break
        groups = np.unique(joined[groups], return_inverse=True)[1].astype(np.int64)
    return groups


def _group_odds(groups: NDArray[np.int64], prompts: PromptUse, likeness: dict[str, Matrix], odds: Matrix) -> Matrix:
    """(k x k) log odds that two groups are of one topic."""
    member = members(groups)
    size = member.sum(axis=1)
    small = np.minimum.outer(size, size) < SMALL
    contained, own_start = prompts.containment(member)
    contained = np.maximum(contained, contained.T)
    features = {name: relative_likeness(likeness[name], member, usual, SHRINK) for name, usual in USUAL.items()}
    start = relative_likeness(prompts.first_likeness(), member, USUAL["opening"], SHRINK)
    features |= {
        "opening": np.maximum(features["opening"], start * np.minimum.outer(own_start, own_start)),
        "odds": group_means(odds, member),
        "contained": contained,
        "inside": np.where(small, 0, np.maximum(contained - 0.5, 0)),
        "small": small,
    }
    joint = np.full(small.shape, GROUP_BIAS)
    for name, weight in GROUP_WEIGHTS.items():
        joint += weight * features[name]
    return joint
