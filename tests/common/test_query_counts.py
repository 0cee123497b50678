"""Lists ask the database as often for fifty rows as for five."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from analytics.models import KnowledgeGap
from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from flowpilot.common.audit import audit_record
from proposals.models import AnalysisRun, FlowProposal, SessionAnalysis, Topic
from sessions.ingest.store import sessions_ingest
from sessions.models import AISession, Attachment, GeneratedScript, Handover, PsaAttempt
from sessions.records import record_from_object
from sessions.runner.ending import session_abandon, session_escalate
from tests.analytics.call_rows import make_calls
from tests.analytics.rows import make_history
from tests.conftest import Cast
from tests.factories import (
    add_step,
    definition,
    make_delivery,
    make_endpoint,
    make_flow,
    make_member,
    make_push,
    make_template,
    make_worked,
    record,
)


def add_rows(cast: Cast, start: int, stop: int) -> None:
    """Rows of every list, each with relations of its own."""
    account = cast.account
    objects = [record(f"T-{n}", client=f"Client {n}", team=f"Team {n}") for n in range(start, stop)]
    sessions_ingest(actor=None, account=account, records=[record_from_object(obj) for obj in objects])
    for n in range(start, stop):
        team, session = Team.objects.get(account=account, name=f"Team {n}"), AISession.objects.get(external_id=f"T-{n}")
        version = make_flow(account, title=f"Flow {n}", team=team)
        topic = Topic.objects.create(account=account, title=f"Topic {n}", flow=version.flow)
        FlowProposal.objects.create(
            account=account, topic=topic, proposal_type="enhancement", target_flow=version.flow, base_version=version,
            team=team, title=f"Proposal {n}", proposed_flow_data=definition(), source_session=session,
        )  # fmt: skip
        SessionAnalysis.objects.create(account=account, session=session, state="failed", topic=topic)
        AnalysisRun.objects.create(account=account, lease_token=n)
        KnowledgeGap.objects.create(
            account=account, team=team, kind="missing_flow", key=f"missing_flow:{topic.pk}", title=f"Gap {n}",
            topic=topic, owner=cast.bob, problem_domain=f"Domain {n}",
        )  # fmt: skip
        PsaAttempt.objects.create(account=account, push=make_push(session), number=1, started_at=timezone.now())
        make_delivery(make_endpoint(account))
        audit_record(actor=cast.alice, action="seen", target=session)
        script = make_template(account, title=f"Script {n}")
        GeneratedScript.objects.create(
            account=account, team=team, template_version=script, session=session, created_by=cast.bob, text="x"
        )
        make_member(account, Role.TECHNICIAN, f"member{n}@northwind.test", team=team)


# Three of each are the log-in (session, user, memberships); a filter that offers teams, clients or flows takes one,
# and so does each of the queue's tabs, and each kind of notice above it.
LISTS = {
    "/admin/ai_sessions/aisession/": 10,
    "/admin/ai_sessions/client/": 6,
    "/admin/ai_sessions/psapush/": 6,
    "/admin/ai_sessions/psaconnection/": 6,
    "/admin/webhooks/webhookendpoint/": 6,
    "/admin/webhooks/webhookdelivery/": 7,
    "/admin/ai_sessions/scripttemplate/": 8,
    "/admin/ai_sessions/generatedscript/": 6,
    "/admin/flows/flow/": 9,
    "/admin/proposals/flowproposal/": 17,
    "/admin/proposals/sessionanalysis/": 6,
    "/admin/accounts/membership/": 7,
    "/admin/accounts/user/": 6,
    "/admin/accounts/team/": 6,
    "/admin/common/auditevent/": 10,
    "/admin/analytics/gaps/": 6,
    "/api/v1/gaps/": 4,
    "/api/v1/sessions/": 4,
    "/api/v1/proposals/": 4,
    "/api/v1/flows/": 4,
    "/api/v1/script-templates/": 4,
    "/api/v1/psa-pushes/": 4,
    "/api/v1/audit-events/": 4,
    "/api/v1/webhooks/": 4,
    "/api/v1/webhook-deliveries/": 4,
}


def queries_of(client: Any, url: str) -> int:
    # The first look fills the cache with the queue's totals; a list is counted as its readers mostly get it.
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


@pytest.mark.parametrize("user", ["olivia", "root"])
def test_lists_do_not_ask_for_each_row(cast: Cast, login: Any, user: str) -> None:
    add_rows(cast, 0, 5)
    browser = login(getattr(cast, user))
    few = {url: queries_of(browser, url) for url in [*LISTS, "/admin/proposals/analysisrun/"]}
    add_rows(cast, 5, 50)
    assert {url: queries_of(browser, url) for url in few} == few


def test_the_number_of_queries_is_known(cast: Cast, login: Any) -> None:
    add_rows(cast, 0, 5)
    browser = login(cast.olivia)
    assert {url: queries_of(browser, url) for url in LISTS} == LISTS


# The log-in's three; then the session, its steps, hand-over, files, receivers and language model, or the flows that may
# fit.
WORK = {"home": 10, "run": 11, "matches": 11, "outline": 5}


def add_work(cast: Cast, session: AISession, start: int, stop: int) -> None:
    """What the technician's pages show, each with relations of its own; `session` stays at its flow's first step."""
    account = cast.account
    for n in range(start, stop):
        make_worked(cast.bob, account, client=f"Open {n}")
        ended = make_worked(cast.bob, account, client=f"Ended {n}")
        session_abandon(actor=cast.bob, session_id=ended.pk, revision=0, reason="")
        team = Team.objects.create(account=account, name=f"Receivers {n}")
        giver = make_member(account, Role.TECHNICIAN, f"giver{n}@northwind.test", f"Giver {n}", team=team)
        handed = make_worked(giver, account, client=f"Handed {n}")
        session_escalate(actor=giver, session_id=handed.pk, revision=0, reason="Needs a part", to_team_id=team.pk)
        make_flow(account, title=f"VPN flow {n}")
        add_step(session, f"Does the VPN connect at {n}?")
        Attachment.objects.create(account=account, session=session, key=f"{n}", name=f"{n}.log", size=1)
        Handover.objects.create(
            account=account, session=session, given_by=giver, to_team=team, claimed_by=giver, claimed_at=timezone.now()
        )


def test_a_technicians_pages_do_not_ask_for_each_row(cast: Cast, login: Any) -> None:
    session = make_worked(cast.bob, cast.account, make_flow(cast.account, title="VPN does not connect"))
    browser = login(cast.bob)
    urls = {name: reverse(f"work:{name}", args=[] if name == "home" else [session.pk]) for name in WORK}
    add_work(cast, session, 0, 3)
    assert {name: queries_of(browser, url) for name, url in urls.items()} == WORK
    add_work(cast, session, 3, 20)
    assert {name: queries_of(browser, url) for name, url in urls.items()} == WORK


# The log-in's three, and those that fill the scope bar; then each part of the page asks once.
FIGURES = [
    ("pushes", "created"), ("scripts", "generated"), ("scripted-sessions", "ended-scripts-with"),
    ("handovers", "given"), ("waiting-handovers", "waiting"),
]  # fmt: skip
DASHBOARDS = {"analytics:psa": 14, "analytics:scripts": 15, "analytics:language_model": 15}


def test_dashboards_do_not_ask_for_each_row(cast: Cast, login: Any) -> None:
    """With pushes and scripts of all kinds from the beginning: a page asks for what it has, but not for each of it."""
    browser = login(cast.carol)
    make_history(cast.account, timezone.now(), count=60)
    make_calls(cast.account, 60)
    lists = [reverse("analytics:rows", args=[kind, fact]) for kind, fact in FIGURES]
    urls = {**{name: reverse(name) for name in DASHBOARDS}, **{url: f"{url}?days=90" for url in lists}}
    few = {name: queries_of(browser, url) for name, url in urls.items()}
    assert {name: few[name] for name in DASHBOARDS} == DASHBOARDS
    make_history(cast.account, timezone.now(), count=300, seed=11)
    make_calls(cast.account, 200, seed=11)
    # A list that goes on asks for what is kept of its number, too.
    few[reverse("analytics:rows", args=["scripted-sessions", "ended-scripts-with"])] += 1
    assert {name: queries_of(browser, url) for name, url in urls.items()} == few
