"""Templates are made, published, approved and retired; scripts are generated and reported, and keep no secret."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from flowpilot.accounts.models import User
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.common.models import AuditEvent
from sessions.models import AISession, GeneratedScript, ScriptTemplate, ScriptTemplateVersion
from sessions.scripts.library import LIBRARY, library_load
from sessions.scripts.services import (
    Content,
    Finding,
    InvalidTemplate,
    InvalidValues,
    script_generate,
    script_outcome_report,
    template_approve,
    template_create,
    template_retire,
    template_version_publish,
)
from tests.conftest import Cast
from tests.factories import make_session, make_template

HOST = {"name": "computer", "kind": "host_name"}
SECRET = {"name": "password", "kind": "secret"}


def content(**fields: Any) -> Content:
    said: dict[str, Any] = {
        "what_it_does": "Pings",
        "body": "ping {{ computer }}",
        "parameters": [HOST],
        "risk": "read_only",
    }
    return Content(**{**said, **fields})


def running(cast: Cast, **fields: Any) -> AISession:
    session = make_session(cast.account, **fields)
    session.status, session.ended_at = "active", None
    session.save()
    return session


def generate(actor: User, version: ScriptTemplateVersion, **said: Any) -> Any:
    values = said.pop("values", {"computer": "PC-1"})
    return script_generate(actor=actor, template_id=version.template_id, number=version.number, values=values, **said)


def test_a_template_is_a_draft_until_somebody_approves_it(cast: Cast) -> None:
    version = template_create(
        actor=cast.alice, account=cast.account, finding=Finding("Ping"), shell="bash", content=content()
    )
    assert (version.template.status, version.number, version.template.owner) == ("draft", 1, cast.alice)
    with pytest.raises(Conflict, match="only approved"):
        generate(cast.bob, version)
    template_approve(actor=cast.alice, template_id=version.template_id, number=1)
    script, rendered = generate(cast.bob, version)
    assert rendered.text == "ping 'PC-1'\n"
    assert (script.text, script.parameters, script.created_by) == (rendered.text, {"computer": "PC-1"}, cast.bob)
    actions = AuditEvent.objects.filter(account=cast.account).values_list("action", flat=True)
    assert {"script_template.created", "script_template.approved", "script.generated"} <= set(actions)


@pytest.mark.parametrize("name", ["bob", "carol", "sam", "mallory"])
def test_who_may_not_write_templates(cast: Cast, name: str) -> None:
    actor = getattr(cast, name)
    said: dict[str, Any] = {"finding": Finding("Ping"), "content": content()}
    with pytest.raises(NotAllowed):
        template_create(actor=actor, account=cast.account, shell="bash", **said)
    version = make_template(cast.account)
    refusal: Any = NotFound if name == "mallory" else NotAllowed
    with pytest.raises(refusal):
        template_version_publish(actor=actor, template_id=version.template_id, base_number=1, **said)
    with pytest.raises(refusal):
        template_retire(actor=actor, template_id=version.template_id, reason="old")


def test_a_global_template_is_the_platforms(cast: Cast) -> None:
    version = make_template(None)
    with pytest.raises(NotAllowed):
        template_create(actor=cast.olivia, account=None, finding=Finding("X"), shell="bash", content=content())
    with pytest.raises(NotAllowed, match="platform"):
        template_retire(actor=cast.olivia, template_id=version.template_id, reason="old")
    assert generate(cast.bob, version)[0].account == cast.account
    assert generate(cast.mallory, version)[0].account == cast.other_account
    template_retire(actor=cast.root, template_id=version.template_id, reason="old")


def test_every_fault_of_a_template_is_told_with_its_place(cast: Cast) -> None:
    wrong = content(body='ping\n  "{{ computer }}"', risk="harmless", minimum_role="boss", what_it_does=" ")
    with pytest.raises(InvalidTemplate) as refused:
        template_create(actor=cast.alice, account=cast.account, finding=Finding(" "), shell="bash", content=wrong)
    faults = {fault.field: fault for fault in refused.value.faults}
    assert set(faults) == {"title", "risk", "minimum_role", "what_it_does", "body"}
    assert (faults["body"].line, faults["body"].column) == (2, 4)
    assert not ScriptTemplate.objects.filter(account=cast.account).exists()


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ([{"name": "Bad Name", "kind": "string"}], "small letter"),
        ([{"name": "computer", "kind": "number"}], "kind"),
        ([HOST, HOST], "two parameters"),
        ([{"name": "computer", "kind": "choice"}], "needs options"),
        ([{"name": "computer", "kind": "secret", "default": "x"}], "no default"),
        ([{"name": "computer", "kind": "integer", "minimum": 5, "maximum": 1}], "above"),
        ([{"name": "computer", "kind": "host_name", "default": "a b"}], "no host name"),
        ([{"name": "computer", "kind": "choice", "options": ["-f"]}], "option"),
        ([HOST, SECRET], "does not stand in the body"),
        ([{"name": "computer", "kind": "string", "strange": 1}], "strange"),
        ("computer", "list"),
        ([5], "parameter 1"),
    ],
)
def test_faults_of_parameters(cast: Cast, parameters: Any, told: str) -> None:
    with pytest.raises(InvalidTemplate, match=told):
        template_create(
            actor=cast.alice,
            account=cast.account,
            finding=Finding("Ping"),
            shell="bash",
            content=content(parameters=parameters),
        )


def test_a_new_version_is_a_draft_again_and_the_old_one_never_changes(cast: Cast) -> None:
    version = make_template(cast.account)
    changed = content(body="ping -c 1 {{ computer }}")
    new = template_version_publish(
        actor=cast.alice, template_id=version.template_id, base_number=1, finding=Finding("Ping"), content=changed
    )
    assert (new.number, new.template.status) == (2, "draft")
    with pytest.raises(Conflict, match="at version 2"):
        template_version_publish(
            actor=cast.alice, template_id=version.template_id, base_number=1, finding=Finding("Ping"), content=changed
        )
    with pytest.raises(Conflict, match="at version 2"):
        template_approve(actor=cast.alice, template_id=version.template_id, number=1)
    for field, value in (("body", "rm"), ("risk", "read_only"), ("parameters", "[]"), ("minimum_role", "x")):
        with pytest.raises(DatabaseError, match="never changes"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE ai_sessions_scripttemplateversion SET {field} = %s", [value])


def test_a_version_that_was_replaced_is_not_generated(cast: Cast) -> None:
    version = make_template(cast.account)
    template_version_publish(
        actor=cast.alice, template_id=version.template_id, base_number=1, finding=Finding("Ping"), content=content()
    )
    template_approve(actor=cast.alice, template_id=version.template_id, number=2)
    with pytest.raises(Conflict, match="at version 2"):
        generate(cast.bob, version)


def test_retiring_needs_a_reason_and_ends_it(cast: Cast) -> None:
    version = make_template(cast.account)
    with pytest.raises(InvalidInput, match="why"):
        template_retire(actor=cast.alice, template_id=version.template_id, reason=" ")
    template_retire(actor=cast.alice, template_id=version.template_id, reason="old")
    with pytest.raises(Conflict, match="already"):
        template_retire(actor=cast.alice, template_id=version.template_id, reason="old")
    with pytest.raises(Conflict, match="retired"):
        generate(cast.bob, version)


def test_secrets_are_in_no_table_no_event_and_no_log(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    version = make_template(
        cast.account, body="login {{ computer }} {{ password }}", parameters=[HOST, SECRET], risk="changes"
    )
    secret = "Tr0ub4dor&3'x"
    script, rendered = generate(cast.bob, version, values={"computer": "PC-1", "password": secret})
    assert rendered.text == "login 'PC-1' 'Tr0ub4dor&3'\\''x'\n"
    assert script.text == "login 'PC-1' «secret: password»\n"
    assert script.parameters == {"computer": "PC-1", "password": "«secret: password»"}
    assert script.has_secrets
    with pytest.raises(InvalidValues) as refused:
        generate(cast.bob, version, values={"computer": "a b", "password": secret})
    kept = [*caplog.messages, repr(rendered), str(refused.value), repr(refused.value.details), *every_text()]
    assert not [text for text in kept if "Tr0ub4dor" in text]


def every_text() -> list[str]:
    """Each row of each table, as text."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [row[0] for row in cursor.fetchall()]
    return found


