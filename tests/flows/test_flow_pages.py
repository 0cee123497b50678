"""What a reviewer does on a flow's pages, and that nothing typed is lost where it is refused."""

import re
from datetime import date, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from flowpilot.accounts.models import Account, Team, User
from flowpilot.flows.models import Flow
from flowpilot.flows.services import flow_version_publish
from flowpilot.flows.upkeep import flow_archive, flow_update
from tests.conftest import Cast
from tests.factories import definition, make_flow

LIST = "/admin/flows/flow/"
ATTACK = "</script><script>alert(1)</script>"
pytestmark = pytest.mark.django_db


def two_versions(cast: Cast, **fields: Any) -> Flow:
    flow = make_flow(cast.account, **fields).flow
    flow_version_publish(
        actor=cast.alice, flow=flow, base_number=1, definition=definition(yes="Wait a minute"), note="Slower"
    )
    return flow


def address(flow: Flow, name: str) -> str:
    return reverse(f"admin:flows_flow_{name}", args=[flow.pk])


def read(response: Any, status: int = 200) -> str:
    """The page's text in one line, without its markup."""
    assert response.status_code == status
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.content.decode())).split())


def fields(response: HttpResponse) -> dict[str, Any]:
    """What a browser would send of the page's form that asks for most."""
    form: Any = response.context["form"]  # type: ignore[attr-defined]
    return {name: "" if form[name].value() is None else form[name].value() for name in form.fields}


def stands_at(flow: Flow) -> tuple[str, int | None]:
    flow.refresh_from_db()
    return flow.status, flow.current_version.number if flow.current_version else None


class TestRollBack:
    def test_the_page_shows_what_it_changes_and_a_post_does_it(self, cast: Cast, login: Any) -> None:
        flow, alice = two_versions(cast), login(cast.alice)
        page = alice.get(address(flow, "roll_back") + "?to=1")
        text = read(page)
        assert "Go back to version 1 of VPN?" in text
        assert "“Wait a minute” reads “Restart the router” now." in text
        answer = alice.post(address(flow, "roll_back") + "?to=1", {**fields(page), "reason": "Too slow"}, follow=True)
        text = read(answer)
        assert "Version 3 says what version 1 said." in text
        assert "Back to version 1: Too slow" in text
        assert stands_at(flow) == ("published", 3)

    def test_without_a_reason_it_is_asked_for(self, cast: Cast, login: Any) -> None:
        flow, alice = two_versions(cast), login(cast.alice)
        page = alice.get(address(flow, "roll_back"))
        assert page.context["former"].number == 1
        answer = alice.post(address(flow, "roll_back"), {**fields(page), "reason": "  "})
        assert "This field is required." in read(answer)
        assert stands_at(flow) == ("published", 2)

    def test_a_stale_page_keeps_the_reason_and_shows_what_is_there_now(self, cast: Cast, login: Any) -> None:
        flow, alice = two_versions(cast), login(cast.alice)
        to = address(flow, "roll_back") + "?to=1"
        page = alice.get(to)
        flow_version_publish(actor=None, flow=flow, base_number=2, definition=definition(yes="Call us"))
        answer = alice.post(to, {**fields(page), "reason": "Typed for long"})
        text = read(answer)
        assert "Nothing was published: VPN is at version 3 now; this change was made from version 2." in text
        assert "“Call us” reads “Restart the router” now." in text
        assert fields(answer) == {"reason": "Typed for long", "version": 1, "base": 3}
        assert read(alice.post(to, fields(answer), follow=True)).count("Version 4 says what version 1 said.") == 1

    def test_where_nothing_would_change_it_is_told(self, cast: Cast, login: Any) -> None:
        flow, alice = two_versions(cast), login(cast.alice)
        to = address(flow, "roll_back") + "?to=2"
        answer = alice.post(to, {**fields(alice.get(to)), "reason": "x"})
        assert "nothing would change" in read(answer)
        assert stands_at(flow) == ("published", 2)

    def test_nothing_to_go_back_to(self, cast: Cast, login: Any) -> None:
        alice = login(cast.alice)
        assert "There is no other version." in read(alice.get(address(make_flow(cast.account).flow, "roll_back")))
        empty = Flow.objects.create(account=cast.account, key="empty", title="Empty")
        assert "There is no other version." in read(alice.get(address(empty, "roll_back")))
        assert stands_at(empty) == ("published", None)

    def test_an_archived_flow_is_restored_first(self, cast: Cast, login: Any) -> None:
        flow, alice = two_versions(cast), login(cast.alice)
        flow_archive(actor=None, flow_id=flow.pk, reason="Old")
        assert "Restore it before you change it." in read(alice.get(address(flow, "roll_back") + "?to=1"))
        alice.post(address(flow, "roll_back") + "?to=1", {"version": 1, "base": 2, "reason": "x"})
        assert stands_at(flow) == ("archived", 2)


