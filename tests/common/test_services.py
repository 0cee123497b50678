"""Service × role × own or foreign row: who may is decided in the service, whichever door leads there.

A service is a function with a keyword `actor`. One without an entry in the table fails here; so does an entry whose
service lets somebody through who may not, or keeps out somebody who may.
"""

import importlib
import inspect
import io
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

import analytics
import flowpilot
import proposals
import sessions
from flowpilot.accounts.models import ApiKey, Team, User
from flowpilot.accounts.savedviews import saved_view_save
from flowpilot.common.errors import NotAllowed, NotFound, ServiceError
from flowpilot.flows.models import FlowVersion
from flowpilot.flows.portable import PortableFlow
from flowpilot.llm.client import Reply
from flowpilot.llm.models import Fallback
from flowpilot.privacy.models import Export
from flowpilot.webhooks.models import WebhookDelivery, WebhookEndpoint
from proposals.models import FlowProposal
from sessions.ingest.receive import Body
from sessions.models import AISession, PsaPush
from sessions.psa.errors import PsaFailed
from sessions.records import record_from_object
from sessions.runner.guide import StepDraft
from sessions.runner.start import Start
from sessions.scripts.services import Content, Finding
from tests.common.rows import Rows
from tests.common.tenants import EVERYONE, OWNERS, READERS, REVIEWERS, ROOT, WORKERS, World
from tests.factories import definition, make_proposal, make_worked, record


@dataclass(frozen=True)
class Side:
    """One account's rows, as one person meets them. `mine` are rows of their own, for services that ask no role."""

    rows: Rows
    owner: User
    actor: User
    is_home: bool

    def pk(self, name: str) -> int:
        return self.rows.pk(name)

    def row(self, name: str) -> Any:
        return self.rows.by_name[name]

    @property
    def account(self) -> Any:
        return self.row("accounts_account")

    @property
    def whose(self) -> User:
        """Whose personal row it is: the actor's own at home, another's elsewhere."""
        return self.actor if self.is_home else self.owner


Given = Callable[[Side], dict[str, Any]]
ANYBODY = EVERYONE | {"carol"}
# Beside people: of services that name no account's row; and of those whose rows are one person's, which not even the
# platform changes for them.
ANYWHERE, OWN_ROWS = "anywhere", "own rows"
# Scripts are a person's work: no service does it.
PEOPLE_AT_WORK = WORKERS - {"sam"}
CONTENT = Content("Tests whether a computer answers", "ping -c 3 localhost", [], "read_only")
FINDING = Finding("Ping this computer")
PORTABLE = PortableFlow("Brought along", definition())


def flow(**more: Any) -> Given:
    return lambda side: {"flow_id": side.pk("flows_flow"), **more}


def proposal(**more: Any) -> Given:
    return lambda side: {"proposal_id": side.pk("proposals_flowproposal"), **more}


def worked(**more: Any) -> Given:
    """A free session that is worked in the account now, of the rows' team."""

    def given(side: Side) -> dict[str, Any]:
        session = make_worked(side.owner, side.account)
        AISession.objects.filter(pk=session.pk).update(team=side.row("accounts_team"))
        return {"session_id": session.pk, **more}

    return given


def guided(**more: Any) -> Given:
    def given(side: Side) -> dict[str, Any]:
        version = FlowVersion.objects.get(flow=side.pk("flows_flow"), number=1)
        session = make_worked(side.owner, side.account, version)
        AISession.objects.filter(pk=session.pk).update(team=side.row("accounts_team"))
        return {"session_id": session.pk, "revision": session.revision, "node_id": "n1", **more}

    return given


def own_view(side: Side) -> dict[str, Any]:
    return {"view_id": saved_view_save(actor=side.whose, page="p", name="v", query="").pk}


def own_report(side: Side) -> dict[str, Any]:
    from analytics.models import ReportSubscription

    report = ReportSubscription.objects.create(
        user=side.whose, page="analytics:overview", query="days=7", frequency="daily", hour=7, due_at=timezone.now()
    )
    return {"report_id": report.pk}


