"""The pages of flows and of one flow: each figure opens its rows, the drawings hold the tables' figures."""

import random
import re
from copy import deepcopy
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.guided import guided_fact
from analytics.metrics.ways import Passage, Ways, ways
from analytics.pages.flow_ways import MOST_BOXES, MOST_COLUMNS, drawing, marks
from analytics.scope import Scope
from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from flowpilot.flows.models import Flow, FlowVersion
from sessions.models import AISession, SessionStep
from tests.analytics.rows import make_history
from tests.analytics.test_figures import OPENED, ROWS, count_of
from tests.conftest import Cast, MadeOnce, make_cast
from tests.factories import make_account, make_flow, make_member, make_session

FLOWS = "/admin/analytics/flows/"


@pytest.fixture(scope="module")
def people(made_once: MadeOnce) -> Cast:
    """The cast, with a random history of both accounts and a flow of two versions."""

    def make() -> Cast:
        cast = make_cast()
        make_history(cast.account, timezone.now(), count=400)
        make_history(cast.other_account, timezone.now(), count=30, seed=3)
        return cast

    return made_once(make)


@pytest.fixture
def cast(db: None, people: Cast) -> Cast:
    return deepcopy(people)


@pytest.fixture
def flow(cast: Cast) -> Flow:
    return Flow.objects.get(account=cast.account)


@pytest.mark.parametrize("scope", ["", "days=90&domain=networking", "team"])
@pytest.mark.parametrize("number", [1, 2])
def test_each_figure_of_a_flow_opens_the_rows_it_counts(
    cast: Cast, flow: Flow, login: Any, number: int, scope: str
) -> None:
    team = f"days=90&team={Team.objects.get(account=cast.account, name='Field').pk}"
    browser = login(cast.carol)
    response = browser.get(f"{FLOWS}{flow.pk}/v{number}/?{scope.replace('team', team)}")
    page = response.context["page"]
    items = [*page.cards, *(cell for block in page.blocks for row in block.rows for cell in row)]
    found = {item.url: item.counted for item in items if item.url.startswith(ROWS) and item.counted is not None}
    assert len(found) > 25
    for kind in ("ended", "completed", "helped", "at", "left", "answer", "badly", "way"):
        counts = [count for url, count in found.items() if f"/guided/{kind}-" in url]
        assert any(counts) or (counts and scope), kind
    for url, count in random.Random(scope).sample(sorted(found.items()), min(OPENED, len(found))):
        assert count_of(browser, url) == count, url
    assert len(browser.get(f"{url}&format=csv").getvalue().decode().splitlines()) == count + 1


def test_a_list_says_what_it_is_about_to_who_may_see_it(cast: Cast, flow: Flow, login: Any) -> None:
    version = flow.versions.get(number=2)
    browser = login(cast.carol)
    rows = f"/admin/analytics/rows/guided/answer-{version.pk}-0-2/"
    assert browser.get(rows).context["about"] == ("Version 2 of VPN → Does the VPN client connect at all? → Sometimes")
    way = browser.get(f"/admin/analytics/rows/guided/way-{version.pk}-1-0-4/?days=90")
    assert way.context["about"] == "Version 2 of VPN → Does the VPN client connect at all? → Only at home?"
    assert way.context["lines"]
    foreign = FlowVersion.objects.filter(account=cast.other_account).first()
    assert foreign is not None
    for name in (f"ended-{foreign.pk}", f"at-{foreign.pk}-0", "ended-987654321", f"at-{version.pk}-999"):
        found = browser.get(f"/admin/analytics/rows/guided/{name}/").context
        assert (found["count"], found["label"] != "") == (0, True), name
    assert browser.get(f"/admin/analytics/rows/guided/ended-{foreign.pk}/").context["about"] == ""


@pytest.mark.parametrize(
    "name",
    ["ended", "nothing-1", "ended-1-2", "at-1", "at-x-1", "left-1-2-3", "way-1-2-3", "answer-1-2", "ended-1-", "-1"],
)
def test_names_that_are_none(db: None, name: str) -> None:
    assert guided_fact(name) is None


@pytest.mark.usefixtures("db")
def test_places_that_are_none_have_no_rows(cast: Cast) -> None:
    pk = make_flow(cast.account, title="Another").pk
    for rest in (
        "at-{}-x",
        "left-{}-4",
        "answer-{}-0-3",
        "badly-{}-0-x",
        "way-{}-0-0-1",
        "way-{}-1-9-1",
        "way-{}-1-0-active",
    ):
        fact = guided_fact(rest.format(pk))
        assert fact is not None
        assert "none" in fact.label, rest
    for rest in ("at-{}-3", "answer-{}-0-2", "way-{}-1-0-1", "way-{}-1-0-resolved", "completed-{}"):
        fact = guided_fact(rest.format(pk))
        assert fact is not None
        assert "none" not in fact.label, rest