class TestStatus:
    def test_archived_and_restored_with_its_history(self, cast: Cast, login: Any) -> None:
        flow, alice = two_versions(cast), login(cast.alice)
        text = read(alice.post(address(flow, "archive"), {"reason": "Nobody has it"}, follow=True))
        assert "Archived. It guides nobody any more." in text
        assert "Alice archived it" in text
        assert "Nobody has it" in text
        assert stands_at(flow) == ("archived", 2)
        text = read(alice.post(address(flow, "restore"), {"reason": "They do"}, follow=True))
        assert "Restored. It guides sessions again." in text
        assert "Alice restored it" in text
        assert stands_at(flow) == ("published", 2)
        # Who may not read audit events reads the versions only.
        assert "archived it" not in read(login(cast.bob).get(address(flow, "change")))

    def test_without_a_reason_nothing_is_done(self, cast: Cast, login: Any) -> None:
        flow, alice = two_versions(cast), login(cast.alice)
        for reason in (" ", "x" * 2001):
            assert read(alice.post(address(flow, "archive"), {"reason": reason}))
        assert stands_at(flow) == ("published", 2)

    def test_done_by_somebody_else_meanwhile(self, cast: Cast, login: Any) -> None:
        flow, alice = two_versions(cast), login(cast.alice)
        flow_archive(actor=None, flow_id=flow.pk, reason="Old")
        text = read(alice.post(address(flow, "archive"), {"reason": "x"}, follow=True))
        assert "Nothing was done: VPN is archived already." in text


class TestEdit:
    def test_what_is_typed_is_saved(self, cast: Cast, login: Any) -> None:
        flow, alice = two_versions(cast), login(cast.alice)
        typed = {
            "title": "VPN at home",
            "description": "One\r\ntwo",
            "problem_domain": "networking",
            "team": cast.team.pk,
            "owner": cast.olivia.pk,
            "review_by": "2031-02-03",
        }
        page = alice.get(address(flow, "edit"))
        text = read(alice.post(address(flow, "edit"), {**fields(page), **typed}, follow=True))
        assert "Saved." in text
        assert "owner from none to Olivia" in text
        flow.refresh_from_db()
        assert (flow.title, flow.description, flow.team, flow.owner, flow.review_by) == (
            "VPN at home",
            "One\ntwo",
            cast.team,
            cast.olivia,
            date(2031, 2, 3),
        )
        assert fields(alice.get(address(flow, "edit")))["review_by"] == date(2031, 2, 3)

    def test_a_conflict_keeps_what_was_typed_and_names_what_is_there(self, cast: Cast, login: Any) -> None:
        flow, alice = two_versions(cast), login(cast.alice)
        page = alice.get(address(flow, "edit"))
        flow_update(actor=cast.olivia, flow_id=flow.pk, title="VPN <abroad>", owner=cast.olivia)
        typed = {**fields(page), "title": "VPN at home", "description": "Typed for long"}
        answer = alice.post(address(flow, "edit"), typed)
        text = read(answer)
        assert "Nothing was saved: somebody has changed title, owner since you opened this." in text
        assert "It is “VPN <abroad>” now." in text
        assert "It is “Olivia” now." in text
        assert "<abroad>" not in answer.content.decode()
        again = fields(answer)
        assert (again["title"], again["description"], again["owner"]) == ("VPN at home", "Typed for long", "")
        assert stands_at(flow) == ("published", 2)
        assert flow.title == "VPN <abroad>"
        assert "Saved." in read(alice.post(address(flow, "edit"), again, follow=True))
        flow.refresh_from_db()
        assert (flow.title, flow.description, flow.owner) == ("VPN at home", "Typed for long", None)

    @pytest.mark.parametrize("seen", ["", "null", "[]", "{", "[" * 100_000, '{"title": "x"}'])
    def test_what_it_was_when_opened_is_not_left_out(self, cast: Cast, login: Any, seen: str) -> None:
        flow, alice = two_versions(cast), login(cast.alice)
        typed = {**fields(alice.get(address(flow, "edit"))), "title": "VPN at home", "seen": seen}
        assert "Nothing was saved: somebody has changed" in read(alice.post(address(flow, "edit"), typed))
        flow.refresh_from_db()
        assert flow.title == "VPN"

    def test_another_accounts_people_and_teams_are_no_choice(self, cast: Cast, login: Any) -> None:
        flow, alice = two_versions(cast), login(cast.alice)
        foreign = Team.objects.create(account=cast.other_account, name="Contoso field")
        page = alice.get(address(flow, "edit"))
        assert not re.search("Contoso field|Mallory", read(page))
        for choice in ({"team": foreign.pk}, {"owner": cast.mallory.pk}, {"owner": cast.bob.pk}, {"title": " "}):
            answer = alice.post(address(flow, "edit"), {**fields(page), "description": "Typed for long", **choice})
            assert "Nothing was saved: see below." in read(answer)
            assert fields(answer)["description"] == "Typed for long"
        flow.refresh_from_db()
        assert (flow.team, flow.owner, flow.title, flow.description) == (None, None, "VPN", "")


