"""`manage.py bench_analytics`: server time of the dashboards on bench_load's account, beside an empty admin list."""

import statistics
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.models import Count, Model
from django.urls import reverse
from django.utils import timezone

from analytics.gaps.detect import gaps_detect
from analytics.gaps.models import KnowledgeGap
from analytics.management.load.account import analyst_of, scratch_account
from analytics.metrics.funnel import FUNNEL
from analytics.rollups.kept import COUNTS, DURATIONS
from analytics.rollups.models import EndedSession, RolledAccount, RollupMark, SessionMark
from analytics.rollups.roll import account_roll_up
from analytics.rows.calls import CALLS
from analytics.rows.flywheel import FLYWHEEL
from analytics.rows.guided import GUIDED
from analytics.rows.handovers import HANDOVERS, WAITING_HANDOVERS
from analytics.rows.proposals import PROPOSALS, TAKEN_BACK
from analytics.rows.pushes import PUSHES
from analytics.rows.registry import SOURCES
from analytics.rows.scripts import SCRIPTED, SCRIPTS
from flowpilot.accounts.models import Account, User
from flowpilot.accounts.roles import Role
from flowpilot.accounts.services import membership_create
from flowpilot.common.benchmarks import Case, Timing, browser_of, compare, require_static_files, table_of
from proposals.management.scratch import account_remove
from sessions.models import AISession, ScriptTemplate

# Most milliseconds of the 95th percentile, by the first word of a case's name.
MOST = {"overview": 300, "summary": 100, "list": 200, "gaps": 300}
MOST_OF_A_DAY = 5_000
EMPTY_SLUG = "bench-analytics-empty"
DAYS = (30, 365)
FACTS = ("ended", "resolved", "first_level", "reopened", "tier_guided", "flow_right")
# Also without what is kept, to compare.
DIRECTLY = [f"{what}, {days} days" for what in ("overview", "summary") for days in DAYS]
DIRECT_ROUNDS = 3


class Command(BaseCommand):
    help = (
        "Time the dashboards, the summary over the API, the lists behind figures and the gaps on the account of "
        "bench_load, with and without kept counts, and the counting of one day. Fails where something is too slow."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=20)
        parser.add_argument("--only", default="", help="cases whose name has this in it")

    def handle(self, *args: Any, **options: Any) -> None:
        require_static_files()
        account = scratch_account()
        if account is None:
            raise CommandError("there is nothing to measure on: run bench_load first")
        with _empty_account() as nobody:
            self._run(account, nobody, options)

    def _run(self, account: Account, nobody: User, options: dict[str, Any]) -> None:
        self.stdout.write(_timed("all days counted anew", lambda: account_roll_up(account.pk, anew=True)))
        if not KnowledgeGap.objects.filter(account=account).exists():
            self.stdout.write(_timed("gaps measured", lambda: gaps_detect(account_id=account.pk)))
        _vacuum()
        day = _day_again(account, options["rounds"])
        self.stdout.write(f"one day counted anew: p50 {statistics.median(day):.0f} ms, longest {max(day):.0f} ms")
        # A day that changed a moment ago, as there always is one.
        _mark(account, days_ago=1)
        baseline = Case("an empty admin list", browser_of(nobody), reverse("admin:ai_sessions_client_changelist"))
        cases = [case for case in _cases(account) if options["only"] in case.name]
        kept = compare(baseline, cases, options["rounds"])
        self.stdout.write(table_of(kept))
        few = [case for case in cases if case.name in DIRECTLY]
        with _without_kept_counts(account):
            direct = compare(baseline, few, DIRECT_ROUNDS)
        self.stdout.write("the same, counted directly:")
        self.stdout.write(table_of(direct))
        slow = [*_slow(kept), *(["one day"] if max(day) > MOST_OF_A_DAY else [])]
        if slow:
            raise CommandError(f"too slow: {', '.join(slow)}")