def at_rest(side: Side) -> dict[str, Any]:
    WebhookDelivery.objects.filter(pk=side.pk("webhooks_webhookdelivery")).update(
        state=WebhookDelivery.State.EXHAUSTED, settled_at=timezone.now(), next_attempt_at=None
    )
    return {"delivery_ids": [side.pk("webhooks_webhookdelivery")]}


def given_up(side: Side) -> dict[str, Any]:
    PsaPush.objects.filter(pk=side.pk("ai_sessions_psapush")).update(
        state=PsaPush.State.EXHAUSTED, settled_at=timezone.now(), next_attempt_at=None
    )
    return {"push_ids": [side.pk("ai_sessions_psapush")]}


def switched_off(side: Side) -> dict[str, Any]:
    """Nothing is called: the refusal that it is off comes after the one for the actor."""
    WebhookEndpoint.objects.filter(pk=side.pk("webhooks_webhookendpoint")).update(is_active=False)
    return {"endpoint_id": side.pk("webhooks_webhookendpoint")}


def language_model(**more: Any) -> Given:
    return lambda side: {"model_id": side.pk("llm_languagemodel"), **more}


def live_key(side: Side) -> dict[str, Any]:
    ApiKey.objects.filter(pk=side.pk("accounts_apikey")).update(revoked_at=None, expires_at=None)
    return {"key_id": side.pk("accounts_apikey")}


def decided(side: Side) -> dict[str, Any]:
    row = FlowProposal.objects.get(pk=side.pk("proposals_flowproposal"))
    return {"decided": row, "title": "x", "definition": definition()}


def locked_out(side: Side) -> dict[str, Any]:
    from axes.models import AccessAttempt

    member = side.row("accounts_membership").user
    AccessAttempt.objects.create(username=member.email, ip_address="192.0.2.1", failures_since_start=5)
    return {"user": member}


def with_factor(side: Side) -> dict[str, Any]:
    member = side.row("accounts_membership").user
    User.objects.filter(pk=member.pk).update(two_factor_at=timezone.now())
    return {"user": member}


def ready(side: Side) -> dict[str, Any]:
    """Nothing is opened: that the file is missing comes after the refusal of an actor."""
    Export.objects.filter(pk=side.pk("privacy_export")).update(
        state=Export.State.DONE, file="exports/missing.zip", expires_at=timezone.now() + timedelta(days=1)
    )
    return {"export_id": side.pk("privacy_export")}


