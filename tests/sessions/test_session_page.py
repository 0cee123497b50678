"""A session's page in the admin: what belongs to the conversation beside what was said."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sessions.conversation import conversation, conversation_for
from sessions.models import AISession, GeneratedScript
from sessions.psa.selectors import system_name
from sessions.runner.attach import attachment_add
from sessions.runner.ending import handover_claim, session_escalate, session_feedback
from sessions.runner.steps import step_answer, step_free
from tests.conftest import Cast
from tests.factories import make_connection, make_push, make_session, make_template
from tests.sessions.test_runner import begin, go
from tests.sessions.test_script_steps import generate, report

pytestmark = pytest.mark.django_db
# Three for the log-in; the session (twice) with its relations, steps, scripts, files, hand-overs, pushes, analysis and
# proposals.
QUERIES = 17
PNG = b"\x89PNG\r\n\x1a\n...."


@pytest.fixture
def worked(cast: Cast, settings: Any, tmp_path: Any) -> AISession:
    """Answered, a script run, another one not reported, a log pasted, a picture added, the ticket told three things."""
    settings.MEDIA_ROOT = tmp_path
    session = go(cast, step_answer, begin(cast, psa_system="halo", psa_ticket_id="7"), node_id="n1", option_id="o1")
    report(cast, generate(cast.bob, session, make_template(cast.account, "Clear the queue")), "worse")
    attachment_add(actor=cast.bob, session_id=session.pk, name="pasted.log", data=b"<script>alert(1)</script>")
    session = go(cast, step_answer, session, node_id="n2", option_id="o1")
    generate(cast.bob, session, make_template(cast.account, "Restart the spooler"))
    attachment_add(actor=cast.bob, session_id=session.pk, name="screen.png", data=PNG)
    session = go(cast, step_free, session, prompt="Asked the user", response="fine")
    add_pushes(cast, session)
    return session


def add_pushes(cast: Cast, session: AISession) -> None:
    halo, now = make_connection(cast.account, "halopsa"), timezone.now()
    make_push(session, connection=halo, kind="note", state="succeeded", attempt_count=1, **settled(now))
    make_push(session, connection=halo, kind="time", state="unknown")
    make_push(session, connection=halo, kind="status", state="exhausted", **settled(now))


def settled(now: Any) -> dict[str, Any]:
    return {"next_attempt_at": None, "settled_at": now}


def page(browser: Any, session: AISession) -> str:
    response = browser.get(f"/admin/ai_sessions/aisession/{session.pk}/change/")
    assert response.status_code == 200
    return str(response.content.decode())


def test_everything_stands_where_it_happened(cast: Cast, worked: AISession) -> None:
    lines = conversation_for(cast.olivia, worked)
    assert [(line.who, line.kind, line.text, line.badge) for line in lines] == [
        ("Agent", "question", "Does the VPN client connect?", None),
        ("User", "answer", "Yes", None),
        ("Agent", "script", "Clear the queue", ("worse", "It made things worse")),
        ("Agent", "log", "pasted.log (25\xa0bytes)", None),
        ("Agent", "action", "Restart the router", None),
        ("User", "answer", "Done", None),
        ("Agent", "script", "Restart the spooler", ("neutral", "Outcome not said")),
        ("Agent", "picture", "screen.png (12\xa0bytes)", None),
        ("Agent", "action", "Asked the user", None),
        ("User", "answer", "fine", None),
        ("FlowPilot", "ticket", "Note for ticket 48213 in HaloPSA", ("succeeded", "Succeeded")),
        ("FlowPilot", "ticket", "Time entry for ticket 48213 in HaloPSA", ("unknown", "Unknown")),
        ("FlowPilot", "ticket", "Status for ticket 48213 in HaloPSA", ("exhausted", "Exhausted")),
    ]


def test_every_link_opens_for_whoever_sees_it(cast: Cast, worked: AISession, login: Any) -> None:
    for user, links in ((cast.olivia, 7), (cast.carol, 7), (cast.bob, 4), (cast.root, 7)):
        browser = login(user)
        text = page(browser, worked)
        urls = [line.url for line in conversation_for(user, worked) if line.url]
        assert len(urls) == links, "a technician sees no pushes"
        for url in urls:
            assert f'href="{url}"' in text
            assert browser.get(url).status_code == 200, url


def test_who_works_sessions_gets_to_where_it_is_worked(cast: Cast, login: Any) -> None:
    session = go(cast, session_escalate, begin(cast), reason="Needs the firewall", to_user_id=cast.bob.pk)
    work = f"/work/{session.pk}/"
    assert f'href="{work}"' in page(login(cast.alice), session)
    assert "Take it up" in login(cast.alice).get(work).content.decode(), "Bob may be away"
    assert work not in page(login(cast.carol), session)
    imported = make_session(cast.account)
    assert f"/work/{imported.pk}/" not in page(login(cast.alice), imported)
    scripts = f"/sessions/{imported.pk}/scripts/"
    assert scripts not in page(login(cast.bob), imported)
    AISession.objects.filter(pk=imported.pk).update(status="active", ended_at=None)
    assert f'href="{scripts}"' in page(login(cast.bob), imported)
    assert scripts not in page(login(cast.carol), imported)


def test_the_page_says_the_systems_proper_name(cast: Cast, worked: AISession, login: Any) -> None:
    assert "7 in HaloPSA" in page(login(cast.bob), worked)
    names = {name: system_name(name) for name in ("connectwise", "Connect Wise", "HALO", "autotask", "Jira", "")}
    assert names == {
        "connectwise": "ConnectWise Manage", "Connect Wise": "ConnectWise Manage", "HALO": "HaloPSA",
        "autotask": "Autotask", "Jira": "Jira", "": "",
    }  # fmt: skip


def test_files_are_served_in_the_sandbox_to_readers_only(cast: Cast, worked: AISession, login: Any) -> None:
    for file, how in zip(worked.attachments.all(), ("attachment", "inline"), strict=True):
        url = f"/work/{worked.pk}/files/{file.key}/"
        answer = login(cast.carol).get(url)
        assert answer.status_code == 200
        assert answer["Content-Disposition"].startswith(how)
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        assert login(cast.mallory).get(url).status_code == 404


def test_what_has_no_step_stands_at_its_time(cast: Cast) -> None:
    session = make_session(cast.account, steps=[{"kind": "note", "prompt": "Noted"}])
    version = make_template(cast.account, "Clear the queue")
    GeneratedScript.objects.create(account=cast.account, template_version=version, session=session, text="x")
    assert [(line.text, line.index) for line in conversation_for(cast.bob, session)] == [
        ("Noted", 0), ("Clear the queue", None),
    ]  # fmt: skip
    session.steps.update(at=timezone.now() + timedelta(hours=1))
    assert [line.text for line in conversation_for(cast.bob, session)] == ["Clear the queue", "Noted"]
    assert [line.text for line in conversation(session)] == ["Noted"], "evidence quotes what was said"


def test_hand_overs_times_and_what_the_technician_says_are_read(cast: Cast, login: Any) -> None:
    session = go(cast, step_answer, begin(cast), node_id="n1", option_id="o1")
    session.steps.update(seconds=80)
    session = go(cast, session_escalate, session, reason="Needs the firewall", to_user_id=cast.alice.pk)
    assert "Bob to Alice: Needs the firewall" in (text := page(login(cast.carol), session))
    assert "Waits to be taken up" in text
    assert "answered after 1 min 20 s" in text
    assert "What the technician says" not in text
    session_feedback(actor=cast.bob, session_id=session.pk, rating=2, flow_was_right=False, text="Not for <b>Macs</b>")
    handover_claim(actor=cast.alice, session_id=session.pk)
    text = page(login(cast.carol), session)
    for told in ("Taken up by Alice", "2 of 5", "was not right", "Not for &lt;b&gt;Macs&lt;/b&gt;"):
        assert told in text


def test_the_number_of_queries_is_known(cast: Cast, worked: AISession, login: Any) -> None:
    browser = login(cast.olivia)
    url = f"/admin/ai_sessions/aisession/{worked.pk}/change/"
    browser.get(url)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(url).status_code == 200
        counts.append(len(captured))
        for number in range(5):
            generate(cast.bob, worked, make_template(cast.account, f"Script {number}"))
            attachment_add(actor=cast.bob, session_id=worked.pk, name=f"{number}.log", data=b"x")
            make_push(worked)
    assert counts == [QUERIES, QUERIES]
