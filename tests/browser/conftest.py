"""A real browser on a live server. Whatever a page complains about fails the test that opened it."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from flowpilot.accounts.apikeys import api_key_create
from flowpilot.accounts.models import DataPolicy, User
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.services import flow_version_publish
from flowpilot.privacy.models import Erasure, Export
from proposals.models import AnalysisRun, FlowProposal, SessionAnalysis
from sessions.models import AISession, GeneratedScript, PsaAttempt
from tests.browser.working import work_pages
from tests.common.rows import make_job
from tests.conftest import Cast
from tests.factories import (
    definition,
    make_delivery,
    make_endpoint,
    make_flow,
    make_proposal,
    make_push,
    make_session,
    make_template,
)
from tests.sessions.conftest import psa, queued  # noqa: F401  # fixtures of these tests, too

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

OpenPage = Callable[..., Page]

# Milliseconds. How long a page takes is measured by benchmarks; here a machine with other work must not fail a test.
MOST_PATIENCE = 30_000
expect.set_options(timeout=MOST_PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser beside PostgreSQL, Redis and the other tests on two cores is now and then starved past any patience:
    one more try, which the summary line counts. What is wrong with a page fails twice."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # Playwright's loop runs in this thread, which Django takes for asynchronous code; nothing here is.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(browser: Browser, live_server: Any) -> Iterator[OpenPage]:
    """`open_page("/admin/", user=alice)` gives the page; `theme`, `width` and `script` say how it is seen.

    `refused` is a status that the page meets on purpose: the browser's own complaint about it is no problem.
    """
    problems: list[str] = []
    contexts = []

    def open_one(
        path: str,
        user: User | None = None,
        theme: Any = "light",
        width: int = 1280,
        script: bool = True,
        refused: int | None = None,
    ) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            java_script_enabled=script,
        )
        contexts.append(context)
        if user is not None:
            context.add_cookies([{"name": "sessionid", "value": _session_key(user), "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(MOST_PATIENCE)
        _watch(page, live_server.url, problems, refused)
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


def _session_key(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def _watch(page: Page, own_url: str, problems: list[str], refused: int | None) -> None:
    """Note console errors (a refusal by the Content-Security-Policy is one), exceptions and requests elsewhere."""
    own = urlsplit(own_url).netloc

    def on_request(request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != own:
            problems.append(f"{page.url} asks {parts.netloc}")

    def on_console(message: Any) -> None:
        if message.type == "error" and not (refused and f"with a status of {refused} " in message.text):
            problems.append(f"{page.url}: {message.text}")

    page.on("request", on_request)
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    page.on("console", on_console)


@pytest.fixture
def session(cast: Cast) -> AISession:
    """A session with steps of its own words, analysed."""
    found = make_session(cast.account, external_id="CW-1", resolution_summary="The router was restarted")
    SessionAnalysis.objects.create(account=cast.account, session=found, state="done", outcome="followed", attempts=1)
    return found


@pytest.fixture
def new_flow(cast: Cast) -> FlowProposal:
    proposal = make_proposal(cast.account, sessions=7, title="VPN drops at noon", masked=["host name"])
    first = proposal.supporting_sessions.earliest("pk")
    proposal.node_evidence = {"n1": [[first.pk, 0]]}
    proposal.save()
    return proposal


@pytest.fixture
def change(cast: Cast) -> FlowProposal:
    """One answer and its two steps more than the published flow."""
    base = make_flow(cast.account, title="Printing")
    proposed = definition()
    proposed["nodes"][0]["options"].append({"id": "o3", "label": "Only at home", "next": "n5"})
    proposed["nodes"] += [
        {
            "id": "n5",
            "kind": "action",
            "text": "Switch the VPN profile",
            "options": [{"id": "o1", "label": "Done", "next": "n6"}],
        },
        {"id": "n6", "kind": "resolution", "text": "The other profile works"},
    ]
    return make_proposal(
        cast.account,
        sessions=2,
        title="Printing from home",
        proposal_type=FlowProposal.Type.BRANCH_ADDITION,
        target_flow=base.flow,
        base_version=base,
        proposed_flow_data=proposed,
        proposed_diff=diff_definitions(base.definition, proposed).to_json(),
    )


@pytest.fixture
def pages(cast: Cast, session: AISession, new_flow: FlowProposal, change: FlowProposal) -> dict[str, str]:
    """Every kind of page that has a template of ours, by name, with something on it."""
    assert change.target_flow is not None
    flow_version_publish(
        actor=cast.alice,
        flow=change.target_flow,
        base_number=1,
        definition=definition("Is the printer on?"),
        note="Clearer",
    )
    told = make_session(
        cast.account,
        problem_domain=None,
        steps=None,
        transcript=[{"role": "user", "text": "No VPN\nsince noon"}, {"role": "agent", "text": "Is the router on?"}],
    )
    push = make_push(session, payload={"text": "Resolved with FlowPilot\n\nThe router was restarted"})
    PsaAttempt.objects.create(
        account=cast.account,
        push=push,
        number=1,
        started_at=session.started_at,
        finished_at=session.started_at,
        outcome="failed",
        status_code=429,
        error="answered 429: too many requests",
    )
    refused = make_delivery(
        make_endpoint(cast.account, url="https://hooks.example/flowpilot?token=t", description="The ticket board"),
        attempt_count=3, last_status=503, last_error="answered 503",
    )  # fmt: skip
    AnalysisRun.objects.create(account=cast.account, owner="worker-1", lease_token=1, status="done", sessions_done=3)
    key, _ = api_key_create(actor=cast.olivia, account=cast.account, name="Bridge", scopes=["sessions:write"])
    policy = DataPolicy.objects.create(account=cast.account, session_days=400)
    erasure = Erasure.objects.create(
        account=cast.account, kind="person", state="counted", terms=["Jana Nova"], found={"session": 2}
    )
    export = Export.objects.create(account=cast.account, state="done", counts={"sessions.jsonl": 3})
    job = make_job(cast.account, "Bulk", cast.bob)
    proposals = "/admin/proposals/flowproposal/"
    script = make_template(cast.account, keywords="vpn connect", risk="destructive", problem_domain="networking")
    kept = GeneratedScript.objects.create(
        account=cast.account,
        template_version=script,
        session=session,
        text="ping 'PC-1'",
        parameters={"computer": "PC-1"},
    )
    scripts, own_scripts = "/admin/ai_sessions/scripttemplate/", f"/sessions/{session.pk}/scripts/"
    return {
        "script templates": scripts,
        "script template": f"{scripts}{script.template_id}/change/",
        "new script template": f"{scripts}new/",
        "new version of a script template": f"{scripts}{script.template_id}/edit/",
        "script template's form": f"{scripts}{script.template_id}/preview/",
        "retire a script": f"{scripts}{script.template_id}/retire/",
        "generated scripts": "/admin/ai_sessions/generatedscript/",
        "generated script": f"/admin/ai_sessions/generatedscript/{kept.pk}/change/",
        "scripts of a session": own_scripts,
        "script's form": f"{own_scripts}{script.template_id}/",
        "script": f"{own_scripts}generated/{kept.pk}/",
        "set-up": "/admin/",
        "queue": proposals,
        "empty queue": f"{proposals}?status=rejected",
        "notices": f"{proposals}notices/",
        "new flow": f"{proposals}{new_flow.pk}/change/",
        "change": f"{proposals}{change.pk}/change/",
        "editor": f"{proposals}{change.pk}/edit/",
        "evidence": f"{proposals}{new_flow.pk}/evidence/",
        "similar": f"{proposals}{new_flow.pk}/similar/",
        "replay": f"{proposals}{change.pk}/replay/",
        "analysis": "/admin/proposals/analysisrun/",
        "flows": "/admin/flows/flow/",
        "flow": f"/admin/flows/flow/{change.target_flow.pk}/change/?version=1",
        "two versions": f"/admin/flows/flow/{change.target_flow.pk}/diff/?from=1&to=2",
        "flow's facts": f"/admin/flows/flow/{change.target_flow.pk}/edit/",
        "roll back": f"/admin/flows/flow/{change.target_flow.pk}/roll-back/?to=1",
        "archive": f"/admin/flows/flow/{change.target_flow.pk}/archive/",
        "import": "/admin/flows/flow/import/",
        "sessions": "/admin/ai_sessions/aisession/",
        "session": f"/admin/ai_sessions/aisession/{session.pk}/change/",
        "transcript": f"/admin/ai_sessions/aisession/{told.pk}/change/",
        "pushes": "/admin/ai_sessions/psapush/",
        "push": f"/admin/ai_sessions/psapush/{push.pk}/change/",
        "connections": "/admin/ai_sessions/psaconnection/",
        "connection": f"/admin/ai_sessions/psaconnection/{push.connection_id}/change/",
        "deliveries": "/admin/webhooks/webhookdelivery/",
        "delivery": f"/admin/webhooks/webhookdelivery/{refused.pk}/change/",
        "endpoints": "/admin/webhooks/webhookendpoint/",
        "endpoint": f"/admin/webhooks/webhookendpoint/{refused.endpoint_id}/change/",
        "new endpoint": "/admin/webhooks/webhookendpoint/add/",
        "new connection": "/admin/ai_sessions/psaconnection/add/",
        "overview": "/admin/analytics/",
        "review of proposals": "/admin/analytics/review/",
        "reports by email": "/admin/analytics/reports/",
        "no gaps": "/admin/analytics/gaps/",
        "coverage": "/admin/analytics/coverage/",
        "flows' figures": "/admin/analytics/flows/",
        "flow's figures": f"/admin/analytics/flows/{change.target_flow.pk}/",
        "ticketing": "/admin/analytics/psa/",
        "scripts' figures": "/admin/analytics/scripts/",
        "rows": "/admin/analytics/rows/sessions/ended/",
        "rows of pushes": "/admin/analytics/rows/pushes/created/",
        "teams": "/admin/accounts/team/",
        "audit log": "/admin/common/auditevent/",
        "new member": "/admin/accounts/membership/add/",
        "new API key": "/admin/accounts/apikey/add/",
        "API key": f"/admin/accounts/apikey/{key.pk}/change/",
        "two-factor log-in": "/admin/two-factor/",
        "data policy": f"/admin/accounts/datapolicy/{policy.pk}/change/",
        "new erasure": "/admin/privacy/erasure/add/",
        "erasure": f"/admin/privacy/erasure/{erasure.pk}/change/",
        "export": f"/admin/privacy/export/{export.pk}/change/",
        "ingest job": f"/admin/ai_sessions/ingestjob/{job.pk}/change/",
        **work_pages(cast, cast.olivia),
    }
