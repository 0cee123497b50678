"""Script templates over the API, and scripts rendered for a session."""

from typing import Any

import pytest
from django.db import connection

from flowpilot.common.models import IdempotentRequest
from sessions.models import AISession, GeneratedScript
from sessions.scripts.services import template_retire
from tests.conftest import Cast
from tests.factories import make_template, make_worked

TEMPLATES = "/api/v1/script-templates/"


@pytest.fixture
def session(cast: Cast) -> AISession:
    return make_worked(cast.bob, cast.account)


def render(client: Any, template_id: int, **said: Any) -> Any:
    said = {"version": 1, "values": {"computer": "pc-7"}, **said}
    key = {"Idempotency-Key": said.pop("key")} if "key" in said else {}
    return client.post(f"{TEMPLATES}{template_id}/render/", said, format="json", headers=key)


def test_the_list_is_the_accounts_own_and_everybodys(cast: Cast, api: Any) -> None:
    ours = make_template(cast.account, keywords="vpn")
    everybodys = make_template(None, title="Flush DNS", risk="changes")
    theirs = make_template(cast.other_account, title="Theirs")
    rows = api(cast.carol).get(TEMPLATES).json()["results"]
    assert [(row["title"], row["account"], row["version"], row["risk"]) for row in rows] == [
        ("Flush DNS", None, 1, "changes"), ("Ping a computer", "northwind", 1, "read_only"),
    ]  # fmt: skip
    for query, found in (
        ("search=PING+vpn", {ours.template_id}), ("account=northwind", {ours.template_id}), ("shell=powershell", set()),
        ("risk=changes", {everybodys.template_id}), ("status=approved&ordering=-title", {r["id"] for r in rows}),
    ):  # fmt: skip
        assert {r["id"] for r in api(cast.carol).get(f"{TEMPLATES}?{query}").json()["results"]} == found, query
    one = api(cast.carol).get(f"{TEMPLATES}{ours.template_id}/").json()
    assert (one["body"], one["parameters"][0]["name"]) == ("ping -c 3 {{ computer }}\n", "computer")
    assert api(cast.carol).get(f"{TEMPLATES}{theirs.template_id}/").status_code == 404


def test_a_script_is_rendered_and_recorded_with_the_session(cast: Cast, api: Any, session: AISession) -> None:
    template = make_template(cast.account).template_id
    rendered = render(api(cast.bob), template, session=session.pk)
    assert rendered.status_code == 201, rendered.content
    body = rendered.json()
    assert (body["text"].splitlines()[-1], body["session"], body["version"]) == ("ping -c 3 'pc-7'", session.pk, 1)
    script = GeneratedScript.objects.get()
    assert (script.pk, script.session, script.step.position) == (body["id"], session, body["step"])  # type: ignore[union-attr]


def test_a_secret_is_shown_once_and_stored_nowhere(cast: Cast, api: Any, session: AISession) -> None:
    secret = "correct horse battery"
    parameters = [{"name": "password", "label": "Password", "kind": "secret"}]
    template = make_template(cast.account, body="login {{ password }}", parameters=parameters).template_id
    said = {"session": session.pk, "values": {"password": secret}, "key": "k-1"}
    first, again = (render(api(cast.bob), template, **said) for _ in range(2))
    assert secret in first.json()["text"]
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert secret not in again.content.decode()
    assert again.json() == {**first.json(), "text": again.json()["text"]}
    assert GeneratedScript.objects.count() == 1
    assert IdempotentRequest.objects.filter(body__contains=secret).count() == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ai_sessions_generatedscript s WHERE s::text LIKE %s", [f"%{secret}%"])
        assert cursor.fetchone() == (0,)


def test_values_that_do_not_fit_are_told_by_pointer(cast: Cast, api: Any, session: AISession) -> None:
    template = make_template(cast.account).template_id
    for values, pointer in (({}, "/values/computer"), ({"computer": "a b;"}, "/values/computer"),
                            ({"computer": "pc", "more": "x"}, "/values/more")):  # fmt: skip
        refused = render(api(cast.bob), template, session=session.pk, values=values)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer), refused.content
    assert not GeneratedScript.objects.exists()


def test_what_is_not_rendered(cast: Cast, api: Any, session: AISession) -> None:
    template = make_template(cast.account).template_id
    theirs, their_session = make_template(cast.other_account), make_worked(cast.mallory, cast.other_account)
    bob = api(cast.bob)
    assert render(bob, template, session=session.pk, version=2).status_code == 409
    assert render(bob, template, session=their_session.pk).status_code == 404
    assert render(bob, theirs.template_id, session=session.pk).status_code == 404
    assert render(api(cast.carol), template, session=session.pk).status_code == 403
    template_retire(actor=cast.alice, template_id=template, reason="Old")
    assert render(bob, template, session=session.pk).status_code == 409
    assert not GeneratedScript.objects.exists()
