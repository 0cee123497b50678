"""How the versions of a flow do, and the one proposal to go back where a new one does worse."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from flowpilot.common.leases import lease_release, lease_take
from flowpilot.common.statistics import Z_95, Difference
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.services import flow_roll_back, flow_version_publish
from flowpilot.flows.upkeep import flow_archive
from proposals import tasks
from proposals.health import (
    COMPARED_FROM,
    VersionHealth,
    accounts_with_new_versions,
    revert_of,
    versions_health,
    versions_watch,
)
from proposals.models import FlowProposal, Topic
from proposals.review import proposal_dismiss, proposal_publish, proposal_reject, proposal_undo
from proposals.selectors import analysis_lease_key, pending_reverts, stale_proposals, topics_to_mine
from proposals.tasks import watch_account_versions, watch_versions
from proposals.templatetags.flow_health import points
from sessions.ingest.store import sessions_ingest
from sessions.models import AISession
from sessions.records import record_from_object
from tests.conftest import Cast
from tests.factories import definition, make_flow, make_proposal, record
from tests.proposals.test_analysis import run

Status = FlowProposal.Status
pytestmark = pytest.mark.django_db


def guided(flow: Flow, number: int, /, **fields: Any) -> None:
    """`guided(flow, 2, resolved=12, escalated=3)`: so many sessions of each status that version 2 guided."""
    statuses = {status: fields.pop(status, 0) for status in AISession.Status.values}
    reference = {"key": flow.key, "version": number}
    objects = [
        record(status=status, flow=reference, **{**({} if status in AISession.ENDED else {"ended_at": None}), **fields})
        for status, count in statuses.items()
        for _ in range(count)
    ]
    sessions_ingest(actor=None, account=flow.account, records=[record_from_object(obj) for obj in objects])


def two_versions(cast: Cast, title: str = "VPN") -> Flow:
    flow = make_flow(cast.account, title=title, examples={"problems": ["no vpn"]}).flow
    flow_version_publish(actor=None, flow=flow, base_number=1, definition=definition(yes="Wait"))
    flow.refresh_from_db()
    return flow


def worse(cast: Cast, title: str = "VPN") -> Flow:
    flow = two_versions(cast, title)
    guided(flow, 1, resolved=56, escalated=14)
    guided(flow, 2, resolved=48, escalated=20, abandoned=12)
    return flow


def health(flow: Flow, sessions: Any = None) -> dict[int, VersionHealth]:
    rows = versions_health(list(flow.versions.all()), AISession.objects.all() if sessions is None else sessions)
    return {row.version.number: row for row in rows}


def wilson(count: int, n: int) -> tuple[float, float]:
    """Wilson's bounds as he defines them, found by halving: the shares that lie Z standard errors from count / n."""

    def bound(inside: float, outside: float) -> float:
        for _ in range(200):
            middle = (inside + outside) / 2
            if abs(count / n - middle) <= Z_95 * math.sqrt(middle * (1 - middle) / n):
                inside = middle
            else:
                outside = middle
        return inside

    return bound(count / n, 0.0), bound(count / n, 1.0)


def difference(now: tuple[int, int], before: tuple[int, int]) -> Sequence[float]:
    """Newcombe's tenth: the share, and from it the root of the summed squares of what each interval spans."""
    (low, high), (low_before, high_before) = wilson(*now), wilson(*before)
    p, q = now[0] / now[1], before[0] / before[1]
    share = p - q
    return (
        share,
        share - math.sqrt((p - low) ** 2 + (high_before - q) ** 2),
        share + math.sqrt((high - p) ** 2 + (q - low_before) ** 2),
    )


