"""When analysis runs. Tasks take ids, re-read the state, and are safe to run twice."""

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from flowpilot.accounts.models import Account
from proposals.analysis.run import analyze_account
from proposals.models import Topic
from proposals.selectors import stale_proposals
from sessions.models import AISession


def accounts_with_work() -> list[int]:
    """Accounts with sessions due for analysis, or topics or stale proposals to be mined again."""
    sessions = AISession.objects.filter(analysis_due_at__lte=timezone.now())
    topics = Topic.objects.filter(mining_due=True)
    with_work = (
        Q(pk__in=sessions.values("account"))
        | Q(pk__in=topics.values("account"))
        | Q(pk__in=stale_proposals().values("account"))
    )
    return list(Account.objects.filter(with_work).order_by("pk").values_list("pk", flat=True))


@shared_task
def analyze_pending_sessions() -> int:
    """Every five minutes: one task for each account with work, so that accounts run side by side; gives how many."""
    accounts = accounts_with_work()
    for account_id in accounts:
        analyze_account_sessions.delay(account_id)
    return len(accounts)


@shared_task
def analyze_account_sessions(account_id: int) -> None:
    """Analyse one account; where another worker is at it, this does nothing."""
    analyze_account(account_id)
