"""Export and import in the admin: what it would change is shown first, and nothing typed is lost."""

import json
import re
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from flowpilot.accounts.models import Membership
from flowpilot.accounts.roles import Role
from flowpilot.flows.mermaid import to_mermaid
from flowpilot.flows.models import Flow
from flowpilot.flows.services import flow_version_publish
from flowpilot.flows.upkeep import flow_archive
from tests.conftest import Cast
from tests.factories import definition, make_flow
from tests.flows.test_flow_transfer import exported

IMPORT = "/admin/flows/flow/import/"
ATTACK = "</script><script>alert(1)</script>"
pytestmark = pytest.mark.django_db


def read(response: Any) -> str:
    """The page's text in one line, without its markup."""
    assert response.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.content.decode())).split())


def look(browser: Client, cast: Cast, content: Any, **fields: Any) -> Any:
    """The answer to a text that was pasted."""
    text = content if isinstance(content, str) else json.dumps(content)
    return browser.post(IMPORT, {"account": cast.account.pk, "text": text, **fields})


def publish(browser: Client, page: Any, as_what: str) -> Any:
    """What a browser sends of the page that shows the file."""
    html = page.content.decode()
    hidden = re.findall(r'<input type="hidden" name="(account|text|flow|base)" value="([^"]*)">', html)
    assert f'name="as_what" value="{as_what}"' in html
    typed = {name: unescape(value) for name, value in hidden}
    return browser.post(IMPORT, {**typed, "as_what": as_what}, follow=True)


def download(browser: Client, flow: Flow, query: str = "") -> Any:
    response = browser.get(reverse("admin:flows_flow_export", args=[flow.pk]) + query)
    assert response.status_code == 200
    return response


class TestExport:
    def test_json_of_any_version(self, cast: Cast, login: Any) -> None:
        flow, bob = make_flow(cast.account, description="Ours").flow, login(cast.bob)
        flow_version_publish(actor=None, flow=flow, base_number=1, definition=definition(yes="Wait"))
        now, then = download(bob, flow), download(bob, flow, "?format=json&version=1")
        assert now["Content-Disposition"] == 'attachment; filename="vpn-v2.json"'
        assert now["Content-Type"] == "application/json"
        assert now.json() == exported(
            version=2, problem_domain="", description="Ours", definition=definition(yes="Wait")
        )
        assert then["Content-Disposition"] == 'attachment; filename="vpn-v1.json"'
        assert then.json()["definition"] == definition()

    def test_mermaid(self, cast: Cast, login: Any) -> None:
        flow = make_flow(cast.account, definition=definition(ATTACK)).flow
        answer = download(login(cast.bob), flow, "?format=mermaid")
        assert answer["Content-Disposition"] == 'attachment; filename="vpn-v1.mmd"'
        assert answer.content.decode() == to_mermaid(definition(ATTACK))
        assert "<script" not in answer.content.decode()

    def test_what_is_not_there(self, cast: Cast, login: Any) -> None:
        flow = make_flow(cast.account).flow
        empty = Flow.objects.create(account=cast.account, key="empty", title="Empty")
        for user, row, query in (
            (cast.bob, flow, "?format=xml"),
            (cast.bob, empty, ""),
            (cast.mallory, flow, ""),
            (cast.mallory, flow, "?format=mermaid"),
        ):
            address = reverse("admin:flows_flow_export", args=[row.pk])
            assert login(user).get(address + query).status_code == 404


