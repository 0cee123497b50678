"""`manage.py bench_analysis`: a batch of new sessions into an account that is large already, database included."""

import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection
from django.utils import timezone

from flowpilot.accounts.models import Account
from flowpilot.flows.models import Flow
from flowpilot.flows.services import flow_create
from flowpilot.sample.generate import generate_sessions
from flowpilot.sample.published import flow_definition
from flowpilot.sample.topics import TOPICS
from proposals.analysis.load import records_of, with_steps
from proposals.analysis.run import analyze_account
from proposals.mining.topicindex import PER_SKETCH, Exemplar, sketch
from proposals.models import SessionAnalysis, Topic
from sessions.ingest.store import sessions_ingest
from sessions.models import AISession
from sessions.records import record_from_object

UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
SLUG = "bench-analysis"
# Made-up products: each copy of a flow is about one of its own, as flows of a real helpdesk are.
SYLLABLES = ("bal", "cor", "dex", "fen", "gim", "hul", "jor", "kep", "lum", "mav")


class Command(BaseCommand):
    help = "Time the analysis of a batch in an account with many analysed sessions and flows. Leaves the account there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--sessions", type=int, default=10_000, help="analysed before (default %(default)s)")
        parser.add_argument("--flows", type=int, default=100, help="published flows (default %(default)s)")
        parser.add_argument("--batch", type=int, default=500, help="new sessions (default %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        account, created = Account.objects.get_or_create(slug=SLUG, defaults={"name": "Bench"})
        if created:
            self._fill(account, options["sessions"], options["flows"])
        start = AISession.objects.filter(account=account).count()
        _ingest(account, _sessions(options["batch"], seed=start), f"new-{start}-")
        began = time.perf_counter()
        run = analyze_account(account.pk)
        seconds = time.perf_counter() - began
        assert run is not None  # noqa: S101  # nobody else knows this account
        self.stdout.write(
            f"{run.sessions_done} sessions analysed in {seconds:.1f} s beside {start} analysed ones and "
            f"{Flow.objects.filter(account=account).count()} flows; proposals created {run.proposals_created}, updated "
            f"{run.proposals_updated}. {run.get_status_display()} {run.error}".strip()
        )

    def _fill(self, account: Account, sessions: int, flows: int) -> None:
        for number, title, definition in _flows(flows):
            flow_create(actor=None, account=account, key=f"flow-{number}", title=title, definition=definition)
        _ingest(account, _sessions(sessions, seed=1), "old-")
        topics = Topic.objects.bulk_create(
            Topic(account=account, flow=flow, title=flow.title) for flow in Flow.objects.filter(account=account)
        )
        versions = {topic.pk: topic.flow.current_version_id for topic in topics if topic.flow}
        ids = AISession.objects.filter(account=account, status__in=AISession.ANALYZED).values_list("pk", flat=True)
        SessionAnalysis.objects.bulk_create(
            (
                SessionAnalysis(
                    account=account,
                    session_id=pk,
                    state=SessionAnalysis.State.DONE,
                    outcome=SessionAnalysis.Outcome.FOLLOWED,
                    topic=(topic := topics[n % len(topics)]),
                    flow_version_id=versions[topic.pk],
                    analyzed_at=timezone.now(),
                )
                for n, pk in enumerate(ids)
            ),
            batch_size=5_000,
        )
        _keep_sketches(topics)
        AISession.objects.filter(account=account).update(analysis_due_at=None)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def _keep_sketches(topics: Sequence[Topic]) -> None:
    """What analysis keeps with a topic as its sessions come in."""
    for topic in topics:
        rows = with_steps(AISession.objects.filter(analysis__topic=topic).order_by("pk"))[:PER_SKETCH]
        topic.sketch = [exemplar.to_json() for exemplar in sketch(map(Exemplar.of, records_of(rows)))]
    Topic.objects.bulk_update(topics, ["sketch"], batch_size=200)


def _flows(count: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for number in range(count):
        topic = TOPICS[number % len(TOPICS)]
        if topic.flow is None:
            topic = next(t for t in TOPICS if t.flow)
        product = "".join(SYLLABLES[int(digit)] for digit in f"{number:03d}")
        definition = flow_definition(topic)
        for node in definition["nodes"]:
            node["text"] = f"{product}: {node['text']}" if number >= len(TOPICS) else node["text"]
        yield number, f"{topic.flow.title} ({product})" if topic.flow else product, definition


def _sessions(count: int, seed: int) -> Iterator[dict[str, Any]]:
    for obj in generate_sessions(until=UNTIL, count=count, seed=seed):
        yield {**obj, "flow": None}


def _ingest(account: Account, objects: Iterator[dict[str, Any]], prefix: str) -> None:
    while batch := [record_from_object({**o, "external_id": prefix + o["external_id"]}) for o in islice(objects, 1000)]:
        sessions_ingest(actor=None, account=account, records=batch)
