"""How long rows waited from one moment to another, in whole seconds."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, ExpressionWrapper, F, IntegerField, QuerySet
from django.db.models.functions import Ceil, Extract

from analytics.metrics.counting import Durations

SECOND = timedelta(seconds=1)


def seconds_between(start: str, end: str) -> ExpressionWrapper:
    """The seconds between two fields, begun ones whole: what was done at once took one, not none."""
    return ExpressionWrapper(Ceil(Extract(F(end) - F(start), "epoch")), IntegerField())


def waits(rows: QuerySet[Any], start: str, end: str) -> Durations:
    """Median and 90th percentile over the rows that have both."""
    timed = rows.order_by().filter(**{f"{start}__isnull": False, f"{end}__isnull": False})
    counts = timed.annotate(waited=seconds_between(start, end)).values_list("waited").annotate(Count("pk"))
    return Durations.of(dict(counts), SECOND)
