"""When gaps are measured and days counted. Tasks take ids, re-read the state, and are safe to run twice."""

from celery import shared_task
from django.utils import timezone

from analytics.gaps.detect import gaps_detect
from analytics.gaps.selectors import accounts_with_sessions
from analytics.reports.sending import report_send, reports_due
from analytics.rollups.roll import account_roll_up, accounts_to_roll


@shared_task
def detect_gaps() -> int:
    """Every half hour: one task for each account that has ended sessions; gives how many."""
    accounts = accounts_with_sessions()
    for account_id in accounts:
        detect_account_gaps.delay(account_id)
    return len(accounts)


@shared_task
def detect_account_gaps(account_id: int) -> None:
    """Measure one account's gaps anew; where another worker is at it, this does nothing."""
    gaps_detect(account_id=account_id)


@shared_task
def roll_up_days() -> int:
    """Every minute: one task for each account with sessions that changed since; gives how many."""
    accounts = accounts_to_roll()
    for account_id in accounts:
        roll_up_account.delay(account_id)
    return len(accounts)


@shared_task
def roll_up_account(account_id: int) -> None:
    """Count one account's marked days anew; where another worker is at it, this does nothing."""
    account_roll_up(account_id)


@shared_task
def send_reports() -> int:
    """Every five minutes: one task for each report by email that is due; gives how many."""
    due = reports_due(timezone.now())
    for report_id in due:
        send_report.delay(report_id)
    return len(due)


@shared_task
def send_report(report_id: int) -> None:
    """Send one report, if it is still due and no other worker is at it."""
    report_send(report_id=report_id, now=timezone.now())
