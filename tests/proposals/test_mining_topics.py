"""Sessions are grouped by problem, and new ones find their group."""

import random

import pytest

from proposals.mining import Record, TopicIndex, group_topics, topics
from tests.proposals.mining_cases import network_talks, printer_talks, structured_vpn


@pytest.fixture
def mixed() -> list[Record]:
    records = network_talks() + printer_talks() + structured_vpn()
    random.Random(4).shuffle(records)
    return records


def prefixes(records: list[Record], group: list[int]) -> set[str]:
    return {records[i].key.split("-")[0] for i in group}


def test_each_problem_is_one_group(mixed: list[Record]) -> None:
    groups = group_topics(mixed)
    assert sorted(i for group in groups for i in group) == list(range(len(mixed)))
    assert [prefixes(mixed, group) for group in groups if len(prefixes(mixed, group)) > 1] == []
    assert len(groups) == 3


def test_many_sessions_are_grouped_by_a_sample_as_by_all(mixed: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "SAMPLE", 20)
    groups = group_topics(mixed)
    assert len(groups) == 3
    assert all(len(prefixes(mixed, group)) == 1 for group in groups)


def test_nothing_and_single_sessions() -> None:
    assert group_topics([]) == []
    assert group_topics(network_talks(1)) == [[0]]


def test_new_sessions_find_their_topic_or_none(mixed: list[Record]) -> None:
    known = {"net": network_talks(12), "prn": printer_talks(8)}
    index = TopicIndex(known)
    assigned = index.assign(network_talks(18)[12:] + printer_talks(12)[8:] + structured_vpn(3))
    assert [key for key, _ in assigned] == ["net"] * 6 + ["prn"] * 4 + [None] * 3
    assert all(0 <= likeness <= 1.000001 for _, likeness in assigned)


def test_an_index_of_nothing_knows_no_topic(mixed: list[Record]) -> None:
    assert TopicIndex({}).assign(mixed[:2]) == [(None, 0.0), (None, 0.0)]