class TestDiff:
    def test_any_two_versions_either_way_round(self, cast: Cast, login: Any) -> None:
        flow, bob = two_versions(cast), login(cast.bob)
        flow_version_publish(actor=None, flow=flow, base_number=2, definition=definition("Is it on?"))
        there, back = (read(bob.get(f"{address(flow, 'diff')}?from={a}&to={b}")) for a, b in ((1, 2), (2, 1)))
        assert "VPN: version 1 → 2" in there
        assert "“Restart the router” reads “Wait a minute” now." in there
        assert "“Wait a minute” reads “Restart the router” now." in back
        latest = bob.get(address(flow, "diff"))
        assert (latest.context["before"].number, latest.context["after"].number) == (2, 3)

    def test_two_that_say_the_same(self, cast: Cast, login: Any) -> None:
        page = login(cast.bob).get(f"{address(two_versions(cast), 'diff')}?from=2&to=2")
        assert "Nothing: Version 2 and version 2 say the same." in read(page)

    @pytest.mark.parametrize(
        "query", ["from=9", "to=0", "from=x", "to=-1", "from=1.5", "to=%00", f"from={'9' * 400}", "to=2%27"]
    )
    def test_a_version_that_is_not_there(self, cast: Cast, login: Any, query: str) -> None:
        flow, bob = two_versions(cast), login(cast.bob)
        for name in ("diff", "export"):
            wrong = query if name == "diff" else query.replace("from", "version").replace("to", "version")
            assert bob.get(f"{address(flow, name)}?{wrong}").status_code == 404

    def test_a_first_version_has_nothing_before_it(self, cast: Cast, login: Any) -> None:
        bob = login(cast.bob)
        assert "Version 1 is the first." in read(bob.get(address(make_flow(cast.account).flow, "diff")))
        empty = Flow.objects.create(account=cast.account, key="empty", title="Empty")
        assert "Empty has no version yet." in read(bob.get(address(empty, "diff")))


