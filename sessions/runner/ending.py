"""How a session pauses and ends: resolved, escalated, abandoned; hand-overs; what the technician says of it."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from flowpilot.accounts.models import Membership, Team, User
from flowpilot.accounts.roles import Role, role_grants
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from sessions.models import AISession, GeneratedScript, Handover, SessionStep
from sessions.psa.selectors import system_name
from sessions.psa.services import session_pushes_create
from sessions.runner.lock import (
    CHANGE,
    handed_session_lock,
    require_active,
    require_open,
    session_lock,
    told,
    touch,
)
from sessions.runner.start import team_of

Status, Kind = AISession.Status, SessionStep.Kind
IDLE_AT_ONCE = 500
# Who may take up what was handed to somebody else: the person may be away.
ADMIN = "flows.change_flow"


@transaction.atomic
def session_pause(*, actor: User, session_id: int, revision: int) -> AISession:
    """Raises NotFound, NotAllowed, Conflict."""
    session = session_lock(actor, session_id, revision)
    require_active(session)
    session.status = Status.PAUSED
    touch(session, "status")
    return session


@transaction.atomic
def session_resume(*, actor: User, session_id: int, revision: int) -> AISession:
    """Raises NotFound, NotAllowed, Conflict. The time in between is not time at the node."""
    session = session_lock(actor, session_id, revision)
    require_open(session)
    session.status, session.node_since = Status.ACTIVE, timezone.now()
    touch(session, "status", "node_since")
    return session


@transaction.atomic
def session_resolve(*, actor: User, session_id: int, revision: int, summary: str) -> AISession:
    """The problem is solved; `summary` says how. Raises NotFound, NotAllowed, Conflict, InvalidInput."""
    session = session_lock(actor, session_id, revision)
    require_open(session)
    return _end(session, actor, Status.RESOLVED, told(session.account, summary, "summary"))


@transaction.atomic
def session_abandon(*, actor: User, session_id: int, revision: int, reason: str = "") -> AISession:
    """Nobody goes on with it. Raises NotFound, NotAllowed, Conflict, InvalidInput."""
    session = session_lock(actor, session_id, revision)
    require_open(session)
    return _end(session, actor, Status.ABANDONED, told(session.account, reason, "reason", required=False))


@transaction.atomic
def session_escalate(
    *,
    actor: User,
    session_id: int,
    revision: int,
    reason: str,
    to_user_id: int | None = None,
    to_team_id: int | None = None,
) -> Handover:
    """Hand the session over, to a person, a team, or whoever takes it, with all that was found so far.

    Raises NotFound, NotAllowed, Conflict, InvalidInput (no reason; a person and a team; one that is not the account's).
    """
    session = session_lock(actor, session_id, revision)
    require_open(session)
    reason = told(session.account, reason, "reason")
    person, team = _receiver(session, to_user_id, to_team_id)
    _end(session, actor, Status.ESCALATED, reason)
    return Handover.objects.create(
        account_id=session.account_id,
        session=session,
        reason=reason,
        given_by=actor,
        to_user=person,
        to_team=team,
        packet=packet_of(session),
    )


def receivers_of(account_id: int) -> QuerySet[Membership]:
    """Who of an account works sessions, and so can be handed one."""
    roles = [role for role in Role if role != Role.SERVICE and role_grants(role, CHANGE)]
    return Membership.objects.filter(account=account_id, user__is_active=True, role__in=roles)


def is_claimable_by(user: Any, handover: Handover, session: AISession) -> bool:
    """Whether a hand-over that waits is this user's to take: it is for them, their team, or whoever takes it, or they
    lead."""
    return bool(user.has_perm(ADMIN, session)) or Handover.objects.waiting_for(user).filter(pk=handover.pk).exists()


@transaction.atomic
def handover_claim(*, actor: User, session_id: int) -> AISession:
    """Take up a session that was handed over: it goes on, as the actor's. Of two claims at once one wins.

    It becomes the actor's team's, where they work for another one than it was. Raises NotFound, NotAllowed (it was
    handed to another person or team), Conflict (nothing to take up; taken already).
    """
    session = handed_session_lock(actor, session_id)
    handover = session.handovers.select_related("to_user", "to_team", "claimed_by").first()
    if handover is None or (handover.claimed_at is None and session.status != Status.ESCALATED):
        raise Conflict("this session was not handed over")
    if handover.claimed_at is not None:
        raise Conflict(f"{handover.claimed_by or 'somebody'} has taken it up already")
    if not is_claimable_by(actor, handover, session):
        raise NotAllowed(f"it was handed to {handover.to_user or handover.to_team}")
    now = timezone.now()
    handover.claimed_by, handover.claimed_at = actor, now
    handover.save(update_fields=["claimed_by", "claimed_at"])
    session.status, session.ended_at, session.analysis_due_at = Status.ACTIVE, None, None
    session.technician, session.technician_email, session.node_since = actor, actor.email, now
    before = {"status": "escalated", "team": str(session.team or "")}
    if not actor.has_perm(CHANGE, session):
        session.team = team_of(actor, session.account)
        session.generated_scripts.update(team=session.team)
    touch(
        session, "status", "ended_at", "analysis_due_at", "technician", "technician_email", "node_since", "team",
        now=now,
    )  # fmt: skip
    after = {"status": session.status, "team": str(session.team or "")}
    audit_record(actor=actor, action="session.claimed", target=session, before=before, after=after)
    return session


@transaction.atomic
def session_feedback(
    *, actor: User, session_id: int, rating: int | None, flow_was_right: bool | None = None, text: str = ""
) -> AISession:
    """What the technician says of an ended session: 1 to 5, whether the flow was right, and why.

    Raises NotFound, NotAllowed, Conflict (it has not ended), InvalidInput.
    """
    session = session_lock(actor, session_id, None)
    if session.is_open:
        raise Conflict("say it when the session has ended")
    if rating is not None and not 1 <= rating <= 5:
        raise InvalidInput("the rating is from 1 to 5", details={"rating": "From 1 to 5."})
    session.rating, session.flow_was_right = rating, flow_was_right
    session.feedback = told(session.account, text, "feedback", required=False)
    session.save(update_fields=["rating", "flow_was_right", "feedback", "updated_at"])
    return session


def sessions_abandon_idle(now: datetime) -> int:
    """Abandon what nobody has touched for long; gives how many. Safe to run twice, and beside a technician at work."""
    limit = now - settings.SESSION_IDLE
    rows = AISession.objects.filter(is_worked_here=True, status__in=AISession.OPEN)
    abandoned = 0
    for pk in list(
        rows.filter(touched_at__lt=limit).order_by("touched_at").values_list("pk", flat=True)[:IDLE_AT_ONCE]
    ):
        with transaction.atomic():
            session = rows.filter(pk=pk, touched_at__lt=limit).select_for_update(skip_locked=True).first()
            if session is not None:
                _end(session, None, Status.ABANDONED, "nobody went on with it", at=session.touched_at)
                abandoned += 1
    return abandoned


def packet_of(session: AISession) -> dict[str, Any]:
    """What the receiver of a hand-over must know, as plain JSON: problem, path, what was tried, scripts, notes.

    `scripts` are [title, outcome], with the outcome "" where nobody has said it; `unreported` are the titles of those.
    """
    steps = list(session.steps.all())
    generated = list(
        session.generated_scripts.select_related("template_version__template").order_by("created_at", "pk")
    )
    recorded = {script.step_id for script in generated}
    scripts = [[script.template_version.template.title, script.get_outcome_display() or ""] for script in generated]
    return {
        "problem": session.problem_summary,
        "client": session.client.name if session.client else "",
        "ticket": " ".join(filter(None, [system_name(session.psa_system), session.psa_ticket_id])),
        "flow": str(session.flow_version) if session.flow_version else "",
        "path": [[step.prompt, step.answer] for step in steps if step.kind == Kind.QUESTION],
        "tried": [
            [step.prompt, step.answer]
            for step in steps
            if step.kind in (Kind.ACTION, Kind.SCRIPT) and step.pk not in recorded
        ],
        "scripts": scripts,
        "unreported": [title for title, outcome in scripts if not outcome],
        "notes": [step.prompt for step in steps if step.kind == Kind.NOTE],
    }


def summary_of(session: AISession) -> str:
    """A first draft of the resolution summary: where the flow ended and what was done last, else what was found last.

    Of scripts only those that are said to have worked: one that looks, or changed nothing, solved nothing.
    """
    version = session.flow_version
    node = next((n for n in version.nodes if n["id"] == session.node_id), None) if version else None
    steps = list(session.steps.all())
    done = [step.prompt for step in steps if step.kind == Kind.ACTION or (step.kind == Kind.SCRIPT and _worked(step))]
    parts = [node["text"]] if node is not None and node["kind"] == "resolution" else []
    found = [f"{step.prompt} {step.answer}" for step in steps if step.kind == Kind.QUESTION and step.answer]
    return ". ".join(part.rstrip(".") for part in [*parts, *done[-2:]] or found[-1:] if part)


def _worked(step: SessionStep) -> bool:
    return step.selected_option == GeneratedScript.Outcome.WORKED.label


def _end(session: AISession, actor: User | None, status: str, words: str, at: datetime | None = None) -> AISession:
    now = timezone.now()
    before = session.status
    session.status, session.resolution_summary = status, words
    session.ended_at = max(at or now, session.started_at)
    session.analysis_due_at = now if status in AISession.ANALYZED else None
    touch(session, "status", "resolution_summary", "ended_at", "analysis_due_at", now=now)
    session_pushes_create(session=session)
    audit_record(
        actor=actor,
        action=f"session.{status}",
        target=session,
        reason=words,
        before={"status": before},
        after={"status": status, "steps": session.steps.count()},
    )
    return session


def _receiver(session: AISession, user_id: int | None, team_id: int | None) -> tuple[User | None, Team | None]:
    if user_id is not None and team_id is not None:
        raise InvalidInput("hand it to a person or to a team, not to both")
    if user_id is not None:
        found = receivers_of(session.account_id).filter(user=user_id).select_related("user").first()
        if found is None:
            raise NotFound("there is no such member who works sessions")
        return found.user, None
    if team_id is not None:
        team = Team.objects.filter(account=session.account_id, pk=team_id).first()
        if team is None:
            raise NotFound("there is no such team")
        return None, team
    return None, None
