"""A word in every column of an account that can hold one, and looking through the whole database for it."""

from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.core.files.base import ContentFile
from django.db import connection
from django.db.models import JSONField
from django.utils import timezone

from analytics.models import ReportSubscription
from flowpilot.accounts.models import Account, SavedView, Team, User
from flowpilot.common.audit import audit_texts_erasable
from flowpilot.common.models import IdempotentRequest
from flowpilot.privacy.models import Erasure, Export
from flowpilot.privacy.tables import text_tables
from proposals.models import FlowProposal, Topic
from proposals.search import search_write
from sessions.models import AISession, Attachment
from tests.common.rows import make_rows, tenant_models

# What can hold words; bytes are looked at, too, as they stand.
_TEXT_TYPES = ("character varying", "character", "text", "json", "jsonb", "ARRAY", "tsvector", "bytea", "USER-DEFINED")
# About erasing itself: whose names it keeps is tested with it.
_ITSELF = (Erasure, Export)


def columns() -> list[tuple[str, str, str]]:
    """(table, column, type) of all columns that can hold words, as the database itself lists them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type = ANY(%s) ORDER BY 1, 2",
            [list(_TEXT_TYPES)],
        )
        return list(cursor.fetchall())


def places_of(word: str) -> dict[str, int]:
    """How many rows have the word, in upper or lower case, by `table.column`."""
    found = {}
    with connection.cursor() as cursor:
        for table, column, kind in columns():
            told = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE {told} ILIKE %s', [f"%{word}%"])
            row = cursor.fetchone()
            if row and row[0]:
                found[f"{table}.{column}"] = row[0]
    return found


def fill(account: Account, word: str, member: User, team: Team) -> None:
    """A row of every kind in the account, with the word wherever it can stand."""
    Account.objects.filter(pk=account.pk).update(name=f"{word} MSP", slug=f"{word}-{account.pk}")
    User.objects.filter(pk=member.pk).update(email=f"{word}.{member.pk}@{word}.test", full_name=f"{word} Who")
    make_rows(account, word, member, team)
    Erasure.objects.filter(account=account).delete()
    _of_user(word, User.objects.get(pk=member.pk))
    session = AISession.objects.filter(account=account).earliest("pk")
    with audit_texts_erasable(account.pk):
        _put_into_json(account, word, session)
        _put_into_texts(account, word)
    talk = Attachment(
        account=account, session=session, key=f"{account.pk}-talk", name=word, content_type="text/plain", size=9
    )
    talk.file.save(talk.key, ContentFile(f"to {word.upper()}: hello".encode()))
    for proposal in FlowProposal.objects.filter(account=account):
        search_write(proposal)


def _of_user(word: str, user: User) -> None:
    SavedView.objects.create(user=user, page="queue", name=word, query=f"q={word}%20x")
    ReportSubscription.objects.create(
        user=user,
        page=word,
        query=f"technician={word}%40x",
        frequency="daily",
        hour=5,
        due_at=timezone.now(),
        error=word,
    )
    IdempotentRequest.objects.create(
        user=user, key=word, digest=word, content_type=word, etag=word, body=f'{{"client": "{word}"}}'
    )
    kind = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(
        user=user, content_type=kind, object_id=word, object_repr=word, action_flag=1, change_message=word
    )
    seen = {
        "username": user.email,
        "user_agent": word,
        "path_info": word,
        "http_accept": word,
        "ip_address": "192.0.2.1",
    }
    AccessAttempt.objects.create(**seen, get_data=word, post_data=word, failures_since_start=1)
    AccessFailureLog.objects.create(**seen)
    AccessLog.objects.create(**seen, session_hash=word)


def _put_into_json(account: Account, word: str, session: AISession) -> None:
    for table in text_tables():
        names = [f.name for f in table.model._meta.concrete_fields if _is_of_parts(f) and f.attname in table.columns]
        if not names or table.model in _ITSELF:
            continue
        for row in table.of_account(account.pk):
            changed = {name: _with_word(getattr(row, name), word) for name in names}
            table.model._base_manager.filter(pk=row.pk).update(**changed)
    Topic.objects.filter(account=account).update(sketch=[[str(session.pk), word, f"is {word}", word]])


def _put_into_texts(account: Account, word: str) -> None:
    """Where `make_rows` leaves out what names no thing, such as the ids of nodes: a person could stand there, too."""
    for table in text_tables():
        if table.model in _ITSELF:
            continue
        texts = [f for f in table.model._meta.concrete_fields if f.attname in table.columns and not _is_of_parts(f)]
        for row in table.of_account(account.pk):
            changed = {
                f.attname: f"{word} {row.pk}"[: f.max_length]
                for f in texts
                if word.lower() not in str(getattr(row, f.attname)).lower()
            }
            if changed:
                table.model._base_manager.filter(pk=row.pk).update(**changed)


def _is_of_parts(field: Any) -> bool:
    return isinstance(field, JSONField | ArrayField)


def _with_word(value: Any, word: str) -> Any:
    if word.lower() in str(value).lower():
        return value
    if isinstance(value, dict):
        return {**value, f"of {word}": [1, {"deep": f"see “{word}”"}]}
    return [*(value or []), f"{word} is here"]


def columns_without(account: Account, word: str) -> list[str]:
    """Text columns of the account where no row has the word: a new table or column, that this module must fill."""
    blind = [
        m._meta.label for m in tenant_models() if m not in _ITSELF and not m._default_manager.filter(account=account)
    ]
    for table in text_tables():
        if table.model in _ITSELF:
            continue
        rows = list(table.of_account(account.pk).values())
        blind += [
            f"{table.label}.{name}"
            for name in table.columns
            if not any(word.lower() in str(row[name]).lower() for row in rows)
        ]
    return blind


def snapshot_of(account: Account) -> dict[str, list[dict[str, Any]]]:
    """All rows of an account that hold texts, to be compared with later ones."""
    return {table.label: list(table.of_account(account.pk).order_by("pk").values()) for table in text_tables()}
