"""Confidence: the lower Wilson bound of replay success through flows mined without the session."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposals.mining import flow_confidence, wilson_lower
from tests.proposals.mining_cases import network_talks, question, structured


@pytest.mark.parametrize(("successes", "n", "bound"), [(0, 0, 0.0), (0, 10, 0.0), (10, 10, 0.7225), (9, 10, 0.5958)])
def test_wilson_lower(successes: int, n: int, bound: float) -> None:
    assert wilson_lower(successes, n) == pytest.approx(bound, abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_lies_below_the_share_and_grows_with_evidence(case: tuple[int, int]) -> None:
    successes, n = case
    assert 0 <= wilson_lower(successes, n) <= successes / n
    assert wilson_lower(successes, n) <= wilson_lower(4 * successes, 4 * n) + 1e-12


def test_more_successes_than_tries_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"0\.\.3, got 4"):
        wilson_lower(4, 3)


def test_one_session_is_discovery_and_many_alike_are_not() -> None:
    records = network_talks(30)
    assert flow_confidence([]) == 0
    assert flow_confidence(records[:1]) < 0.4
    assert flow_confidence(records[:6]) < flow_confidence(records)
    assert flow_confidence(records) >= 0.8


def test_sessions_that_agree_on_nothing_earn_no_confidence() -> None:
    prompts = ("Cable in?", "Which screen?", "Toner left?", "Lamp colour?", "Who holds your badge?", "Any dial tone?")
    records = [
        structured(f"s-{i}", [question(prompt, "No"), question(f"{prompt} Sure?", "No")])
        for i, prompt in enumerate(prompts)
    ]
    assert flow_confidence(records) < 0.4


def test_sessions_that_never_ended_do_not_count() -> None:
    records = network_talks(12)
    open_ones = [type(r)(**{n: getattr(r, n) for n in r.__slots__} | {"status": "active"}) for r in records[6:]]
    assert flow_confidence(records[:6] + open_ones) == flow_confidence(records[:6])