SERVICES: dict[str, tuple[set[str], Given]] = {
    "flowpilot.accounts.apikeys.api_key_create": (OWNERS, lambda side: {"account": side.account, "name": "New"}),
    "flowpilot.accounts.apikeys.api_key_rotate": (OWNERS, live_key),
    "flowpilot.accounts.apikeys.api_key_revoke": (OWNERS, lambda side: {"key": side.row("accounts_apikey")}),
    "flowpilot.accounts.loginlocks.login_lock_lift": (OWNERS, locked_out),
    "flowpilot.accounts.twofactor.two_factor_reset": (OWNERS, with_factor),
    "flowpilot.accounts.savedviews.saved_views": (ANYBODY | {ANYWHERE}, lambda side: {"page": "p"}),
    "flowpilot.accounts.savedviews.saved_view_save": (
        ANYBODY | {ANYWHERE},
        lambda side: {"page": "p", "name": "v", "query": ""},
    ),
    "flowpilot.accounts.savedviews.saved_view_rename": (
        ANYBODY | {OWN_ROWS},
        lambda side: {**own_view(side), "name": "w"},
    ),
    "flowpilot.accounts.savedviews.saved_view_delete": (ANYBODY | {OWN_ROWS}, own_view),
    "flowpilot.accounts.policies.policy_change": (OWNERS, lambda side: {"account": side.account, "masking": "off"}),
    "flowpilot.privacy.erasures.erasure_request": (
        OWNERS,
        lambda side: {"account": side.account, "kind": "person", "spellings": ["Jana Nova"]},
    ),
    "flowpilot.privacy.erasures.erasure_confirm": (
        OWNERS,
        lambda side: {"erasure_id": side.pk("privacy_erasure"), "typed": "x"},
    ),
    "flowpilot.privacy.erasures.erasure_cancel": (OWNERS, lambda side: {"erasure_id": side.pk("privacy_erasure")}),
    "flowpilot.privacy.exports.export_request": (OWNERS, lambda side: {"account": side.account}),
    "flowpilot.privacy.exports.export_open": (OWNERS, ready),
    "flowpilot.accounts.services.account_change": (
        OWNERS,
        lambda side: {"account_id": side.account.pk, "name": "x", "time_zone": "UTC", "admins_need_two_factor": False},
    ),
    "flowpilot.accounts.services.membership_create": (
        OWNERS,
        lambda side: {"account": side.account, "email": "new@example.test", "role": "technician"},
    ),
    "flowpilot.accounts.services.membership_change": (
        OWNERS,
        lambda side: {"membership": side.row("accounts_membership"), "role": "analyst", "team": None},
    ),
    "flowpilot.accounts.services.membership_remove": (
        OWNERS,
        lambda side: {"membership": side.row("accounts_membership")},
    ),
    "flowpilot.accounts.services.team_create": (OWNERS, lambda side: {"account": side.account, "name": "New"}),
    "flowpilot.accounts.services.team_rename": (
        OWNERS,
        lambda side: {"team_id": side.pk("accounts_team"), "name": "New"},
    ),
    "flowpilot.accounts.services.team_delete": (
        OWNERS,
        lambda side: {"team_id": Team.objects.create(account=side.account, name="Empty").pk},
    ),
    "flowpilot.flows.services.flow_create": (
        REVIEWERS,
        lambda side: {"account": side.account, "title": "New", "definition": definition()},
    ),
    "flowpilot.flows.services.flow_version_publish": (
        REVIEWERS,
        lambda side: {"flow": side.row("flows_flow"), "base_number": 1, "definition": definition("Else?")},
    ),
    "flowpilot.flows.services.flow_roll_back": (
        REVIEWERS,
        flow(version_number=1, base_number=1, reason="It was better"),
    ),
    "flowpilot.flows.services.flow_publish_again": (REVIEWERS, flow(title="Again", definition=definition())),
    "flowpilot.flows.services.flow_version_withdraw": (REVIEWERS, flow(number=1, back_to=None, reason="Wrong")),
    "flowpilot.flows.upkeep.flow_update": (REVIEWERS, flow(title="Renamed")),
    "flowpilot.flows.upkeep.flow_archive": (REVIEWERS, flow(reason="Old")),
    "flowpilot.flows.upkeep.flow_restore": (REVIEWERS, flow(reason="New")),
    "flowpilot.flows.transfer.flow_import_new": (
        REVIEWERS,
        lambda side: {"account": side.account, "portable": PORTABLE},
    ),
    "flowpilot.flows.transfer.flow_import_version": (REVIEWERS, flow(base_number=1, portable=PORTABLE)),
    "flowpilot.webhooks.endpoints.endpoint_create": (
        OWNERS,
        lambda side: {"account": side.account, "url": "https://new.example/", "event_types": ["flow.published"]},
    ),
    "flowpilot.webhooks.endpoints.endpoint_change": (
        OWNERS,
        lambda side: {"endpoint_id": side.pk("webhooks_webhookendpoint"), "description": "x"},
    ),
    "flowpilot.webhooks.endpoints.endpoint_delete": (
        OWNERS,
        lambda side: {"endpoint_id": side.pk("webhooks_webhookendpoint")},
    ),
    "flowpilot.webhooks.endpoints.endpoint_rotate": (
        OWNERS,
        lambda side: {"endpoint_id": side.pk("webhooks_webhookendpoint")},
    ),
    "flowpilot.webhooks.services.endpoint_test": (OWNERS, switched_off),
    "flowpilot.webhooks.services.deliveries_replay": (OWNERS, at_rest),
    "flowpilot.llm.configuration.language_model_create": (
        OWNERS,
        lambda side: {"account": side.account, "provider": "openai", "model": "m", "api_key": "k"},
    ),
    "flowpilot.llm.configuration.language_model_change": (OWNERS, language_model(model="m")),
    "flowpilot.llm.configuration.language_model_test": (OWNERS, language_model()),
    "sessions.ingest.store.sessions_ingest": (
        WORKERS,
        lambda side: {"account": side.account, "records": [record_from_object(record("S-1"))]},
    ),
    "sessions.ingest.lines.lines_ingest": (WORKERS, lambda side: {"account": side.account, "lines": []}),
    "sessions.ingest.jobs.ingest_job_admit": (WORKERS, lambda side: {"account": side.account}),
    "sessions.ingest.jobs.ingest_job_create": (
        WORKERS,
        lambda side: {"account": side.account, "body": Body(io.BytesIO())},
    ),
    "sessions.psa.connections.connection_create": (
        OWNERS,
        lambda side: {"account": side.account, "kind": "halopsa", "credentials": {}},
    ),
    "sessions.psa.connections.connection_change": (
        OWNERS,
        lambda side: {"connection_id": side.pk("ai_sessions_psaconnection"), "is_active": False},
    ),
    "sessions.psa.connections.connection_test": (
        OWNERS,
        lambda side: {"connection_id": side.pk("ai_sessions_psaconnection")},
    ),
    "sessions.psa.connections.ticket_lookup": (
        WORKERS,
        lambda side: {"connection_id": side.pk("ai_sessions_psaconnection"), "ticket_id": "1"},
    ),
    "sessions.psa.services.pushes_requeue": (REVIEWERS, given_up),
    "sessions.runner.start.session_start": (
        WORKERS,
        lambda side: {"account": side.account, "start": Start("It does not start")},
    ),
    "sessions.runner.start.session_guide": (
        WORKERS,
        lambda side: {**worked()(side), "revision": 1, "flow_id": side.pk("flows_flow"), "score": 0.5},
    ),
    "sessions.runner.start.session_domain_set": (WORKERS, worked(revision=1, domain="networking")),
    "sessions.runner.steps.step_answer": (WORKERS, guided(option_id="o1")),
    "sessions.runner.steps.step_none_of_these": (WORKERS, guided(response="Neither")),
    "sessions.runner.steps.step_jump": (WORKERS, guided()),
    "sessions.runner.steps.step_free": (WORKERS, worked(revision=1, prompt="I looked")),
    "sessions.runner.steps.step_back": (WORKERS, worked(revision=1)),
    "sessions.runner.steps.note_add": (WORKERS, worked(revision=1, text="Mind the dog")),
    "sessions.runner.talk.talk_apply": (WORKERS, worked(revision=1, steps=[StepDraft("action", "Looked", "Gone")])),
    "sessions.runner.attach.attachment_add": (WORKERS, worked(name="a.txt", data=b"")),
    "sessions.runner.ending.session_pause": (WORKERS, worked(revision=1)),
    "sessions.runner.ending.session_resume": (WORKERS, worked(revision=1)),
    "sessions.runner.ending.session_resolve": (WORKERS, worked(revision=1, summary="It works")),
    "sessions.runner.ending.session_abandon": (WORKERS, worked(revision=1)),
    "sessions.runner.ending.session_escalate": (WORKERS, worked(revision=1, reason="Too hard")),
    "sessions.runner.ending.session_feedback": (WORKERS, worked(rating=5)),
    "sessions.runner.ending.handover_claim": (WORKERS, worked()),
    "sessions.scripts.services.template_create": (
        REVIEWERS,
        lambda side: {"account": side.account, "finding": FINDING, "shell": "bash", "content": CONTENT},
    ),
    "sessions.scripts.services.template_version_publish": (
        REVIEWERS,
        lambda side: {
            "template_id": side.pk("ai_sessions_scripttemplate"),
            "base_number": 1,
            "finding": FINDING,
            "content": CONTENT,
        },
    ),
    "sessions.scripts.services.template_approve": (
        REVIEWERS,
        lambda side: {"template_id": side.pk("ai_sessions_scripttemplate"), "number": 1},
    ),
    "sessions.scripts.services.template_retire": (
        REVIEWERS,
        lambda side: {"template_id": side.pk("ai_sessions_scripttemplate"), "reason": "Old"},
    ),
    "sessions.scripts.services.script_generate": (
        PEOPLE_AT_WORK,
        lambda side: {
            **worked()(side),
            "template_id": side.pk("ai_sessions_scripttemplate"),
            "number": 1,
            "values": {"computer": "PC-1"},
        },
    ),
    "sessions.scripts.services.script_outcome_report": (
        PEOPLE_AT_WORK,
        lambda side: {"script_id": side.pk("ai_sessions_generatedscript"), "outcome": "worked"},
    ),
    "proposals.services.sessions_requeue": (
        REVIEWERS,
        lambda side: {"session_ids": [side.pk("ai_sessions_aisession")]},
    ),
    "proposals.review.start.proposal_start": (
        REVIEWERS,
        lambda side: {
            "flow_id": side.pk("flows_flow"),
            "sessions": AISession.objects.filter(pk=side.pk("ai_sessions_aisession")),
            "reason": "It ends badly",
        },
    ),
    "proposals.review.decide.proposal_approve": (REVIEWERS, proposal(revision=1)),
    "proposals.review.decide.proposal_publish": (REVIEWERS, proposal(revision=1, definition=definition())),
    "proposals.review.decide.proposal_dismiss": (REVIEWERS, proposal(revision=1)),
    "proposals.review.decide.proposal_reject": (REVIEWERS, proposal(revision=1, notes="Wrong")),
    "proposals.review.undo.proposal_undo": (REVIEWERS, proposal()),
    "proposals.review.parking.proposal_wake": (REVIEWERS, proposal()),
    "proposals.review.claims.proposal_claim": (REVIEWERS, proposal()),
    "proposals.review.claims.proposal_release": (REVIEWERS, proposal()),
    "proposals.review.merge.proposal_merge": (
        REVIEWERS,
        lambda side: {
            "proposal_id": side.pk("proposals_flowproposal"),
            "revision": 99,
            "into_id": make_proposal(side.account, sessions=0, team=side.row("accounts_team")).pk,
            "into_revision": 1,
        },
    ),
    "proposals.review.drafts.draft_of": (
        REVIEWERS,
        proposal(),
    ),
    "proposals.review.drafts.draft_save": (
        REVIEWERS,
        proposal(revision=1, title="x", definition=definition(), seen=None),
    ),
    "proposals.review.drafts.draft_discard": (REVIEWERS, proposal()),
    "proposals.review.drafts.draft_after_publishing": (REVIEWERS, decided),
    "proposals.wordings.choosing.wording_choose": (REVIEWERS, proposal(revision=1, of_model={"title"})),
    "proposals.notices.queue_visit": (READERS | {ANYWHERE}, lambda side: {}),
    "proposals.notices.notice_settings_update": (REVIEWERS | {ANYWHERE}, lambda side: {"email_digest": "off"}),
    "proposals.replays.replay_report_start": (READERS, proposal()),
    "analytics.gaps.services.gap_change": (
        REVIEWERS,
        lambda side: {"gap_id": side.pk("analytics_knowledgegap"), "revision": 1, "notes": "x"},
    ),
    "analytics.gaps.remedies.gap_propose": (REVIEWERS, lambda side: {"gap_id": side.pk("analytics_knowledgegap")}),
    "analytics.gaps.remedies.gap_edit": (REVIEWERS, lambda side: {"gap_id": side.pk("analytics_knowledgegap")}),
    "analytics.reports.services.report_subscribe": (
        READERS | {ANYWHERE},
        lambda side: {"page": "analytics:overview", "query": "days=7", "frequency": "daily", "hour": 7},
    ),
    "analytics.reports.services.report_change": (
        ANYBODY | {OWN_ROWS},
        lambda side: {**own_report(side), "frequency": "weekly", "hour": 7},
    ),
    "analytics.reports.services.report_stop": (ANYBODY | {OWN_ROWS}, own_report),
}
# Services that are about the actor alone ask no role, and have tests of their own.
OF_ONESELF = {
    f"flowpilot.accounts.twofactor.{name}"
    for name in ("two_factor_enable", "two_factor_disable", "two_factor_verify", "recovery_codes_renew")
}
# What every service calls, and what asks nobody.
BELOW = {"flowpilot.common.audit.audit_record"}


