"""What every change of a session begins with: its row locked, the actor allowed, the revision as it was shown."""

from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from flowpilot.accounts.models import Account, User
from flowpilot.accounts.policies import mask_of
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound, Stale
from sessions.models import AISession, Handover

Status = AISession.Status
CHANGE = "ai_sessions.change_aisession"
MOST_TEXT = 20_000


def session_lock(actor: User, session_id: int, revision: int | None) -> AISession:
    """The session, its row locked until the transaction ends.

    Raises NotFound for one that is gone or not the actor's to see; NotAllowed where the actor may not work it; Stale
    where another tab or device has gone on since `revision` (None: whatever it is at).
    """
    session = _locked(AISession.objects.for_user(actor), session_id)
    if session is None:
        raise NotFound("there is no such session")
    if not actor.has_perm(CHANGE, session):
        raise NotAllowed("you may read this session, but not work it")
    if not session.is_worked_here:
        raise NotAllowed("this session was worked elsewhere and came in as a record: it is only read here")
    if revision is not None and session.revision != revision:
        raise Stale(
            "this session has gone on in another tab or on another device; here is where it stands now",
            details={
                "your_revision": revision,
                "current_revision": session.revision,
                "status": session.status,
                "node_id": session.node_id,
            },
        )
    return session


def handed_session_lock(actor: User, session_id: int) -> AISession:
    """The same, at whatever revision, for what was handed over: that may be another team's. Raises as session_lock."""
    waiting = Handover.objects.waiting_for(actor).filter(session=session_id).values("session")
    session = _locked(AISession.objects.filter(pk__in=waiting), session_id)
    return session if session is not None else session_lock(actor, session_id, None)


def _locked(rows: QuerySet[AISession], session_id: int) -> AISession | None:
    related = ("flow", "flow_version", "client", "team", "technician", "account__data_policy")
    return rows.select_for_update(of=("self",)).select_related(*related).filter(pk=session_id).first()


def require_active(session: AISession) -> None:
    """Raises Conflict for one that is paused or has ended."""
    if session.status == Status.PAUSED:
        raise Conflict("this session is paused: resume it first")
    if session.status != Status.ACTIVE:
        raise Conflict(f"this session has ended: {session.get_status_display().lower()}")


def require_open(session: AISession) -> None:
    """Raises Conflict for one that has ended."""
    if not session.is_open:
        raise Conflict(f"this session has ended: {session.get_status_display().lower()}")


def touch(session: AISession, *fields: str, now: datetime | None = None) -> None:
    """Save these fields; the session is one revision further and was worked just now."""
    session.revision += 1
    session.touched_at = now or timezone.now()
    session.save(update_fields=[*fields, "revision", "touched_at", "updated_at"])


def told(account: Account, text: str, what: str, *, required: bool = True) -> str:
    """What somebody says of a problem, as it is kept: masked as the account's data policy says. Raises as `said`."""
    return mask_of(account).mask(said(text, what, required=required))


def said(text: str, what: str, *, required: bool = True) -> str:
    """The text without the spaces around it. Raises InvalidInput where it is empty, too long, or holds a NUL."""
    text = text.strip()
    if required and not text:
        raise InvalidInput(f"{what}: say something", details={what: "This field may not be blank."})
    if len(text) > MOST_TEXT:
        limit = f"at most {MOST_TEXT:,} characters, got {len(text):,}"
        raise InvalidInput(f"{what}: {limit}", details={what: limit})
    if "\x00" in text:
        raise InvalidInput(f"{what}: it holds a NUL character", details={what: "NUL characters are not allowed."})
    return text