class TestNumbers:
    def test_known_numbers(self, cast: Cast) -> None:
        """56 of 70 against 48 of 80 is an example of Newcombe's own: 0.0524 to 0.3339."""
        now = health(worse(cast))[2]
        resolved, escalated = now.resolved_change, now.escalated_change
        assert now.former is not None
        assert resolved is not None
        assert escalated is not None
        assert (now.former.version.number, now.former.sessions, now.sessions) == (1, 70, 80)
        assert (round(resolved.low, 4), round(resolved.high, 4)) == (-0.3339, -0.0524)
        for found, expected in (
            (resolved, difference((48, 80), (56, 70))),
            (escalated, difference((20, 80), (14, 70))),
        ):
            assert (found.share, found.low, found.high) == pytest.approx(expected, abs=1e-9)
        assert now.complaints == [
            "60 % of 80 sessions were resolved, 80 % of 70 before: 5 to 33 points fewer (95 % interval)."
        ]

    def test_escalations_tell_too(self, cast: Cast) -> None:
        flow = two_versions(cast)
        guided(flow, 1, resolved=20, abandoned=20)
        guided(flow, 2, resolved=20, escalated=20)
        low, high = difference((20, 40), (0, 40))[1:]
        points_more = f"{low * 100:.0f} to {high * 100:.0f} points more (95 % interval)."
        assert health(flow)[2].complaints == [f"50 % of 40 sessions were escalated, 0 % of 40 before: {points_more}"]

    def test_a_better_version_is_no_complaint(self, cast: Cast) -> None:
        flow = two_versions(cast)
        guided(flow, 1, escalated=40)
        guided(flow, 2, resolved=40)
        change = health(flow)[2].resolved_change
        assert change is not None
        assert change.is_clear
        assert health(flow)[2].complaints == []

    def test_what_may_be_chance_is_no_complaint(self, cast: Cast) -> None:
        flow = two_versions(cast)
        guided(flow, 1, resolved=16, abandoned=4)
        guided(flow, 2, resolved=13, abandoned=7)
        assert difference((13, 20), (16, 20))[2] > 0
        now = health(flow)[2]
        assert (now.former is not None, now.is_worse) == (True, False)

    @pytest.mark.parametrize(
        ("before", "now"), [(COMPARED_FROM - 1, COMPARED_FROM), (COMPARED_FROM, COMPARED_FROM - 1)]
    )
    def test_with_few_sessions_there_is_no_verdict(self, cast: Cast, before: int, now: int) -> None:
        flow = two_versions(cast)
        guided(flow, 1, resolved=before)
        guided(flow, 2, escalated=now)
        assert (health(flow)[2].former, health(flow)[2].complaints) == (None, [])
        assert versions_watch(cast.account.pk) == 0
        guided(flow, 1 if before < now else 2, **{"resolved" if before < now else "escalated": 1})
        assert health(flow)[2].is_worse

    def test_it_is_compared_with_the_newest_version_that_has_enough(self, cast: Cast) -> None:
        flow = two_versions(cast)
        flow_version_publish(actor=None, flow=flow, base_number=2, definition=definition(yes="Restart twice"))
        guided(flow, 1, resolved=20)
        guided(flow, 2, escalated=5)
        guided(flow, 3, escalated=20)
        rows = health(flow)
        assert list(rows) == [3, 2, 1]
        assert {n: row.former.version.number if row.former else None for n, row in rows.items()} == {
            3: 1,
            2: None,
            1: None,
        }

    def test_only_sessions_that_have_ended_and_name_the_version_count(self, cast: Cast) -> None:
        flow = two_versions(cast)
        guided(flow, 2, resolved=2, escalated=1, abandoned=1, active=3, paused=3)
        sessions_ingest(actor=None, account=cast.account, records=[record_from_object(record(flow=flow.key))])
        now = health(flow)[2]
        assert (now.sessions, now.resolved.count, now.escalated.count) == (4, 2, 1)
        assert health(flow)[1].sessions == 0

    def test_they_are_those_of_the_viewer(self, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        flow = two_versions(cast)
        guided(flow, 2, resolved=2, team="Service Desk")
        guided(flow, 2, resolved=5, team="Field")
        versions = list(flow.versions.all())
        with django_assert_num_queries(1):
            rows = versions_health(versions, AISession.objects.filter(team=cast.team))
        assert [row.sessions for row in rows] == [2, 0]


class TestProposal:
    def test_a_worse_version_opens_one_proposal_to_go_back(self, cast: Cast) -> None:
        flow = worse(cast)
        watch_account_versions(cast.account.pk)
        proposal = FlowProposal.objects.get()
        assert (proposal.status, proposal.proposal_type) == (Status.PENDING, FlowProposal.Type.ENHANCEMENT)
        assert proposal.title == "Go back to version 1 of VPN"
        assert (proposal.target_flow, proposal.base_version) == (flow, flow.current_version)
        assert proposal.proposed_flow_data == definition()
        assert proposal.proposed_diff == diff_definitions(definition(yes="Wait"), definition()).to_json()
        assert proposal.examples == {"problems": ["no vpn"]}
        assert proposal.confidence_score == pytest.approx(wilson(56, 70)[0])
        assert "5 to 33 points fewer" in proposal.description
        badly = AISession.objects.filter(flow_version=flow.current_version).exclude(status="resolved")
        assert set(proposal.supporting_sessions.all()) == set(badly)
        assert proposal.supporting_session_count == 32
        assert revert_of(flow) == proposal
        assert list(pending_reverts()) == [proposal]

    def test_done_again_it_does_nothing(self, cast: Cast) -> None:
        worse(cast)
        assert [versions_watch(cast.account.pk) for _ in range(3)] == [1, 0, 0]
        assert FlowProposal.objects.count() == Topic.objects.count() == 1

    def test_what_was_decided_about_the_two_stays_decided(self, cast: Cast) -> None:
        flow = worse(cast)
        versions_watch(cast.account.pk)
        proposal_reject(actor=cast.alice, proposal_id=FlowProposal.objects.get().pk, revision=1, notes="A bad month")
        guided(flow, 2, escalated=30)
        assert versions_watch(cast.account.pk) == 0
        flow_version_publish(actor=None, flow=flow, base_number=2, definition=definition(yes="Pray"))
        guided(flow, 3, escalated=40)
        assert versions_watch(cast.account.pk) == 1
        newest = FlowProposal.objects.get(status=Status.PENDING)
        assert (newest.title, newest.proposed_flow_data) == ("Go back to version 2 of VPN", definition(yes="Wait"))

    def test_a_parked_topic_stays_parked(self, cast: Cast) -> None:
        flow = worse(cast)
        topic = Topic.objects.create(account=cast.account, flow=flow, title="VPN")
        parked = make_proposal(cast.account, topic=topic)
        proposal_dismiss(actor=cast.alice, proposal_id=parked.pk, revision=1, scope="topic")
        assert versions_watch(cast.account.pk) == 0
        assert FlowProposal.objects.count() == 1

    def test_a_pending_proposal_of_the_topic_goes_first(self, cast: Cast) -> None:
        flow = worse(cast)
        topic = Topic.objects.create(account=cast.account, flow=flow, title="VPN")
        first = make_proposal(cast.account, topic=topic)
        assert versions_watch(cast.account.pk) == 0
        proposal_reject(actor=cast.alice, proposal_id=first.pk, revision=1, notes="No")
        assert versions_watch(cast.account.pk) == 1

    def test_an_archived_flow_is_left_alone(self, cast: Cast) -> None:
        flow = worse(cast)
        flow_archive(actor=None, flow_id=flow.pk, reason="Old")
        assert accounts_with_new_versions() == []
        assert versions_watch(cast.account.pk) == 0

    def test_a_version_that_is_current_no_more_is_left_alone(self, cast: Cast) -> None:
        flow = worse(cast)
        flow_version_publish(actor=None, flow=flow, base_number=2, definition=definition(yes="Call us"))
        assert versions_watch(cast.account.pk) == 0

    def test_while_analysis_is_at_work_it_does_nothing(self, cast: Cast) -> None:
        worse(cast)
        lease = lease_take(key=analysis_lease_key(cast.account.pk), duration=settings.ANALYSIS_LEASE)
        assert lease is not None
        assert versions_watch(cast.account.pk) is None
        assert not FlowProposal.objects.exists()
        lease_release(lease)
        assert versions_watch(cast.account.pk) == 1

    def test_each_flow_has_its_own_and_each_account(self, cast: Cast) -> None:
        for title in ("VPN", "Printing"):
            worse(cast, title)
        assert versions_watch(cast.other_account.pk) == 0
        assert versions_watch(cast.account.pk) == 2
        assert set(FlowProposal.objects.values_list("target_flow__key", flat=True)) == {"vpn", "printing"}

    def test_the_watch_goes_to_accounts_with_a_second_version(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_flow(cast.other_account)
        two_versions(cast)
        sent: list[int] = []
        monkeypatch.setattr(tasks.watch_account_versions, "delay", sent.append)
        assert watch_versions() == 1
        assert sent == [cast.account.pk]


class TestDecision:
    def reverting(self, cast: Cast) -> FlowProposal:
        worse(cast)
        AISession.objects.update(analysis_due_at=None)
        versions_watch(cast.account.pk)
        return FlowProposal.objects.get()

    def test_it_waits_as_it_is_whatever_is_mined(self, cast: Cast) -> None:
        proposal = self.reverting(cast)
        Topic.objects.update(mining_due=True)
        assert not topics_to_mine().exists()
        run(cast.account)
        after = FlowProposal.objects.get()
        assert (after.revision, after.status, after.title) == (1, Status.PENDING, proposal.title)
        assert after.proposed_flow_data == definition()
        proposal_reject(actor=cast.alice, proposal_id=proposal.pk, revision=1, notes="A bad month")
        assert topics_to_mine().exists()
        run(cast.account)
        assert not Topic.objects.filter(mining_due=True).exists()

    def test_published_it_is_the_former_version_under_a_new_number(self, cast: Cast) -> None:
        proposal = self.reverting(cast)
        published = proposal_publish(
            actor=cast.alice, proposal_id=proposal.pk, revision=1, definition=proposal.proposed_flow_data, notes="Back"
        )
        version = published.published_version
        assert version is not None
        assert (version.number, version.definition, version.examples) == (3, definition(), {"problems": ["no vpn"]})
        # Undone, it waits again, and the run that follows leaves it as it is.
        proposal_undo(actor=cast.alice, proposal_id=proposal.pk)
        run(cast.account)
        assert list(pending_reverts().values_list("pk", "revision")) == [(proposal.pk, 1)]

    def test_gone_back_by_hand_it_is_answered(self, cast: Cast) -> None:
        proposal = self.reverting(cast)
        assert proposal.target_flow is not None
        flow_roll_back(
            actor=cast.alice, flow_id=proposal.target_flow.pk, version_number=1, base_number=2, reason="Worse"
        )
        assert list(stale_proposals()) == [proposal]
        run(cast.account)
        proposal.refresh_from_db()
        assert (proposal.status, proposal.reviewer_notes) == (Status.DISMISSED, "answered by version 3")


def test_a_revert_is_of_the_current_version_only(cast: Cast) -> None:
    flow = worse(cast)
    assert revert_of(flow) is None
    versions_watch(cast.account.pk)
    flow_version_publish(actor=None, flow=flow, base_number=2, definition=definition(yes="Call us"))
    assert revert_of(Flow.objects.get(pk=flow.pk)) is None
    assert revert_of(Flow.objects.create(account=cast.account, key="empty", title="Empty")) is None
    assert FlowVersion.objects.count() == 3


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        (None, ""),
        (Difference(0.22, 0.07, 0.36), "+22 points (+7 to +36)"),
        (Difference(-0.2, -0.3339, -0.0524), "\N{MINUS SIGN}20 points (\N{MINUS SIGN}33 to \N{MINUS SIGN}5)"),
        (Difference(0.01, -0.004, 0.03), "+1 point (0 to +3)"),
        (Difference(0.0, -0.1, 0.1), "0 points (\N{MINUS SIGN}10 to +10)"),
    ],
)
def test_a_difference_in_points(difference: Difference | None, told: str) -> None:
    assert points(difference) == told
