"""Confidence: what replay through flows mined without the session promises, and what it is at least."""

import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from flowpilot.sample.generate import generate_sessions
from proposals.mining import Confidence, FlowReader, Record, flow_confidence, wilson_lower
from proposals.mining.confidence import held_out_confidence, replayed_well, replays_well
from tests.proposals.mining_cases import action, mined, network_talks, question, structured, structured_vpn


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (1, 1), (3, 7), (9, 10), (10, 10), (180, 200)])
def test_wilson_lower_is_the_one_sided_bound(successes: int, n: int) -> None:
    reference = binomtest(successes, n, alternative="greater").proportion_ci(0.95, method="wilson").low
    assert wilson_lower(successes, n) == pytest.approx(reference, abs=1e-4)


def test_nothing_tried_earns_nothing() -> None:
    assert wilson_lower(0, 0) == 0


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_lies_below_the_share_and_grows_with_evidence(case: tuple[int, int]) -> None:
    successes, n = case
    assert 0 <= wilson_lower(successes, n) <= successes / n
    assert wilson_lower(successes, n) <= wilson_lower(4 * successes, 4 * n) + 1e-12


def test_more_successes_than_tries_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"0\.\.3, got 4"):
        wilson_lower(4, 3)


def tried(successes: int, count: int, technician: str | None = None) -> list[tuple[str | None, bool]]:
    return [(technician, place < successes) for place in range(count)]


def test_a_confidence_of_nothing_tried_promises_nothing() -> None:
    assert (Confidence.of([]).bound, Confidence.of([]).expected) == (0, 0)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_lies_below_what_is_expected(case: tuple[int, int]) -> None:
    confidence = Confidence.of(tried(*case))
    assert (confidence.successes, confidence.tried) == case
    assert confidence.bound == pytest.approx(wilson_lower(*case))
    assert confidence.bound < confidence.expected < 1


class TestTechnicians:
    def test_ten_sessions_of_one_are_not_those_of_ten(self) -> None:
        ten = Confidence.of([(f"tech{n}@northwind.example", True) for n in range(10)])
        one = Confidence.of(tried(10, 10, "bob@northwind.example"))
        assert (one.successes, one.tried, one.expected) == (ten.successes, ten.tried, ten.expected)
        assert ten.bound == pytest.approx(wilson_lower(10, 10))
        assert Confidence.of(tried(5, 5)).bound < one.bound < Confidence.of(tried(6, 6)).bound

    def test_one_alone_never_makes_it_guided_and_two_may(self) -> None:
        assert Confidence.of(tried(5_000, 5_000, "bob@northwind.example")).bound < 0.8
        two = [*tried(30, 30, "bob@northwind.example"), *tried(30, 30, "dana@northwind.example")]
        assert Confidence.of(two).bound >= 0.8

    def test_the_habit_of_one_does_not_outvote_the_others(self) -> None:
        others = [(f"tech{n}@northwind.example", n < 5) for n in range(10)]
        habit = Confidence.of([*tried(40, 40, "bob@northwind.example"), *others])
        assert habit.bound < Confidence.of(tried(45, 50)).bound
        assert habit.independent == pytest.approx((40 / 4.9 + 5, 40 / 4.9 + 10))

    def test_another_session_that_agrees_never_lowers_it(self) -> None:
        bounds = [
            Confidence.of([*tried(count, count, "bob@northwind.example"), *tried(3, 4)]).bound for count in range(1, 60)
        ]
        assert bounds == sorted(bounds)

    def test_topics_worked_by_one_are_trusted_less(self) -> None:
        records = [replace(record, technician=f"tech{n % 12}@northwind.example") for n, record in enumerate(alike(24))]
        same = [replace(record, technician="bob@northwind.example") for record in records]
        assert flow_confidence(same).expected == flow_confidence(records).expected
        assert flow_confidence(same).bound < flow_confidence(records).bound


def test_one_session_is_discovery_and_many_alike_are_not() -> None:
    records = network_talks(30)
    assert flow_confidence([]) == Confidence()
    assert flow_confidence(records[:1]).bound < 0.4
    assert flow_confidence(records[:6]).bound < flow_confidence(records).bound
    assert flow_confidence(records).bound >= 0.8