def _cases(account: Account) -> Iterator[Case]:
    """Each as a name of the MOST kind and an address; of each choice the largest, so that nothing is slower."""
    analyst, limited = browser_of(analyst_of(account)), browser_of(analyst_of(account, team=True))
    overview, summary = reverse("analytics:overview"), reverse("api:metrics-summary")
    year = f"days={DAYS[-1]}"
    for days in DAYS:
        yield Case(f"overview, {days} days", analyst, f"{overview}?days={days}")
        yield Case(f"summary, {days} days", analyst, f"{summary}?days={days}")
    yield Case("overview, an analyst of a team", limited, f"{overview}?{year}")
    yield Case("summary, an analyst of a team", limited, f"{summary}?{year}")
    narrowed = _narrowed(account)
    narrowed["a domain of the largest client"] = f"{narrowed['a domain']}&{narrowed['the largest client']}"
    for name, query in narrowed.items():
        yield Case(f"overview, {name}", analyst, f"{overview}?{year}&{query}")
        yield Case(f"summary, {name}", analyst, f"{summary}?{year}&{query}")
        yield Case(f"list, {name}", analyst, f"{_list('resolved')}?{year}&{query}")
    for fact in FACTS:
        yield Case(f"list, {fact}", analyst, f"{_list(fact)}?{year}")
    middle = (timezone.now() - timedelta(days=180)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    half = f"first={(timezone.now() - timedelta(days=180)).date()}&last={timezone.now().date()}"
    for name, page in (("overview", overview), ("summary", summary)):
        yield Case(
            f"{name}, the largest client, half a year", analyst, f"{page}?{half}&client={_id(account, 'client')}"
        )
    yield Case("list, half a year down", analyst, f"{_list('resolved')}?{year}&after={middle}_1")
    yield Case("list, nothing in it", analyst, f"{_list('reopened')}?{year}&domain=nothing")
    for source, fact in _facts_of(account):
        yield Case(f"list, {source}: {fact}", analyst, f"{_list(fact, source)}?{year}")
    for source, fact in (("pushes", "created"), ("handovers", "given"), ("scripts", "generated")):
        address = f"{_list(fact, source)}?{year}&{narrowed['a domain']}"
        yield Case(f"list, {source} of a domain", analyst, address)
        yield Case(f"number of {source} of a domain", analyst, f"{address}&count=1")
    yield Case("number of pushes", analyst, f"{_list('created', 'pushes')}?{year}&count=1")
    yield Case("gaps", analyst, reverse("gaps:list"))
    for name in ("coverage", "flows", "psa", "scripts", "review"):
        yield Case(f"page, {name}", analyst, f"{reverse(f'analytics:{name}')}?{year}")
    yield Case("page, a flow", analyst, f"{reverse('analytics:flow', args=[_id(account, 'flow')])}?{year}")
    for block in ("flywheel", "handovers"):
        yield Case(f"block, {block}", analyst, f"{overview}?{year}&block={block}")


def _facts_of(account: Account) -> Iterator[tuple[str, str]]:
    """Lists of every kind of row but sessions: the longest, and some of which each row has to be looked at."""
    version, template = _id(account, "flow_version"), ScriptTemplate.objects.filter(account=account).earliest("pk").pk
    facts = {
        PUSHES: ("created", "first_try", "exhausted", "written-kind-time", "written-attempts-2-system-connectwise"),
        SCRIPTS: ("generated", f"worked-template-{template}"),
        SCRIPTED: ("ended-scripts-with", "resolved-scripts-without", f"escalated-template-{template}"),
        HANDOVERS: ("given", "gone_on"),
        WAITING_HANDOVERS: ("waiting",),
        FLYWHEEL: tuple(FUNNEL),
        PROPOSALS: ("pending", "accepted"),
        TAKEN_BACK: ("undone",),
        GUIDED: tuple(
            f"{what}-{version}{node}"
            for what, node in (("ended", ""), ("helped", ""), ("at", "-1"), ("left", "-1"), ("answer", "-1-0"))
        ),
    }
    # Sessions are above; calls to a language model are no analyst's to see.
    if missing := SOURCES.keys() - {source.name for source in facts} - {"sessions", CALLS.name}:
        raise CommandError(f"no list is chosen of {', '.join(sorted(missing))}")
    return ((source.name, name) for source, names in facts.items() for name in names)


def _list(fact: str, source: str = "sessions") -> str:
    return reverse("analytics:rows", args=[source, fact])


def _narrowed(account: Account) -> dict[str, str]:
    """What a scope may be narrowed to: the values with the most sessions, and a client of middling size."""

    def largest(column: str, place: int = 0) -> Any:
        rows = AISession.objects.filter(account=account).exclude(**{column: None}).exclude(**{f"{column}__exact": ""})
        counts = rows.values_list(column).annotate(n=Count("pk")).order_by("-n", column)
        return counts[place][0]

    clients = AISession.objects.filter(account=account).values("client").distinct().count()
    return {
        "a team": f"team={_id(account, 'team')}",
        "a domain": f"domain={largest('problem_domain')}",
        "the largest client": f"client={_id(account, 'client')}",
        "a middling client": f"client={_id(account, 'client', clients // 2)}",
        "a technician": f"technician={largest('technician_email')}",
        "a flow": f"flow={_id(account, 'flow')}",
        "another time zone": "zone=Europe/Berlin",
    }


def _id(account: Account, column: str, place: int = 0) -> int:
    rows = AISession.objects.filter(account=account).exclude(**{column: None})
    return rows.values_list(column).annotate(n=Count("pk")).order_by("-n", column)[place][0]


@contextmanager
def _empty_account() -> Iterator[User]:
    """A reader of an account with nothing in it."""
    if left := Account.objects.filter(slug=EMPTY_SLUG).first():
        account_remove(left)
    account = Account.objects.create(slug=EMPTY_SLUG, name="Scratch account of bench_analytics")
    try:
        yield membership_create(
            actor=None, account=account, email=f"analyst@{EMPTY_SLUG}.invalid", role=Role.ANALYST
        ).user
    finally:
        account_remove(account)


@contextmanager
def _without_kept_counts(account: Account) -> Iterator[None]:
    """As before the first turn."""
    rolled = RolledAccount.objects.get(account=account)
    RolledAccount.objects.filter(account=account).delete()
    try:
        yield
    finally:
        rolled.save(force_insert=True)


def _mark(account: Account, days_ago: int) -> None:
    RollupMark.objects.create(account=account, quarter=timezone.now() - timedelta(days=days_ago))


def _day_again(account: Account, rounds: int) -> list[float]:
    """Milliseconds that a turn takes with one marked day, of the week before."""
    found = []
    for number in range(rounds):
        _mark(account, days_ago=1 + number % 7)
        started = time.perf_counter()
        if account_roll_up(account.pk) != 1:
            raise CommandError("somebody else changes this account: stop the worker first")
        found.append((time.perf_counter() - started) * 1000)
    return found


def _timed(label: str, work: Any) -> str:
    started = time.perf_counter()
    work()
    return f"{label} in {time.perf_counter() - started:.1f} s"


def _vacuum() -> None:
    """What autovacuum does a minute later anyway."""
    with connection.cursor() as cursor:
        models: list[type[Model]] = [EndedSession, *COUNTS.models, *DURATIONS.models, RollupMark, SessionMark]
        for model in models:
            cursor.execute(f"VACUUM ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


def _slow(timings: list[Timing]) -> list[str]:
    most = {timing.name: MOST.get(timing.name.replace(",", " ").split()[0]) for timing in timings}
    return [t.name for t in timings if (limit := most[t.name]) is not None and t.p95 * 1000 > limit]
