"""Sending the reports that are due, each once."""

import logging
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from analytics.pages.frame import page_maker
from analytics.reports.models import ReportSubscription
from analytics.reports.services import PERMISSION, next_time, title_of, zone_of
from analytics.scope import Scope
from flowpilot.common.errors import InvalidInput

logger = logging.getLogger(__name__)

# Longer than any report takes. What a killed worker held is free again after it.
LEASE = timedelta(minutes=15)
# After a mail that was refused; after the last of them it waits for its next time.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (5, 20, 60, 180))


def reports_due(now: datetime) -> list[int]:
    """The reports that somebody has to send now."""
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    due = ReportSubscription.objects.filter(free, due_at__lte=now, user__is_active=True)
    return list(due.order_by("due_at", "pk").values_list("pk", flat=True))


def report_send(*, report_id: int, now: datetime) -> bool:
    """Send one report if it is due and nobody else does; gives whether a mail went out. Safe to run twice.

    Whoever gets the lease makes the report. Just before it goes out its next time is written: of two workers one
    sends, and a worker that is killed while the mail is on its way does not send it twice. One that is killed before
    loses nothing: the lease runs out. A mail that the server refuses is due again after a pause.
    """
    report = _claim(report_id, now)
    if report is None:
        return False
    message = _message(report)
    following = _move_on(report, now, was_sent=message is not None)
    if message is None or following is None:
        return False
    own = ReportSubscription.objects.filter(pk=report.pk, due_at=following)
    try:
        message.send()
    except OSError as error:  # smtplib's errors are OSErrors too
        logger.warning("report %s was not sent: %s", report.pk, error)
        own.update(**_again(report, now, str(error)))
        return False
    own.update(attempts=0, error="")
    return True


def _claim(report_id: int, now: datetime) -> ReportSubscription | None:
    """Take the lease of a report that is due; None where it is not, or another worker has it."""
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    rows = ReportSubscription.objects.filter(pk=report_id)
    if not rows.filter(free, due_at__lte=now).update(leased_until=now + LEASE):
        return None
    return rows.select_related("user").first()


def _move_on(report: ReportSubscription, now: datetime, *, was_sent: bool) -> datetime | None:
    """Write the next time and give the lease back; None where the report was changed, stopped or taken meanwhile."""
    following = next_time(report.frequency, report.hour, now, zone_of(report.user))
    held = ReportSubscription.objects.filter(pk=report.pk, due_at=report.due_at, leased_until=report.leased_until)
    fields = {"due_at": following, "leased_until": None}
    moved = held.update(**fields, **({"sent_at": now} if was_sent else {}))
    return following if moved else None


def _again(report: ReportSubscription, now: datetime, error: str) -> dict[str, object]:
    """The columns of a report whose mail failed."""
    if report.attempts >= len(PAUSES):
        return {"attempts": 0, "sent_at": report.sent_at, "error": error}
    until = now + PAUSES[report.attempts]
    return {
        "due_at": report.due_at,
        "leased_until": until,
        "attempts": report.attempts + 1,
        "sent_at": report.sent_at,
        "error": error,
    }


def _message(report: ReportSubscription) -> EmailMultiAlternatives | None:
    """The mail; None for who may not see metrics any more, or a dashboard that is no more."""
    user, make = report.user, page_maker(report.page)
    if not user.has_perm(PERMISSION) or make is None:
        return None
    with timezone.override(zone_of(user)):
        context = {"user": user, "report": report, "site": settings.SITE_URL, "title": title_of(report.page)}
        context["change"] = settings.SITE_URL + reverse("analytics:reports")
        try:
            scope = Scope.from_query(user, dict(parse_qsl(report.query)))
        except InvalidInput as error:
            # Its team or client is gone, or is the user's no more. They are told, once each time, until they stop it.
            context["problem"] = error.details
        else:
            with timezone.override(scope.zone):
                context |= {"page": make(scope), "scope": scope, "before": scope.before()}
                context["url"] = f"{settings.SITE_URL}{reverse(report.page)}?{scope.query()}"
        return _mail(context)


def _mail(context: dict[str, object]) -> EmailMultiAlternatives:
    user: ReportSubscription = context["report"]  # type: ignore[assignment]
    message = EmailMultiAlternatives(
        subject=f"FlowPilot: {context['title']}{'' if 'page' in context else ' could not be made'}",
        body=render_to_string("analytics/email/report.txt", context),
        to=[user.user.email],
    )
    message.attach_alternative(render_to_string("analytics/email/report.html", context), "text/html")
    message.extra_headers["List-Unsubscribe"] = f"<{context['change']}>"
    return message
