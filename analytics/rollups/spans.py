"""Looking at sessions themselves in spans of time, as the reader and the task do where nothing that is kept holds."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Any

from django.db.models import DateTimeField, Expression, Field, QuerySet

from analytics.rollups.kept import ALL, CLIENT_SESSIONS, ENDED_COLUMNS, ended_rows
from sessions.models import AISession


class SpanColumn(Expression):
    """A column of the table expression `span` beside which a look stands (LATERAL)."""

    def __init__(self, name: str, output_field: Field) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[()]]:
        return f"span.{connection.ops.quote_name(self.name)}", ()


def ended_in_span(sessions: QuerySet[AISession], columns: Sequence[str]) -> tuple[str, tuple[Any, ...]]:
    """SQL and values of the EndedSession rows of those of `sessions` which ended in the account and time of a row of
    `span`; some of ENDED_COLUMNS.

    Raises EmptyResultSet where no session can be among them.
    """
    account = SpanColumn("account_id", AISession._meta.get_field("id"))
    starts, ends = (SpanColumn(name, DateTimeField()) for name in ("starts", "ends"))
    ended = sessions.filter(account=account, status__in=AISession.ENDED, ended_at__gte=starts, ended_at__lt=ends)
    return ended_rows(ended, columns).query.sql_with_params()


@cache
def definition() -> str:
    """A digest of how everything that is kept is counted: another one where any fact is defined otherwise."""
    sums = [(kept.keys, kept.sums, kept.alike, kept.among) for kept in ALL]
    return sha256(
        repr((ended_in_span(AISession.objects.all(), ENDED_COLUMNS), sums, CLIENT_SESSIONS)).encode()
    ).hexdigest()
