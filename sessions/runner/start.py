"""How a session begins: a problem, a client, a ticket, and a flow or none."""

from dataclasses import dataclass
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from flowpilot.accounts.models import Account, Membership, Team, User
from flowpilot.common.errors import InvalidInput, NotAllowed, NotFound
from flowpilot.flows.models import Flow, FlowVersion
from sessions.models import AISession, Client
from sessions.runner.lock import require_active, require_open, said, session_lock, told, touch

ADD = "ai_sessions.add_aisession"
LONGEST_TITLE = 300


@dataclass(frozen=True, slots=True)
class Start:
    """What a technician fills in; `flow_id` and `score` come from the matches that were shown."""

    problem: str
    title: str = ""
    client: str = ""
    domain: str = ""
    psa_system: str = ""
    psa_ticket_id: str = ""


@transaction.atomic
def session_start(
    *, actor: User, account: Account, start: Start, flow_id: int | None = None, score: float = 0.0
) -> AISession:
    """A new session of the actor's own, guided by `flow_id` or free-form.

    Raises NotAllowed where the actor may not add sessions to the account, InvalidInput (no problem told, a text too
    long), NotFound for a flow that is not published or not the actor's.
    """
    problem = told(account, start.problem, "problem")
    team = team_of(actor, account)
    version = _published(actor, account, flow_id) if flow_id is not None else None
    now = timezone.now()
    session = AISession(
        account=account,
        external_id=uuid4().hex,
        title=(told(account, start.title, "title", required=False) or _first_line(problem))[:LONGEST_TITLE],
        problem_summary=problem,
        problem_domain=_short(start.domain, "domain", 100) or (version.flow.problem_domain if version else ""),
        client=_client(account, start.client),
        team=team,
        technician=actor,
        technician_email=actor.email,
        started_at=now,
        psa_system=_short(start.psa_system, "ticket system", 50),
        psa_ticket_id=_short(start.psa_ticket_id, "ticket", 100),
        is_worked_here=True,
        touched_at=now,
        confidence_score=0.0,
    )
    if version is not None:
        _guide_by(session, version, score)
    session.save()
    # Numbered as it is stored: short enough to be said on the phone.
    session.external_id = f"FP-{session.pk}"
    session.save(update_fields=["external_id"])
    return session


@transaction.atomic
def session_guide(*, actor: User, session_id: int, revision: int, flow_id: int, score: float) -> AISession:
    """Let a flow guide an active session from its root on. Raises NotFound, NotAllowed, Conflict."""
    session = session_lock(actor, session_id, revision)
    require_active(session)
    _guide_by(session, _published(actor, session.account, flow_id), score)
    touch(session, "flow", "flow_version", "node_id", "node_since", "match_score", "confidence_score", "problem_domain")
    return session


@transaction.atomic
def session_domain_set(*, actor: User, session_id: int, revision: int, domain: str) -> AISession:
    """File an open session under a problem domain. Raises NotFound, NotAllowed, Conflict, InvalidInput."""
    session = session_lock(actor, session_id, revision)
    require_open(session)
    session.problem_domain = _short(domain, "domain", 100)
    touch(session, "problem_domain")
    return session


def _guide_by(session: AISession, version: FlowVersion, score: float) -> None:
    session.flow, session.flow_version = version.flow, version
    session.node_id, session.node_since = version.definition["root"], timezone.now()
    session.match_score = session.confidence_score = min(1.0, max(0.0, score))
    session.problem_domain = session.problem_domain or version.flow.problem_domain


def _published(actor: User, account: Account, flow_id: int) -> FlowVersion:
    flow = (
        Flow.objects.for_user(actor)
        .filter(account=account, pk=flow_id, status=Flow.Status.PUBLISHED)
        .select_related("current_version")
        .first()
    )
    if flow is None or flow.current_version is None:
        raise NotFound("there is no such flow, or it is not published any more")
    version: FlowVersion = flow.current_version
    version.flow = flow
    return version


def team_of(actor: User, account: Account) -> Team | None:
    """The team that the actor adds sessions for; None where that is the whole account, or the platform."""
    grants = actor.tenant_grants(ADD)
    if grants is None:
        return None
    teams = [team for account_id, team in grants if account_id == account.pk]
    if not teams:
        raise NotAllowed(f"you may not add sessions to {account}")
    if None in teams:
        own = Membership.objects.filter(account=account, user=actor, team__isnull=False).select_related("team").first()
        return own.team if own else None
    return Team.objects.get(pk__in=[team for team in teams if team is not None][:1])


def _client(account: Account, name: str) -> Client | None:
    name = _short(name, "client", 200)
    return Client.objects.get_or_create(account=account, name=name)[0] if name else None


def _short(text: str, what: str, most: int) -> str:
    text = said(text, what, required=False)
    if len(text) > most:
        raise InvalidInput(f"{what}: at most {most} characters", details={what: f"At most {most} characters."})
    return text


def _first_line(text: str) -> str:
    return next(line.strip() for line in text.splitlines() if line.strip())
