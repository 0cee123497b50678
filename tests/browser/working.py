"""What the browser tests of a technician's work share."""

import re

from django.urls import reverse
from playwright.sync_api import Page, expect

from flowpilot.accounts.models import User
from sessions.models import AISession, Attachment
from sessions.runner import ending, steps
from tests.conftest import Cast
from tests.factories import make_flow, make_worked

PROBLEM = "The office printer prints nothing"


def start(page: Page, problem: str = PROBLEM) -> None:
    """On the page Work: tell a problem, and see which flows may fit."""
    page.get_by_label("What is wrong?").fill(problem)
    page.get_by_label("Client").fill("Acme")
    page.get_by_role("button", name="Find a flow").click()


def start_free(page: Page, problem: str = PROBLEM) -> None:
    start(page, problem)
    page.get_by_role("button", name="Work free-form").click()
    expect(page.get_by_role("heading", name="What do you do?")).to_be_visible()


def start_guided(page: Page, problem: str = "VPN does not connect") -> None:
    """Begin with the one flow that fits, of `tests.factories.definition`."""
    start(page, problem)
    page.get_by_role("button", name=re.compile("shares")).click()
    expect(page.get_by_role("heading", name="Does the VPN client connect?")).to_be_visible()


def record(page: Page, kind: str, prompt: str, outcome: str) -> None:
    page.get_by_label("Kind", exact=True).select_option(kind)
    page.get_by_label("What you asked or did").fill(prompt)
    page.get_by_label("What came of it").fill(outcome)
    page.get_by_role("button", name="Record the step").click()
    expect(page.get_by_role("navigation", name="The way so far")).to_contain_text(outcome[:10])


def work_pages(cast: Cast, user: User) -> dict[str, str]:
    """The pages of `user`'s work by name, with a session in each state, and something on each."""
    version = make_flow(cast.account, title="VPN does not connect")
    guided, free, paused, resolved, handed, taken = (
        make_worked(user, cast.account, version if number < 1 else None, problem=f"The VPN drops at {number} o'clock")
        for number in range(6)
    )
    steps.step_answer(actor=user, session_id=guided.pk, revision=0, node_id="n1", option_id="o1")
    for session in (free, paused, resolved, handed, taken):
        steps.step_free(
            actor=user, session_id=session.pk, revision=0, prompt="Restarted the client", response="No change"
        )
    steps.note_add(actor=user, session_id=free.pk, revision=1, text="The user works from home")
    Attachment.objects.create(
        account=cast.account, session=free, key="a" * 32, name="vpn.log", content_type="text/plain", size=2048
    )
    ending.session_pause(actor=user, session_id=paused.pk, revision=1)
    ending.session_resolve(actor=user, session_id=resolved.pk, revision=1, summary="The router was restarted")
    for session in (handed, taken):
        ending.session_escalate(actor=user, session_id=session.pk, revision=1, reason="Needs the firewall")
    ending.handover_claim(actor=user, session_id=taken.pk)
    return {
        "work": reverse("work:home"),
        "work: guided": _of("run", guided),
        "work: the flow": _of("outline", guided),
        "work: free-form": _of("run", free),
        "work: flows that fit": _of("matches", free),
        "work: a talk": _of("talk", free),
        "work: paused": _of("run", paused),
        "work: resolved": _of("run", resolved),
        "work: handed over": _of("run", handed),
        "work: taken up": _of("run", taken),
        "work: scripts": reverse("scripts:panel", args=[free.pk]),
    }


def _of(page: str, session: AISession) -> str:
    return reverse(f"work:{page}", args=[session.pk])