def test_sessions_that_agree_on_nothing_earn_no_confidence() -> None:
    prompts = ("Cable in?", "Which screen?", "Toner left?", "Lamp colour?", "Who holds your badge?", "Any dial tone?")
    records = [
        structured(f"s-{i}", [question(prompt, "No"), question(f"{prompt} Sure?", "No")])
        for i, prompt in enumerate(prompts)
    ]
    assert flow_confidence(records).bound < 0.4


def test_sessions_that_never_ended_do_not_count() -> None:
    records = network_talks(12)
    open_ones = [replace(record, status="active") for record in records[6:]]
    assert flow_confidence(records[:6] + open_ones) == flow_confidence(records[:6])


def alike(count: int, escalated: Sequence[int] = ()) -> list[Record]:
    """Sessions that went one way; those numbered in `escalated` were handed over at its end."""
    steps = [question("Does the badge reader blink?", "No"), action("Plug the badge reader in again.", "It blinks.")]
    return [structured(f"badge-{i}", steps, status="escalated" if i in escalated else "resolved") for i in range(count)]


def test_more_sessions_that_agree_never_lower_it() -> None:
    found = [flow_confidence(alike(count)) for count in (0, 1, 2, 3, 5, 7, 8, 9, 10, 11, 12, 25)]
    bounds, expected = [one.bound for one in found], [one.expected for one in found]
    assert (bounds, expected) == (sorted(bounds), sorted(expected))
    assert bounds[1] < 0.4 < 0.8 < bounds[-1]


def test_sessions_that_went_alike_and_ended_otherwise_lower_it() -> None:
    scores = [flow_confidence(alike(12, escalated=range(0, 12, every))).bound for every in (12, 4, 2)]
    assert flow_confidence(alike(12)).bound > scores[0] > scores[1] > scores[2]


def test_the_order_of_the_sessions_does_not_matter() -> None:
    records = network_talks(24)
    assert flow_confidence(records[::-1]) == flow_confidence(records)


@pytest.mark.parametrize(("count", "folds"), [(1, [1]), (7, [1] * 7), (10, [1] * 10), (23, [2] * 7 + [3] * 3)])
def test_each_session_is_left_out_once_and_alone_where_they_are_few(count: int, folds: list[int]) -> None:
    held: list[frozenset[str]] = []

    def reader_without(keys: frozenset[str]) -> None:
        held.append(keys)

    assert held_out_confidence(alike(count), reader_without) == Confidence()
    assert sorted(map(len, held)) == folds
    assert frozenset.union(*held) == {record.key for record in alike(count)}


def test_success_is_the_same_one_by_one_and_at_once() -> None:
    records = structured_vpn(24)
    flow = mined(records[:12])
    reader = FlowReader(flow.definition, flow.examples)
    # What ended otherwise than the flow says replays well no more.
    mixed = [*records[12:], *(replace(record, status="escalated") for record in records[12:18])]
    well = [replays_well(reader, record) for record in mixed]
    assert all(well[:12])
    assert not all(well[12:])
    assert replayed_well(reader, mixed) == well


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("confidence") / "sessions.jsonl"
    sessions = generate_sessions(until=datetime(2026, 6, 30, 18, tzinfo=UTC), count=240, seed=11)
    path.write_text("\n".join(json.dumps(session) for session in sessions))
    return path


def test_confidence_is_calibrated_on_sessions_kept_out(generated: Path) -> None:
    out = io.StringIO()
    call_command("bench_confidence", str(generated), stdout=out)
    told = out.getvalue()
    flows, expected, success, _, bound, holds = re.findall(r"^ +all +(.*)%$", told, re.MULTILINE)[0].split()
    assert int(flows) >= 40
    # What replay promises with sessions held out, sessions that mining never saw keep...
    assert float(expected) == pytest.approx(float(success), abs=0.08), told
    # ...and the bound stays below that, for nearly every flow, but not far.
    assert float(bound) < float(expected), told
    assert float(bound) >= float(success) - 0.2, told
    assert int(holds) >= 80, told
    assert float(re.findall(r"^worst bin off by (\S+)", told, re.MULTILINE)[0]) <= 0.15, told


def test_faults_of_the_bench_are_told_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "sessions.jsonl"
    with pytest.raises(CommandError, match=r"sessions\.jsonl: .*No such file"):
        call_command("bench_confidence", str(path))
    path.write_text("")
    with pytest.raises(CommandError, match="no topic has sessions enough"):
        call_command("bench_confidence", str(path))
    with pytest.raises(CommandError, match="--repeats: expected 1 or more, got 0"):
        call_command("bench_confidence", str(path), repeats=0)
