"""The technician's pages without a script: plain forms that lead through a session."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from sessions.models import AISession, Attachment
from tests.conftest import Cast
from tests.factories import make_flow, make_member

pytestmark = pytest.mark.django_db
PROBLEM = "The VPN does not connect"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


def begin(cast: Cast, browser: Client, flow_id: Any = "") -> AISession:
    form = {"account": cast.account.pk, "problem": PROBLEM, "client": "Acme", "flow": flow_id}
    response = browser.post(reverse("work:start"), form)
    session = AISession.objects.latest("pk")
    assert response["Location"] == reverse("work:run", args=[session.pk])
    return session


def do(browser: Client, session: AISession, act: str, **data: Any) -> Any:
    session.refresh_from_db()
    form = {"act": act, "revision": session.revision, **data}
    return browser.post(reverse("work:do", args=[session.pk]), form, follow=True)


class TestStart:
    def test_shows_the_flows_that_may_fit_and_why(self, cast: Cast, login: Any) -> None:
        make_flow(cast.account, title="VPN does not connect")
        form = {"account": cast.account.pk, "problem": PROBLEM}
        page = login(cast.bob).post(reverse("work:start"), form).content.decode()
        assert "VPN does not connect" in page
        assert "shares" in page
        assert not AISession.objects.exists()

    def test_without_a_like_flow_one_works_free_form(self, cast: Cast, login: Any) -> None:
        form = {"account": cast.account.pk, "problem": PROBLEM}
        assert "No published flow is like this" in login(cast.bob).post(reverse("work:start"), form).content.decode()

    def test_an_empty_problem_is_told(self, cast: Cast, login: Any) -> None:
        page = login(cast.bob).post(reverse("work:start"), {"account": cast.account.pk, "problem": ""})
        assert page.status_code == 400
        assert "This field is required" in page.content.decode()

    def test_another_account_is_no_choice(self, cast: Cast, login: Any) -> None:
        form = {"account": cast.other_account.pk, "problem": PROBLEM, "flow": ""}
        assert login(cast.bob).post(reverse("work:start"), form).status_code == 400
        assert not AISession.objects.exists()

    def test_a_foreign_flow_guides_nobody(self, cast: Cast, login: Any) -> None:
        foreign = make_flow(cast.other_account)
        form = {"account": cast.account.pk, "problem": PROBLEM, "flow": foreign.flow_id}
        login(cast.bob).post(reverse("work:start"), form)
        assert not AISession.objects.exists()


class TestRun:
    def test_leads_through_a_flow_to_its_end(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        session = begin(cast, browser, make_flow(cast.account, title="VPN does not connect").flow_id)
        page = do(browser, session, "answer", node="n1", option="o1").content.decode()
        assert "Restart the router" in page
        do(browser, session, "answer", node="n2", option="o1")
        page = do(browser, session, "resolve", summary="Router restarted").content.decode()
        assert "How was it?" in page
        do(browser, session, "feedback", rating="5", right="yes", text="good")
        session.refresh_from_db()
        assert (session.status, session.rating, session.flow_was_right) == ("resolved", 5, True)

    def test_a_typed_answer_is_read_and_confirmed(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        session = begin(cast, browser, make_flow(cast.account, title="VPN does not connect").flow_id)
        page = do(browser, session, "read", node="n1", response="no it does not").content.decode()
        assert "That means “No”" in page
        assert not session.steps.exists()
        page = do(browser, session, "read", node="n1", response="purple elephants").content.decode()
        assert "None of these: record it" in page

    def test_a_second_tab_is_told_and_sees_where_it_stands(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        session = begin(cast, browser, make_flow(cast.account, title="VPN does not connect").flow_id)
        seen = session.revision
        do(browser, session, "answer", node="n1", option="o1")
        form = {"act": "note", "revision": seen, "text": "typed in the other tab"}
        page = browser.post(reverse("work:do", args=[session.pk]), form)
        assert page.status_code == 409
        content = page.content.decode()
        assert "another tab" in content
        assert "typed in the other tab" in content, "nothing typed is lost"
        assert "Restart the router" in content

    def test_a_tab_that_fell_behind_keeps_whatever_was_typed(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        session = begin(cast, browser, make_flow(cast.account, title="VPN does not connect").flow_id)
        seen = session.revision
        do(browser, session, "none", node="n1", response="It connects, then drops")

        def late(act: str, **data: Any) -> str:
            answer = browser.post(reverse("work:do", args=[session.pk]), {"act": act, "revision": seen, **data})
            assert answer.status_code == 409
            return str(answer.content.decode())

        for act in ("read", "none", "answer"):
            page = late(act, node="n1", option="o1", response="only with this cable")
            assert '<textarea id="outcome" name="response" rows="2">only with this cable</textarea>' in page, act
        assert 'value="the user left"' in late("abandon", reason="the user left")
        page = late("escalate", reason="help", to=f"user-{cast.alice.pk}")
        assert f'<option value="user-{cast.alice.pk}" selected>' in page
        do(browser, session, "jump", node="n2")
        assert ">only with this cable</textarea>" in late("read", node="n1", response="only with this cable")

    def test_what_is_typed_is_escaped(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        session = begin(cast, browser)
        page = do(browser, session, "free", kind="action", prompt="<script>alert(1)</script>").content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page

    def test_an_unknown_act_is_404(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        assert do(browser, begin(cast, browser), "dance").status_code == 404

    def test_a_hand_over_waits_on_the_receivers_page(self, cast: Cast, login: Any) -> None:
        bob, alice = login(cast.bob), login(cast.alice)
        session = begin(cast, bob)
        do(bob, session, "free", kind="action", prompt="Restarted the client")
        asked = "Does it connect in the office, at home, or over the mobile phone?"
        do(bob, session, "free", kind="question", prompt=asked, response="Only in the office, and there only by cable")
        do(bob, session, "note", text="The user leaves at four")
        do(bob, session, "escalate", reason="Needs the firewall", to=f"user-{cast.alice.pk}")
        assert "Needs the firewall" in alice.get(reverse("work:home")).content.decode()
        page = alice.get(reverse("work:run", args=[session.pk])).content.decode()
        for told in ("Restarted the client", asked, "and there only by cable", "The user leaves at four"):
            assert told in page, "all of the packet, not shortened"
        assert "Restarted the client" in do(alice, session, "claim").content.decode()
        session.refresh_from_db()
        assert (session.status, session.technician) == ("active", cast.alice)

    def test_another_teams_receiver_reads_it_with_its_files(
        self, cast: Cast, login: Any, settings: Any, tmp_path: Any
    ) -> None:
        settings.MEDIA_ROOT = tmp_path
        network = Team.objects.create(account=cast.account, name="Network")
        tom = make_member(cast.account, Role.TECHNICIAN, team=cast.team)
        nora = make_member(cast.account, Role.TECHNICIAN, team=network)
        giver, receiver = login(tom), login(nora)
        session = begin(cast, giver)
        giver.post(reverse("work:files", args=[session.pk]), {"log": "port 7 is down"})
        run = reverse("work:run", args=[session.pk])
        log = reverse("work:file", args=[session.pk, Attachment.objects.get().key])
        assert [receiver.get(url).status_code for url in (run, log)] == [404, 404]
        do(giver, session, "escalate", reason="A switch is down", to=f"team-{network.pk}")
        assert "A switch is down" in receiver.get(reverse("work:home")).content.decode()
        assert "Take it up" not in giver.get(run).content.decode()
        page = receiver.get(run).content.decode()
        assert "Take it up" in page
        assert "Read the whole session" not in page, "it is not theirs yet"
        assert receiver.get(log).content == b"port 7 is down"
        page = do(receiver, session, "claim").content.decode()
        assert "What do you do?" in page
        assert receiver.get(reverse("admin:ai_sessions_aisession_change", args=[session.pk])).status_code == 200
        assert giver.get(run).status_code == 404

    def test_a_pasted_talk_becomes_steps(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        session = begin(cast, browser)
        url = reverse("work:talk", args=[session.pk])
        text = "User: no sound\nAgent: Which headset?\nUser: the blue one"
        page = browser.post(url, {"talk": text})
        assert [step.prompt for step in page.context["read"].steps] == ["Which headset?"]
        form = {"apply": "1", "revision": 0, "talk": text, "keep": "0", "kind": "question", "prompt": "Which one?"}
        browser.post(url, {**form, "response": "the blue one"})
        assert list(session.steps.values_list("prompt", "response")) == [("Which one?", "the blue one")]
        assert browser.post(url, {"talk": "it broke"}).status_code == 400


class TestFlowUnderWay:
    def test_what_was_found_since_finds_a_flow(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        make_flow(cast.account, title="VPN does not connect")
        form = {"account": cast.account.pk, "problem": "Cannot work from home", "flow": ""}
        browser.post(reverse("work:start"), form)
        session = AISession.objects.get()
        url = reverse("work:matches", args=[session.pk])
        assert b"No published flow is like this" in browser.get(url).content
        do(browser, session, "free", kind="question", prompt="What fails?", response="VPN does not connect")
        page = browser.get(url).content.decode()
        assert "VPN does not connect" in page
        assert "shares" in page

    def test_one_click_takes_it_up_and_the_steps_stay(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        flow = make_flow(cast.account, title="VPN does not connect").flow
        session = begin(cast, browser)
        do(browser, session, "free", kind="action", prompt="Restarted the client")
        do(browser, session, "guide", flow=flow.pk)
        session.refresh_from_db()
        assert (session.flow, session.node_id, session.steps.count()) == (flow, "n1", 1)
        assert session.match_score

    def test_the_panel_of_a_page_that_fell_behind_takes_nothing_up(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        flow = make_flow(cast.account, title="VPN does not connect").flow
        session = begin(cast, browser)
        seen = session.revision
        do(browser, session, "note", text="from the other tab")
        url = reverse("work:matches", args=[session.pk])
        panel = browser.get(f"{url}?revision={seen}", headers={"HX-Request": "true"})
        assert panel.context["revision"] == seen
        assert b"<html" not in panel.content
        form = {"act": "guide", "revision": seen, "flow": flow.pk}
        assert browser.post(reverse("work:do", args=[session.pk]), form).status_code == 409
        session.refresh_from_db()
        assert session.flow is None

    def test_the_flow_that_it_left_is_not_offered_again(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        flow = make_flow(cast.account, title="VPN does not connect").flow
        session = begin(cast, browser, flow.pk)
        do(browser, session, "none", node="n1", response="It connects, then drops")
        page = browser.get(reverse("work:matches", args=[session.pk])).content.decode()
        assert "No other published flow is like this" in page

    def test_the_page_shows_the_neighbourhood_and_the_outline_all(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        session = begin(cast, browser, make_flow(cast.account, title="VPN does not connect").flow_id)
        page = do(browser, session, "answer", node="n1", option="o1").content.decode()
        assert "It works again" in page, "where the answer leads"
        assert "Hand over to the network team" not in page, "a branch that was not taken"
        whole = browser.get(reverse("work:outline", args=[session.pk])).content.decode()
        assert "Hand over to the network team" in whole
        assert "✓ passed" in whole


class TestFiles:
    @pytest.fixture(autouse=True)
    def folder(self, settings: Any, tmp_path: Any) -> None:
        settings.MEDIA_ROOT = tmp_path

    def test_are_served_so_that_nothing_in_them_runs(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        session = begin(cast, browser)
        upload = SimpleUploadedFile("shot.html", PNG, content_type="text/html")
        browser.post(reverse("work:files", args=[session.pk]), {"file": upload, "log": "<b>ERROR</b>"})
        picture, log = Attachment.objects.order_by("pk")
        shown = browser.get(reverse("work:file", args=[session.pk, picture.key]))
        assert (shown["Content-Type"], shown["X-Content-Type-Options"]) == ("image/png", "nosniff")
        assert "sandbox" in shown["Content-Security-Policy"]
        assert shown.content == PNG
        saved = browser.get(reverse("work:file", args=[session.pk, log.key]))
        assert saved["Content-Disposition"].startswith("attachment")
        assert saved["Content-Type"].startswith("text/plain")

    def test_a_bad_one_is_told_and_the_good_one_kept(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        session = begin(cast, browser)
        files = [SimpleUploadedFile("a.exe", b"MZ\x00"), SimpleUploadedFile("b.png", PNG)]
        page = browser.post(reverse("work:files", args=[session.pk]), {"file": files}, follow=True)
        assert "a.exe was not attached" in " ".join(str(message) for message in page.context["messages"])
        assert Attachment.objects.get().name == "b.png"

    def test_one_that_is_too_large_is_not_even_read(
        self, cast: Cast, login: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        browser = login(cast.bob)
        session = begin(cast, browser)
        monkeypatch.setattr("sessions.runner.attach.MOST_BYTES", 1024 * 1024)
        monkeypatch.setattr("sessions.web.files.attachment_add", lambda **_: pytest.fail("it was read"))
        upload = SimpleUploadedFile("dump.log", b"x" * (1024 * 1024 + 1))
        page = browser.post(reverse("work:files", args=[session.pk]), {"file": upload}, follow=True)
        [told] = page.context["messages"]
        assert str(told) == "dump.log was not attached: the file is too large: at most 1 MB, this one has 1.0 MB."
        assert not Attachment.objects.exists()

    def test_of_another_session_are_not_found(self, cast: Cast, login: Any) -> None:
        browser = login(cast.bob)
        one, other = begin(cast, browser), begin(cast, browser)
        browser.post(reverse("work:files", args=[one.pk]), {"log": "text"})
        key = Attachment.objects.get().key
        assert browser.get(reverse("work:file", args=[other.pk, key])).status_code == 404
        assert login(cast.mallory).get(reverse("work:file", args=[one.pk, key])).status_code == 404