class TestRoundTrip:
    def test_into_another_account(self, cast: Cast, login: Any) -> None:
        made = make_flow(cast.account, title="VPN & Zürich", key="vpn", description="One\ntwo", problem_domain="net")
        file = download(login(cast.bob), made.flow)
        mallory = login(cast.mallory)
        upload = SimpleUploadedFile("vpn-v1.json", file.content, "application/json")
        page = mallory.post(IMPORT, {"account": cast.other_account.pk, "file": upload})
        text = read(page)
        assert "The file holds “VPN & Zürich”, key vpn, version 1 where it came from: 4 steps." in text
        assert "It becomes a new flow of Contoso IT with the key vpn." in text
        assert not Flow.objects.filter(account=cast.other_account).exists()
        text = read(publish(mallory, page, "new"))
        assert "Published as version 1 of VPN & Zürich." in text
        assert "Imported (version 1 of vpn)" in text
        assert download(mallory, Flow.objects.get(account=cast.other_account)).content == file.content

    def test_the_next_version_of_the_flow_with_its_key(self, cast: Cast, login: Any) -> None:
        flow, alice = make_flow(cast.account, title="Ours", key="vpn").flow, login(cast.alice)
        page = look(alice, cast, exported(title="Theirs", definition=definition(yes="Wait")))
        text = read(page)
        assert "Northwind MSP has a flow with the key vpn: Ours , at version 1." in text
        assert "“Restart the router” reads “Wait” now." in text
        text = read(publish(alice, page, "version"))
        assert "Published as version 2 of Ours." in text
        flow.refresh_from_db()
        assert flow.current_version is not None
        assert (flow.title, flow.current_version.definition) == ("Ours", definition(yes="Wait"))
        assert Flow.objects.count() == 1

    def test_a_new_flow_beside_the_one_with_its_key(self, cast: Cast, login: Any) -> None:
        flow, alice = make_flow(cast.account).flow, login(cast.alice)
        publish(alice, look(alice, cast, exported(title="Theirs")), "new")
        assert list(Flow.objects.order_by("pk").values_list("key", "title")) == [("vpn", "VPN"), ("theirs", "Theirs")]
        assert flow.versions.count() == 1

    def test_what_says_the_same_is_no_next_version(self, cast: Cast, login: Any) -> None:
        make_flow(cast.account)
        page = look(login(cast.alice), cast, exported())
        assert "It says the same already." in read(page)
        assert re.search(r'value="version" required disabled', page.content.decode())

    def test_an_archived_flow_keeps_its_key(self, cast: Cast, login: Any) -> None:
        flow_archive(actor=None, flow_id=make_flow(cast.account).flow_id, reason="Old")
        alice = login(cast.alice)
        page = look(alice, cast, exported())
        assert "under a key of its own: vpn belongs to VPN, which is archived." in read(page)
        publish(alice, page, "new")
        assert set(Flow.objects.values_list("key", "status")) == {("vpn", "archived"), ("vpn-2", "published")}

    def test_a_flow_that_moved_on_is_compared_again(self, cast: Cast, login: Any) -> None:
        flow, alice = make_flow(cast.account).flow, login(cast.alice)
        page = look(alice, cast, exported(definition=definition(yes="Wait")))
        flow_version_publish(actor=None, flow=flow, base_number=1, definition=definition(yes="Call us"))
        again = publish(alice, page, "version")
        text = read(again)
        assert "Nothing was published: VPN is at version 2 now; this change was made from version 1." in text
        assert "“Call us” reads “Wait” now." in text
        assert flow.versions.count() == 2
        assert "Published as version 3 of VPN." in read(publish(alice, again, "version"))

    def test_what_the_second_page_sends_is_no_longer_than_the_file(self, cast: Cast, login: Any) -> None:
        """Else a file near the limit would be taken by the first page and refused by the second."""
        tree = definition("“Is it on?” ü")
        ends = [{"id": f"e{n}", "kind": "resolution", "text": "ü"} for n in range(29)]
        answers = [{"id": f"o{n}", "label": f"Answer {n}", "next": end["id"]} for n, end in enumerate(ends)]
        tree["nodes"] = [{**tree["nodes"][0], "options": answers}, *ends]
        content = json.dumps(exported(definition=tree), ensure_ascii=False, separators=(",", ":"))
        alice = login(cast.alice)
        page = look(alice, cast, content)
        assert len(page.context["text"]) <= len(content)
        publish(alice, page, "new")
        version = Flow.objects.get().current_version
        assert version is not None
        assert version.definition == tree


