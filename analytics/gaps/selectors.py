"""Reads of gaps for pages, the API and tasks."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from analytics.gaps.models import KnowledgeGap
from flowpilot.accounts.models import Account
from sessions.models import AISession


def accounts_with_sessions() -> list[int]:
    """Accounts where a session ended within the window of gaps, or that have a gap to be measured."""
    since = timezone.now() - timedelta(days=settings.GAPS_DAYS)
    ended = AISession.objects.filter(account=OuterRef("pk"), ended_at__gte=since).ended()
    known = KnowledgeGap.objects.filter(account=OuterRef("pk")).to_work_on()
    accounts = Account.objects.filter(Exists(ended) | Exists(known))
    return list(accounts.order_by("pk").values_list("pk", flat=True))
