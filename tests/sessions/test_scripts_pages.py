"""The pages of scripts: a session's panel, form and result, and the library in the admin."""

import re
from typing import Any

import pytest
from django.test import Client

from sessions.models import AISession, GeneratedScript, ScriptTemplate, ScriptTemplateVersion
from sessions.scripts.services import script_generate
from tests.conftest import Cast
from tests.factories import make_session, make_template

HTMX = {"HX-Request": "true"}
LIBRARY_URL = "/admin/ai_sessions/scripttemplate/"
HOST = {"name": "computer", "kind": "host_name"}
SECRET = {"name": "password", "kind": "secret"}


@pytest.fixture
def session(cast: Cast) -> AISession:
    found = make_session(cast.account, title="VPN of PC-0042 does not connect")
    AISession.objects.filter(pk=found.pk).update(status="active", ended_at=None)
    found.refresh_from_db()
    return found


def text_of(response: Any, status: int = 200) -> str:
    assert response.status_code == status, response.content[:400]
    return str(response.content.decode())


def test_panel_form_preview_script_and_outcome_without_javascript(cast: Cast, session: AISession, login: Any) -> None:
    version = make_template(cast.account, "Ping a computer", keywords="vpn connect", problem_domain="networking")
    bob: Client = login(cast.bob)
    base = f"/sessions/{session.pk}/scripts/"
    listed = text_of(bob.get(base))
    assert f"{base}{version.template_id}/" in listed
    form = f"{base}{version.template_id}/"
    page = text_of(bob.get(form, {"node": "n2"}))
    assert 'value="PC-0042"' in page
    assert "From the session: check it." in page
    data = {"number": 1, "node": "n2", "p_computer": "PC-7"}
    shown = text_of(bob.post(form, {**data, "do": "preview"}))
    assert '<mark class="fp-value" title="computer">&#x27;PC-7&#x27;</mark>' in shown
    assert not GeneratedScript.objects.exists()
    made = text_of(bob.post(form, {**data, "do": "generate"}))
    assert "ping -c 3 &#x27;PC-7&#x27;" in made
    script = GeneratedScript.objects.get()
    assert (script.session, script.node_id, script.created_by) == (session, "n2", cast.bob)
    url = f"{base}generated/{script.pk}/"
    assert bob.post(url, {"outcome": "worked"})["Location"] == url
    assert "It worked" in text_of(bob.get(url))
    assert "It worked" in text_of(bob.get(base))
    file = bob.get(url, {"download": "1"})
    assert file["Content-Disposition"] == 'attachment; filename="ping-a-computer.sh"'
    assert file.content == b"ping -c 3 'PC-7'\n"


def test_htmx_gets_parts(cast: Cast, session: AISession, login: Any) -> None:
    version = make_template(cast.account, keywords="vpn connect")
    bob: Client = login(cast.bob)
    form = f"/sessions/{session.pk}/scripts/{version.template_id}/"
    for response in (
        bob.get(f"/sessions/{session.pk}/scripts/", headers=HTMX),
        bob.get(form, headers=HTMX),
        bob.post(form, {"number": 1, "p_computer": "PC-7", "do": "generate"}, headers=HTMX),
    ):
        part = text_of(response)
        assert "<html" not in part
        assert 'id="scripts"' in part
        assert "HX-Request" in response["Vary"]
    part = text_of(bob.post(form, {"p_computer": "a b", "do": "preview"}, headers=HTMX))
    assert "no host name" in part
    assert 'id="scripts"' not in part


def test_faults_are_told_at_their_field_and_nothing_is_kept(cast: Cast, session: AISession, login: Any) -> None:
    version = make_template(cast.account, risk="destructive")
    form = f"/sessions/{session.pk}/scripts/{version.template_id}/"
    bob: Client = login(cast.bob)
    good = {"number": 1, "p_computer": "PC-7", "do": "generate"}
    assert "Confirm that you have read" in text_of(bob.post(form, good))
    assert "no host name" in text_of(bob.post(form, {**good, "confirmed": "1", "p_computer": "$(reboot)"}))
    assert "at version 1 now" in text_of(bob.post(form, {**good, "confirmed": "1", "number": "7"}))
    assert not GeneratedScript.objects.exists()
    assert "PC-7" in text_of(bob.post(form, {**good, "confirmed": "1"}))
    AISession.objects.filter(pk=session.pk).update(status="resolved")
    assert "takes no more scripts" in text_of(bob.post(form, {**good, "confirmed": "1"}))
    assert GeneratedScript.objects.count() == 1


def test_the_role_of_a_template(cast: Cast, session: AISession, login: Any) -> None:
    version = make_template(cast.account, keywords="vpn connect", minimum_role="team_admin")
    form = f"/sessions/{session.pk}/scripts/{version.template_id}/"
    data = {"number": 1, "p_computer": "PC-7", "do": "generate"}
    assert "needs the role team admin" in text_of(login(cast.bob).get(f"/sessions/{session.pk}/scripts/"))
    assert "team admin and upwards" in text_of(login(cast.bob).post(form, data))
    assert not GeneratedScript.objects.exists()
    assert "ping" in text_of(login(cast.alice).post(form, data))


