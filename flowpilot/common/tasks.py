"""Housekeeping of what all rooms share."""

from celery import shared_task

from flowpilot.common import idempotency


@shared_task
def forget_old_requests() -> int:
    """Remove idempotency keys whose time is over. Safe to run twice."""
    return idempotency.forget_old_requests()
