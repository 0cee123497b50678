"""What writes gaps: what a detection found, and what people do with it."""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from analytics.gaps.judge import Measured, Window
from analytics.gaps.lifecycle import severity_of
from analytics.gaps.models import KnowledgeGap
from analytics.gaps.statistics import shrunken
from analytics.gaps.subjects import Subjects, since_words
from flowpilot.accounts.models import User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound, Stale
from flowpilot.webhooks.events import event_emit, links
from flowpilot.webhooks.models import EventType

Kind, State = KnowledgeGap.Kind, KnowledgeGap.State

CHANGE = "analytics.change_knowledgegap"
MOST_TEXT = 10_000
# What a person may make of a gap. Closing is not among it: a gap closes when the measured rate recovers.
MOVES: dict[str, tuple[str, ...]] = {
    State.OPEN: (State.ACKNOWLEDGED, State.WORKING, State.ACCEPTED),
    State.ACKNOWLEDGED: (State.WORKING, State.ACCEPTED, State.OPEN),
    State.WORKING: (State.ACKNOWLEDGED, State.ACCEPTED),
    State.ACCEPTED: (State.OPEN,),
    State.CLOSED: (),
}
KEEP: Any = object()


@transaction.atomic
def gap_change(
    *,
    actor: User,
    gap_id: int,
    revision: int,
    state: str = KEEP,
    reason: str = "",
    owner_id: int | None = KEEP,
    due: date | None = KEEP,
    notes: str = KEEP,
) -> KnowledgeGap:
    """Change a gap's state, owner, due date or notes; what is not given stays. `revision` is the one that was read.

    Raises NotFound, NotAllowed, Conflict (it has changed since; it does not go from its state to that one),
    InvalidInput (accepted without a reason, an owner who may not see it, a text too long).
    """
    gap = gap_lock(actor, gap_id)
    if gap.revision != revision:
        raise Stale(
            "the gap has changed since you read it; here is how it stands",
            details={"your_revision": revision, "current_revision": gap.revision, **gap_told(gap)},
        )
    before = gap_told(gap)
    if owner_id is not KEEP:
        gap.owner = _owner(gap, owner_id)
    if due is not KEEP:
        gap.due = due
    if notes is not KEEP:
        gap.notes = _text(notes, "notes")
    if state is not KEEP and state != gap.state:
        gap_move(gap, state, _text(reason, "reason"))
    gap_write(actor, gap, before, reason)
    return gap


def gap_write(actor: User, gap: KnowledgeGap, before: dict[str, Any], reason: str = "") -> None:
    """Write what a person changed, as a new revision, with its event; nothing where it is as `before` (gap_told)."""
    after = gap_told(gap)
    changed = {name for name, value in after.items() if value != before[name]}
    if not changed:
        return
    moved = "state" in changed
    gap.revision += 1
    gap.save()
    audit_record(
        actor=actor,
        action=f"gap.{gap.state}" if moved else "gap.edited",
        target=gap,
        reason=reason.strip() if moved else "",
        before={name: before[name] for name in sorted(changed)},
        after={name: after[name] for name in sorted(changed)},
    )


@transaction.atomic
def gap_found(*, measured: Measured, window: Window, subjects: Subjects) -> KnowledgeGap:
    """Write the row of a place that is a gap for the first time. Call under the detection's lease."""
    place = measured.place
    gap = KnowledgeGap(
        account_id=window.account_id,
        kind=measured.kind,
        key=measured.key,
        flow_id=place.flow_id,
        node_id=place.node_id,
        option_id=place.option_id,
        topic_id=place.topic_id,
        client_id=place.client_id,
        script_template_id=place.script_template_id,
        found_at=window.end,
        measured_from=window.end,
    )
    _fill(gap, measured, window, subjects)
    gap.evidence["opening_share"] = gap.evidence["share"]
    gap.save()
    audit_record(actor=None, action="gap.opened", target=gap, after=_figures(gap))
    _tell(EventType.GAP_OPENED, gap)
    return gap


def gap_measured(*, gap: KnowledgeGap, measured: Measured, window: Window, subjects: Subjects) -> None:
    """Write a known gap's figures as they are now. No event and no revision: nothing was decided."""
    opening = gap.evidence.get("opening_share")
    _fill(gap, measured, window, subjects)
    gap.evidence["opening_share"] = opening
    gap.save()


@transaction.atomic
def gap_close(*, gap: KnowledgeGap, reason: str, now: datetime) -> None:
    """Close a gap that has recovered or is no more. Call under the detection's lease."""
    before = gap.state
    gap.state, gap.reason, gap.closed_at, gap.counted_from = State.CLOSED, reason, now, now
    gap.revision += 1
    gap.save()
    audit_record(
        actor=None, action="gap.closed", target=gap, reason=reason, before={"state": before}, after=_figures(gap)
    )
    _tell(EventType.GAP_CLOSED, gap)


@transaction.atomic
def gap_reopen(*, gap: KnowledgeGap, now: datetime) -> None:
    """Open a closed gap again: the sessions since stand out once more. Call under the detection's lease."""
    gap.state, gap.reason, gap.closed_at, gap.measured_from = State.OPEN, "", None, now
    gap.times_reopened += 1
    gap.revision += 1
    gap.evidence["opening_share"] = gap.evidence["share"]
    gap.save()
    audit_record(
        actor=None, action="gap.reopened", target=gap, before={"state": State.CLOSED.value}, after=_figures(gap)
    )
    _tell(EventType.GAP_OPENED, gap)