def test_a_foreign_flow_is_not_found(cast: Cast, flow: Flow, login: Any, api: Any) -> None:
    foreign = Flow.objects.get(account=cast.other_account)
    for user, status in ((cast.carol, 404), (cast.bob, 403)):
        for pk in (foreign.pk, 987_654_321):
            assert login(user).get(f"{FLOWS}{pk}/").status_code == status
            assert api(user).get(f"/api/v1/metrics/flows/{pk}/").status_code == status
    assert login(cast.carol).get(f"{FLOWS}{flow.pk}/v3/").status_code == 404
    assert api(cast.carol).get(f"/api/v1/metrics/flows/{flow.pk}/", {"version": "3"}).status_code == 404
    assert api(cast.carol).get(f"/api/v1/metrics/flows/{flow.pk}/", {"version": "x"}).status_code == 400


def test_the_graph_says_what_the_tables_say(cast: Cast, flow: Flow) -> None:
    scope = Scope.from_query(cast.carol, {"days": 90})
    version = flow.versions.get(number=2)
    found = ways(scope, version)
    told = marks(found)
    for row in found.nodes:
        note = told["notes"][row.node["id"]]
        assert [int(n) for n in re.findall(r"\d+", note)] == [row.left.n, row.left.count]
        assert ("ended here" in note) == (row.node["kind"] in ("resolution", "escalation"))
    given = {
        f"{row.node['id']}/{row.node['options'][row.place]['id']}": row.badly.n for row in found.options if row.label
    }
    assert told["edgeNotes"] == {key: str(n) for key, n in given.items()}
    assert told["edgeWeights"][max(given, key=lambda key: given[key])] == 5
    assert set(told["edgeWeights"].values()) <= {1, 2, 3, 4, 5}
    assert marks(ways(scope.narrowed(domain="nothing"), version)) == {}


def test_the_diagram_holds_every_way_of_its_columns(cast: Cast, flow: Flow) -> None:
    scope = Scope.from_query(cast.carol, {"days": 90})
    found = ways(scope, flow.versions.get(number=2))
    drawn = drawing(flow.versions.get(number=2), found)
    assert drawn is not None
    counts = [int(title.rpartition(": ")[2]) for _, _, title in drawn.bands]
    assert sum(counts) == sum(row.n for row in found.passages if row.step <= MOST_COLUMNS)
    # All ways begin in the first column.
    first = [shape for shape in drawn.boxes if shape.x == drawn.boxes[0].x]
    assert sum(int(shape.title.rpartition(": ")[2]) for shape in first) == found.known
    assert {"resolved", "escalated", "abandoned", "question", "resolution"} <= {shape.kind for shape in drawn.boxes}


def test_what_goes_on_beyond_the_last_column_is_drawn_as_that(cast: Cast) -> None:
    version = make_flow(cast.account)
    found = [Passage(step, 0, 0, 5) for step in range(1, MOST_COLUMNS + 3)]
    drawn = drawing(version, Ways(5, 5, None, [], [], [*found, Passage(MOST_COLUMNS + 3, 0, "resolved", 5)]))
    assert drawn is not None
    assert [shape.kind for shape in drawn.boxes] == ["question"] * MOST_COLUMNS + ["later"]
    assert drawn.boxes[-1].title == "Goes on: 5"


def test_a_wide_column_keeps_its_largest_boxes(cast: Cast) -> None:
    """Fourteen answers lead to as many actions: seven boxes stay, and one of the others."""
    options = [{"id": f"o{n}", "label": f"Kind {n}", "next": f"a{n}"} for n in range(14)]
    actions = [
        {"id": f"a{n}", "kind": "action", "text": f"Act {n}", "options": [{"id": "o1", "label": "Done", "next": "end"}]}
        for n in range(14)
    ]
    nodes = [{"id": "q", "kind": "question", "text": "Which?", "options": options}, *actions]
    nodes.append({"id": "end", "kind": "resolution", "text": "Fine"})
    version = make_flow(cast.account, definition={"schema_version": 1, "root": "q", "nodes": nodes})
    for n in range(14):
        for _ in range(1 + (n < 7)):
            session = make_session(
                cast.account, flow={"key": version.flow.key, "version": 1}, steps=None, transcript=[]
            )
            AISession.objects.filter(pk=session.pk).update(node_id=f"a{n}", is_worked_here=True)
            SessionStep.objects.create(
                account=cast.account, session=session, position=0, kind="question", prompt="Which?", node_id="q",
                selected_option=f"Kind {n}",
            )  # fmt: skip
    drawn = drawing(version, ways(Scope.from_query(cast.carol, {}), version))
    assert drawn is not None
    second = [shape for shape in drawn.boxes if shape.kind in ("action", "other")]
    assert sorted(shape.title for shape in second) == sorted([*(f"Act {n}: 2" for n in range(7)), "Other steps: 7"])
    assert len(second) == MOST_BOXES + 1


