"""Which sessions are about the same problem.

Sessions of a sample are compared pair by pair on what the user said, what was asked, and how the
work began; sure groups come first, then groups join: branches of one tree share its trunk, open
alike and answer the same complaints. Prompts that turn up in most groups, greetings and farewells,
do not count. The rest of the sessions go to the nearest group.

Sessions that arrive in batches end in the groups that all at once would make: the sessions of young
topics, which were grouped while little was known, are grouped again with the newcomers.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

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
from proposals.mining.topicindex import Exemplar, TopicIndex

__all__ = ["Regrouped", "TopicIndex", "group_topics", "regroup", "young_topics"]

Key = TypeVar("Key", bound=Hashable)

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

# Arrival in batches.
YOUNG = 200  # sessions up to which a topic is grouped again
YOUNG_IN_ALL = 1500  # sessions of young topics grouped again at once
ANCHORS = 16  # sessions that stand for a settled topic among strangers
RIVALS, RIVAL_LEAST = 2, 0.25  # settled topics that a stranger may be of, and how like they are at least
ANCHORED = 1 / 3  # of a topic's anchors, or of as many as the strangers, that make a group the topic's
COMPANY = 5  # newcomers near one settled topic from which they may be a topic of their own


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


@dataclass(frozen=True, slots=True)
class Regrouped(Generic[Key]):
    """A known topic (`key`; None: a new one) and records that belong to it: all of a young or new topic, of a settled
    one those that join it."""

    key: Key | None
    members: list[Record]


def young_topics(sizes: Mapping[Key, int]) -> list[Key]:
    """Which of the topics (with their numbers of sessions, latest last) are grouped again with newcomers."""
    chosen, total = [], 0
    for key, size in reversed(list(sizes.items())):
        if size <= YOUNG and total + size <= YOUNG_IN_ALL:
            chosen.append(key)
            total += size
    return chosen


def regroup(
    newcomers: Sequence[Record],
    known: Mapping[Key, Sequence[Exemplar]],
    young: Mapping[Key, Sequence[Record]],
    anchors: Callable[[Sequence[Key]], Mapping[Key, Sequence[Record]]],
) -> list[Regrouped[Key]]:
    """Where newcomers belong beside the known topics, and how the young topics' sessions group with them.

    `known` has every topic, `young` all the sessions of those that may change; the others are settled. `anchors` gives
    some sessions of the settled topics asked for. Each newcomer and each session of a young topic is in exactly one of
    the groups; a young topic that is the key of none has merged into others.
    """
    index = TopicIndex(known)
    joined: dict[Key, list[Record]] = {}
    strangers: list[Record] = []
    for record, (key, _) in zip(newcomers, index.assign(newcomers), strict=True):
        if key is None or key in young:
            strangers.append(record)
        else:
            joined.setdefault(key, []).append(record)
    strangers += _own_company(joined, anchors)
    loose = [*strangers, *(record for records in young.values() for record in records)]
    if not loose:
        return _listed(joined)
    rivals = index.candidates(loose, RIVALS, RIVAL_LEAST)
    settled = list(dict.fromkeys(key for keys in rivals for key in keys if key not in young))
    groups = _group_among(loose, anchors(settled) if settled else {}, joined)
    return _listed(joined) + _matched(groups, young)


def _own_company(
    joined: dict[Key, list[Record]], anchors: Callable[[Sequence[Key]], Mapping[Key, Sequence[Record]]]
) -> list[Record]:
    """Take out of `joined` the newcomers that are more like each other than like the topic nearest to them.

    One newcomer alone goes to its nearest topic; many of a new problem would go the same wrong way together.
    """
    strangers: list[Record] = []
    doubted = [key for key, records in joined.items() if len(records) >= COMPANY]
    standing = anchors(doubted) if doubted else {}
    for key in doubted:
        if not standing.get(key):
            continue
        free = _group_among(joined[key], {key: standing[key]}, {})
        apart = {record.key for members in free if len(members) >= COMPANY for record in members}
        strangers += [record for record in joined[key] if record.key in apart]
        joined[key] = [record for record in joined[key] if record.key not in apart]
    return strangers


def _listed(groups: Mapping[Key, list[Record]]) -> list[Regrouped[Key]]:
    return [Regrouped(key, members) for key, members in groups.items()]


def _group_among(
    loose: Sequence[Record], anchors: Mapping[Key, Sequence[Record]], joined: dict[Key, list[Record]]
) -> list[list[Record]]:
    """Groups of the loose records; those that a settled topic's anchors are in as well are added to `joined`."""
    owners = [key for key, records in anchors.items() for _ in records[:ANCHORS]]
    standing = [record for records in anchors.values() for record in records[:ANCHORS]]
    free = []
    for group in group_topics([*loose, *standing]):
        members = [loose[i] for i in group if i < len(loose)]
        found = Counter(owners[i - len(loose)] for i in group if i >= len(loose))
        key = max(found, key=lambda owner: found[owner] / len(anchors[owner][:ANCHORS]), default=None)
        if key is not None and found[key] >= ANCHORED * min(len(anchors[key][:ANCHORS]), len(members)):
            joined.setdefault(key, []).extend(members)
        elif members:
            free.append(members)
    return free


def _matched(groups: Sequence[list[Record]], young: Mapping[Key, Sequence[Record]]) -> list[Regrouped[Key]]:
    """Each group with the young topic that it shares most sessions with; a topic goes with one group only."""
    topic_of = {record.key: key for key, records in young.items() for record in records}
    shared = [
        (count, -place, key)
        for place, members in enumerate(groups)
        for key, count in Counter(topic_of[r.key] for r in members if r.key in topic_of).items()
    ]
    key_of: dict[int, Key] = {}
    for _, place, key in sorted(shared, key=lambda entry: entry[:2], reverse=True):
        if -place not in key_of and key not in key_of.values():
            key_of[-place] = key
    return [Regrouped(key_of.get(place), members) for place, members in enumerate(groups)]
