"""What holds calls back: a day's budget of tokens, and a breaker for a server that fails.

Both are columns of the account's model, changed by conditional UPDATEs, so that they hold whoever calls at once.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q
from django.db.models.functions import Greatest

from flowpilot.llm.models import Fallback, LanguageModel

# What tells of the server, not of one answer.
OUTAGES = {Fallback.RATE_LIMITED, Fallback.SERVER_ERROR, Fallback.TIMEOUT, Fallback.UNREACHABLE, Fallback.REJECTED}


def budget_take(model_id: int, tokens: int, now: datetime) -> bool:
    """Take `tokens` from the day's budget before a call; False where it has not so many left."""
    rows = LanguageModel.objects.filter(pk=model_id)
    rows.filter(Q(spent_on=None) | Q(spent_on__lt=now.date())).update(spent_on=now.date(), tokens_spent=0)
    room = rows.filter(daily_tokens__gte=F("tokens_spent") + tokens)
    return bool(room.update(tokens_spent=F("tokens_spent") + tokens))


def budget_settle(model_id: int, taken: int, used: int, day: datetime) -> None:
    """Put right what was taken, now that it is known what was used; not where that day is over."""
    rows = LanguageModel.objects.filter(pk=model_id, spent_on=day.date())
    rows.update(tokens_spent=Greatest(F("tokens_spent") + (used - taken), 0))


def breaker_lets_through(model_id: int, now: datetime) -> bool:
    """Whether a call may be made. After a pause one caller at a time tries whether the server is well again."""
    rows = LanguageModel.objects.filter(pk=model_id)
    if rows.filter(open_until=None).exists():
        return True
    return bool(rows.filter(open_until__lte=now).update(open_until=now + settings.LLM_BREAKER_PAUSE))


def breaker_note(model_id: int, fallback: str, now: datetime) -> None:
    """Count what a try came to: any answer closes the breaker, so many outages in a row open it."""
    rows = LanguageModel.objects.filter(pk=model_id)
    if fallback not in OUTAGES:
        rows.exclude(failures=0, open_until=None).update(failures=0, open_until=None)
        return
    rows.update(failures=F("failures") + 1)
    pause: timedelta = settings.LLM_BREAKER_PAUSE
    rows.filter(failures__gte=settings.LLM_BREAKER_FAILURES).update(open_until=now + pause)