@pytest.mark.parametrize(
    ("values", "field", "told"),
    [
        ({}, "computer", "required"),
        ({"computer": "a b"}, "computer", "no host name"),
        ({"computer": "PC-1;reboot"}, "computer", "no host name"),
        ({"computer": 5}, "computer", "a text"),
        ({"computer": "PC-1", "other": "x"}, "other", "no such parameter"),
    ],
)
def test_values_that_a_template_does_not_take(cast: Cast, values: Any, field: str, told: str) -> None:
    version = make_template(cast.account)
    with pytest.raises(InvalidValues) as refused:
        generate(cast.bob, version, values=values)
    assert refused.value.faults[0].field == field
    assert told in str(refused.value.faults[0])
    assert not GeneratedScript.objects.exists()


def test_destructive_ones_need_confirmation_and_the_role(cast: Cast) -> None:
    version = make_template(cast.account, risk="destructive", minimum_role="team_admin")
    with pytest.raises(NotAllowed, match="team admin"):
        generate(cast.bob, version, confirmed=True)
    with pytest.raises(InvalidInput, match="confirm"):
        generate(cast.alice, version)
    assert generate(cast.alice, version, confirmed=True)[0].template_version == version
    assert generate(cast.olivia, version, confirmed=True)


@pytest.mark.parametrize("name", ["carol", "sam"])
def test_who_may_not_generate(cast: Cast, name: str) -> None:
    with pytest.raises(NotAllowed):
        generate(getattr(cast, name), make_template(cast.account))


