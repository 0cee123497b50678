"""No secret and no personal data comes in by any road, where the account's policy says so."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from flowpilot.accounts.policies import policy_change
from sessions.models import AISession, Attachment, SessionStep
from sessions.records import MAX_OPTION, MAX_TITLE, record_from_object, record_masked
from sessions.runner.attach import attachment_add
from sessions.runner.ending import session_escalate, session_feedback
from sessions.runner.guide import StepDraft
from sessions.runner.steps import note_add, step_answer, step_free, step_none_of_these
from sessions.runner.talk import talk_apply
from tests.conftest import Cast
from tests.factories import make_flow, make_session, make_worked, record

pytestmark = pytest.mark.django_db
SAID = "password: Summer2024! of bob@x.example"
KEPT = "password: [secret] of [e-mail]"


@pytest.fixture
def masked(cast: Cast) -> Cast:
    policy_change(actor=cast.olivia, account=cast.account, masking="personal")
    return cast


def everywhere(external_id: str) -> dict[str, Any]:
    step = {"kind": "question", "prompt": SAID, "options": [SAID, "No"], "selected_option": SAID, "response": SAID}
    told = {"title": SAID, "problem_summary": SAID, "resolution_summary": SAID}
    return {**record(external_id), **told, "steps": [step]}


def texts(session: AISession) -> list[Any]:
    found = [session.title, session.problem_summary, session.resolution_summary, session.feedback, session.transcript]
    for step in session.steps.all():
        found += [step.prompt, *step.options, step.selected_option, step.response]
    return [*found, *(handover.reason for handover in session.handovers.all())]


def require_masked(session: AISession, least: int) -> None:
    told = texts(session)
    assert "Summer2024" not in str(told)
    assert "bob@x" not in str(told)
    assert str(told).count(KEPT) >= least


def test_records_are_masked_in_the_service_that_every_import_uses(masked: Cast, api: Any, tmp_path: Path) -> None:
    client = api(masked.sam)
    assert client.post("/api/v1/sessions/", everywhere("one"), format="json").status_code == 201
    client.post("/api/v1/sessions/", [everywhere("two"), everywhere("three")], format="json")
    talk = {**record("talk"), "transcript": [{"role": "user", "text": SAID}]}
    del talk["steps"]
    lines = tmp_path / "s.jsonl"
    lines.write_text("\n".join(json.dumps(obj) for obj in (everywhere("four"), talk)))
    call_command("import_sessions", str(lines), account=masked.account.slug, stdout=StringIO(), verbosity=0)
    for name in ("one", "two", "three", "four"):
        session = AISession.objects.get(external_id=name)
        require_masked(session, 6)
        assert session.technician_email == "bob@northwind.test"
    require_masked(AISession.objects.get(external_id="talk"), 1)


def test_the_same_record_twice_changes_nothing_and_another_policy_masks_it_anew(cast: Cast) -> None:
    from sessions.ingest.store import sessions_ingest

    records = [record_from_object(everywhere("one"))]

    def outcome() -> str:
        return sessions_ingest(actor=None, account=cast.account, records=records)[0].outcome

    assert outcome() == "imported"
    policy_change(actor=cast.olivia, account=cast.account, masking="secrets")
    assert (outcome(), outcome()) == ("updated", "unchanged")
    told = AISession.objects.get().title
    assert told == "password: [secret] of bob@x.example"


def test_what_grows_past_its_limit_is_cut(cast: Cast) -> None:
    full = {**everywhere("one"), "title": "a@b.co " * 42, "problem_summary": "x"}
    full["steps"][0]["options"] = ["a@b.co " * 71]
    grown = record_masked(record_from_object(full), lambda text: text.replace("a@b.co", "[e-mail]"))
    assert (len(grown.title), len((grown.steps or [])[0].options[0])) == (MAX_TITLE, MAX_OPTION)


def test_what_a_technician_writes_is_masked(masked: Cast) -> None:
    bob, version = masked.bob, make_flow(masked.account)
    session = make_worked(bob, masked.account, version, problem=SAID, title=SAID)
    at: dict[str, Any] = {"actor": bob, "session_id": session.pk}

    def on() -> dict[str, Any]:
        return {**at, "revision": AISession.objects.get(pk=session.pk).revision}

    step_answer(**on(), node_id="n1", option_id="o1", response=SAID)
    step_none_of_these(**on(), node_id="n2", response=SAID)
    step_free(**on(), prompt=SAID, response=SAID)
    note_add(**on(), text=SAID)
    talk_apply(**on(), steps=[StepDraft(kind="question", prompt=SAID, response=SAID)])
    attachment_add(**at, name="bob@x.example.log", data=SAID.encode())
    session_escalate(**on(), reason=SAID)
    session_feedback(**at, rating=4, text=SAID)
    session.refresh_from_db()
    require_masked(session, 11)
    assert "Summer2024" not in str(session.handovers.get().packet)
    attachment = Attachment.objects.get()
    with attachment.file.open("rb") as file:
        assert file.read().decode() == KEPT
    assert "bob@x" not in attachment.name
    assert not SessionStep.objects.filter(prompt__contains="Summer2024").exists()


def test_another_account_s_texts_stay(masked: Cast) -> None:
    assert make_session(masked.other_account, title=SAID).title == SAID
