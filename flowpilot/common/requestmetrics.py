"""How often each address was asked, how it answered and how long it took, for `/metrics`.

Under gunicorn each process counts for itself, in files below `PROMETHEUS_MULTIPROC_DIR` (set by `flowpilot.web`), and a
scrape adds them up; in a single process they are in its memory.
"""

import os
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
own = CollectorRegistry()
seconds = Histogram(
    "flowpilot_request_duration_seconds",
    "Requests, by the pattern of their address: how many, with which status, and how long they took.",
    ["method", "route", "status"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=own,
)


class Measure:
    """A middleware; nothing is measured where nobody could ask."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.METRICS_TOKEN:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        method = request.method if request.method in METHODS else "OTHER"
        # The pattern, never the address: each id, or whatever a stranger tries, would be a series of its own.
        route = request.resolver_match.route if request.resolver_match else "(none)"
        seconds.labels(method, route, str(response.status_code)).observe(time.perf_counter() - started)
        return response


def request_registry() -> CollectorRegistry:
    """What all processes of this web server measured."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return own
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together