def test_a_secret_is_in_one_answer_only(cast: Cast, session: AISession, login: Any) -> None:
    version = make_template(cast.account, body="login {{ computer }} {{ password }}", parameters=[HOST, SECRET])
    form = f"/sessions/{session.pk}/scripts/{version.template_id}/"
    bob: Client = login(cast.bob)
    data = {"number": 1, "p_computer": "PC-7", "p_password": "Tr0ub4dor"}
    assert "Tr0ub4dor" not in text_of(bob.post(form, {**data, "do": "preview"}))
    assert "Tr0ub4dor" not in text_of(bob.post(form, {**data, "do": "preview"}, headers=HTMX))
    assert "Tr0ub4dor" not in text_of(bob.post(form, {**data, "p_computer": "a b", "do": "generate"}))
    made = bob.post(form, {**data, "do": "generate"})
    assert text_of(made).count("Tr0ub4dor") == 1
    assert "no-store" in made["Cache-Control"]
    script = GeneratedScript.objects.get()
    url = f"/sessions/{session.pk}/scripts/generated/{script.pk}/"
    for later in (url, f"{url}?download=1", f"/admin/ai_sessions/generatedscript/{script.pk}/change/"):
        shown = text_of(bob.get(later))
        assert "Tr0ub4dor" not in shown
        assert "«secret: password»" in shown
    file = bob.post(form, {**data, "do": "download"})
    assert file.content == b"login 'PC-7' 'Tr0ub4dor'\n"


def test_cmd_files_have_windows_line_ends(cast: Cast, session: AISession, login: Any) -> None:
    version = make_template(cast.account, shell="cmd", body="@echo off\nping {{ computer }}")
    form = f"/sessions/{session.pk}/scripts/{version.template_id}/"
    file = login(cast.bob).post(form, {"number": 1, "p_computer": "PC-7", "do": "download"})
    assert file.content == b'@echo off\r\nping "PC-7"\r\n'


def test_an_unknown_outcome_changes_nothing(cast: Cast, session: AISession, login: Any) -> None:
    version = make_template(cast.account)
    script = GeneratedScript.objects.create(account=cast.account, template_version=version, session=session, text="x")
    url = f"/sessions/{session.pk}/scripts/generated/{script.pk}/"
    assert "Nothing was changed" in text_of(login(cast.bob).post(url, {"outcome": "great"}, follow=True))
    script.refresh_from_db()
    assert script.outcome is None
    assert "only who works sessions" in text_of(login(cast.carol).post(url, {"outcome": "worked"}, follow=True))


@pytest.mark.parametrize("address", ["", "1/", "generated/1/"])
def test_strangers_and_wrong_methods(cast: Cast, session: AISession, login: Any, client: Client, address: str) -> None:
    url = f"/sessions/{session.pk}/scripts/{address}"
    assert client.get(url).status_code == 302
    assert login(cast.mallory).get(url).status_code == 404
    assert login(cast.bob).put(url).status_code == 405


# --- The library -----------------------------------------------------------------------------------------------------


def form_data(**fields: Any) -> dict[str, Any]:
    return {
        "title": "Ping it",
        "what_it_does": "Pings",
        "shell": "bash",
        "risk": "read_only",
        "minimum_role": "technician",
        "body": "ping {{ computer }}",
        "row-TOTAL_FORMS": "2",
        "row-INITIAL_FORMS": "0",
        "row-0-name": "computer",
        "row-0-kind": "host_name",
        "row-0-required": "on",
        "row-1-name": "",
        **fields,
    }


def test_a_template_is_written_approved_and_retired(cast: Cast, login: Any) -> None:
    alice: Client = login(cast.alice)
    new = f"{LIBRARY_URL}new/"
    text_of(alice.get(new))
    response = alice.post(new, form_data(account=cast.account.pk))
    template = ScriptTemplate.objects.select_related("current_version").get()
    url = f"{LIBRARY_URL}{template.pk}/"
    assert response["Location"] == f"{url}change/"
    assert "Draft" in text_of(alice.get(f"{url}change/"))
    alice.post(f"{url}approve/", {"number": "1"})
    template.refresh_from_db()
    assert template.status == "approved"
    edit = text_of(alice.get(f"{url}edit/"))
    assert 'value="computer"' in edit
    alice.post(f"{url}edit/", form_data(base="1", body="ping -c 1 {{ computer }}", note="Once"))
    page = text_of(alice.get(f"{url}change/"))
    assert "Version 2" in page
    assert "Once" in page
    assert "ping -c 1" not in text_of(alice.get(f"{url}change/?version=1"))
    assert alice.get(f"{url}change/?version=9").status_code == 404
    assert "say why" in text_of(alice.post(f"{url}retire/", {"reason": " "}))
    alice.post(f"{url}retire/", {"reason": "old"})
    template.refresh_from_db()
    assert template.status == "retired"
    assert "Ping it" not in text_of(alice.get(LIBRARY_URL))
    assert "Ping it" in text_of(alice.get(f"{LIBRARY_URL}?status=retired"))


