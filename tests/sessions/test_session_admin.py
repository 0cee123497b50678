"""Sessions in the admin: the list, its filters, and one session as a conversation."""

from typing import Any

import pytest
from django.urls import reverse

from sessions.conversation import conversation
from sessions.models import AISession, tier_of, tier_q
from tests.conftest import Cast
from tests.factories import make_session

LIST = "/admin/ai_sessions/aisession/"


def page(browser: Any, session: AISession) -> str:
    response = browser.get(reverse("admin:ai_sessions_aisession_change", args=[session.pk]))
    assert response.status_code == 200
    return str(response.content.decode())


def listed(browser: Any, query: str = "") -> set[str]:
    response = browser.get(LIST + query)
    assert response.status_code == 200
    return {session.external_id for session in response.context["cl"].queryset}


def test_a_session_of_steps_reads_as_a_conversation(cast: Cast) -> None:
    steps = [
        {"kind": "question", "prompt": "Is it on?", "options": ["Yes", "No"], "selected_option": "No"},
        {"kind": "help", "prompt": "At the back", "response": "Where is the switch?"},
        {"kind": "note", "prompt": "Noted", "selected_option": "", "response": None},
    ]
    lines = conversation(make_session(cast.account, steps=steps))
    assert [(line.index, line.speaker, line.kind, line.text) for line in lines] == [
        (0, "agent", "question", "Is it on?"),
        (0, "user", "answer", "No"),
        (1, "user", "answer", "Where is the switch?"),
        (1, "agent", "help", "At the back"),
        (2, "agent", "note", "Noted"),
    ]
    assert lines[0].options == ["Yes", "No"]


def test_a_transcript_reads_as_a_conversation(cast: Cast) -> None:
    turns = [{"role": "user", "text": "It is slow"}, {"role": "agent", "text": "Since when?"}]
    lines = conversation(make_session(cast.account, steps=None, transcript=turns))
    assert [(line.index, line.is_user, line.text) for line in lines] == [
        (0, True, "It is slow"),
        (1, False, "Since when?"),
    ]


def test_the_page_tells_everything_of_a_session(cast: Cast, login: Any) -> None:
    session = make_session(
        cast.account,
        team="Field",
        resolution_summary="The router was tired",
        psa={"system": "connectwise", "ticket_id": "48213"},
    )
    text = page(login(cast.bob), session)
    for words in (
        "Does the VPN client connect?",
        "Restart the router",
        "Done",
        "Acme",
        "Field",
        "48213",
        "The router was tired",
    ):
        assert words in text


def test_what_people_wrote_is_text_and_never_markup(cast: Cast, login: Any) -> None:
    attack = "<script>alert(1)</script>"
    session = make_session(
        cast.account,
        title=attack,
        problem_summary=attack,
        client=attack,
        problem_domain=attack,
        team=attack,
        resolution_summary=attack,
        steps=[{"kind": "note", "prompt": attack, "options": [attack], "response": attack}],
    )
    bob = login(cast.bob)
    assert attack not in page(bob, session)
    assert attack not in bob.get(LIST).content.decode()
    assert attack not in login(cast.carol).get("/admin/analytics/").content.decode()


@pytest.mark.parametrize("pk", ["0", "x", "99999999999999999999999", "%00", "-1", "1%2F2"])
def test_ids_that_are_none(cast: Cast, login: Any, pk: str) -> None:
    assert login(cast.bob).get(f"{LIST}{pk}/change/").status_code == 404


def test_nobody_writes_here(cast: Cast, login: Any) -> None:
    session = make_session(cast.account)
    for user in (cast.olivia, cast.root):
        browser = login(user)
        assert browser.post(f"{LIST}{session.pk}/change/", {"title": "x"}).status_code == 403
        assert browser.get(f"{LIST}add/").status_code == 403
        assert browser.post(f"{LIST}{session.pk}/delete/", {"post": "yes"}).status_code == 403
    assert AISession.objects.get().title == "VPN does not connect"


def test_filters_and_search(cast: Cast, login: Any) -> None:
    one = make_session(cast.account, external_id="A", problem_domain="networking")
    make_session(
        cast.account, external_id="B", problem_domain="", client="Globex", status="active", team="Field", title="Mail"
    )
    AISession.objects.filter(pk=one.pk).update(confidence_score=0.8)
    bob = login(cast.bob)
    assert listed(bob) == {"A", "B"}
    assert listed(bob, "?tier=guided") == {"A"}
    assert listed(bob, "?tier=discovery") == {"B"}
    assert listed(bob, "?tier=nonsense") == {"A", "B"}
    assert listed(bob, "?status__exact=active") == {"B"}
    assert listed(bob, "?problem_domain=networking") == {"A"}
    assert listed(bob, "?q=Mail") == {"B"}
    assert listed(bob, "?q=%00") == {"A", "B"}, "what cannot be searched for is said, and the list stays"
    for bad in ("?nonsense=1", "?started_at__gte=soon", "?client__id__exact=x", "?account__id__exact=x"):
        assert bob.get(LIST + bad).status_code == 302, bad


def test_a_list_cannot_be_asked_about_other_tables(cast: Cast, login: Any) -> None:
    """A filter on a related column would answer yes or no about what the viewer may not read."""
    make_session(cast.account)
    for query in ("?technician__password__startswith=m", "?account__name__contains=x", "?analysis__error__contains=x"):
        assert login(cast.bob).get(LIST + query).status_code == 400, query


@pytest.mark.parametrize("score", [None, 0.0, 0.39, 0.4, 0.79, 0.8, 1.0])
def test_tiers_in_python_and_in_the_database_agree(cast: Cast, score: float | None) -> None:
    session = make_session(cast.account)
    AISession.objects.update(confidence_score=score)
    session.refresh_from_db()
    assert [t for t in ("discovery", "exploring", "guided") if AISession.objects.filter(tier_q(t)).exists()] == [
        session.tier
    ]
    assert session.tier == tier_of(score)


def test_times_are_in_the_accounts_time_zone(cast: Cast, login: Any) -> None:
    session = make_session(cast.account, started_at="2026-01-31T23:30:00Z", ended_at="2026-01-31T23:40:00Z")
    assert "31 Jan 2026, 23:30" in page(login(cast.bob), session)
    type(cast.account).objects.filter(pk=cast.account.pk).update(time_zone="Asia/Tokyo")
    assert "1 Feb 2026, 08:30" in page(login(cast.bob), session)
