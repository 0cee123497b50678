"""The review queue as a list: what is shown in which order, tabs, filters, pages and saved views."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError

from flowpilot.accounts.models import SavedView, Team
from flowpilot.accounts.roles import Role
from proposals.models import FlowProposal, Topic
from proposals.queue import IMPACT, WAITING, Count, page_of
from proposals.review import proposal_dismiss, proposal_reject
from proposals.selectors import queue_place
from tests.conftest import Cast
from tests.factories import make_change, make_member, make_proposal

pytestmark = pytest.mark.django_db
QUEUE = "admin:proposals_flowproposal_changelist"


def titles(response: Any) -> list[str]:
    return [row.title for row in response.context["cl"].result_list]


def listed(browser: Client, query: Any = None) -> list[str]:
    return titles(browser.get(reverse(QUEUE), query or {}))


def aged(proposal: FlowProposal, days: float) -> FlowProposal:
    FlowProposal.objects.filter(pk=proposal.pk).update(created_at=timezone.now() - timedelta(days=days))
    return proposal


def many(cast: Cast, count: int, **fields: Any) -> list[FlowProposal]:
    """Pending proposals without evidence, titled by rank: P0 has most impact."""
    topics = Topic.objects.bulk_create(Topic(account=cast.account, title=f"T{n}") for n in range(count))
    values = {"account": cast.account, "proposal_type": "new_flow", **fields}
    rows = [FlowProposal(topic=t, title=f"P{n}", impact=count - n, **values) for n, t in enumerate(topics)]
    return FlowProposal.objects.bulk_create(rows)


class TestList:
    def test_shows_what_is_pending_with_the_most_impact_first(self, cast: Cast, login: Any) -> None:
        make_proposal(cast.account, title="Seen once", impact=0.5)
        make_proposal(cast.account, title="Seen often", impact=1.5)
        make_proposal(cast.account, title="Recorded", proposal_type="auto_reinforced", status="auto_reinforced")
        done = make_proposal(cast.account, title="Parked")
        proposal_dismiss(actor=cast.alice, proposal_id=done.pk, revision=1)
        assert listed(login(cast.alice)) == ["Seen often", "Seen once"]

    def test_the_rank_is_explained_in_text(self, cast: Cast, login: Any) -> None:
        make_proposal(cast.account, impact=8.64, recent_session_count=12, confidence_score=0.72)
        content = login(cast.alice).get(reverse(QUEUE)).content.decode()
        assert "12 recent sessions × 0.72" in content
        assert "<strong>8.6</strong>" in content
        assert f"sessions of the last {settings.IMPACT_DAYS} days" in content

    def test_columns_of_what_waits(self, cast: Cast, login: Any) -> None:
        make_proposal(
            cast.account,
            topic_session_count=8,
            topic_escalated_count=2,
            client_count=3,
            technician_count=1,
            claimed_by=cast.olivia,
            claimed_until=timezone.now() + timedelta(minutes=10),
        )
        content = login(cast.alice).get(reverse(QUEUE)).content.decode()
        for text in ("25\N{NO-BREAK SPACE}%", "2 of 8", "3 clients · 1 tech", "Olivia", "Exploring 0.50"):
            assert text in content

    @pytest.mark.parametrize(("days", "word"), [(1, "in time"), (2, "due"), (6.9, "due"), (7, "late")])
    def test_age_has_a_word_and_a_colour(self, cast: Cast, login: Any, days: float, word: str) -> None:
        aged(make_proposal(cast.account), days)
        content = login(cast.alice).get(reverse(QUEUE)).content.decode()
        assert f'fp-sla-{word.replace(" ", "-")}">{word}<' in content

    def test_a_claim_that_ran_out_is_not_shown(self, cast: Cast, login: Any) -> None:
        past = timezone.now() - timedelta(minutes=1)
        make_proposal(cast.account, claimed_by=cast.olivia, claimed_until=past)
        assert "Olivia" not in login(cast.alice).get(reverse(QUEUE)).content.decode()

    def test_is_not_for_technicians(self, cast: Cast, login: Any) -> None:
        assert login(cast.bob).get(reverse(QUEUE)).status_code == 403

    def test_an_analyst_reads_without_boxes_and_buttons(self, cast: Cast, login: Any) -> None:
        make_proposal(cast.account, title="Strong")
        content = login(cast.carol).get(reverse(QUEUE)).content.decode()
        assert "Strong" in content
        assert "action-select" not in content
        assert 'name="index"' not in content

    def test_texts_are_escaped(self, cast: Cast, login: Any) -> None:
        make_proposal(cast.account, title="<b>& 'x", problem_domain="<i>")
        content = login(cast.alice).get(reverse(QUEUE)).content.decode()
        assert "<b>" not in content
        assert "&lt;b&gt;&amp; &#x27;x" in content
        assert "<i>" not in content

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ({}, "Nothing awaits a decision"),
            ({"search": "x"}, "No proposal matches"),
            ({"tab": "mine"}, "You have claimed nothing"),
            ({"tab": "parked"}, "Nothing is parked"),
            ({"tab": "decided"}, "Nothing has been decided yet"),
            ({"min_sessions": "many"}, "These filters cannot be read"),
        ],
    )
    def test_an_empty_list_says_why(self, cast: Cast, login: Any, query: dict[str, str], told: str) -> None:
        assert told in login(cast.alice).get(reverse(QUEUE), query).content.decode()


class TestTabs:
    def test_each_has_its_rows_and_their_number(self, cast: Cast, login: Any) -> None:
        make_proposal(cast.account, title="Free")
        soon = timezone.now() + timedelta(minutes=5)
        make_proposal(cast.account, title="Claimed", impact=9, claimed_by=cast.alice, claimed_until=soon)
        make_proposal(cast.account, title="Others'", impact=8, claimed_by=cast.olivia, claimed_until=soon)
        parked, refused = make_proposal(cast.account, title="Parked"), make_proposal(cast.account, title="Refused")
        proposal_dismiss(actor=cast.alice, proposal_id=parked.pk, revision=1)
        proposal_reject(actor=cast.alice, proposal_id=refused.pk, revision=1, notes="no")
        browser = login(cast.alice)
        rows = {tab: listed(browser, {"tab": tab}) for tab in ("pending", "mine", "parked", "decided")}
        assert rows == {
            "pending": ["Claimed", "Others'", "Free"],
            "mine": ["Claimed"],
            "parked": ["Parked"],
            "decided": ["Refused"],
        }
        tabs = browser.get(reverse(QUEUE)).context["cl"].tabs
        assert {tab.label: str(tab.count) for tab in tabs} == {
            "Pending": "3",
            "Mine": "1",
            "Parked": "1",
            "Decided": "1",
        }
        assert [tab.label for tab in tabs if tab.is_current] == ["Pending"]

    def test_counting_stops_at_a_thousand(self, cast: Cast, login: Any) -> None:
        many(cast, 1001)
        with CaptureQueriesContext(connection) as captured:
            response = login(cast.alice).get(reverse(QUEUE))
        assert str(response.context["cl"].tabs[0].count) == "999+"
        counts = [query["sql"] for query in captured if "COUNT(" in query["sql"] and "flowproposal" in query["sql"]]
        assert counts
        assert all("LIMIT 1000" in sql for sql in counts)

    def test_a_tab_keeps_the_search(self, cast: Cast, login: Any) -> None:
        tabs = (
            login(cast.alice)
            .get(reverse(QUEUE), {"search": "vpn", "order": "waiting", "after": "1"})
            .context["cl"]
            .tabs
        )
        assert [tab.url for tab in tabs][2] == "?search=vpn&tab=parked"


class TestFilters:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"status": "dismissed"}, ["Parked"]),
            ({"tier": "guided"}, ["Strong"]),
            ({"tier": "exploring"}, ["Plain"]),
            ({"problem_domain": "email"}, ["Strong"]),
            ({"waiting_days": "2"}, ["Strong"]),
            ({"waiting_days": "2", "tab": "pending"}, ["Strong"]),
            ({"min_sessions": "2"}, ["Strong"]),
            ({"proposal_type": "enhancement"}, []),
            ({"proposal_type": "new_flow", "tier": ""}, ["Strong", "Plain"]),
            ({"order": "waiting"}, ["Strong", "Plain"]),
            ({"account": "northwind"}, ["Strong", "Plain"]),
            ({"account": "contoso"}, []),
            # What cannot be read shows nothing: a bulk decision must not reach more than was meant.
            ({"tier": "huge"}, []),
            ({"created_after": "yesterday"}, []),
            ({"problem_domain": "\0"}, []),
        ],
    )
    def test_are_those_of_the_api(
        self, cast: Cast, login: Any, api: Any, query: dict[str, str], expected: list[str]
    ) -> None:
        aged(make_proposal(cast.account, 2, title="Strong", confidence_score=0.9, problem_domain="email"), 3)
        make_proposal(cast.account, title="Plain")
        parked = make_proposal(cast.account, title="Parked", impact=0)
        proposal_dismiss(actor=cast.alice, proposal_id=parked.pk, revision=1)
        assert listed(login(cast.alice), query) == expected
        # The page's form sends each field, and has an order of its own; in the API an empty one is wrong.
        asked = {name: value for name, value in query.items() if value and name != "order"}
        answer = api(cast.alice).get("/api/v1/proposals/", {"status": "pending", **asked})
        rows = [row["title"] for row in answer.json()["results"]] if answer.status_code == 200 else []
        assert rows == expected

    def test_team(self, cast: Cast, login: Any) -> None:
        other = Team.objects.create(account=cast.account, name="Field")
        make_proposal(cast.account, title="Desk", team=cast.team)
        make_proposal(cast.account, title="Outside", team=other)
        assert listed(login(cast.alice), {"team": "Field"}) == ["Outside"]

    def test_flow(self, cast: Cast, login: Any) -> None:
        change = make_change(cast.account, title="Change")
        make_proposal(cast.account, title="New")
        assert change.target_flow
        assert listed(login(cast.alice), {"target_flow": change.target_flow.pk}) == ["Change"]
        foreign = make_change(cast.other_account)
        assert foreign.target_flow
        assert listed(login(cast.alice), {"target_flow": foreign.target_flow.pk}) == []

    def test_several_accounts_show_which(self, cast: Cast, login: Any) -> None:
        make_proposal(cast.account)
        assert "Northwind MSP" in login(cast.root).get(reverse(QUEUE)).content.decode()


class TestPages:
    def test_go_through_all_rows_and_back(self, cast: Cast) -> None:
        """Ties are broken by the id; every row is met once in either direction."""
        rows = many(cast, 23)
        FlowProposal.objects.filter(pk__in=[row.pk for row in rows[5:15]]).update(impact=7.5)
        queue = FlowProposal.objects.filter(account=cast.account)
        for order in (IMPACT, WAITING):
            expected = list(order.sort(queue).values_list("pk", flat=True))
            page, forth = page_of(queue, order, 5), []
            while True:
                forth += [row.pk for row in page.rows]
                if not page.has_later:
                    break
                last = page.rows[-1]
                page = page_of(queue, order, 5, after=(getattr(last, order.field), last.pk))
            assert forth == expected
            page = page_of(queue, order, 5, last=True)
            back: list[int] = []
            assert not page.has_later
            while True:
                back = [row.pk for row in page.rows] + back
                if not page.has_earlier:
                    break
                first = page.rows[0]
                page = page_of(queue, order, 5, before=(getattr(first, order.field), first.pk))
            # The page that reaches the beginning is a whole one: some rows of the next one stand on it again.
            assert [row.pk for row in page.rows] == expected[:5]
            assert list(dict.fromkeys(back)) == expected

    def test_links_lead_on(self, cast: Cast, login: Any) -> None:
        many(cast, 120)
        browser = login(cast.alice)
        first = browser.get(reverse(QUEUE), {"proposal_type": "new_flow"})
        assert titles(first) == [f"P{n}" for n in range(50)]
        assert set(first.context["cl"].links) == {"later", "last"}
        second = browser.get(reverse(QUEUE) + first.context["cl"].links["later"])
        assert titles(second) == [f"P{n}" for n in range(50, 100)]
        assert "proposal_type=new_flow" in second.context["cl"].links["first"]
        third = browser.get(reverse(QUEUE) + second.context["cl"].links["later"])
        assert titles(third) == [f"P{n}" for n in range(100, 120)]
        assert set(third.context["cl"].links) == {"first", "earlier"}
        assert titles(browser.get(reverse(QUEUE) + third.context["cl"].links["earlier"])) == titles(second)
        assert titles(browser.get(reverse(QUEUE) + first.context["cl"].links["last"]))[-1] == "P119"

    @pytest.mark.parametrize("query", ["after=x", "after=999999999", "before=-1", "after=" + "9" * 30, "p=7"])
    def test_an_unknown_place_is_the_beginning(self, cast: Cast, login: Any, query: str) -> None:
        many(cast, 3)
        assert titles(login(cast.alice).get(f"{reverse(QUEUE)}?{query}")) == ["P0", "P1", "P2"]

    def test_a_foreign_place_tells_nothing(self, cast: Cast, login: Any) -> None:
        many(cast, 3)
        foreign = make_proposal(cast.other_account, impact=2)
        assert listed(login(cast.alice), {"after": foreign.pk}) == ["P0", "P1", "P2"]

    @pytest.mark.parametrize("tab", ["pending", "mine", "parked", "decided"])
    def test_ask_the_database_as_often_for_200_as_for_10(self, cast: Cast, login: Any, tab: str) -> None:
        fields: dict[str, Any] = {
            "pending": {},
            "mine": {"claimed_by": cast.alice, "claimed_until": timezone.now() + timedelta(hours=1)},
            "parked": {"status": "dismissed", "reviewed_at": timezone.now(), "reviewed_by": cast.olivia},
            "decided": {"status": "rejected", "reviewed_at": timezone.now(), "reviewed_by": cast.olivia},
        }[tab]
        urls = [f"{reverse(QUEUE)}?tab={tab}{query}" for query in ("", "&last=1", "&search=p1")]
        browser = login(cast.alice)
        numbers = [self.queries(browser, urls) for count in (10, 190) if many(cast, count, **fields)]
        assert numbers[0] == numbers[1]
        assert max(numbers[0]) <= 17

    def queries(self, browser: Client, urls: list[str]) -> list[int]:
        browser.get(urls[0])  # measures the waiting impact and the pace, which are kept for a while
        numbers = []
        for url in urls:
            with CaptureQueriesContext(connection) as captured:
                assert browser.get(url).status_code == 200
            numbers.append(len(captured))
        return numbers

    def test_the_heavy_columns_stay_where_they_are(self, cast: Cast, login: Any) -> None:
        make_proposal(cast.account)
        with CaptureQueriesContext(connection) as captured:
            login(cast.alice).get(reverse(QUEUE))
        assert not any('"proposed_flow_data"' in query["sql"] for query in captured)


class TestPlace:
    """Where a proposal stands: what its page shows, and what comes before and after it."""

    def test_neighbours_are_those_of_the_list(self, cast: Cast) -> None:
        rows = many(cast, 9)
        FlowProposal.objects.filter(pk__in=[row.pk for row in rows[3:6]]).update(impact=5.5)
        order = list(IMPACT.sort(FlowProposal.objects.filter(account=cast.account)))
        for at, row in enumerate(order):
            place = queue_place(cast.alice, row)
            assert place
            assert (str(place.position), str(place.total)) == (str(at + 1), "9")
            assert place.before == (order[at - 1].pk if at else None)
            assert place.after == (order[at + 1].pk if at < 8 else None)

    def test_costs_the_same_in_a_long_queue(self, cast: Cast) -> None:
        rows = many(cast, 1100)
        with CaptureQueriesContext(connection) as captured:
            place = queue_place(cast.alice, rows[1050])
        assert place
        assert (str(place.position), str(place.total)) == ("999+", "999+")
        assert (place.before, place.after) == (rows[1049].pk, rows[1051].pk)
        assert len(captured) == 5  # one of them reads the viewer's memberships
        assert all("LIMIT" in query["sql"] for query in captured if "flowproposal" in query["sql"])

    def test_a_decided_one_has_none(self, cast: Cast) -> None:
        assert queue_place(cast.alice, many(cast, 1, status="rejected", reviewed_at=timezone.now())[0]) is None

    def test_a_team_s_queue_is_its_own(self, cast: Cast) -> None:
        tess = make_member(cast.account, Role.TEAM_ADMIN, team=cast.team)
        many(cast, 3)
        own = make_proposal(cast.account, team=cast.team)
        place = queue_place(tess, own)
        assert place
        assert (place.position, place.total, place.before, place.after) == (Count(1), Count(1), None, None)


class TestSavedViews:
    VIEWS, VIEW = "admin:proposals_flowproposal_views", "admin:proposals_flowproposal_view"

    def save(self, browser: Client, name: str, query: str = "tier=guided&order=waiting") -> Any:
        return browser.post(reverse(self.VIEWS), {"name": name, "query": query}, follow=True)

    def test_are_saved_shown_and_applied(self, cast: Cast, login: Any) -> None:
        make_proposal(cast.account, title="Strong", confidence_score=0.9)
        make_proposal(cast.account, title="Plain")
        browser = login(cast.alice)
        page = self.save(browser, "  The  sure ones ")
        [link] = page.context["cl"].views
        assert (link.view.name, link.is_current) == ("The sure ones", True)
        assert listed(browser) == ["Strong", "Plain"]
        assert titles(browser.get(reverse(QUEUE) + link.url)) == ["Strong"]

    def test_a_name_saved_again_is_replaced(self, cast: Cast, login: Any) -> None:
        browser = login(cast.alice)
        self.save(browser, "Mine")
        self.save(browser, "Mine", "tab=mine")
        assert list(SavedView.objects.values_list("user", "name", "query")) == [(cast.alice.pk, "Mine", "tab=mine")]

    def test_are_renamed_and_deleted(self, cast: Cast, login: Any) -> None:
        browser = login(cast.alice)
        self.save(browser, "One")
        self.save(browser, "Two")
        one = SavedView.objects.get(name="One")
        url = reverse(self.VIEW, args=[one.pk])
        told = browser.post(url, {"do": "rename", "name": "Two", "query": ""}, follow=True)
        assert "you have a view called Two already" in told.content.decode()
        browser.post(url, {"do": "rename", "name": "Three", "query": ""})
        one.refresh_from_db()
        assert one.name == "Three"
        browser.post(url, {"do": "delete", "query": ""})
        assert list(SavedView.objects.values_list("name", flat=True)) == ["Two"]
        assert browser.post(reverse(self.VIEW, args=[SavedView.objects.get().pk]), {"do": "burn"}).status_code == 404

    @pytest.mark.parametrize("name", ["", "   ", "x" * 61])
    def test_a_bad_name_is_told(self, cast: Cast, login: Any, name: str) -> None:
        assert "a name of 1 to 60 characters" in self.save(login(cast.alice), name).content.decode()
        assert not SavedView.objects.exists()

    def test_a_query_that_is_too_long_is_told(self, cast: Cast, login: Any) -> None:
        assert "too long" in self.save(login(cast.alice), "Long", f"search={'x' * 2000}").content.decode()

    def test_nobody_else_sees_or_changes_them(self, cast: Cast, login: Any) -> None:
        self.save(login(cast.alice), "Private")
        view = SavedView.objects.get()
        for user in (cast.olivia, cast.mallory, cast.root):
            browser = login(user)
            assert browser.get(reverse(QUEUE)).context["cl"].views == []
            for do in ("rename", "delete"):
                assert browser.post(reverse(self.VIEW, args=[view.pk]), {"do": do, "name": "Taken"}).status_code == 404
        assert SavedView.objects.get().name == "Private"

    def test_need_a_post_its_token_and_the_right_to_look(self, cast: Cast, login: Any) -> None:
        assert login(cast.alice).get(reverse(self.VIEWS)).status_code == 405
        assert self.save(login(cast.bob), "No").status_code == 403
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(cast.alice)
        assert strict.post(reverse(self.VIEWS), {"name": "No", "query": ""}).status_code == 403
        assert not SavedView.objects.exists()

    def test_there_is_an_end_to_them(self, cast: Cast, login: Any) -> None:
        SavedView.objects.bulk_create(
            SavedView(user=cast.alice, page="proposals_flowproposal_changelist", name=f"V{n}") for n in range(30)
        )
        assert "delete one first" in self.save(login(cast.alice), "One more").content.decode()
        self.save(login(cast.alice), "V3", "tab=mine")
        assert SavedView.objects.get(name="V3").query == "tab=mine"


def test_the_queue_is_there_while_the_cache_is_away(cast: Cast, login: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise RedisConnectionError("refused")

    make_proposal(cast.account, title="Still here", impact=2.0)
    monkeypatch.setattr(cache, "get", away)
    page = login(cast.alice).get(reverse(QUEUE))
    assert page.status_code == 200
    assert "Still here" in page.content.decode()
    assert page.context["cl"].waiting_impact == 2.0