def _tell(event_type: EventType, gap: KnowledgeGap) -> None:
    data = {
        "gap_id": gap.pk,
        "kind": str(gap.kind),
        "severity": str(gap.severity),
        "state": str(gap.state),
        "times_reopened": gap.times_reopened,
        "flow_id": gap.flow_id,
        **links("gaps:detail", "api:gap-detail", gap.pk),
    }
    event_emit(account_id=gap.account_id, type=event_type, data=data)


def _fill(gap: KnowledgeGap, measured: Measured, window: Window, subjects: Subjects) -> None:
    detail, base = measured.detail, measured.base
    rate, base_share = detail.rate, base.share or 0.0
    drawn = shrunken(rate, base_share)
    excess = max(0.0, rate.count - rate.n * base_share)
    low, high = rate.interval or (None, None)
    first = measured.first or window.start
    gap.evidence = {
        "count": rate.count,
        "n": rate.n,
        "share": rate.share or 0.0,
        "low": low,
        "high": high,
        "base_count": base.count,
        "base_n": base.n,
        "base": base.share,
        "shrunken": drawn,
        "excess": excess,
        "p": measured.p,
        "stands_out": measured.flagged,
        "from": first.isoformat(),
        "until": window.end.isoformat(),
        "since_count": detail.since.count,
        "since_n": detail.since.n,
        "shared": [list(pair) for pair in measured.shared],
    }
    if measured.escalated is not None:
        gap.evidence["escalated"] = measured.escalated.count
    if measured.kind == Kind.MISSING_FLOW:
        excess = float(rate.count)  # each of them could have had a flow
    if measured.cut:
        gap.evidence |= {"cut": measured.cut.day.isoformat(), "version": measured.cut.version}
    if subjects.stands(measured.place):
        words = since_words(measured.cut.day, measured.cut.version) if measured.cut else ""
        gap.title = subjects.title(measured.kind, measured.place, words)[:400]
    # A client's sessions are of all domains.
    gap.problem_domain = "" if measured.place.client_id else detail.domain
    gap.severity = severity_of(excess, measured.all_bad).value if measured.all_bad else gap.severity
    gap.impact = drawn * rate.n
    gap.trend = [[week.isoformat(), count, n] for week, count, n in detail.trend]
    gap.session_ids, gap.bad_session_ids = detail.sessions, detail.bad
    gap.team_id = detail.team_id
    gap.measured_at = window.end


def gap_lock(actor: User, gap_id: int) -> KnowledgeGap:
    """The gap, its row locked until the transaction ends. Raises NotFound, NotAllowed."""
    visible = KnowledgeGap.objects.for_user(actor).filter(pk=gap_id)
    gap = KnowledgeGap.objects.select_for_update(of=("self",)).filter(pk__in=visible.values("pk")).light().first()
    if gap is None:
        raise NotFound("there is no such gap")
    if not actor.has_perm(CHANGE, gap):
        raise NotAllowed("your role reads gaps; a team admin or the owner changes them")
    return gap


def gap_move(gap: KnowledgeGap, state: str, reason: str) -> None:
    """Give a locked gap another state; it is not written yet. Raises InvalidInput, Conflict (no such move)."""
    if state not in State.values:
        raise InvalidInput("there is no such state", details={"state": f"unknown: {state[:40]}"})
    if state == State.CLOSED:
        raise Conflict("a gap is not closed by hand: it closes when its measured rate recovers")
    if state not in MOVES[gap.state]:
        now, then = gap.get_state_display().lower(), State(state).label.lower()
        raise Conflict(f"a gap that is {now} does not become {then}")
    if state == State.ACCEPTED and not reason:
        raise InvalidInput("say why it is accepted", details={"reason": "This field is required."})
    gap.state = state
    gap.reason = reason if state == State.ACCEPTED else ""
    if state == State.WORKING:
        gap.measured_from = timezone.now()


def _owner(gap: KnowledgeGap, owner_id: int | None) -> User | None:
    if owner_id is None:
        return None
    owner = User.objects.filter(pk=owner_id, is_active=True, memberships__account=gap.account_id).first()
    if owner is None or not owner.has_perm("analytics.view_knowledgegap", gap):
        raise InvalidInput("choose somebody who may see this gap", details={"owner": "not one of those offered"})
    return owner


def _text(text: str, name: str) -> str:
    text = text.strip()
    if len(text) > MOST_TEXT:
        raise InvalidInput(f"the {name} are too long", details={name: f"at most {MOST_TEXT:,} characters"})
    if "\0" in text:
        raise InvalidInput("a text holds no NUL character", details={name: "holds a NUL character"})
    return text


def gap_told(gap: KnowledgeGap) -> dict[str, Any]:
    """What people say of a gap, as an event tells it."""
    return {
        "state": gap.state,
        "owner": gap.owner.email if gap.owner else None,
        "due": gap.due.isoformat() if gap.due else None,
        "notes": gap.notes,
        "proposal": gap.proposal_id,
    }


def _figures(gap: KnowledgeGap) -> dict[str, Any]:
    names = ("count", "n", "base_count", "base_n", "since_count", "since_n")
    return {"state": str(gap.state), **{name: gap.evidence.get(name) for name in names}}
