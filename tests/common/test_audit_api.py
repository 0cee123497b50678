"""The audit log over the API."""

from typing import Any

from flowpilot.common.audit import audit_record
from tests.conftest import Cast

EVENTS = "/api/v1/audit-events/"


def test_events_are_found_as_on_the_page(cast: Cast, api: Any) -> None:
    first = audit_record(
        actor=cast.alice, action="team.renamed", target=cast.team, reason="A new name", before={"n": 1}, after={"n": 2}
    )
    second = audit_record(actor=None, action="team.closed", target=cast.team)
    audit_record(actor=cast.mallory, action="team.renamed", target=cast.other_account)
    client = api(cast.alice)
    for query, found in (
        ("", [second.pk, first.pk]), ("ordering=created_at", [first.pk, second.pk]),
        ("action=team.closed", [second.pk]), ("actor=ALICE@northwind.test", [first.pk]),
        ("actor=mallory@contoso.test", []), ("search=new+alice", [first.pk]), ("search=new+nobody", []),
        (f"object_type={first.object_type}&object_id={cast.team.pk}", [second.pk, first.pk]),
        ("created_before=2000-01-01T00:00:00Z", []), ("account=contoso", []),
    ):  # fmt: skip
        assert [row["id"] for row in client.get(f"{EVENTS}?{query}").json()["results"]] == found, query
    one = client.get(f"{EVENTS}{first.pk}/").json()
    assert (one["actor"], one["reason"], one["before"], one["after"]) == (
        cast.alice.email, "A new name", {"n": 1}, {"n": 2},
    )  # fmt: skip
    assert client.get(f"{EVENTS}{second.pk}/").json()["actor"] is None


def test_a_page_is_followed_by_its_cursor_while_events_come_in(cast: Cast, api: Any) -> None:
    made = [audit_record(actor=cast.alice, action="team.renamed", target=cast.team).pk for _ in range(5)]
    client, seen, url = api(cast.olivia), [], f"{EVENTS}?page_size=2"
    while url:
        page = client.get(url).json()
        seen += [row["id"] for row in page["results"]]
        audit_record(actor=cast.alice, action="team.renamed", target=cast.team)
        url = page["next"]
    assert seen == made[::-1]


def test_who_may_not_read_the_log_or_write_it(cast: Cast, api: Any) -> None:
    event = audit_record(actor=cast.alice, action="team.renamed", target=cast.team)
    for person in (cast.bob, cast.carol, cast.sam):
        assert api(person).get(EVENTS).status_code == 403
    assert api(cast.mallory).get(f"{EVENTS}{event.pk}/").status_code == 404
    for method in ("put", "patch", "delete"):
        assert getattr(api(cast.olivia), method)(f"{EVENTS}{event.pk}/").status_code == 405