def test_faults_of_a_template_come_with_line_and_column_and_all_that_was_typed(cast: Cast, login: Any) -> None:
    alice: Client = login(cast.alice)
    wrong = form_data(account=cast.account.pk, body='ping\necho "{{ computer }}" <b>')
    page = text_of(alice.post(f"{LIBRARY_URL}new/", wrong))
    assert "line 2, column 7" in page
    assert "in double quotes" in page
    assert "&lt;b&gt;" in page
    assert not ScriptTemplate.objects.exists()
    part = text_of(alice.post(f"{LIBRARY_URL}check/", wrong, headers=HTMX))
    assert "line 2, column 7" in part
    assert "<html" not in part
    assert "Nothing to mend" in text_of(alice.post(f"{LIBRARY_URL}check/", form_data()))
    assert "kind" in text_of(alice.post(f"{LIBRARY_URL}check/", form_data(**{"row-0-kind": "magic"})))
    assert text_of(alice.post(f"{LIBRARY_URL}check/", {}))
    assert login(cast.bob).post(f"{LIBRARY_URL}check/", wrong).status_code == 403


def test_more_rows_keep_what_was_typed(cast: Cast, login: Any) -> None:
    page = text_of(login(cast.alice).post(f"{LIBRARY_URL}new/", form_data(more="1", body="half {{")))
    assert 'name="row-4-name"' in page
    assert 'value="computer"' in page
    assert "half {{" in page


def test_a_stale_form_is_told_so(cast: Cast, login: Any) -> None:
    version = make_template(cast.account)
    url = f"{LIBRARY_URL}{version.template_id}/edit/"
    alice: Client = login(cast.alice)
    alice.post(url, form_data(base="1"))
    assert "at version 2 now" in text_of(alice.post(url, form_data(base="1")))


def test_another_accounts_template_is_not_written(cast: Cast, login: Any) -> None:
    response = login(cast.alice).post(f"{LIBRARY_URL}new/", form_data(account=cast.other_account.pk))
    assert response.status_code == 200
    assert not ScriptTemplate.objects.exists()


def test_everybodys_templates_are_read_by_all_and_changed_by_the_platform(cast: Cast, login: Any) -> None:
    version = make_template(None)
    url = f"{LIBRARY_URL}{version.template_id}/"
    for user in (cast.bob, cast.olivia, cast.mallory):
        assert "Everybody" in text_of(login(user).get(f"{url}change/"))
        assert login(user).get(f"{url}edit/").status_code == 403
        assert login(user).get(f"{url}preview/").status_code == 200
    assert login(cast.root).get(f"{url}edit/").status_code == 200


def test_trying_a_form(cast: Cast, login: Any) -> None:
    version = make_template(cast.account)
    bob: Client = login(cast.bob)
    url = f"{LIBRARY_URL}{version.template_id}/preview/"
    assert "[computer]" in text_of(bob.get(url))
    assert "no host name" in text_of(bob.post(url, {"p_computer": "a b"}))
    assert "&#x27;PC-1&#x27;" in text_of(bob.post(url, {"p_computer": "PC-1"}, headers=HTMX))


def test_no_page_has_inline_code(cast: Cast, session: AISession, login: Any) -> None:
    version = make_template(cast.account, keywords="vpn connect", risk="destructive")
    olivia: Client = login(cast.olivia)
    base = f"/sessions/{session.pk}/scripts/"
    own = f"{LIBRARY_URL}{version.template_id}/"
    for url in (
        base,
        f"{base}{version.template_id}/",
        LIBRARY_URL,
        f"{LIBRARY_URL}new/",
        f"{own}change/",
        f"{own}edit/",
    ):
        page = text_of(olivia.get(url))
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page), url


@pytest.mark.parametrize("kind", [{"kind": "ip_address", "prefix": 24}, {}])
def test_a_type_that_is_unknown_or_missing_is_filled_in_as_the_most_careful_one(
    cast: Cast, session: AISession, login: Any, kind: dict[str, Any]
) -> None:
    template_id = make_template(cast.account, keywords="vpn connect").template_id
    newer = ScriptTemplateVersion.objects.create(
        template_id=template_id, number=2, what_it_does="Pings", body="ping {{ address }}", risk="unheard_of",
        parameters=[{"name": "address", "label": "Address", **kind}],
    )  # fmt: skip
    ScriptTemplate.objects.filter(pk=template_id).update(current_version=newer)
    bob, url = login(cast.bob), f"/sessions/{session.pk}/scripts/"
    assert bob.get(url).status_code == 200
    assert 'type="password"' in bob.get(f"{url}{template_id}/").content.decode()
    script, rendered = script_generate(
        actor=cast.bob, template_id=template_id, number=2, values={"address": "10.0.0.1; reboot"}, session_id=session.pk
    )
    assert "'10.0.0.1; reboot'" in rendered.text
    script.refresh_from_db()
    assert "reboot" not in f"{script.text}{script.parameters}"
    assert bob.get(f"{url}generated/{script.pk}/").status_code == 200
    assert login(cast.alice).get(f"/admin/ai_sessions/scripttemplate/{template_id}/change/").status_code == 200