class TestList:
    def found(self, browser: Client, query: str) -> set[str]:
        response = browser.get(f"{LIST}?{query}")
        assert response.status_code == 200
        return {flow.key for flow in response.context["cl"].queryset}

    def dated(self, account: Account, key: str, days: int | None, owner: User | None = None) -> Flow:
        flow = make_flow(account, title=key).flow
        flow.review_by = timezone.localdate() + timedelta(days=days) if days is not None else None
        flow.owner = owner
        flow.save()
        return flow

    def test_reviews_that_are_overdue_and_due_soon(self, cast: Cast, login: Any) -> None:
        for key, days in (("past", -1), ("today", 0), ("soon", 30), ("later", 31), ("none", None)):
            self.dated(cast.account, key, days)
        flow_archive(actor=None, flow_id=self.dated(cast.account, "old", -5).pk, reason="Old")
        alice = login(cast.alice)
        assert self.found(alice, "review=overdue") == {"past"}
        assert self.found(alice, "review=overdue&status=all") == {"past"}
        assert self.found(alice, "review=soon") == {"today", "soon"}
        assert self.found(alice, "review=none") == {"none"}
        assert self.found(alice, "status=archived") == {"old"}
        assert read(alice.get(f"{LIST}?status=all")).count("Overdue") == 2, "the filter's choice and one flow"

    def test_a_day_ends_where_the_viewer_lives(self, cast: Cast, login: Any) -> None:
        """One of these two places is always a day ahead of the other."""
        flow = self.dated(cast.account, "vpn", 0)
        east, west = "Pacific/Kiritimati", "Pacific/Niue"
        flow.review_by = timezone.localdate(timezone=ZoneInfo(west))
        flow.save()
        for zone, keys in ((east, {"vpn"}), (west, set())):
            Account.objects.filter(pk=cast.account.pk).update(time_zone=zone)
            assert self.found(login(cast.alice), "review=overdue") == keys

    def test_owners(self, cast: Cast, login: Any) -> None:
        self.dated(cast.account, "hers", None, cast.olivia)
        self.dated(cast.account, "nobodys", None)
        self.dated(cast.other_account, "theirs", None, cast.mallory)
        alice = login(cast.alice)
        [filter_] = [spec for spec in alice.get(LIST).context["cl"].filter_specs if spec.title == "owner"]
        offered = {title for _, title in filter_.lookup_choices}
        assert offered == {"Olivia", "Nobody"}
        assert self.found(alice, f"owner={cast.olivia.pk}") == {"hers"}
        assert self.found(alice, "owner=none") == {"nobodys"}
        for nobody in (cast.mallory.pk, "x", "9" * 40, "-1"):
            assert self.found(alice, f"owner={nobody}") == set()


CHANGES: dict[str, dict[str, Any]] = {
    "roll_back": {"version": 1, "base": 2, "reason": "x"},
    "archive": {"reason": "x"},
    "restore": {"reason": "x"},
    "edit": {"title": "x"},
}


@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("carol", 403), ("sam", 403), ("mallory", 404)])
@pytest.mark.parametrize("name", CHANGES)
def test_who_may_not_changes_nothing(cast: Cast, login: Any, name: str, who: str, status: int) -> None:
    flow = two_versions(cast)
    if name == "restore":
        flow_archive(actor=None, flow_id=flow.pk, reason="Old")
    before = (stands_at(flow), flow.title)
    browser = login(getattr(cast, who))
    assert browser.get(address(flow, name)).status_code == status
    assert browser.post(address(flow, name), CHANGES[name]).status_code == status
    assert (stands_at(flow), flow.title) == before
    change = browser.get(address(flow, "change"))
    assert change.status_code == (404 if who == "mallory" else 200)
    if who != "mallory":
        assert not re.search("/(edit|archive|restore|roll-back)/", change.content.decode())


def test_what_people_wrote_is_text_and_never_markup(cast: Cast, login: Any) -> None:
    flow = two_versions(cast, title=ATTACK, key="vpn", description=ATTACK, definition=definition(ATTACK, yes=ATTACK))
    flow_update(
        actor=cast.alice,
        flow_id=flow.pk,
        title=f"{ATTACK} again",
        problem_domain=ATTACK,
        team=Team.objects.create(account=cast.account, name=ATTACK),
        owner=cast.olivia,
    )
    alice = login(cast.alice)
    alice.post(address(flow, "roll_back"), {"version": 1, "base": 2, "reason": ATTACK})
    alice.post(address(flow, "archive"), {"reason": ATTACK})
    for name in ("change", "diff", "edit", "roll_back", "archive", "restore"):
        assert ATTACK not in alice.get(address(flow, name)).content.decode()
    assert ATTACK not in alice.get(f"{LIST}?status=all").content.decode()