def test_pages_ask_as_often_for_many_flows_as_for_few(cast: Cast, flow: Flow, login: Any) -> None:
    browser = login(cast.carol)
    pages = {FLOWS: 0, f"{FLOWS}{flow.pk}/": 0, "/admin/analytics/coverage/": 0}

    def ask() -> dict[str, int]:
        found = {}
        for url in pages:
            browser.get(url)
            with CaptureQueriesContext(connection) as asked:
                assert browser.get(url).status_code == 200
            found[url] = len(asked)
        return found

    few = ask()
    for number in range(12):
        other = make_flow(cast.account, title=f"Flow {number}", problem_domain=f"domain {number % 3}").flow
        for _ in range(3):
            make_session(cast.account, flow={"key": other.key, "version": 1}, problem_domain=f"domain {number % 3}")
    assert ask() == few
    assert max(few.values()) <= 22, few


def test_the_api_tells_what_the_pages_tell(cast: Cast, flow: Flow, login: Any, api: Any) -> None:
    told = api(cast.carol).get("/api/v1/metrics/flows/", {"days": 90}).json()
    page = login(cast.carol).get(f"{FLOWS}?days=90").context["page"]
    blocks = {block.key: block for block in page.blocks}
    [line], [row] = blocks["quality"].rows, told["flows"]
    assert (row["title"], row["version"], row["sessions_ended"]) == ("VPN", 2, line[1].value)
    assert round(row["quality_score"] * 100) == line[2].value
    for name, place in (("completed", 3), ("resolution", 4), ("escalation", 5), ("flow_right", 8)):
        rate = line[place].value
        assert (row[f"{name}_rate"]["count"], row[f"{name}_rate"]["n"]) == (rate.count, rate.n) != (0, 0)
    assert row["time_to_resolve"]["median_seconds"] == line[6].value.total_seconds()
    [change] = blocks["changes"].rows
    assert row["compared"]["former_sessions"] == change[2].value
    assert row["compared"]["resolved"]["low"] == change[4].value.low
    assert told["reuse"][0]["sessions_ended"] == blocks["reuse"].rows[0][1].value

    told = api(cast.carol).get(f"/api/v1/metrics/flows/{flow.pk}/", {"days": 90, "version": 1}).json()
    page = login(cast.carol).get(f"{FLOWS}{flow.pk}/v1/?days=90").context["page"]
    blocks = {block.key: block for block in page.blocks}
    assert [row["version"] for row in told["versions"]] == [2, 1]
    assert [row["sessions_ended"] for row in told["versions"]] == [line[1].value for line in blocks["versions"].rows]
    assert [row["left_rate"]["count"] for row in told["nodes"]] == [
        line[2].value.count for line in blocks["nodes"].rows
    ]
    assert [row["not_resolved_rate"]["n"] for row in told["options"]] == [
        line[2].value for line in blocks["options"].rows
    ]
    assert [row["sessions"] for row in told["paths"]] == [line[2].value for line in blocks["ways"].rows]
    ends = {row["ended"] for row in told["paths"]}
    assert ends == {None, "resolved", "escalated", "abandoned"}


def test_a_member_of_one_team_counts_that_team(cast: Cast, flow: Flow, login: Any) -> None:
    tess = make_member(cast.account, Role.ANALYST, team=cast.team)
    page = login(tess).get(f"{FLOWS}{flow.pk}/?days=90").context["page"]
    own = AISession.objects.filter(team=cast.team, flow_version__flow=flow, status__in=AISession.ENDED)
    assert 0 < page.cards[0].value == own.filter(flow_version=flow.current_version).count()
    [versions] = [block for block in page.blocks if block.key == "versions"]
    assert versions.rows[0][1].value == page.cards[0].value


def test_a_csv_holds_differences_in_three_columns(cast: Cast, flow: Flow, login: Any) -> None:
    text = login(cast.carol).get(f"{FLOWS}?days=90&csv=changes").getvalue().decode("utf-8-sig")
    header, line = text.splitlines()
    assert header == (
        "Flow,Version,Sessions before,Sessions after,Resolved,Resolved: low,Resolved: high,"
        "Escalated,Escalated: low,Escalated: high,Verdict"
    )
    assert len(line.split(",")) == 11
    float(line.split(",")[5])


@pytest.mark.usefixtures("db")
def test_no_sessions_and_no_flows_say_what_fills_the_page(login: Any) -> None:
    account = make_account("empty")
    browser = login(make_member(account, Role.ANALYST))
    assert "Flows come from proposals" in browser.get(FLOWS).content.decode()
    flow = make_flow(account).flow
    page = browser.get(f"{FLOWS}{flow.pk}/").content.decode()
    assert "No session of this version that was worked here ended in this period" in page
    assert "fp-sankey" not in page
