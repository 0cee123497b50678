"""The audit log: only ever added to, by whichever door; found and exported within one's own account."""

import csv
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from flowpilot.accounts.models import Account, Team, User
from flowpilot.accounts.services import account_erase
from flowpilot.common.audit import audit_erasable, audit_record
from flowpilot.common.models import AuditEvent
from tests.conftest import Cast
from tests.factories import make_member

LIST = "/admin/common/auditevent/"


@pytest.fixture
def event(cast: Cast) -> AuditEvent:
    return audit_record(
        actor=cast.alice, action="team.renamed", target=cast.team, reason="=2+3", before={"name": "a"}, after={"n": 1}
    )


def sql(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # TRUNCATE does not wait for what the test has made
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE common_auditevent SET reason = 'another'",
        "UPDATE common_auditevent SET created_at = created_at - interval '1 day'",
        "UPDATE common_auditevent SET actor_label = 'Bob', actor_id = NULL",
        "UPDATE common_auditevent SET actor_id = (SELECT max(id) FROM accounts_user)",
        "UPDATE common_auditevent SET after = '{}'",
        "DELETE FROM common_auditevent",
        "TRUNCATE common_auditevent",
        "TRUNCATE accounts_account CASCADE",
    ],
)
def test_real_sql_is_refused(event: AuditEvent, statement: str) -> None:
    with pytest.raises(IntegrityError, match="audit events are never changed or removed"):
        sql(statement)
    assert AuditEvent.objects.get() == event
    assert AuditEvent.objects.get().reason == "=2+3"


def test_so_is_the_orm(event: AuditEvent) -> None:
    event.reason = "another"
    for attempt in (event.save, event.delete, lambda: AuditEvent.objects.update(action="x")):
        with pytest.raises(IntegrityError, match="never changed or removed"), transaction.atomic():
            attempt()


def test_an_event_outlives_its_person_and_its_team(event: AuditEvent, cast: Cast) -> None:
    User.objects.filter(pk=cast.alice.pk).delete()
    cast.team.delete()
    kept = AuditEvent.objects.get()
    assert (kept.actor_id, kept.team_id, kept.actor_label, kept.object_label) == (None, None, "Alice", "Service Desk")


def test_an_accounts_events_go_with_the_account_and_no_others(event: AuditEvent, cast: Cast) -> None:
    other = audit_record(actor=cast.mallory, action="account.seen", target=cast.other_account)
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.filter(pk=cast.account.pk).delete()
    account_erase(account=cast.account)
    assert AuditEvent.objects.get() == other
    with pytest.raises(IntegrityError), transaction.atomic():
        other.delete()


def test_the_door_is_of_one_account_and_closes(event: AuditEvent, cast: Cast) -> None:
    with audit_erasable(cast.other_account.pk), pytest.raises(IntegrityError), transaction.atomic():
        event.delete()
    with audit_erasable(cast.account.pk):
        with pytest.raises(IntegrityError), transaction.atomic():
            AuditEvent.objects.update(reason="another")
        with pytest.raises(IntegrityError, match="TRUNCATE refused"):
            sql("TRUNCATE common_auditevent")
    with pytest.raises(IntegrityError), transaction.atomic():
        event.delete()
    with pytest.raises(ZeroDivisionError), audit_erasable(cast.account.pk):
        raise ZeroDivisionError
    with pytest.raises(IntegrityError), transaction.atomic():
        event.delete()


# --- Finding and exporting --------------------------------------------------------------------------------------------


def shown(page: Any) -> set[str]:
    return {row.action for row in page.context["cl"].result_list}


def read_csv(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()))


def read_ndjson(answer: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(answer.streaming_content).decode().splitlines()]


@pytest.fixture
def log(event: AuditEvent, cast: Cast) -> None:
    audit_record(actor=cast.olivia, action="account.renamed", target=cast.account)
    audit_record(actor=cast.mallory, action="foreign.act", target=cast.other_account)
    AuditEvent.objects.create(
        account=cast.account, actor_label="Alice", action="long.ago", object_type="a.b", object_id=1,
        created_at=timezone.now() - timedelta(days=400),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"team.renamed", "account.renamed", "long.ago"}),
        ("q=olivia", {"account.renamed"}),
        ("q=team.renamed", {"team.renamed"}),
        ("q=accounts.team", {"team.renamed"}),
        ("q=Service+Desk", {"team.renamed"}),
        ("object_type=accounts.account", {"account.renamed"}),
        (f"created_at__year={datetime.now(UTC).year - 30}", set()),
        (f"created_at__lt={datetime.now(UTC).year}-01-01+00:00:00%2B00:00", {"long.ago"}),
        ("q=foreign", set()),
    ],
)
def test_the_list_and_both_files_hold_the_same(log: None, cast: Cast, login: Any, query: str, found: set[str]) -> None:
    owner = login(cast.olivia)
    assert shown(owner.get(f"{LIST}?{query}")) == found
    assert {row["action"] for row in read_csv(owner.get(f"{LIST}export.csv?{query}"))} == found
    assert {row["action"] for row in read_ndjson(owner.get(f"{LIST}export.ndjson?{query}"))} == found


def test_what_a_line_says(event: AuditEvent, cast: Cast, login: Any) -> None:
    owner = login(cast.olivia)
    answer = owner.get(f"{LIST}export.ndjson")
    assert answer.streaming
    assert answer["Content-Disposition"] == 'attachment; filename="audit-log.ndjson"'
    (line,) = read_ndjson(answer)
    assert line == {
        "id": event.pk, "created_at": line["created_at"], "account": cast.account.pk, "team": cast.team.pk,
        "actor": cast.alice.pk, "actor_label": "Alice", "action": "team.renamed", "object_type": "accounts.team",
        "object_id": cast.team.pk, "object_label": "Service Desk", "reason": "=2+3", "before": {"name": "a"},
        "after": {"n": 1},
    }  # fmt: skip
    assert datetime.fromisoformat(line["created_at"]) - event.created_at < timedelta(milliseconds=1)
    (row,) = read_csv(owner.get(f"{LIST}export.csv"))
    assert (row["reason"], json.loads(row["before"])) == ("'=2+3", {"name": "a"})


def test_a_member_of_one_team_exports_that_teams_events(log: None, cast: Cast, login: Any) -> None:
    other = Team.objects.create(account=cast.account, name="Field")
    tess = make_member(cast.account, "team_admin", "tess@northwind.test", team=other)
    audit_record(actor=tess, action="own.act", target=other)
    assert [line["action"] for line in read_ndjson(login(tess).get(f"{LIST}export.ndjson"))] == ["own.act"]
    assert login(cast.bob).get(f"{LIST}export.csv").status_code == 403


def test_an_unknown_filter_is_no_page(cast: Cast, login: Any) -> None:
    assert login(cast.olivia).get(f"{LIST}export.csv?account__id__exact=x").status_code == 404


def test_a_long_log_is_read_in_pieces_by_one_query(cast: Cast, login: Any, django_assert_num_queries: Any) -> None:
    AuditEvent.objects.bulk_create(
        AuditEvent(account=cast.account, actor_label="A", action="many", object_type="a.b", object_id=n)
        for n in range(2_500)
    )
    answer = login(cast.olivia).get(f"{LIST}export.ndjson")
    with django_assert_num_queries(1):
        assert len(read_ndjson(answer)) == 2_500
