"""Choosing, changing and stopping one's own reports, and when they are due."""

from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from analytics.pages.frame import PAGES, page_maker
from analytics.reports.models import ReportSubscription
from analytics.scope import Scope
from flowpilot.accounts.models import User
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound

Frequency = ReportSubscription.Frequency
PERMISSION = "analytics.view_metrics"
MOST_REPORTS = 20
MONDAY = 0


def reports_of(user: User, page: str = "") -> list[ReportSubscription]:
    """The user's own, of one dashboard or of all."""
    found = ReportSubscription.objects.filter(user=user)
    return list(found.filter(page=page) if page else found)


def title_of(page: str) -> str:
    """What a dashboard is called; "" for one that is no more."""
    return next((label for label, name in PAGES if name == page), "")


@transaction.atomic
def report_subscribe(*, actor: User, page: str, query: str, frequency: str, hour: Any) -> ReportSubscription:
    """Send a dashboard in the scope of `query` from the next time on; the same one again is only changed.

    Raises NotAllowed without the right to see metrics; InvalidInput for a page that is no dashboard, a scope that is
    not valid or never moves, a frequency or hour that there is not; Conflict where there are as many as one may have.
    """
    if not actor.has_perm(PERMISSION):
        raise NotAllowed("reports are for those who may see metrics")
    if page_maker(page) is None:
        raise InvalidInput("this page is not sent by email", details={"page": [page]})
    scope = Scope.from_query(actor, dict(parse_qsl(query)))
    if scope.days is None:
        raise InvalidInput("choose a period such as the last 7 days: these dates would tell the same each time")
    fields = _schedule(actor, frequency, hour)
    User.objects.select_for_update().get(pk=actor.pk)  # two tabs at once must not pass the limit
    own = ReportSubscription.objects.filter(user=actor)
    same: dict[str, Any] = {"page": page, "query": scope.query()}
    if own.exclude(**same).count() >= MOST_REPORTS:
        raise Conflict(f"you get {MOST_REPORTS} reports already; stop one first")
    report, _ = own.update_or_create(user=actor, **same, defaults=fields)
    return report


@transaction.atomic
def report_change(*, actor: User, report_id: int, frequency: str, hour: Any) -> ReportSubscription:
    """Raises NotFound for another's, InvalidInput for a frequency or hour that there is not."""
    report = _own(actor, report_id)
    for name, value in _schedule(actor, frequency, hour).items():
        setattr(report, name, value)
    report.save()
    return report


@transaction.atomic
def report_stop(*, actor: User, report_id: int) -> ReportSubscription:
    """Raises NotFound for another's."""
    report = _own(actor, report_id)
    ReportSubscription.objects.filter(pk=report.pk).delete()
    return report


def next_time(frequency: str, hour: int, after: datetime, zone: ZoneInfo) -> datetime:
    """The first moment after `after` at which it is that hour in the zone, of a Monday where it is weekly."""
    day = after.astimezone(zone).date()
    if frequency == Frequency.WEEKLY:
        day += timedelta(days=(MONDAY - day.weekday()) % 7)
    due = datetime.combine(day, time(hour), zone)
    step = timedelta(days=7 if frequency == Frequency.WEEKLY else 1)
    return due if due > after else datetime.combine(day + step, time(hour), zone)


def zone_of(user: User) -> ZoneInfo:
    """The time zone of the user's account, as their pages use it."""
    memberships = user.active_memberships
    return ZoneInfo(memberships[0].account.time_zone if memberships else settings.TIME_ZONE)


def schedule_choices() -> dict[str, Any]:
    """What a form offers."""
    return {"frequencies": Frequency.choices, "hours": range(24)}


def _schedule(actor: User, frequency: str, hour: Any) -> dict[str, Any]:
    """The columns of a choice, to begin anew with."""
    if frequency not in Frequency.values:
        raise InvalidInput("frequency: daily or weekly", details={"frequency": [frequency]})
    text = str(hour)
    if not (text.isascii() and text.isdecimal() and len(text) < 3 and int(text) < 24):
        raise InvalidInput("hour: 0 to 23", details={"hour": [text]})
    due = next_time(frequency, int(text), timezone.now(), zone_of(actor))
    return {
        "frequency": frequency, "hour": int(text), "due_at": due, "leased_until": None, "attempts": 0, "error": "",
    }  # fmt: skip


def _own(actor: User, report_id: int) -> ReportSubscription:
    report = ReportSubscription.objects.select_for_update().filter(user=actor, pk=report_id).first()
    if report is None:
        raise NotFound("you have no such report")
    return report
