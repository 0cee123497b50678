"""The review queue: its tabs, its orders, its pages, and what a start of it would cover.

Nothing here reads more of the queue than it shows: counts stop at a thousand, and a page begins at a row's place in the
order instead of at a number, so that the last page of fifty thousand proposals costs what the first does.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import models
from django.db.models import F, Q, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils import timezone

from proposals.models import FlowProposal

M = TypeVar("M", bound=models.Model)
Status = FlowProposal.Status

COUNTED = 1_000
DECIDED = (Status.APPROVED, Status.MODIFIED, Status.REJECTED)


class Tab(models.TextChoices):
    PENDING = "pending", "Pending"
    MINE = "mine", "Mine"
    PARKED = "parked", "Parked"
    DECIDED = "decided", "Decided"


def tab_q(tab: str, user: Any) -> Q:
    """The rows of a tab; mine are the pending ones that `user` has claimed."""
    if tab == Tab.MINE:
        who = user if getattr(user, "is_authenticated", False) else None
        return Q(status=Status.PENDING, claimed_by=who, claimed_by__isnull=False, claimed_until__gt=timezone.now())
    if tab == Tab.PARKED:
        return Q(status=Status.DISMISSED)
    if tab == Tab.DECIDED:
        return Q(status__in=DECIDED)
    return Q(status=Status.PENDING)


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are, as far as it was counted."""

    value: int

    @property
    def is_capped(self) -> bool:
        return self.value >= COUNTED

    def __str__(self) -> str:
        return f"{COUNTED - 1}+" if self.is_capped else str(self.value)


def count_capped(rows: QuerySet[M]) -> Count:
    """Count to a thousand at most."""
    return Count(rows.order_by()[:COUNTED].count())


def narrowed(rows: QuerySet[M]) -> tuple[QuerySet[M], Count]:
    """The same rows and their count; where they are fewer than a thousand they are named by their ids from here on, so
    that whatever is asked of them next does not look for them again."""
    found = list(rows.order_by().values_list("pk", flat=True)[:COUNTED])
    count = Count(len(found))
    return (rows if count.is_capped else rows.model._default_manager.filter(pk__in=found)), count


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the queue; the id parts rows that are equal."""

    name: str
    label: str
    field: str
    descending: bool = True

    def sort(self, rows: QuerySet[M], *, backward: bool = False) -> QuerySet[M]:
        sign = "-" if self.descending != backward else ""
        return rows.order_by(f"{sign}{self.field}", f"{sign}id")

    def beyond(self, rows: QuerySet[M], place: tuple[Any, int], *, backward: bool = False) -> QuerySet[M]:
        """The rows that come after `place` (a value of the field and an id), or before it, in this order."""
        lookup = TupleLessThan if self.descending != backward else TupleGreaterThan
        # One comparison of rows: as (a < x or a = x and b < y) the index would be read from its start.
        return self.sort(rows.filter(lookup(Tuple(F(self.field), F("id")), place)), backward=backward)


IMPACT = Order("impact", "Most impact", "impact")
WAITING = Order("waiting", "Waiting longest", "created_at", descending=False)
NEWEST_DECISION = Order("decided", "Decided last", "reviewed_at")
ORDERS = {order.name: order for order in (IMPACT, WAITING)}


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows in a row, and whether there are others on either side."""

    rows: list[Any]
    has_earlier: bool
    has_later: bool


def page_of(
    rows: QuerySet[Any],
    order: Order,
    size: int,
    *,
    after: tuple[Any, int] | None = None,
    before: tuple[Any, int] | None = None,
    last: bool = False,
) -> Page:
    """The first page, or that after or before a place, or the last. Looks for one row more than it gives."""
    if last:
        found = _ids(order.sort(rows, backward=True), size)
        return Page(_rows(rows, found[:size][::-1]), len(found) > size, False)
    if before is not None:
        found = _ids(order.beyond(rows, before, backward=True), size)
        if len(found) > size:
            return Page(_rows(rows, found[:size][::-1]), True, True)
        # Fewer than a page come before: that is the beginning.
        after = None
    found = _ids(order.sort(rows) if after is None else order.beyond(rows, after), size)
    return Page(_rows(rows, found[:size]), after is not None, len(found) > size)


def _ids(ordered: QuerySet[Any], size: int) -> list[int]:
    """Ids only: joined with other tables, PostgreSQL would sort all that come after a place before it takes a page."""
    return list(ordered.select_related(None).values_list("pk", flat=True)[: size + 1])


def _rows(rows: QuerySet[Any], ids: list[int]) -> list[Any]:
    by_id = rows.order_by().in_bulk(ids)
    # One that was decided between the two questions is left out.
    return [by_id[pk] for pk in ids if pk in by_id]
