"""Rows for tests: small, valid, and with names that say what they are."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from flowpilot.accounts.models import Account, Membership, Team, User
from flowpilot.accounts.roles import Role
from flowpilot.common.vault import seal
from flowpilot.flows.models import FlowVersion
from flowpilot.flows.services import flow_create
from flowpilot.webhooks.events import payload_of
from flowpilot.webhooks.models import EventType, WebhookDelivery, WebhookEndpoint, new_event_id
from proposals.models import FlowProposal, ProposalEvidence, Topic
from sessions.ingest.store import sessions_ingest
from sessions.models import AISession, PsaConnection, PsaPush, ScriptTemplateVersion, SessionStep
from sessions.psa.clients import CREDENTIALS
from sessions.records import record_from_object
from sessions.runner.start import Start, session_start
from sessions.scripts.services import Content, Finding, template_approve, template_create

PASSWORD = "a long enough phrase"
_numbers = count(1)
WEBHOOK_SECRET = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def make_account(slug: str = "", name: str = "") -> Account:
    slug = slug or f"account-{next(_numbers)}"
    return Account.objects.create(slug=slug, name=name or slug.title())


def make_member(account: Account, role: str, email: str = "", name: str = "", team: Team | None = None) -> User:
    """A user with one membership. The password is PASSWORD, hashed cheaply by the test settings."""
    user = User.objects.create_user(email or f"user-{next(_numbers)}@example.test", PASSWORD, full_name=name)
    Membership.objects.create(account=account, user=user, role=role, team=team)
    return user


def definition(question: str = "Does the VPN client connect?", yes: str = "Restart the router") -> dict[str, Any]:
    """A small valid tree: one question, an action, two ends."""
    return {
        "schema_version": 1,
        "root": "n1",
        "nodes": [
            {
                "id": "n1",
                "kind": "question",
                "text": question,
                "options": [
                    {"id": "o1", "label": "Yes", "next": "n2"},
                    {"id": "o2", "label": "No", "next": "n4"},
                ],
            },
            {"id": "n2", "kind": "action", "text": yes, "options": [{"id": "o1", "label": "Done", "next": "n3"}]},
            {"id": "n3", "kind": "resolution", "text": "It works again"},
            {"id": "n4", "kind": "escalation", "text": "Hand over to the network team"},
        ],
    }


def record(external_id: str = "", **fields: Any) -> dict[str, Any]:
    """A session record as it comes in by import: resolved, two steps."""
    started = timezone.now() - timedelta(days=1)
    return {
        "external_id": external_id or f"T-{next(_numbers)}",
        "status": "resolved",
        "title": "VPN does not connect",
        "problem_summary": "The VPN client says it cannot reach the server",
        "problem_domain": "networking",
        "client": "Acme",
        "technician": "bob@northwind.test",
        "started_at": started.isoformat(),
        "ended_at": (started + timedelta(minutes=20)).isoformat(),
        "steps": [
            {
                "kind": "question",
                "prompt": "Does the VPN client connect?",
                "options": ["Yes", "No"],
                "selected_option": "Yes",
            },
            {"kind": "action", "prompt": "Restart the router", "options": ["Done"], "selected_option": "Done"},
        ],
        **fields,
    }


def make_session(account: Account, **fields: Any) -> AISession:
    """A session that came in as a record."""
    obj = record(**fields)
    sessions_ingest(actor=None, account=account, records=[record_from_object(obj)])
    return AISession.objects.get(account=account, external_id=obj["external_id"])


def make_worked(actor: User, account: Account, version: FlowVersion | None = None, **fields: Any) -> AISession:
    """A session that `actor` works here, guided by a version's flow or free-form; `fields` are those of `Start`."""
    start = Start(**{"problem": "The VPN client says it cannot reach the server", "client": "Acme", **fields})
    flow_id = version.flow_id if version else None
    return session_start(actor=actor, account=account, start=start, flow_id=flow_id, score=0.9 if version else 0.0)


def make_connection(account: Account, kind: str = "connectwise", **fields: Any) -> PsaConnection:
    """An active connection; every credential is `<name>-of-<kind>`."""
    credentials = {name: f"{name}-of-{kind}" for name in CREDENTIALS[kind]}
    return PsaConnection.objects.create(
        account=account,
        kind=kind,
        **{
            "name": f"Our {kind}",
            "base_url": f"https://{kind}.example",
            "credentials": seal(account_id=account.pk, credentials=credentials),
            **fields,
        },
    )


