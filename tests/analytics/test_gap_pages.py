"""Pages and API of gaps: what they show, filter and change, and that the sessions opened are those counted."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics.gaps.detect import gaps_detect
from analytics.gaps.models import KnowledgeGap
from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from proposals.models import Topic
from sessions.models import AISession, Client
from tests.analytics.gap_rows import make_ended, outcomes
from tests.analytics.test_gap_services import make_gap
from tests.conftest import Cast
from tests.factories import make_flow, make_member, make_proposal, make_template

GAPS, API, SESSIONS = "/admin/analytics/gaps/", "/api/v1/gaps/", "/admin/ai_sessions/aisession/"


@pytest.fixture
def gap(cast: Cast) -> KnowledgeGap:
    """A domain of the service desk that is escalated often, as detection writes it."""
    make_ended(cast.account, outcomes(20, 280), domain="networking")
    make_ended(cast.account, outcomes(15, 15), domain="remote access", team=cast.team)
    gaps_detect(account_id=cast.account.pk)
    return KnowledgeGap.objects.get()


def titles(response: Any) -> list[str]:
    return [row["gap"].title for row in response.context["rows"]]


def test_the_page_says_why_in_numbers(cast: Cast, login: Any, gap: KnowledgeGap) -> None:
    page = login(cast.carol).get(f"{GAPS}{gap.pk}/").content.decode().replace("\N{NO-BREAK SPACE}", " ")
    assert "50 % (15 of 30; 33–67 %) of its sessions were escalated." in page
    assert "Of the other sessions it is 7 % (20 of 300; 4–10 %)." in page
    assert "fewer than 1 of 1,000 such places" in page
    assert "0 sessions came by; recovery is measured from 20 on." in page
    assert "FlowPilot found it" in page
    assert 'name="state"' not in page, "an analyst reads"


def test_the_sessions_opened_are_those_counted(cast: Cast, login: Any, gap: KnowledgeGap) -> None:
    browser = login(cast.carol)
    page = browser.get(f"{GAPS}{gap.pk}/")
    for url, count in ((page.context["sessions_url"], gap.rate.n), (page.context["bad_url"], gap.rate.count)):
        assert f'href="{url.replace("&", "&amp;")}"' in page.content.decode()
        listed = browser.get(url)
        assert listed.context["cl"].result_count == count > 0
        assert {s.problem_domain for s in listed.context["cl"].queryset} == {"remote access"}
    # New sessions do not change what the gap counted; the filter goes together with the list's own.
    make_ended(cast.account, outcomes(5, 0), domain="remote access")
    assert browser.get(page.context["sessions_url"]).context["cl"].result_count == 30
    assert browser.get(f"{SESSIONS}?gap={gap.pk}&status=resolved").context["cl"].result_count == 15
    assert gap.title in browser.get(page.context["sessions_url"]).content.decode()


@pytest.mark.parametrize("value", ["0", "x", "", "9" * 30, "-1", "1e3", "%00", "٣"])
def test_an_unknown_gap_lists_no_session(cast: Cast, login: Any, gap: KnowledgeGap, value: str) -> None:
    listed = login(cast.carol).get(f"{SESSIONS}?gap={value}")
    assert listed.status_code == 200
    assert listed.context["cl"].result_count == 0


def test_a_teams_member_sees_that_teams_gaps_and_counts_only(
    cast: Cast, login: Any, api: Any, gap: KnowledgeGap
) -> None:
    field = Team.objects.create(account=cast.account, name="Field")
    tess, fay = (make_member(cast.account, Role.ANALYST, team=team) for team in (cast.team, field))
    spanning = make_gap(cast, title="Of two teams")
    assert titles(login(tess).get(GAPS)) == [gap.title]
    assert titles(login(fay).get(GAPS)) == []
    assert set(titles(login(cast.carol).get(GAPS))) == {gap.title, spanning.title}
    assert len(api(tess).get(API).json()["results"]) == 1
    assert login(fay).get(f"{GAPS}{gap.pk}/").status_code == 404
    assert login(fay).get(f"{SESSIONS}?gap={gap.pk}").context["cl"].result_count == 0
    assert login(tess).get(f"{SESSIONS}?gap={gap.pk}").context["cl"].result_count == gap.rate.n


def test_the_list_is_filtered_and_worst_first(cast: Cast, login: Any, api: Any) -> None:
    make_gap(cast, key="a", title="A", impact=1, kind="dead_end", severity="high", problem_domain="email")
    make_gap(cast, key="b", title="B", impact=3, kind="missing_flow", severity="low", owner=cast.carol)
    make_gap(cast, key="c", title="C", impact=2, severity="from the future", state="acknowledged")
    make_gap(cast, key="d", title="D", impact=9, state="accepted", reason="may stay")
    make_gap(cast, key="e", title="E", impact=8, state="closed", closed_at=timezone.now())
    browser, client = login(cast.carol), api(cast.carol)
    for query, expected in {
        "": "BCA", "state=": "DEBCA", "state=closed": "E", "kind=dead_end": "CA", "severity=high": "A",
        "severity=unrated": "C", "severity=nonsense": "C", "owner=me": "B", "owner=nobody": "CA",
        f"owner={cast.carol.email}": "B", "domain=email": "A", "domain=none": "", "state=accepted&kind=dead_end": "D",
    }.items():  # fmt: skip
        assert "".join(titles(browser.get(f"{GAPS}?{query}"))) == expected, query
        # An empty parameter is all of them on the page, whose form sends each field, and wrong in the API.
        asked = "" if query == "state=" else query if "state" in query else f"{query}&state=unsettled"
        told = client.get(f"{API}?{asked}").json()["results"]
        assert "".join(row["title"] for row in told) == expected, query
    wrong = browser.get(f"{GAPS}?kind=nonsense")
    assert (wrong.status_code, titles(wrong)) == (200, [])
    assert "nonsense is not one of the available choices" in wrong.content.decode()
    assert client.get(f"{API}?kind=nonsense").status_code == 400


def test_a_dashboards_scope_narrows_the_gaps_too(cast: Cast, login: Any, api: Any) -> None:
    client, flow = Client.objects.create(account=cast.account, name="Acme"), make_flow(cast.account).flow
    make_gap(cast, key="a", title="A", impact=5, team=cast.team, problem_domain="email")
    make_gap(cast, key="b", title="B", impact=4, client=client)
    make_gap(cast, key="c", title="C", impact=3, flow=flow, problem_domain="networking")
    browser, caller = login(cast.carol), api(cast.carol)
    for query, expected in {
        f"team={cast.team.pk}": "A", "team=Service+Desk": "A", f"client={client.pk}": "B", f"flow={flow.pk}": "C",
        "domain=-": "B", "domain=email": "A", f"team={cast.team.pk}&domain=-": "", "technician=x%40y.test": "ABC",
    }.items():  # fmt: skip
        if "technician" not in query:
            assert "".join(row["title"] for row in caller.get(f"{API}?{query}").json()["results"]) == expected, query
        if "Desk" in query:
            continue  # the dashboards name a team by its id
        # Its way to the gaps, and its own block of them, say the same.
        overview = browser.get(f"/admin/analytics/?{query}")
        listed = browser.get(overview.context["gaps_url"])
        assert "".join(titles(listed)) == expected, query
        [block] = [one for one in overview.context["page"].blocks if one.key == "gaps"]
        assert "".join(row[0].value for row in block.rows) == expected, query
        assert listed.content.decode().count(" selected") >= query.count("=") - ("technician" in query)


def test_empty_pages_say_what_would_fill_them(cast: Cast, login: Any) -> None:
    browser = login(cast.carol)
    assert "No knowledge gap was found" in browser.get(GAPS).content.decode()
    make_gap(cast, state="closed", closed_at=timezone.now())
    assert "No gap fits these filters" in browser.get(GAPS).content.decode()


def test_a_team_admin_saves_what_is_done_about_it(cast: Cast, login: Any, gap: KnowledgeGap) -> None:
    browser, url = login(cast.alice), f"{GAPS}{gap.pk}/"
    given = {"revision": 1, "state": "working", "owner": cast.carol.pk, "due": "2030-01-02", "notes": "Ask the site"}
    assert browser.post(url, given).status_code == 302
    gap.refresh_from_db()
    assert (gap.state, gap.owner, gap.due, gap.notes) == ("working", cast.carol, date(2030, 1, 2), "Ask the site")
    page = browser.get(url).content.decode()
    assert "Alice began to work on it" in page
    assert "Saved." in page
    stale = browser.post(url, {**given, "notes": "Mine"}, follow=True)
    assert "the gap has changed since you read it" in stale.content.decode()
    no_reason = browser.post(url, {**given, "revision": 2, "state": "accepted", "notes": "Kept text"})
    assert "Say why it is accepted" in no_reason.content.decode()
    assert "Kept text" in no_reason.content.decode()
    assert browser.post(url, {**given, "revision": 2, "state": "closed"}).status_code == 200
    gap.refresh_from_db()
    assert (gap.state, gap.notes) == ("working", "Ask the site")
    assert login(cast.carol).post(url, given).status_code == 403


def test_next_steps_lead_where_the_gap_is_mended(cast: Cast, login: Any) -> None:
    version, topic = make_flow(cast.account), Topic.objects.create(account=cast.account, title="Scanner")
    template = make_template(cast.account).template
    node = make_gap(cast, flow=version.flow, node_id="n1")
    missing = make_gap(cast, key="m", kind="missing_flow", topic=topic)
    script = make_gap(cast, key="s", kind="script_no_help", script_template=template)
    browser = login(cast.alice)

    def steps(gap: KnowledgeGap) -> list[tuple[str, str]]:
        return [(step.label, step.url) for step in browser.get(f"{GAPS}{gap.pk}/").context["steps"]]

    assert steps(node) == [("Edit this step", f"{GAPS}{node.pk}/edit/")]
    assert steps(script) == [("Open the template", f"/admin/ai_sessions/scripttemplate/{template.pk}/change/")]
    assert steps(missing) == []
    assert "Start a proposal from these sessions" in browser.get(f"{GAPS}{missing.pk}/").content.decode()
    proposal = make_proposal(cast.account, sessions=0, topic=topic)
    assert steps(missing) == [("Open the proposal", f"/admin/proposals/flowproposal/{proposal.pk}/change/")]
    refused = browser.post(f"{GAPS}{missing.pk}/propose/", follow=True)
    assert "waits for review already" in refused.content.decode()


def test_the_api_tells_and_changes(cast: Cast, api: Any, gap: KnowledgeGap) -> None:
    client = api(cast.alice)
    body = client.get(f"{API}{gap.pk}/").json()
    assert body["evidence"]["count"], body["evidence"]["n"] == (15, 30)
    assert body["session_ids"] == sorted(
        AISession.objects.filter(problem_domain="remote access").values_list("pk", flat=True)
    )
    assert body["trend"] == [{"week": gap.trend[0][0], "count": 15, "n": 30}]
    assert (body["team"], body["domain"], body["severity"]) == (cast.team.name, "remote access", gap.severity)
    assert len(body["why"]) == 3
    url = f"{API}{gap.pk}/"
    changed = client.patch(
        url, {"revision": 1, "state": "acknowledged", "owner": cast.carol.email, "due": "2030-01-02"}
    )
    assert (changed.status_code, changed.json()["owner"], changed.json()["revision"]) == (200, cast.carol.email, 2)
    assert client.patch(url, {"revision": 1, "notes": "late"}).status_code == 409
    assert client.patch(url, {"notes": "which?"}).status_code == 400
    assert client.patch(url, {"revision": 2, "state": "closed"}).status_code == 409
    [missing] = client.patch(url, {"revision": 2, "state": "accepted"}).json()["errors"]
    assert missing["pointer"] == "/reason"
    assert client.patch(url, {"revision": 2, "owner": cast.bob.email}).json()["code"] == "invalid"
    assert client.patch(url, {"revision": 2, "owner": None}).json()["owner"] is None
    assert api(cast.carol).patch(url, {"revision": 3, "notes": "mine"}).status_code == 403
    assert api(cast.bob).get(API).status_code == 403
    assert api(cast.mallory).get(url).status_code == 404


def test_overdue_is_said(cast: Cast, login: Any) -> None:
    make_gap(cast, due=timezone.localdate() - timedelta(days=1))
    assert "overdue" in login(cast.carol).get(GAPS).content.decode()
