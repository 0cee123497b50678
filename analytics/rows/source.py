"""A kind of row that figures count."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from analytics.facts import Fact
from analytics.metrics.counting import wanted_of
from analytics.rollups.newest import candidates
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
    account. `link` is the page of one row. `count` tells what is kept of a name, None where nothing is: all are counted
    then. Of the names in `later` not all of that is kept. `rare` has, of a list of ended sessions, facts that all rows
    of a name have and few others: the newest are looked for by what is kept of those. `about` says in words what a name
    stands for, to those who may see it.
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
    later: Sequence[str] = ()
    rare: Mapping[str, Sequence[str]] = field(default_factory=dict, hash=False)
    about: Callable[[Scope, str], str] | None = None

    def matching(self, scope: Scope, fact: Fact) -> QuerySet[Any]:
        """The rows of the scope that have the fact."""
        return self.rows(scope).filter(fact.condition)

    def newest(self, scope: Scope, name: str, matching: QuerySet[Any], count: int, until: datetime | None) -> list[Any]:
        """The first `count` of `matching`, which are in order, and of which none is later than `until`."""
        if facts := self.rare.get(name):
            wanted = wanted_of(scope)
            if until is not None:
                wanted = replace(wanted, end=min(wanted.end, until + timedelta.resolution))
            for looked_at in (2 * count, 20 * count):
                near = candidates(wanted, facts, looked_at)
                if near is None:
                    break
                found = list(matching.filter(pk__in=near.ids)[:count])
                if near.after is None or (len(found) == count and getattr(found[-1], self.time) > near.after):
                    return found
        return list(matching[:count])

    def kept(self, scope: Scope, name: str) -> int | None:
        """How many rows have the fact of that name, where that is kept."""
        return self.count(scope, name) if self.count is not None and name not in self.later else None

    def counted(self, scope: Scope, name: str) -> int:
        """How many rows have the fact of that name, which exists."""
        if self.count is not None and (kept := self.count(scope, name)) is not None:
            return kept
        fact = self.fact(name)
        assert fact is not None  # noqa: S101 - the caller has looked it up
        return self.matching(scope, fact).count()
