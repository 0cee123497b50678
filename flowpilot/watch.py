"""`/metrics` for Prometheus: what the web processes measured, and how the queues stand at this moment.

The second part is asked of PostgreSQL and Redis at each scrape, so every web server tells the same, and a worker needs
no port of its own. It is of the whole installation and names no account.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime

import redis
from django.conf import settings
from django.db import Error as DatabaseProblem
from django.db import connection
from django.db.models import Count, Min, Q
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from flowpilot.common.leases import LONG_AGO
from flowpilot.common.models import Lease
from flowpilot.common.requestmetrics import request_registry
from proposals.models import SessionAnalysis
from sessions.models import AISession, PsaPush

Families = Iterator[GaugeMetricFamily]


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever brings METRICS_TOKEN as a bearer; nobody else learns that there is such a page."""
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    brought = request.headers.get("Authorization", "")
    if not settings.METRICS_TOKEN or not secrets.compare_digest(brought.encode(), wanted.encode()):
        raise Http404
    state = CollectorRegistry()
    state.register(State())
    page = generate_latest(request_registry()) + generate_latest(state)
    return HttpResponse(page, content_type=CONTENT_TYPE_PLAIN_0_0_4)


class State(Collector):
    """The stores and what waits in them; a store that is away is told as such, and the rest still is."""

    def collect(self) -> Families:
        up = GaugeMetricFamily("flowpilot_store_up", "Whether the store answers (1) or not (0).", labels=["store"])
        found = [
            *_asked("postgresql", DatabaseProblem, [_sessions, _analyses, _pushes, _leases], up),
            *_asked("redis", redis.RedisError, [_queue], up),
        ]
        yield up
        yield from found


def _asked(
    store: str, problem: type[Exception], questions: list[Callable[[], Families]], up: GaugeMetricFamily
) -> list[GaugeMetricFamily]:
    found: list[GaugeMetricFamily] = []
    with suppress(problem):
        for question in questions:
            found += question()
        up.add_metric([store], 1)
        return found
    up.add_metric([store], 0)
    return []


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"flowpilot_{name}", about, value=value)


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    return now


def _sessions() -> Families:
    due = AISession.objects.filter(analysis_due_at__lte=Now()).aggregate(n=Count("pk"), oldest=Min("analysis_due_at"))
    yield _gauge("sessions_due", "Ended sessions that wait for analysis.", due["n"])
    yield _gauge(
        "sessions_oldest_due_seconds",
        "How long the first of them has been due; 0 if none.",
        _age(due["oldest"], _now()),
    )


def _analyses() -> Families:
    states = SessionAnalysis.objects.aggregate(
        retrying=Count("pk", filter=Q(state="retrying")), failed=Count("pk", filter=Q(state="failed"))
    )
    yield _gauge("analyses_retrying", "Sessions whose analysis failed and will be tried again.", states["retrying"])
    yield _gauge(
        "analyses_failed", "Sessions whose analysis was given up, until somebody requeues it.", states["failed"]
    )


def _pushes() -> Families:
    family = GaugeMetricFamily("flowpilot_pushes", "PSA pushes, by state.", labels=["state"])
    counted = dict(PsaPush.objects.order_by().values_list("state").annotate(n=Count("pk")))
    for state in PsaPush.State.values:
        family.add_metric([state], counted.get(state, 0))
    yield family
    oldest = PsaPush.objects.filter(next_attempt_at__lte=Now()).aggregate(oldest=Min("next_attempt_at"))["oldest"]
    yield _gauge(
        "pushes_oldest_due_seconds", "How long the first push that is due has waited; 0 if none.", _age(oldest, _now())
    )


def _leases() -> Families:
    """A lease that was given back is dated long ago: one that lapsed was held by a worker that went silent."""
    leases = Lease.objects.aggregate(
        held=Count("pk", filter=Q(expires_at__gt=Now())),
        lapsed=Count("pk", filter=Q(expires_at__lte=Now(), expires_at__gt=LONG_AGO)),
        oldest=Min("expires_at", filter=Q(expires_at__lte=Now(), expires_at__gt=LONG_AGO)),
    )
    yield _gauge("leases_held", "Leases that a worker holds.", leases["held"])
    yield _gauge("leases_lapsed", "Leases that ran out and were not taken since.", leases["lapsed"])
    yield _gauge(
        "leases_oldest_lapsed_seconds", "How long ago the first ran out; 0 if none.", _age(leases["oldest"], _now())
    )


def _queue() -> Families:
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=settings.CONNECT_TIMEOUT_S,
        socket_timeout=settings.CONNECT_TIMEOUT_S,
    )
    with client:
        names = (settings.CELERY_TASK_DEFAULT_QUEUE, settings.LOW_PRIORITY_QUEUE)
        waiting, taken = sum(client.llen(name) for name in names), client.hlen("unacked")
    yield _gauge("queue_length", "Tasks that no worker has taken yet.", waiting)
    yield _gauge("queue_taken", "Tasks that a worker has taken and not ended.", taken)
