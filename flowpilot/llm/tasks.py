"""What beat does with calls to language models."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from flowpilot.llm.models import ModelCall

CLEANED_AT_ONCE = 5_000


@shared_task
def clean_calls() -> int:
    """Every day: remove calls that are older than LLM_KEEP, with what was sent and answered; gives how many."""
    old = ModelCall.objects.filter(created_at__lt=timezone.now() - settings.LLM_KEEP).order_by("created_at")
    removed = 0
    while ids := list(old.values_list("pk", flat=True)[:CLEANED_AT_ONCE]):
        removed += ModelCall.objects.filter(pk__in=ids).delete()[0]
    return removed
