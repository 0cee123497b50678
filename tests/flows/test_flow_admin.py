"""The flow's page: the tree as a graph and as text, its versions, and nothing to change."""

from typing import Any

import pytest
from django.urls import reverse

from flowpilot.flows.models import Flow
from flowpilot.flows.services import flow_version_publish
from tests.conftest import Cast
from tests.factories import definition, make_flow, make_member, make_session

LIST = "/admin/flows/flow/"


def page(browser: Any, flow: Flow, query: str = "") -> str:
    response = browser.get(reverse("admin:flows_flow_change", args=[flow.pk]) + query)
    assert response.status_code == 200
    return str(response.content.decode())


def test_the_page_tells_the_tree_in_words(cast: Cast, login: Any) -> None:
    flow = make_flow(cast.account).flow
    text = page(login(cast.bob), flow)
    for node in definition()["nodes"]:
        assert node["text"] in text
    for label in ("Yes", "No", "Done"):
        assert label in text
    assert '"schema_version": 1' in text, "the graph draws the same definition"


def test_each_version_can_be_read(cast: Cast, login: Any) -> None:
    flow = make_flow(cast.account).flow
    flow_version_publish(
        actor=cast.alice, flow=flow, base_number=1, definition=definition(yes="Wait a minute"), note="Slower"
    )
    bob = login(cast.bob)
    current, old = page(bob, flow), page(bob, flow, "?version=1")
    assert "Wait a minute" in current
    assert "Slower" in current
    assert "Restart the router" not in current
    assert "Restart the router" in old
    assert "Wait a minute" not in old


@pytest.mark.parametrize("version", ["3", "0", "-1", "x", "1%00"])
def test_a_version_that_is_not_there(cast: Cast, login: Any, version: str) -> None:
    flow = make_flow(cast.account).flow
    assert login(cast.bob).get(f"{LIST}{flow.pk}/change/?version={version}").status_code == 404


def test_a_flow_without_a_version_has_a_page(cast: Cast, login: Any) -> None:
    flow = Flow.objects.create(account=cast.account, key="empty", title="Empty")
    assert "No version yet" in page(login(cast.bob), flow)


def test_what_people_wrote_is_text_and_never_markup(cast: Cast, login: Any) -> None:
    attack = "</script><script>alert(1)</script>"
    version = make_flow(
        cast.account, title=attack, definition=definition(question=attack), note=attack, description=attack
    )
    bob = login(cast.bob)
    assert attack not in page(bob, version.flow)
    assert attack not in bob.get(LIST).content.decode()


def test_nobody_writes_here(cast: Cast, login: Any) -> None:
    flow = make_flow(cast.account).flow
    for user in (cast.olivia, cast.root):
        assert login(user).post(f"{LIST}{flow.pk}/change/", {"title": "x"}).status_code == 403
        assert login(user).post(f"{LIST}{flow.pk}/delete/", {"post": "yes"}).status_code == 403
        assert login(user).get(f"{LIST}add/").status_code == 403


def test_the_count_of_sessions_is_the_viewers(cast: Cast, login: Any) -> None:
    flow = make_flow(cast.account).flow
    for team in ("Service Desk", "Field", None):
        make_session(cast.account, flow="vpn", team=team)
    tess = make_member(cast.account, "technician", team=cast.team)
    for user, count in ((cast.bob, 3), (tess, 1)):
        browser = login(user)
        [row] = browser.get(LIST).context["cl"].queryset
        assert row.session_count == count
        assert (
            browser.get(f"/admin/ai_sessions/aisession/?flow__id__exact={flow.pk}").context["cl"].result_count == count
        )