class TestBadFiles:
    def test_line_and_place_are_told_and_the_text_stays(self, cast: Cast, login: Any) -> None:
        alice = login(cast.alice)
        for content, told in (
            ('{\n "title": "VPN",\n oops', "Line 3, column 2:"),
            (json.dumps(exported(title=" ", colour="red")), "Nothing was imported. The file has 2 faults:"),
            (json.dumps(exported(title=" ")), "/title A flow needs a title."),
            (json.dumps(exported(definition={**definition(), "root": "n9"})), "/definition/root"),
            (json.dumps(exported(**{"\ud800": 1})), r"/\ud800 There is no such field in an exported flow."),
        ):
            page = look(alice, cast, content)
            assert told in read(page)
            assert page.context["form"]["text"].value() == content
        assert not Flow.objects.exists()

    def test_of_many_faults_the_first_are_told_and_the_rest_counted(self, cast: Cast, login: Any) -> None:
        page = look(login(cast.alice), cast, exported(**{f"field{n}": 1 for n in range(60)}))
        text = read(page)
        assert "The file has 60 faults:" in text
        assert "and 10 more." in text

    def test_no_file_and_no_text(self, cast: Cast, login: Any) -> None:
        for typed in ({"text": " "}, {"file": SimpleUploadedFile("empty.json", b"")}):
            page = login(cast.alice).post(IMPORT, {"account": cast.account.pk, **typed})
            assert page.context["form"].errors
            assert "Publish" not in read(page)

    def test_a_file_that_is_too_large_or_no_text(self, cast: Cast, login: Any) -> None:
        alice = login(cast.alice)
        for content, told in ((b" " * (5 * 1024 * 1024 + 1), "larger than 5 MB"), (b"\xff\xfe", "not UTF-8")):
            upload = SimpleUploadedFile("flow.json", content)
            assert told in read(alice.post(IMPORT, {"account": cast.account.pk, "file": upload}))

    @pytest.mark.parametrize(
        "typed",
        [
            {"as_what": "nonsense"},
            {"as_what": "version"},
            {"as_what": "version", "flow": "x", "base": "1"},
            {"as_what": "version", "flow": "9" * 30, "base": "1"},
            {"as_what": "version", "flow": "1", "base": "-1"},
        ],
    )
    def test_a_form_that_was_tampered_with_publishes_nothing(
        self, cast: Cast, login: Any, typed: dict[str, str]
    ) -> None:
        make_flow(cast.account)
        page = look(login(cast.alice), cast, exported(definition=definition(yes="Wait")), **typed)
        assert "Nothing was published:" in read(page)
        assert [(flow.key, flow.versions.count()) for flow in Flow.objects.all()] == [("vpn", 1)]


class TestWhoMay:
    @pytest.mark.parametrize("who", ["bob", "carol", "sam"])
    def test_who_may_not_change_flows_does_not_import(self, cast: Cast, login: Any, who: str) -> None:
        browser = login(getattr(cast, who))
        assert browser.get(IMPORT).status_code == 403
        assert look(browser, cast, exported(), as_what="new").status_code == 403
        assert not Flow.objects.exists()
        assert "Import a flow" not in read(browser.get("/admin/flows/flow/"))

    def test_another_account_is_no_choice(self, cast: Cast, login: Any) -> None:
        make_flow(cast.account, title="Secret plan", key="vpn")
        page = look(login(cast.mallory), cast, exported(), as_what="new")
        assert page.context["form"].errors["account"]
        assert "Secret plan" not in read(page)
        assert Flow.objects.count() == 1

    def test_an_account_where_one_only_reads_is_no_choice(self, cast: Cast, login: Any) -> None:
        Membership.objects.create(account=cast.account, user=cast.mallory, role=Role.ANALYST)
        page = look(login(cast.mallory), cast, exported(), as_what="new")
        assert page.context["form"].errors["account"]
        assert not Flow.objects.exists()

    def test_another_accounts_flow_is_not_found(self, cast: Cast, login: Any) -> None:
        flow = make_flow(cast.account).flow
        typed = {"account": cast.other_account.pk, "as_what": "version", "flow": flow.pk, "base": 1}
        page = look(login(cast.mallory), cast, exported(definition=definition(yes="Wait")), **typed)
        assert "Nothing was published: this flow no longer exists." in read(page)
        assert flow.versions.count() == 1

    def test_who_runs_two_accounts_chooses(self, cast: Cast, login: Any) -> None:
        Membership.objects.create(account=cast.other_account, user=cast.alice, role=Role.OWNER)
        alice = login(cast.alice)
        assert "Contoso IT Northwind MSP" in read(alice.get(IMPORT))
        publish(alice, look(alice, cast, exported(), account=cast.other_account.pk), "new")
        assert Flow.objects.get().account == cast.other_account


def test_what_a_file_says_is_text_and_never_markup(cast: Cast, login: Any) -> None:
    alice = login(cast.alice)
    content = exported(
        title=ATTACK, description=ATTACK, problem_domain=ATTACK, definition=definition(ATTACK, yes=ATTACK)
    )
    page = look(alice, cast, content)
    bad = look(alice, cast, exported(**{ATTACK: 1, "key": ATTACK}))
    published = publish(alice, page, "new")
    for answer in (page, bad, published):
        assert ATTACK not in answer.content.decode()
    assert Flow.objects.get().title == ATTACK
