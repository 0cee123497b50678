"""FlowPilot: the knowledge flywheel of an IT helpdesk or managed service provider."""

from flowpilot.celery import app as celery_app

__all__ = ["celery_app"]
