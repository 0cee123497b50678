"""The planted weak spots are in the data: measured from the records alone, against what was intended."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from flowpilot.sample.gaps import EXPECTED_PROPOSALS, PLANTED_GAPS, PlantedGap
from flowpilot.sample.published import published_flows
from flowpilot.sample.topics import printers
from tests.sample.conftest import UNTIL
from tests.sample.reading import Record, flow_of, share, steps_of, topic_of

Groups = tuple[list[Record], list[Record]]  # where the gap is, what it is compared with


def split(records: Iterable[Record], concerned: Iterable[bool]) -> Groups:
    inside: list[Record] = []
    outside: list[Record] = []
    for record, is_concerned in zip(records, concerned, strict=True):
        (inside if is_concerned else outside).append(record)
    return inside, outside


def groups(gap: PlantedGap, records: list[Record]) -> Groups:
    """The sessions that a gap of the escalating kinds is about, and the rest of its surroundings."""
    if gap.kind == "weak_option":
        flow = [r for r in records if flow_of(r) == gap.flow]
        took = (any(_is_answer(step, gap) for step in steps_of(r)) for r in flow)
        return split(flow, took)
    if gap.kind == "stale_flow":
        flow = [r for r in records if flow_of(r) == gap.flow]
        since = UNTIL - timedelta(days=gap.since_days or 0)
        return split(flow, (datetime.fromisoformat(r["started_at"]) > since for r in flow))
    if gap.kind == "script_no_help":
        topic = [r for r in records if topic_of(r) == gap.topic and "steps" in r]
        return split(topic, (_ran(r, gap.script or "") for r in topic))
    if gap.client:
        return split(records, (r["client"] == gap.client for r in records))
    return split(records, (r["problem_domain"] == gap.domain for r in records))


def _is_answer(step: Record, gap: PlantedGap) -> bool:
    return step["selected_option"] == gap.option


def _ran(record: Record, script: str) -> bool:
    return any(step["kind"] == "script" and script in step["prompt"] for step in steps_of(record))


ESCALATING = [gap for gap in PLANTED_GAPS if gap.kind not in ("missing_flow", "dead_end")]
MISSING = [gap for gap in PLANTED_GAPS if gap.kind == "missing_flow"]
(DEAD_END,) = [gap for gap in PLANTED_GAPS if gap.kind == "dead_end"]
escalating = pytest.mark.parametrize("gap", ESCALATING, ids=lambda g: f"{g.kind}-{g.topic or 'client'}")


@escalating
def test_rates_are_as_intended(gap: PlantedGap, many: list[Record]) -> None:
    inside, outside = groups(gap, many)
    assert share(inside, "escalated") == pytest.approx(gap.rate, abs=0.06)
    assert share(outside, "escalated") == pytest.approx(gap.base, abs=0.04)
    assert len(inside) / 10 == pytest.approx(gap.per_2000, rel=0.2)


@escalating
def test_the_shipped_sample_shows_each_gap_clearly(gap: PlantedGap, sessions: list[Record]) -> None:
    inside, outside = groups(gap, sessions)
    assert len(inside) >= 60
    assert share(inside, "escalated") > 2 * share(outside, "escalated")


def _leaving(records: Iterable[Record], node: str | None = None) -> tuple[int, int]:
    """How many guided sessions were asked, and how many gave none of the answers offered."""
    asked = left = 0
    for record in records:
        for step in steps_of(record):
            if step["options"] and (node is None or step["prompt"] == node):
                asked += 1
                left += step["selected_option"] is None
    return asked, left


def test_the_dead_end_is_left_and_ends_badly(many: list[Record]) -> None:
    guided = [r for r in many if flow_of(r) == DEAD_END.flow]
    asked, left = _leaving(guided, DEAD_END.node)
    assert left / asked == pytest.approx(DEAD_END.rate, abs=0.06)
    assert left / 10 == pytest.approx(DEAD_END.per_2000, rel=0.15)
    all_asked, all_left = _leaving(guided)
    assert (all_left - left) / (all_asked - asked) < 0.06  # rephrased prompts of the dead end itself
    leavers = [r for r in guided if _leaving([r], DEAD_END.node)[1]]
    assert share(leavers, "resolved") < 0.55


@pytest.mark.parametrize("gap", MISSING, ids=lambda gap: gap.topic)
def test_topics_without_a_flow_recur(gap: PlantedGap, sessions: list[Record]) -> None:
    topic = [r for r in sessions if topic_of(r) == gap.topic]
    assert len(topic) == gap.per_2000 >= 60
    assert not any(flow_of(r) for r in topic)


def test_topics_with_a_flow_mostly_use_it(many: list[Record]) -> None:
    keys = {flow["key"] for flow in published_flows()}
    with_flow = [r for r in many if EXPECTED_PROPOSALS[topic_of(r)] != "new_flow"]
    assert {flow_of(r) for r in with_flow} == keys | {None}
    unguided = sum(flow_of(r) is None for r in with_flow) / len(with_flow)
    assert unguided == pytest.approx(MISSING[0].base, abs=0.02)


def test_healthy_parts_are_healthy(many: list[Record]) -> None:
    lifted = {gap.topic for gap in PLANTED_GAPS if gap.kind != "missing_flow"}
    hard = {gap.client for gap in PLANTED_GAPS}
    healthy = [r for r in many if topic_of(r) not in lifted and r["client"] not in hard]
    assert share(healthy, "escalated") < 0.1


def test_the_new_answer_leads_to_one_new_branch(sessions: list[Record]) -> None:
    held = {said for item in printers.NODES["panel"].answers for said in item.said if not item.published}
    new = [
        r
        for r in sessions
        if flow_of(r) == "printer-trouble"
        and any(s["response"] in held and s["selected_option"] is None for s in steps_of(r))
    ]
    assert len(new) >= 40
    badge = set(printers.NODES["badge"].texts)
    followed = [r for r in new if any(s["prompt"] in badge for s in steps_of(r))]
    assert len(followed) > 0.85 * len(new)
    assert share(followed, "resolved") > 0.7
