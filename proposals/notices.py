"""What a reviewer is told of: what is new since the last visit, what waits longest, what they claimed and forgot, what
the ticketing systems could not be told, and (owners) which events other services were not told of."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from flowpilot.accounts.models import User
from flowpilot.common.errors import InvalidInput, NotAllowed
from flowpilot.webhooks.models import WebhookDelivery
from flowpilot.webhooks.selectors import deliveries_given_up
from proposals.models import FlowProposal, NoticeSettings
from proposals.queue import WAITING, Count, count_capped
from sessions.models import PsaPush
from sessions.psa.selectors import pushes_given_up

NAMED = 3
DECIDE = "proposals.decide_flowproposal"
# Looking again within this time is the same visit: what was new at its start stays new.
VISIT = timedelta(minutes=30)
# Within this time a look is not written down again: paging through the queue writes nothing.
GLANCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Notices:
    """Each part is empty where there is nothing to tell, or the reviewer does not want to be told."""

    since: datetime | None = None
    new: Count = field(default_factory=lambda: Count(0))
    newest: list[FlowProposal] = field(default_factory=list)
    waiting: list[FlowProposal] = field(default_factory=list)
    forgotten: list[FlowProposal] = field(default_factory=list)
    untold: Count = field(default_factory=lambda: Count(0))
    latest_untold: list[PsaPush] = field(default_factory=list)
    undelivered: Count = field(default_factory=lambda: Count(0))
    latest_undelivered: list[WebhookDelivery] = field(default_factory=list)

    def __bool__(self) -> bool:
        given_up = self.untold.value or self.undelivered.value
        return bool(self.new.value or self.waiting or self.forgotten or given_up)


def notice_settings(user: User) -> NoticeSettings:
    """The user's settings; the defaults, not written yet, where they have never chosen any."""
    return NoticeSettings.objects.filter(user=user).first() or NoticeSettings(user=user)


def notices_of(user: User, wanted: NoticeSettings, since: datetime | None) -> Notices:
    """What `user`, a reviewer, is to be told now; new is what came after `since` (None: nothing is).

    Eight short queries at most, whatever the length of the queue.
    """
    pending = _pending(user)
    new = pending.filter(created_at__gt=since) if wanted.new_proposals and since else pending.none()
    count = count_capped(new) if since and wanted.new_proposals else Count(0)
    newest = list(new.order_by("-impact", "-pk")[:NAMED]) if count.value else []
    given_up = pushes_given_up(user)
    untold = count_capped(given_up) if wanted.tickets_not_told else Count(0)
    events = deliveries_given_up(user)
    undelivered = count_capped(events) if wanted.services_not_told else Count(0)
    return Notices(
        since=since,
        new=count,
        newest=newest,
        waiting=list(_late(pending)[:NAMED]) if wanted.waiting_longest else [],
        forgotten=list(_forgotten(pending, user)[:NAMED]) if wanted.forgotten_claims else [],
        untold=untold,
        latest_untold=list(given_up[:NAMED]) if untold.value else [],
        undelivered=undelivered,
        latest_undelivered=list(events[:NAMED]) if undelivered.value else [],
    )


def queue_visit(*, actor: User) -> tuple[NoticeSettings, datetime | None]:
    """Note that a reviewer looks at the queue; gives their settings and since when proposals are new to them.

    Within VISIT of the last look that stays what it was: a reload does not make the news old. Raises NotAllowed.
    """
    if not actor.has_perm("proposals.view_flowproposal"):
        raise NotAllowed("only who reads proposals looks at the queue")
    now = timezone.now()
    wanted, is_first = NoticeSettings.objects.get_or_create(
        user=actor, defaults={"queue_looked_at": now, "queue_seen_at": None}
    )
    if is_first:
        return wanted, None
    looked = wanted.queue_looked_at
    if looked is None or now - looked > VISIT:
        wanted.queue_seen_at = looked
    if looked is None or now - looked > GLANCE:
        wanted.queue_looked_at = now
        wanted.save(update_fields=["queue_seen_at", "queue_looked_at"])
    return wanted, wanted.queue_seen_at


def notice_settings_update(*, actor: User, **chosen: Any) -> NoticeSettings:
    """Write a reviewer's choice: `email_digest` (off, daily, weekly) and the kinds of notices.

    Raises NotAllowed for who decides nothing anywhere, InvalidInput for an unknown name or value.
    """
    if not actor.has_perm(DECIDE):
        raise NotAllowed("notices are for those who decide proposals")
    known = {
        "email_digest", "new_proposals", "waiting_longest", "forgotten_claims", "tickets_not_told", "services_not_told",
    }  # fmt: skip
    if unknown := sorted(set(chosen) - known):
        raise InvalidInput(f"there is no such setting: {', '.join(unknown)}")
    frequency = chosen.get("email_digest", NoticeSettings.Frequency.OFF)
    if frequency not in NoticeSettings.Frequency.values:
        raise InvalidInput(f"email digest: choose one of {', '.join(NoticeSettings.Frequency.values)}")
    wanted, _ = NoticeSettings.objects.get_or_create(user=actor)
    if "email_digest" in chosen and frequency != wanted.email_digest:
        # The first one comes at its next time, with what is new from now on.
        wanted.digest_sent_at = timezone.now()
    for name, value in chosen.items():
        setattr(wanted, name, value)
    wanted.save()
    return wanted


def _pending(user: User) -> QuerySet[FlowProposal]:
    own = FlowProposal.objects.for_user(user, "decide").filter(status=FlowProposal.Status.PENDING)
    return own.only("pk", "title", "impact", "created_at", "claimed_until", "supporting_session_count")


def _late(pending: QuerySet[FlowProposal]) -> QuerySet[FlowProposal]:
    """What waits longer than it should, the oldest first."""
    limit = timezone.now() - timedelta(days=settings.PROPOSAL_SLA_DAYS[1])
    return WAITING.sort(pending.filter(created_at__lt=limit))


def _forgotten(pending: QuerySet[FlowProposal], user: User) -> QuerySet[FlowProposal]:
    """What the user claimed, let run out and did not decide."""
    return pending.filter(claimed_by=user, claimed_until__lt=timezone.now()).order_by("claimed_until", "pk")
