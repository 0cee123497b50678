"""Timing pages beside one another in one run: machines are noisy, so that only ratios say something."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.templatetags.static import static
from django.test import Client
from django.test.utils import CaptureQueriesContext

from flowpilot.common.garbage import start_set_aside


@dataclass(frozen=True, slots=True)
class Case:
    """A page as somebody opens it."""

    name: str
    browser: Client
    url: str


@dataclass(frozen=True, slots=True)
class Timing:
    """Server time in seconds, its ratio to the baseline's median, and the queries of one look."""

    name: str
    median: float
    p95: float
    ratio: float
    queries: int


def browser_of(user: Any) -> Client:
    browser = Client(SERVER_NAME=settings.ALLOWED_HOSTS[0].lstrip(".*") or "localhost")
    browser.force_login(user)
    return browser


def compare(baseline: Case, cases: Sequence[Case], rounds: int) -> list[Timing]:
    """The timings of all, the baseline's first. They take turns, so that what else the machine does falls on all alike.

    Raises CommandError where a page does not answer 200.
    """
    start_set_aside()  # as `flowpilot.wsgi` does
    everything = [baseline, *cases]
    queries = {case.name: _queries_of(case) for case in everything}
    times: dict[str, list[float]] = {case.name: [] for case in everything}
    for _ in range(rounds):
        for case in everything:
            times[case.name].append(_seconds(case))
    base = statistics.median(times[baseline.name])
    return [
        Timing(name, median := statistics.median(found), _p95(found), median / base, queries[name])
        for name, found in times.items()
    ]


def table_of(timings: Sequence[Timing]) -> str:
    lines = [f"{'page':<26} {'median ms':>9} {'p95 ms':>8} {'ratio':>6} {'queries':>8}"]
    lines += [
        f"{t.name:<26} {t.median * 1000:>9.1f} {t.p95 * 1000:>8.1f} {t.ratio:>6.2f} {t.queries:>8}" for t in timings
    ]
    return "\n".join(lines)


def require_static_files() -> None:
    """Raises CommandError where pages could not name their static files."""
    try:
        static("admin/css/base.css")
    except ValueError as error:
        raise CommandError("run collectstatic first, or set PLAIN_STATIC=1: pages need their static files") from error


def _p95(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(0.95 * (len(seconds) - 1))]


def _seconds(case: Case) -> float:
    started = time.perf_counter()
    response = case.browser.get(case.url, secure=settings.SECURE_SSL_REDIRECT)
    seconds = time.perf_counter() - started
    if response.status_code != 200:
        raise CommandError(f"{case.url} answered {response.status_code}")
    return seconds


def _queries_of(case: Case) -> int:
    _seconds(case)  # what is kept for a while is kept from here on
    with CaptureQueriesContext(connection) as captured:
        _seconds(case)
    return len(captured)
