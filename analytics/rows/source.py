"""A kind of row that figures count."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from analytics.facts import Fact
from analytics.scope import Scope


@dataclass(frozen=True)
class RowColumn:
    """A column of the list and of its CSV: text, number, time or None of a row."""

    label: str
    value: Callable[[Any], Any]


@dataclass(frozen=True)
class Source:
    """Rows of one kind.

    `rows` gives those of a scope, tenant and period included; `fact` the condition of a name in an address, or None
    where there is no such name. `time` is the field that the list is ordered by, newest first: it has an index with the
    account. `link` is the page of one row. `count` tells what is kept of a name, None where
    nothing is: all are counted then. `about` says in words what a name stands for, to those who may see it.
    """

    name: str
    noun: str
    plural: str
    permission: str
    rows: Callable[[Scope], QuerySet[Any]]
    fact: Callable[[str], Fact | None]
    time: str
    columns: tuple[RowColumn, ...]
    link: Callable[[Any], str]
    related: tuple[str, ...] = ()
    count: Callable[[Scope, str], int | None] | None = None
    about: Callable[[Scope, str], str] | None = None

    def matching(self, scope: Scope, fact: Fact) -> QuerySet[Any]:
        """The rows of the scope that have the fact."""
        return self.rows(scope).filter(fact.condition)

    def counted(self, scope: Scope, name: str) -> int:
        """How many rows have the fact of that name, which exists."""
        if self.count is not None and (kept := self.count(scope, name)) is not None:
            return kept
        fact = self.fact(name)
        assert fact is not None  # noqa: S101 - the caller has looked it up
        return self.matching(scope, fact).count()
