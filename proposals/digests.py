"""The email digest of a reviewer's notices: when one is due, and sending it once."""

import logging
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from flowpilot.accounts.models import User
from proposals.models import NoticeSettings
from proposals.notices import DECIDE, Notices, notices_of

logger = logging.getLogger(__name__)

Frequency = NoticeSettings.Frequency
# In the reviewer's morning, weekly ones on Monday.
AT, MONDAY = time(7), 0


def last_time(frequency: str, now: datetime, zone: ZoneInfo) -> datetime:
    """The latest moment, not after `now`, at which a digest of that frequency is due; `now` carries a time zone.

    Raises ValueError for a frequency that has no such moment.
    """
    if frequency not in (Frequency.DAILY, Frequency.WEEKLY):
        raise ValueError(f"{frequency!r} is never due")
    day = now.astimezone(zone).date()
    if frequency == Frequency.WEEKLY:
        day -= timedelta(days=(day.weekday() - MONDAY) % 7)
    due = datetime.combine(day, AT, zone)
    step = timedelta(days=7 if frequency == Frequency.WEEKLY else 1)
    return due if due <= now else datetime.combine(day - step, AT, zone)


def digests_due(now: datetime) -> Iterator[NoticeSettings]:
    """The settings of those to whom a digest is due."""
    asked = NoticeSettings.objects.exclude(email_digest=Frequency.OFF).filter(user__is_active=True)
    for wanted in asked.select_related("user").order_by("pk").iterator(chunk_size=200):
        due = last_time(wanted.email_digest, now, _zone(wanted.user))
        if wanted.digest_sent_at is None or wanted.digest_sent_at < due:
            yield wanted


def digest_send(*, settings_id: int, now: datetime) -> bool:
    """Send one reviewer's digest if it is due and there is anything to tell; gives whether a mail went out.

    Whoever writes the time first sends: of two workers one does. A mail that the server refuses is tried again with the
    next round; one whose worker is killed while it sends is not sent twice.
    """
    wanted = NoticeSettings.objects.select_related("user").filter(pk=settings_id).first()
    if wanted is None or wanted.email_digest == Frequency.OFF:
        return False
    former = wanted.digest_sent_at
    if former is not None and former >= last_time(wanted.email_digest, now, _zone(wanted.user)):
        return False
    row = NoticeSettings.objects.filter(pk=wanted.pk)
    if not row.filter(digest_sent_at=former).update(digest_sent_at=now):
        return False
    try:
        return _send(wanted, former)
    except OSError as error:  # smtplib's errors are OSErrors too
        logger.warning("the digest for user %s was not sent: %s", wanted.user_id, error)
        row.filter(digest_sent_at=now).update(digest_sent_at=former)
        return False


def _send(wanted: NoticeSettings, since: datetime | None) -> bool:
    user = wanted.user
    if not user.has_perm(DECIDE):
        return False
    notices = notices_of(user, wanted, since)
    if not notices:
        return False
    with timezone.override(_zone(user)):
        message = EmailMessage(subject=_subject(notices), body=_body(user, notices), to=[user.email])
    message.extra_headers["List-Unsubscribe"] = f"<{_address('notices')}>"
    message.send()
    return True


def _subject(notices: Notices) -> str:
    parts = []
    if notices.new.value:
        parts.append(f"{notices.new} new")
    if notices.waiting:
        parts.append("some wait too long")
    if notices.forgotten:
        parts.append("a claim ran out")
    if notices.untold.value:
        parts.append("tickets could not be told")
    if notices.undelivered.value:
        parts.append("services could not be told")
    return f"FlowPilot review queue: {', '.join(parts)}"


def _body(user: User, notices: Notices) -> str:
    context = {
        "user": user,
        "notices": notices,
        "site": settings.SITE_URL,
        "queue": _address("changelist"),
        "change": _address("notices"),
    }
    return render_to_string("proposals/email/digest.txt", context)


def _address(page: str) -> str:
    return settings.SITE_URL + reverse(f"admin:proposals_flowproposal_{page}")


def _zone(user: User) -> ZoneInfo:
    """The time zone of the user's account, as their pages use it."""
    memberships = user.active_memberships
    return ZoneInfo(memberships[0].account.time_zone if memberships else settings.TIME_ZONE)