def services() -> dict[str, Callable[..., Any]]:
    return {f"{module}.{name}": function for module, name, function in _functions() if _is_service(function)}


def _functions() -> Iterator[tuple[str, str, Callable[..., Any]]]:
    for package in (flowpilot, sessions, proposals, analytics):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if any(part in found.name for part in (".migrations", ".management", ".sample", ".settings")):
                continue
            module = importlib.import_module(found.name)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                if function.__module__ == found.name and not name.startswith("_"):
                    yield found.name, name, function


def _is_service(function: Callable[..., Any]) -> bool:
    actor = inspect.signature(function).parameters.get("actor")
    return actor is not None and actor.kind is inspect.Parameter.KEYWORD_ONLY


def test_every_service_has_an_entry() -> None:
    assert set(services()) - OF_ONESELF - BELOW == set(SERVICES)


@pytest.fixture
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ticketing system and no model is called; that it does not answer comes after the refusal of an actor."""

    def client_of(*args: Any, **options: Any) -> Any:
        raise PsaFailed("nobody there")

    monkeypatch.setattr("sessions.psa.connections.client_of", client_of)
    unreachable = Reply(fallback=Fallback.UNREACHABLE)
    monkeypatch.setattr("flowpilot.llm.configuration.request", lambda *_, **__: unreachable)


def let_through(service: Callable[..., Any], side: Side, given: Given) -> bool:
    """Whether the service lets the actor through, whatever it says then; nothing stays of it."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                result = service(actor=side.actor, **given(side))
        except (NotAllowed, NotFound):
            return False
        except ServiceError:
            return True
        finally:
            transaction.set_rollback(True)
    # Services of many rows pass over those outside the actor's scope.
    return not (type(result) is int and result == 0)


def test_who_may(world: World, nobody_answers: None) -> None:
    FlowProposal.objects.update(proposal_type="new_flow")
    found = services()
    wrong: list[str] = []
    for name, (may, given) in SERVICES.items():
        for person, user in world.people.items():
            for is_home in (True, False):
                rows, owner = (world.home, world.cast.olivia) if is_home else (world.foreign, world.cast.mallory)
                # Read anew: what a service before it changed of the person is rolled back.
                side = Side(rows, owner, User.objects.get(pk=user.pk), is_home)
                elsewhere = ANYWHERE in may or (person in ROOT and OWN_ROWS not in may)
                expected = person in may and (is_home or elsewhere)
                if let_through(found[name], side, given) != expected:
                    wrong.append(f"{name}: {person} {'at home' if is_home else 'elsewhere'}: {not expected}")
    assert wrong == []


def test_the_walk_would_find_a_service_that_lets_everybody_through(world: World) -> None:
    def careless(*, actor: User) -> None:
        """Asks nobody."""

    assert _is_service(careless)
    side = Side(world.foreign, world.cast.mallory, world.cast.bob, False)
    assert let_through(careless, side, lambda _: {})
