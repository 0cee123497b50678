"""The generated sessions: the same for the same seed, well formed, and shaped like a helpdesk's work."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest

from flowpilot.sample.cast import CLIENTS, PEOPLE, TEAMS
from flowpilot.sample.generate import generate_sessions
from sessions.records import record_from_object
from tests.sample.conftest import UNTIL
from tests.sample.reading import Record, flow_of, share, steps_of, texts_of


def test_same_seed_same_sessions_and_another_seed_others() -> None:
    first, again, other = (list(generate_sessions(until=UNTIL, count=60, seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("count", [0, 1, 7, 2345])
def test_exactly_as_many_as_asked_for(count: int) -> None:
    assert sum(1 for _ in generate_sessions(until=UNTIL, count=count)) == count


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"until": datetime(2026, 6, 30)}, "until: needs a time zone"),  # noqa: DTZ001
        ({"count": -1}, "count: must not be negative"),
        ({"days": 0}, "days: must be 1 to"),
        ({"days": 99_999}, "days: must be 1 to"),
    ],
)
def test_wrong_arguments_are_named(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        generate_sessions(**{"until": UNTIL, **wrong})


def test_sessions_come_one_at_a_time() -> None:
    endless: Iterator[Record] = generate_sessions(until=UNTIL, count=10**9)
    assert len(list(islice(endless, 3))) == 3


def test_every_record_is_accepted_by_the_import(sessions: list[Record]) -> None:
    for record in sessions:
        assert record_from_object(record).external_id == record["external_id"]


def test_ids_and_tickets_are_unique(many: list[Record]) -> None:
    assert len({record["external_id"] for record in many}) == len(many)
    assert len({tuple(record["psa"].values()) for record in many}) == len(many)
    assert {record["psa"]["system"] for record in many} == {"connectwise", "halopsa", "autotask"}


def test_times_are_in_order_and_never_after_the_end(many: list[Record]) -> None:
    starts = [datetime.fromisoformat(record["started_at"]) for record in many]
    assert starts == sorted(starts)
    assert UNTIL - timedelta(days=121) < starts[0]
    for record in many:
        times = [record["started_at"], *(step["at"] for step in steps_of(record))]
        times += [record["ended_at"]] if record["ended_at"] else []
        moments = [datetime.fromisoformat(text) for text in times]
        assert all(a <= b for a, b in pairwise(moments))
        assert moments[-1] <= UNTIL


def test_only_the_newest_sessions_are_still_open(sessions: list[Record]) -> None:
    unfinished = [record for record in sessions if record["ended_at"] is None]
    assert {record["status"] for record in unfinished} == {"active", "paused"}
    assert 3 <= len(unfinished) <= 20
    assert sessions.index(unfinished[0]) > 1950
    assert all(record["resolution_summary"] == "" for record in unfinished)


def test_ends_are_as_usual_on_a_helpdesk(sessions: list[Record]) -> None:
    assert share(sessions, "resolved") == pytest.approx(0.80, abs=0.03)
    assert share(sessions, "escalated") == pytest.approx(0.14, abs=0.025)
    assert share(sessions, "abandoned") == pytest.approx(0.05, abs=0.02)
    for record in sessions:
        assert bool(record["resolution_summary"]) == (record["status"] == "resolved")


def test_length_and_duration(sessions: list[Record]) -> None:
    lengths = [len(steps_of(record)) for record in sessions if "steps" in record]
    assert 6 <= sum(lengths) / len(lengths) <= 8
    minutes = sorted(
        (datetime.fromisoformat(r["ended_at"]) - datetime.fromisoformat(r["started_at"])).seconds / 60
        for r in sessions
        if r["ended_at"]
    )
    assert 6 < minutes[len(minutes) // 2] < 20
    assert minutes[-1] > 60


def test_both_forms_appear_and_some_sessions_lack_a_domain(many: list[Record]) -> None:
    assert all(("steps" in record) != ("transcript" in record) for record in many)
    assert sum("transcript" in r for r in many) / len(many) == pytest.approx(0.14, abs=0.03)
    assert sum(r["problem_domain"] is None for r in many) / len(many) == pytest.approx(0.09, abs=0.03)
    free = [s for r in many for s in steps_of(r) if s["kind"] == "question" and not s["options"]]
    assert len(free) > 1000
    assert all(step["response"] for step in free)


def test_a_chosen_option_was_offered(many: list[Record]) -> None:
    steps = [step for record in many for step in steps_of(record) if step["selected_option"]]
    assert steps
    assert all(step["selected_option"] in step["options"] for step in steps)


def test_detours_happen(sessions: list[Record]) -> None:
    kinds = Counter(step["kind"] for record in sessions for step in steps_of(record))
    assert min(kinds[kind] for kind in ("help", "note", "script")) > 300
    asked_twice = 0
    for record in sessions:
        prompts = Counter(s["prompt"] for s in steps_of(record) if s["kind"] == "question")
        asked_twice += any(n > 1 for n in prompts.values())
    assert 0.01 < asked_twice / len(sessions) < 0.1


def test_work_follows_the_week_and_the_day(sessions: list[Record]) -> None:
    starts = [datetime.fromisoformat(record["started_at"]) for record in sessions]
    days = Counter(start.weekday() for start in starts)
    assert days[0] > days[4] > 5 * days[5]
    assert sum(8 <= start.hour < 17 for start in starts) / len(starts) > 0.8


def test_the_whole_cast_takes_part(sessions: list[Record]) -> None:
    technicians = {person.email for person in PEOPLE if person.role == "technician"}
    assert {record["technician"] for record in sessions} == technicians
    assert {record["client"] for record in sessions} == {client.name for client in CLIENTS}
    assert {record["team"] for record in sessions} == set(TEAMS)
    team_of = {person.email: person.team for person in PEOPLE}
    assert all(team_of[record["technician"]] == record["team"] for record in sessions)


def test_one_demo_login_for_each_role() -> None:
    demo = Counter(person.role for person in PEOPLE if person.demo)
    assert set(demo.values()) == {1}
    assert set(demo) == {person.role for person in PEOPLE}


def test_no_slot_is_left_open_and_no_real_domain_is_named(sessions: list[Record]) -> None:
    domain = re.compile(r"\b[\w-]+\.(?:com|net|org|io|de|uk|eu|co|info)\b", re.IGNORECASE)
    for record in sessions:
        for text in texts_of(record):
            assert text.strip() or text == ""
            assert "{" not in text
            assert not domain.search(text)
    assert all(person.email.endswith("@northwind.example") for person in PEOPLE)


def test_wordings_vary(sessions: list[Record]) -> None:
    summaries = {record["problem_summary"] for record in sessions}
    assert len(summaries) > 0.6 * len(sessions)
    unguided = [r for r in sessions if not flow_of(r)]
    assert len({steps_of(r)[0]["prompt"] for r in unguided if steps_of(r)}) >= 12 * 4


def test_two_thousand_sessions_a_second() -> None:
    started = time.process_time()
    count = sum(1 for _ in generate_sessions(until=UNTIL, count=3000))
    assert count / (time.process_time() - started) > 2000