def make_push(session: AISession, **fields: Any) -> PsaPush:
    """A note that is due, over the account's connection (made where there is none)."""
    connection = fields.pop("connection", None) or (
        PsaConnection.objects.filter(account=session.account_id).first() or make_connection(session.account)
    )
    return PsaPush.objects.create(
        account_id=session.account_id,
        session=session,
        connection=connection,
        **{
            "ticket_id": "48213",
            "kind": PsaPush.Kind.NOTE,
            "occasion": f"end {next(_numbers)}",
            "payload": {"text": "It works again"},
            "attempts_allowed": 12,
            "next_attempt_at": timezone.now(),
            **fields,
        },
    )


def make_endpoint(account: Account, **fields: Any) -> WebhookEndpoint:
    """An active endpoint that asks for all events; its secret is WEBHOOK_SECRET."""
    return WebhookEndpoint.objects.create(
        account=account,
        **{
            "url": f"https://hooks.example/{next(_numbers)}",
            "event_types": sorted(EventType.values),
            "secrets": seal(account_id=account.pk, credentials={"current": WEBHOOK_SECRET}),
            **fields,
        },
    )


def make_delivery(endpoint: WebhookEndpoint, **fields: Any) -> WebhookDelivery:
    """An event for the endpoint that is due."""
    event_type = fields.get("event_type", "flow.published")
    return WebhookDelivery.objects.create(
        account_id=endpoint.account_id,
        endpoint=endpoint,
        **{
            "event_id": new_event_id(),
            "event_type": event_type,
            "payload": payload_of(event_type, {"account": endpoint.account.slug, "flow_id": 7}, timezone.now()),
            "attempts_allowed": 24,
            "next_attempt_at": timezone.now(),
            **fields,
        },
    )


def make_flow(account: Account, title: str = "VPN", **fields: Any) -> FlowVersion:
    return flow_create(actor=None, account=account, title=title, **{"definition": definition(), **fields})


def make_proposal(account: Account, sessions: int = 1, **fields: Any) -> FlowProposal:
    """A pending new flow with evidence."""
    topic = fields.pop("topic", None) or Topic.objects.create(account=account, title="VPN does not connect")
    proposal = FlowProposal.objects.create(
        account=account,
        topic=topic,
        **{
            "proposal_type": FlowProposal.Type.NEW_FLOW,
            "title": "VPN does not connect",
            "description": "Mined from sessions",
            "proposed_flow_data": definition(),
            "confidence_score": 0.5,
            "problem_domain": "networking",
            "supporting_session_count": sessions,
            "impact": sessions * fields.get("confidence_score", 0.5),
            **fields,
        },
    )
    for _ in range(sessions):
        ProposalEvidence.objects.create(account=account, proposal=proposal, session=make_session(account))
    return proposal


def make_change(account: Account, **fields: Any) -> FlowProposal:
    """A pending enhancement of a published flow."""
    version = make_flow(account)
    changed = definition(yes="Restart the router and wait for two minutes")
    return make_proposal(
        account,
        **{
            "proposal_type": FlowProposal.Type.ENHANCEMENT,
            "target_flow": version.flow,
            "base_version": version,
            "proposed_flow_data": changed,
            **fields,
        },
    )


def make_template(account: Account | None, title: str = "Ping a computer", **fields: Any) -> ScriptTemplateVersion:
    """An approved script template; None is everybody's."""
    finding = Finding(title, fields.pop("problem_domain", ""), fields.pop("keywords", ""))
    shell, owner, note = fields.pop("shell", "bash"), fields.pop("owner", None), fields.pop("note", "")
    said = {
        "what_it_does": "Tests whether a computer answers",
        "body": "ping -c 3 {{ computer }}",
        "parameters": [{"name": "computer", "label": "Computer", "kind": "host_name"}],
        "risk": "read_only",
        **fields,
    }
    version = template_create(
        actor=None, account=account, finding=finding, shell=shell, content=Content(**said), owner=owner, note=note
    )
    template_approve(actor=None, template_id=version.template_id, number=1)
    return version


def add_step(session: AISession, prompt: str, at: datetime | None = None) -> SessionStep:
    return SessionStep.objects.create(
        account_id=session.account_id,
        session=session,
        position=session.steps.count(),
        kind="question",
        prompt=prompt,
        at=at,
    )


ROLES = (Role.OWNER, Role.TEAM_ADMIN, Role.TECHNICIAN, Role.ANALYST, Role.SERVICE)
