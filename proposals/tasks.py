"""When analysis runs. Tasks take ids, re-read the state, and are safe to run twice."""

from typing import Any

from celery import shared_task
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from flowpilot.accounts.models import Account
from proposals.analysis.run import analyze_account
from proposals.digests import digest_send, digests_due
from proposals.health import accounts_with_new_versions, versions_watch
from proposals.impact import account_impacts_refresh, accounts_with_pending
from proposals.replays import replay_report_run
from proposals.review.parking import accounts_to_tend, queue_tend
from proposals.selectors import stale_proposals, topics_to_mine
from proposals.wordings.run import proposal_word, proposals_to_word
from sessions.models import AISession

__all__ = [
    "accounts_with_work",
    "analyze_account_sessions",
    "analyze_pending_sessions",
    "refresh_account_impacts",
    "refresh_impacts",
    "replay_report_run",
    "send_digest",
    "send_digests",
    "tend_account_queue",
    "tend_queues",
    "watch_account_versions",
    "watch_versions",
    "word_proposal",
    "word_proposals",
]

# Proposals whose words are asked for in one round; the next one comes a minute later.
WORDED_AT_ONCE = 50
# Wordings wait for somebody else's server: whatever else is queued runs first, and what did not run within the minute
# is queued anew by the next round.
BEHIND_ALL_OTHERS: dict[str, Any] = {"priority": settings.LOW_PRIORITY, "expires": 55}


def accounts_with_work() -> list[int]:
    """Accounts with sessions due for analysis, or topics or stale proposals to be mined again."""
    sessions = AISession.objects.filter(analysis_due_at__lte=timezone.now())
    topics = topics_to_mine()
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


@shared_task
def refresh_impacts() -> int:
    """Once a day: one task for each account with pending proposals; gives how many."""
    accounts = accounts_with_pending()
    for account_id in accounts:
        refresh_account_impacts.delay(account_id)
    return len(accounts)


@shared_task
def refresh_account_impacts(account_id: int) -> None:
    """Rank one account's queue anew; where another worker is at it, this does nothing."""
    account_impacts_refresh(account_id)


@shared_task
def tend_queues() -> int:
    """Every hour: one task for each account with proposals to wake or expire; gives how many."""
    accounts = accounts_to_tend()
    for account_id in accounts:
        tend_account_queue.delay(account_id)
    return len(accounts)


@shared_task
def tend_account_queue(account_id: int) -> None:
    """Wake and expire what is due in one account; while analysis is at work there, this does nothing."""
    queue_tend(account_id)


@shared_task
def send_digests() -> int:
    """Every hour: one task for each reviewer to whom a digest of notices is due; gives how many."""
    due = [wanted.pk for wanted in digests_due(timezone.now())]
    for settings_id in due:
        send_digest.delay(settings_id)
    return len(due)


@shared_task
def send_digest(settings_id: int) -> None:
    """Send one reviewer's digest, if it is still due."""
    digest_send(settings_id=settings_id, now=timezone.now())


@shared_task
def watch_versions() -> int:
    """Every half hour: one task for each account where a flow has a new version; gives how many."""
    accounts = accounts_with_new_versions()
    for account_id in accounts:
        watch_account_versions.delay(account_id)
    return len(accounts)


@shared_task
def watch_account_versions(account_id: int) -> None:
    """Propose to go back where an account's new versions do worse; while analysis is at work, this does nothing."""
    versions_watch(account_id)


@shared_task
def word_proposals() -> int:
    """Every minute: one task for each proposal whose revision waits for a language model's words; gives how many."""
    waiting = list(proposals_to_word(timezone.now()).values_list("pk", flat=True)[:WORDED_AT_ONCE])
    for proposal_id in waiting:
        word_proposal.apply_async((proposal_id,), **BEHIND_ALL_OTHERS)
    return len(waiting)


@shared_task
def word_proposal(proposal_id: int) -> None:
    """Ask for one proposal's words; where another worker is at it, this does nothing.

    It may take LLM_WORDING_SECONDS.
    """
    proposal_word(proposal_id=proposal_id)
