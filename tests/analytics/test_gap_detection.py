"""What a detection flags, and that a gap's sessions are exactly those it counts."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from analytics.gaps.detect import Detected, gaps_detect, gaps_lease_key
from analytics.gaps.models import KnowledgeGap
from flowpilot.accounts.models import Account, Team
from flowpilot.common.leases import lease_take
from flowpilot.common.models import AuditEvent
from flowpilot.common.statistics import Rate
from flowpilot.flows.services import flow_version_publish
from proposals.models import SessionAnalysis, Topic
from sessions.models import AISession, Client, GeneratedScript
from tests.analytics.gap_rows import at_first, flow_definition, make_ended, outcomes
from tests.conftest import Cast
from tests.factories import make_flow, make_template

Kind, State = KnowledgeGap.Kind, KnowledgeGap.State


def detect(account: Account, now: datetime | None = None) -> Detected:
    done = gaps_detect(account_id=account.pk, now=now)
    assert done is not None
    return done


def gaps_of(account: Account, kind: str) -> dict[str, KnowledgeGap]:
    return {gap.key: gap for gap in KnowledgeGap.objects.filter(account=account, kind=kind)}


def only(account: Account, kind: str) -> KnowledgeGap:
    [gap] = gaps_of(account, kind).values()
    return gap


def place(account: Account, sessions: list[AISession], topic: Topic, outcome: str = "no_flow") -> None:
    SessionAnalysis.objects.bulk_create(
        SessionAnalysis(account=account, session=session, state="done", outcome=outcome, topic=topic)
        for session in sessions
    )


def shows_exactly(gap: KnowledgeGap, sessions: list[AISession], bad: list[AISession]) -> bool:
    assert gap.rate == Rate(len(bad), len(sessions))
    assert set(gap.sessions()) == set(sessions)
    assert set(gap.sessions(bad_only=True)) == set(bad)
    return True


@pytest.mark.parametrize("by_id", [True, False], ids=["worked here", "imported"])
def test_a_weak_option(cast: Cast, by_id: bool) -> None:
    version = make_flow(cast.account, title="Screens", definition=flow_definition())
    make_ended(cast.account, outcomes(4, 76), version=version, steps=at_first("A login", by_id=by_id))
    weak = make_ended(cast.account, outcomes(20, 20), version=version, steps=at_first("Nothing", by_id=by_id))
    make_ended(cast.account, outcomes(10, 0), version=version, steps=at_first("Smoke", by_id=by_id))
    make_ended(cast.other_account, outcomes(30, 0))
    assert detect(cast.account).opened >= 1
    gap = only(cast.account, Kind.WEAK_OPTION)
    assert gap.key == f"weak_option:{version.flow_id}:n1:o2"
    assert shows_exactly(gap, weak, weak[:20])
    assert gap.base == Rate(4 + 10, 80 + 10)
    assert (gap.flow_id, gap.node_id, gap.option_id) == (version.flow_id, "n1", "o2")
    assert gap.title == "Screens: the answer “Nothing” ends badly"
    assert gap.evidence["p"] < 0.01
    # "Smoke" ends badly always: the flow hands it over on purpose, and that is no gap.


def test_abandoned_and_reopened_sessions_ended_badly_too(cast: Cast) -> None:
    version = make_flow(cast.account, definition=flow_definition())
    make_ended(cast.account, outcomes(2, 78), version=version, steps=at_first("A login"))
    abandoned = make_ended(
        cast.account, outcomes(8, 10, "abandoned"), version=version, steps=at_first("Nothing"), days_ago=30
    )
    ticket: Any = {"psa_system": "halopsa", "psa_ticket_id": "77"}
    reopened = make_ended(cast.account, ["resolved"], version=version, steps=at_first("Nothing"), days_ago=20, **ticket)
    make_ended(cast.account, ["resolved"], days_ago=15, **ticket)
    late = make_ended(
        cast.account, ["resolved"], version=version, steps=at_first("Nothing"), days_ago=50, psa_ticket_id="78"
    )
    make_ended(cast.account, ["resolved"], days_ago=10, psa_ticket_id="78")
    detect(cast.account)
    gap = only(cast.account, Kind.WEAK_OPTION)
    assert shows_exactly(gap, [*abandoned, *reopened, *late], [*abandoned[:8], *reopened])


def test_escalation_by_domain_client_topic_and_node(cast: Cast) -> None:
    hard = Client.objects.create(account=cast.account, name="Hard client")
    topic = Topic.objects.create(account=cast.account, title="Remote desktop")
    version = make_flow(cast.account, title="Screens", definition=flow_definition())
    make_ended(cast.account, outcomes(20, 280), domain="networking")
    domain = make_ended(cast.account, outcomes(15, 15), domain="remote access")
    of_client = make_ended(cast.account, outcomes(14, 16), client=hard)
    of_topic = make_ended(cast.account, outcomes(16, 14))
    place(cast.account, of_topic, topic)
    make_ended(cast.account, outcomes(2, 58), version=version, steps=at_first("A login"))
    node = make_ended(cast.account, outcomes(15, 15), version=version, steps=[("n3", "Wake it", ["Done"], "Done")])
    detect(cast.account)
    found = gaps_of(cast.account, Kind.HIGH_ESCALATION)
    expected = {
        "domain:remote access": domain,
        f"client:{hard.pk}": of_client,
        f"topic:{topic.pk}": of_topic,
        f"node:{version.flow_id}:n3": node,
    }
    assert set(found) == {f"high_escalation:{subject}" for subject in expected}
    for subject, sessions in expected.items():
        bad = [session for session in sessions if session.status == "escalated"]
        assert shows_exactly(found[f"high_escalation:{subject}"], sessions, bad)
    assert found["high_escalation:domain:remote access"].base == Rate(20 + 14 + 16 + 2 + 15, 450)
    assert found[f"high_escalation:node:{version.flow_id}:n3"].base == Rate(2, 60)


def test_a_dead_end(cast: Cast) -> None:
    version = make_flow(cast.account, title="Screens", definition=flow_definition())
    wake = [("n3", "Wake it", ["Done"], "Done")]
    make_ended(cast.account, outcomes(0, 60), version=version, steps=[*at_first("Nothing"), *wake])
    left = make_ended(cast.account, outcomes(0, 20), version=version, steps=at_first(None))
    elsewhere = make_ended(cast.account, outcomes(0, 5), version=version, steps=at_first("Green"))
    standing = make_ended(cast.account, outcomes(3, 0, "abandoned"), version=version, is_worked_here=True, node_id="n1")
    read = make_ended(cast.account, outcomes(0, 4), version=version, steps=at_first(None, by_id=False))
    SessionAnalysis.objects.bulk_create(
        SessionAnalysis(account=cast.account, session=session, state="done", outcome="followed") for session in read
    )
    detect(cast.account)
    gap = only(cast.account, Kind.DEAD_END)
    assert gap.key == f"dead_end:{version.flow_id}:n1"
    assert gap.rate == Rate(28, 92)
    assert set(gap.sessions(bad_only=True)) == {*left, *elsewhere, *standing}
    assert gap.base == Rate(0, 60)


def test_a_node_that_was_changed_is_measured_anew(cast: Cast) -> None:
    version = make_flow(cast.account, definition=flow_definition())
    make_ended(cast.account, outcomes(2, 78), version=version, steps=at_first("A login"))
    make_ended(cast.account, outcomes(20, 20), version=version, steps=at_first("Nothing"))
    changed = flow_definition()
    changed["nodes"][0]["options"].append({"id": "o4", "label": "A blue screen", "next": "n3"})
    flow_version_publish(actor=None, flow=version.flow, base_number=1, definition=changed)
    detect(cast.account)
    assert not gaps_of(cast.account, Kind.WEAK_OPTION)


@pytest.mark.parametrize("by_version", [True, False])
def test_a_stale_flow(cast: Cast, by_version: bool) -> None:
    version = make_flow(cast.account, title="Screens", definition=flow_definition())
    now = timezone.now() + timedelta(days=30)
    if by_version:
        flow_version_publish(actor=None, flow=version.flow, base_number=1, definition=flow_definition())
    for days_ago in range(3, 100):
        bad = 2 if days_ago < 30 else 0
        make_ended(cast.account, outcomes(bad, 4 - bad), version=version, days_ago=days_ago, now=now)
    detect(cast.account, now)
    gap = only(cast.account, Kind.STALE_FLOW)
    assert gap.flow == version.flow
    assert abs((now.date() - datetime.fromisoformat(gap.evidence["cut"]).date()).days - 30) <= 4
    assert gap.rate.n == gap.sessions().count()
    assert gap.rate.share is not None
    assert gap.rate.share > 0.45
    assert (gap.title == "Screens: worse since version 2") == by_version
    assert gap.title.startswith("Screens: worse since ")
    before = gap.evidence["cut"]
    detect(cast.account, now + timedelta(days=1))
    assert only(cast.account, Kind.STALE_FLOW).evidence["cut"] == before


def test_a_script_that_does_not_help(cast: Cast) -> None:
    def run(title: str, worked: int, not_worked: int) -> list[AISession]:
        version = make_template(cast.account, title=title)
        sessions = make_ended(cast.account, ["resolved"] * (worked + not_worked))
        GeneratedScript.objects.bulk_create(
            GeneratedScript(account=cast.account, template_version=version, session=session, text="x")
            for session in sessions
        )
        scripts = list(GeneratedScript.objects.filter(template_version=version).order_by("session_id"))
        for number, script in enumerate(scripts):
            script.outcome = "worked" if number < worked else "no_change"
            script.outcome_at = timezone.now()
        GeneratedScript.objects.bulk_update(scripts, ["outcome", "outcome_at"])
        return sessions

    run("Good", 60, 6)
    idle = run("Idle", 5, 25)
    untold = make_template(cast.account, title="Untold")
    [session] = make_ended(cast.account, ["escalated"])
    GeneratedScript.objects.create(account=cast.account, template_version=untold, session=session, text="x")
    detect(cast.account)
    gap = only(cast.account, Kind.SCRIPT_NO_HELP)
    assert gap.title == "Idle: the script does not help"
    assert shows_exactly(gap, idle, idle[5:])
    assert gap.base == Rate(6, 66)


def test_a_missing_flow_is_a_rule_and_ends_with_the_flow(cast: Cast) -> None:
    topic = Topic.objects.create(account=cast.account, title="Scanner to e-mail")
    rare = Topic.objects.create(account=cast.account, title="Rare")
    merged = Topic.objects.create(account=cast.account, title="Merged", merged_into=topic)
    sessions = make_ended(cast.account, outcomes(1, 11))
    place(cast.account, sessions, topic)
    place(cast.account, make_ended(cast.account, ["resolved"] * 9), rare)
    place(cast.account, make_ended(cast.account, ["resolved"] * 20), merged)
    detect(cast.account)
    gap = only(cast.account, Kind.MISSING_FLOW)
    assert gap.title == "Scanner to e-mail: no flow"
    assert shows_exactly(gap, sessions, sessions)
    assert gap.evidence["escalated"] == 1
    assert gap.base.share is None
    # A flow is published and used: the gap closes by what is measured, not by the publishing.
    version = make_flow(cast.account, definition=flow_definition())
    Topic.objects.filter(pk=topic.pk).update(flow=version.flow)
    assert detect(cast.account).closed == 0
    later = timezone.now() + timedelta(days=5)
    place(cast.account, make_ended(cast.account, ["resolved"] * 20, version=version, days_ago=1, now=later), topic)
    # Worked without it, but in the way that it tells.
    place(cast.account, make_ended(cast.account, ["resolved"] * 5, days_ago=1, now=later), topic, "followed")
    assert detect(cast.account, later).closed == 1
    gap.refresh_from_db()
    assert gap.state == State.CLOSED
    assert gap.reason.startswith("Recovered: 0 of the 25 sessions since")


def test_a_second_detection_changes_nothing(cast: Cast) -> None:
    make_ended(cast.account, outcomes(20, 280), domain="networking")
    make_ended(cast.account, outcomes(15, 15), domain="remote access")
    now = timezone.now()
    assert detect(cast.account, now) == Detected(opened=1)
    before = KnowledgeGap.objects.values().get()
    assert detect(cast.account, now) == Detected(measured=1)
    assert KnowledgeGap.objects.values().get() == before
    assert AuditEvent.objects.filter(account=cast.account).count() == 1


def test_no_data_is_no_gap(cast: Cast) -> None:
    assert detect(cast.account) == Detected()
    make_ended(cast.account, ["escalated"] * 9, domain="networking")
    assert detect(cast.account) == Detected()
    assert gaps_detect(account_id=987_654_321) is None


def test_sessions_outside_the_window_do_not_count(cast: Cast, settings: Any) -> None:
    settings.GAPS_DAYS = 30
    make_ended(cast.account, outcomes(15, 15), domain="remote access", days_ago=31)
    make_ended(cast.account, outcomes(20, 280), domain="networking")
    assert detect(cast.account) == Detected()


def test_a_gap_is_a_teams_where_all_its_sessions_are(cast: Cast) -> None:
    field = Team.objects.create(account=cast.account, name="Field")
    make_ended(cast.account, outcomes(20, 480), domain="networking", team=cast.team)
    make_ended(cast.account, outcomes(15, 15), domain="remote access", team=field)
    make_ended(cast.account, outcomes(10, 10), domain="printing", team=field)
    make_ended(cast.account, outcomes(5, 5), domain="printing")
    detect(cast.account)
    found = {gap.problem_domain: gap.team for gap in gaps_of(cast.account, Kind.HIGH_ESCALATION).values()}
    assert found == {"remote access": field, "printing": None}


def test_the_trend_is_by_week_of_the_accounts_time(cast: Cast) -> None:
    Account.objects.filter(pk=cast.account.pk).update(time_zone="Pacific/Auckland")
    now = datetime.fromisoformat("2026-03-04T12:00:00+00:00")
    # Sunday noon in UTC is Monday in Auckland.
    sunday = (now - datetime.fromisoformat("2026-03-01T12:00:00+00:00")) / timedelta(days=1)
    make_ended(cast.account, outcomes(20, 280), domain="networking", now=now)
    make_ended(cast.account, outcomes(15, 15), domain="remote access", days_ago=sunday, now=now)
    make_ended(cast.account, outcomes(2, 1), domain="remote access", days_ago=sunday + 1, now=now)
    detect(cast.account, now)
    assert only(cast.account, Kind.HIGH_ESCALATION).trend == [["2026-02-23", 2, 3], ["2026-03-02", 15, 30]]


def test_the_command_measures_at_once(cast: Cast) -> None:
    def run(**options: str) -> str:
        out = StringIO()
        call_command("detect_gaps", stdout=out, **options)
        return out.getvalue()

    assert "nothing to measure" in run()
    make_ended(cast.account, outcomes(20, 280), domain="networking")
    make_ended(cast.account, outcomes(15, 15), domain="remote access")
    assert run(account="northwind") == "Northwind MSP: 1 gaps found, 0 came back, 0 closed, 0 measured again.\n"
    with pytest.raises(CommandError, match="nowhere"):
        run(account="nowhere")
    held = lease_take(key=gaps_lease_key(cast.account.pk), duration=timedelta(minutes=1))
    assert held is not None
    assert "another worker" in run()