def test_sessions_and_templates_of_others(cast: Cast) -> None:
    foreign = make_template(cast.other_account)
    with pytest.raises(NotFound):
        generate(cast.bob, foreign)
    session = running(cast)
    with pytest.raises(NotFound):
        generate(cast.mallory, make_template(None), session_id=session.pk)
    session.status = "resolved"
    session.save()
    with pytest.raises(Conflict, match="resolved"):
        generate(cast.bob, make_template(cast.account), session_id=session.pk)


def test_what_came_of_it_is_reported_and_corrected(cast: Cast) -> None:
    script, _ = generate(cast.bob, make_template(cast.account), session_id=running(cast).pk, node_id="n2")
    assert (script.node_id, script.outcome) == ("n2", None)
    for outcome in ("worked", "worse"):
        script_outcome_report(actor=cast.bob, script_id=script.pk, outcome=outcome)
    script.refresh_from_db()
    assert (script.outcome, script.outcome_by) == ("worse", cast.bob)
    event = AuditEvent.objects.filter(action="script.reported").first()
    assert event
    assert (event.before, event.after) == ({"outcome": "worked"}, {"outcome": "worse"})
    with pytest.raises(InvalidInput):
        script_outcome_report(actor=cast.bob, script_id=script.pk, outcome="great")
    with pytest.raises(NotAllowed):
        script_outcome_report(actor=cast.carol, script_id=script.pk, outcome="worked")
    with pytest.raises(NotFound):
        script_outcome_report(actor=cast.mallory, script_id=script.pk, outcome="worked")


def test_the_library_is_sound_and_loads_once(cast: Cast) -> None:
    assert len(LIBRARY) >= 25
    assert {entry.shell for entry in LIBRARY} == {"powershell", "bash", "cmd"}
    assert {entry.risk for entry in LIBRARY} == {"read_only", "changes", "destructive"}
    assert library_load(entries=LIBRARY) == (len(LIBRARY), 0)
    assert library_load(entries=LIBRARY) == (0, 0)
    assert library_load(entries=[replace(LIBRARY[0], keywords="other"), *LIBRARY[1:]]) == (0, 1)
    template = ScriptTemplate.objects.select_related("current_version").get(key=LIBRARY[0].key)
    assert template.current_version is not None
    assert (template.status, template.current_version.number) == ("approved", 2)
