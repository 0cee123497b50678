"""What people do with a gap: states, owner, notes, and what is refused."""

from datetime import date
from typing import Any

import pytest

from analytics.gaps.models import KnowledgeGap
from analytics.gaps.remedies import gap_propose
from analytics.gaps.services import MOVES, gap_change
from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.common.models import AuditEvent
from proposals.models import SessionAnalysis, Topic
from tests.conftest import Cast
from tests.factories import make_member, make_proposal, make_session

State = KnowledgeGap.State


def make_gap(cast: Cast, **fields: Any) -> KnowledgeGap:
    values = {"account": cast.account, "kind": "dead_end", "key": "dead_end:1:n1", "title": "VPN: left at “Which?”"}
    return KnowledgeGap.objects.create(**{**values, **fields})


def change(cast: Cast, gap: KnowledgeGap, **changes: Any) -> KnowledgeGap:
    return gap_change(actor=cast.alice, gap_id=gap.pk, **{"revision": gap.revision, **changes})


def test_a_change_is_written_with_its_event(cast: Cast) -> None:
    gap = make_gap(cast)
    changed = change(cast, gap, state="acknowledged", owner_id=cast.carol.pk, due=date(2030, 1, 2), notes=" Ask them ")
    assert (changed.state, changed.owner, changed.due, changed.notes) == (
        State.ACKNOWLEDGED, cast.carol, date(2030, 1, 2), "Ask them",
    )  # fmt: skip
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.object_id) == ("gap.acknowledged", cast.alice, gap.pk)
    assert event.before == {"due": None, "notes": "", "owner": None, "state": "open"}
    assert event.after["owner"] == cast.carol.email
    changed = change(cast, changed, owner_id=None)
    assert (changed.owner, changed.notes, changed.revision) == (None, "Ask them", 3)
    assert AuditEvent.objects.latest("pk").action == "gap.edited"


def test_what_changes_nothing_writes_nothing(cast: Cast) -> None:
    gap = make_gap(cast)
    assert change(cast, gap, state="open", notes="").revision == 1
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("before", State.values)
@pytest.mark.parametrize("after", State.values)
def test_every_move_is_allowed_or_refused(cast: Cast, before: str, after: str) -> None:
    extra = {"closed_at": "2026-01-01T00:00:00Z"} if before == "closed" else {}
    gap = make_gap(cast, state=before, reason="because", **extra)
    if after == before or after in MOVES[before]:
        assert change(cast, gap, state=after, reason="It may stay").state == after
    else:
        with pytest.raises(Conflict):
            change(cast, gap, state=after, reason="It may stay")
    gap.refresh_from_db()
    assert (gap.state == after) == (after == before or after in MOVES[before])


def test_nobody_closes_a_gap_by_hand() -> None:
    assert not [before for before, after in MOVES.items() if State.CLOSED in after]


def test_work_begins_the_measuring_anew(cast: Cast) -> None:
    gap = make_gap(cast)
    assert change(cast, gap, state="working").measured_from > gap.measured_from


def test_acceptance_needs_a_reason(cast: Cast) -> None:
    gap = make_gap(cast)
    with pytest.raises(InvalidInput) as refused:
        change(cast, gap, state="accepted", reason="  ")
    assert refused.value.details == {"reason": "This field is required."}
    accepted = change(cast, gap, state="accepted", reason="No remote tools there")
    assert accepted.reason == "No remote tools there"
    assert AuditEvent.objects.get().reason == "No remote tools there"
    assert change(cast, accepted, state="open").reason == ""


def test_an_older_revision_is_told_so(cast: Cast) -> None:
    gap = make_gap(cast)
    change(cast, gap, notes="first")
    with pytest.raises(Conflict):
        change(cast, gap, notes="second")
    gap.refresh_from_db()
    assert gap.notes == "first"


def test_who_may_change(cast: Cast) -> None:
    gap = make_gap(cast)
    for user, refusal in (
        (cast.carol, NotAllowed),
        (cast.sam, NotAllowed),
        (cast.bob, NotFound),
        (cast.mallory, NotFound),
    ):
        with pytest.raises(refusal):
            gap_change(actor=user, gap_id=gap.pk, revision=1, notes="mine")
    assert gap_change(actor=cast.olivia, gap_id=gap.pk, revision=1, notes="mine").notes == "mine"


def test_a_team_admin_of_one_team_changes_that_teams_gaps_only(cast: Cast) -> None:
    tess = make_member(cast.account, Role.TEAM_ADMIN, team=cast.team)
    field = Team.objects.create(account=cast.account, name="Field")
    own = make_gap(cast, team=cast.team)
    for number, team in enumerate((field, None)):
        other = make_gap(cast, team=team, key=f"dead_end:2:n{number}")
        with pytest.raises(NotFound):
            gap_change(actor=tess, gap_id=other.pk, revision=1, notes="mine")
    assert gap_change(actor=tess, gap_id=own.pk, revision=1, notes="mine").notes == "mine"


def test_the_owner_is_somebody_who_may_see_it(cast: Cast) -> None:
    gap = make_gap(cast)
    for user in (cast.bob, cast.mallory):
        with pytest.raises(InvalidInput):
            change(cast, gap, owner_id=user.pk)
    with pytest.raises(InvalidInput):
        change(cast, gap, owner_id=987_654_321)


@pytest.mark.parametrize("text", ["x" * 10_001, "a\0b"])
def test_texts_are_bounded(cast: Cast, text: str) -> None:
    with pytest.raises(InvalidInput):
        change(cast, make_gap(cast), notes=text)


def test_an_unknown_severity_is_told_neutrally(cast: Cast) -> None:
    gap = make_gap(cast, severity="catastrophic")
    assert (gap.severity_label, gap.severity_class) == ("Unrated", "unrated")
    assert make_gap(cast, key="k2", severity="high").severity_label == "High"


def test_a_proposal_is_started_from_its_sessions(cast: Cast) -> None:
    topic = Topic.objects.create(account=cast.account, title="Scanner")
    session = make_session(cast.account)
    session.analysis_due_at = None
    session.save()
    SessionAnalysis.objects.create(account=cast.account, session=session, state="done", topic=topic)
    gap = make_gap(cast, kind="missing_flow", topic=topic, session_ids=[session.pk])
    with pytest.raises(NotAllowed):
        gap_propose(actor=cast.carol, gap_id=gap.pk)
    assert gap_propose(actor=cast.alice, gap_id=gap.pk) == 1
    session.refresh_from_db()
    assert session.analysis_due_at is not None
    make_proposal(cast.account, sessions=0, topic=topic)
    with pytest.raises(Conflict, match="waits for review already"):
        gap_propose(actor=cast.alice, gap_id=gap.pk)
    with pytest.raises(NotFound):
        gap_propose(actor=cast.mallory, gap_id=gap.pk)
