"""Confidence: the lower Wilson bound of replay success through flows mined without the session."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposals.mining import flow_confidence, wilson_lower
from tests.proposals.mining_cases import network_talks, question, structured


@pytest.mark.parametrize(("successes", "n", "bound"), [(0, 0, 0.0), (0, 10, 0.0), (10, 10, 0.7225), (9, 10, 0.5958)])
def test_wilson_lower(successes, n, bound):
    assert wilson_lower(successes, n) == pytest.approx(bound, abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_lies_below_the_share_and_grows_with_evidence(case):
    successes, n = case
    assert 0 <= wilson_lower(successes, n) <= successes / n
    assert wilson_lower(successes, n) <= wilson_lower(4 * successes, 4 * n) + 1e-12


def test_more_successes_than_tries_is_an_error():
    with pytest.raises(ValueError, match=r"0\.\.3, got 4"):
        wilson_lower(4, 3)


def test_one_session_is_discovery_and_many_alike_are_not():
    records = network_talks(30)
    assert flow_confidence([]) == 0
    assert flow_confidence(records[:1]) < 0.4
    assert flow_confidence(records[:6]) < flow_confidence(records)
    assert flow_confidence(records) >= 0.8


def test_sessions_that_agree_on_nothing_earn_no_confidence():
    topics = ["cable", "screen", "mouse", "chair", "lamp", "phone", "toner", "badge", "cloud", "router"]
    records = [structured(f"s-{word}", [question(f"Is the {word} {word}ed?", "No")]) for word in topics]
    assert flow_confidence(records) < 0.4


def test_sessions_that_never_ended_do_not_count():
    records = network_talks(12)
    open_ones = [type(r)(**{n: getattr(r, n) for n in r.__slots__} | {"status": "active"}) for r in records[6:]]
    assert flow_confidence(records[:6] + open_ones) == flow_confidence(records[:6])
