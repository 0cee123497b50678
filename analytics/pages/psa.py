"""The ticketing page: what tickets were told, at which try, how late, and what was given up."""

from datetime import timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import formats

from analytics.metrics import psa
from analytics.metrics.sessions import Period, Step
from analytics.pages.frame import Page, dashboard
from analytics.pages.parts import Block, Card, Cell, Column
from analytics.rows.registry import rows_url
from analytics.scope import NO_DOMAIN, Scope
from flowpilot.common.statistics import Rate
from sessions.models import PsaConnection, PsaPush

HEADS = {
    "first_try": "At the first try",
    "eventual": "Eventually",
    "exhausted": "Exhausted",
    "pending": "Pending",
    "unknown": "Unknown",
}
COLOURS = {
    "first_try": "--fp-chart-guided",
    "eventual": "--fp-chart-exploring",
    "exhausted": "--fp-harm",
    "pending": "--fp-control",
    "unknown": "--fp-chart-discovery",
}
KINDS = {PsaPush.Kind.NOTE: "Notes", PsaPush.Kind.TIME: "Time entries", PsaPush.Kind.STATUS: "Statuses"}
# Longer periods are told by week, and more tries than these together.
DAYS_TOLD, TRIES_TOLD = 31, 12
TIME_ENTRIES = "written-kind-time"


def build(scope: Scope) -> Page:
    now, before, found = psa.summary(scope), psa.summary(scope.before()), psa.details(scope)
    return Page(
        title="Ticketing (PSA)",
        cards=_cards(scope, now, before),
        blocks=[
            _trend(scope, found),
            _funnel(scope, now),
            _attempts(scope, found),
            _systems(scope, found),
            _latency(scope, now),
        ],
        has_data=bool(now.created or before.created),
        filled_by="Tickets are told as sessions with a ticket end, over a connection under Set-up → PSA connections.",
    )


psa_page = dashboard(build)


def _url(scope: Scope, *parts: str) -> str:
    return rows_url(scope, "-".join(parts), "pushes")


def _cards(scope: Scope, now: psa.Summary, before: psa.Summary) -> list[Card]:
    def rate(label: str, outcome: str, better: str) -> Card:
        return Card(label, now.rate(outcome), before.rate(outcome), _url(scope, outcome), better)  # type: ignore[arg-type]

    def count(label: str, outcome: str) -> Card:
        return Card(label, now.outcomes[outcome], before.outcomes[outcome], _url(scope, outcome), "down")

    times, times_before = now.latency.written, before.latency.written
    return [
        Card("Pushes", now.created, before.created, _url(scope, "created"), ""),
        rate("Written at the first try", "first_try", "up"),
        rate("Written eventually", "eventual", ""),
        rate("Exhausted", "exhausted", "down"),
        count("Pending", "pending"),
        count("Unknown", "unknown"),
        Card("Median time to write", times.median, times_before.median, _url(scope, "written"), "down"),
        Card("90 % written within", times.p90, times_before.p90, _url(scope, "written"), "down"),
        Card("Time entries", now.time_entries, before.time_entries, _url(scope, TIME_ENTRIES), ""),
        Card("Hours tracked", now.hours_tracked, before.hours_tracked, _url(scope, TIME_ENTRIES), ""),
    ]


def _trend(scope: Scope, found: psa.Details) -> Block:
    step: Step = "day" if scope.length <= DAYS_TOLD else "week"
    rows = []
    for period in found.periods(step):
        part = scope.within(period.first, period.first + timedelta(days=6 if step == "week" else 0))
        rows.append([Cell(period.first), *(Cell(period.counts[name], _url(part, name)) for name in HEADS)])
    head = Column("Day" if step == "day" else "Week from", is_number=False)
    columns = [head, *(Column(label, COLOURS[name]) for name, label in HEADS.items())]
    told = _busiest(found.periods(step), step)
    return Block("pushes-by-time", f"Pushes, by {step}", columns, rows, told, chart="stacked", is_wide=True)


def _busiest(periods: list[Period], step: Step) -> str:
    """Where the bars are highest, and where most was given up."""
    if not periods:
        return ""
    name = "on {}" if step == "day" else "in the week from {}"

    def when(period: Period) -> str:
        return name.format(formats.date_format(period.first, "j M Y"))

    busiest = max(periods, key=lambda period: sum(period.counts.values()))
    worst = max(periods, key=lambda period: period.counts["exhausted"])
    told = f"Most pushes, {sum(busiest.counts.values()):,}, were created {when(busiest)}"
    if lost := worst.counts["exhausted"]:
        return f"{told}; most were given up {when(worst)}: {lost:,}."
    return f"{told}; none was given up."


def _funnel(scope: Scope, now: psa.Summary) -> Block:
    """From all that were created to those that nothing came of."""
    rows = [[Cell("Created"), Cell(now.created, _url(scope, "created")), Cell(Rate(now.created, now.created))]]
    for name, label in HEADS.items():
        url = _url(scope, name)
        rows.append([Cell(label), Cell(now.outcomes[name], url), Cell(now.rate(name), url)])
    # The chart draws the numbers; the shares say the same once more.
    columns = [
        Column("How they stand", is_number=False),
        Column("Pushes"),
        Column("Of all", is_rate=True, is_number=False),
    ]
    links = [
        (f"{label}, to be tried again", _queue_url(scope, name))
        for name, label in (("exhausted", "Exhausted pushes"), ("unknown", "Pushes that could not be looked up"))
        if now.outcomes[name]
    ]
    rows = rows if now.created else []
    return Block("funnel", "From created to written", columns, rows, summary=_told(now), chart="bars", links=links)


def _told(now: psa.Summary) -> str:
    if not now.created:
        return ""
    late, lost = now.outcomes["eventual"], now.outcomes["exhausted"]
    first = now.outcomes["first_try"]
    return (
        f"Of {now.created:,} pushes {first:,} were written at the first try and {late:,} more after tries that failed; "
        f"{lost:,} were given up."
    )


def _latency(scope: Scope, now: psa.Summary) -> Block:
    """How long it took from a session's end until its push was settled."""
    rows = [
        [Cell(HEADS[name]), Cell(times.n, _settled_url(scope, name)), Cell(times.median), Cell(times.p90)]
        for name, times in now.latency.by_outcome.items()
        if times.n
    ]
    columns = [Column("Settled", is_number=False), Column("Pushes"), Column("Median"), Column("90 % within")]
    return Block(
        "latency", "Time from created to settled", columns, rows, empty="Nothing is settled yet.", is_wide=True
    )


def _settled_url(scope: Scope, name: str) -> str:
    """What is unknown is settled only when nobody looks any more."""
    return _url(scope, "lost" if name == "unknown" else name)


def _attempts(scope: Scope, found: psa.Details) -> Block:
    columns = {"written": "Written", "exhausted": "Exhausted", "pending": "Pending", "unknown": "Unknown"}
    colours = {**COLOURS, "written": COLOURS["first_try"]}
    told: dict[str, list[int]] = {}
    for tries, outcomes in found.attempts.items():
        part = f"attempts-{tries}" if tries <= TRIES_TOLD else f"over-{TRIES_TOLD}"
        counts = [outcomes["first_try"] + outcomes["eventual"], *(outcomes[name] for name in list(columns)[1:])]
        told[part] = [sum(pair) for pair in zip(told.get(part, [0] * len(columns)), counts, strict=True)]
    rows = [
        [
            Cell(_tries(part)),
            *(Cell(count, _url(scope, name, part)) for name, count in zip(columns, counts, strict=True)),
        ]
        for part, counts in told.items()
    ]
    heads = [Column("Tries", is_number=False), *(Column(label, colours[name]) for name, label in columns.items())]
    return Block("attempts", "Tries that a push took", heads, rows, _tried(found), chart="stacked")


def _tried(found: psa.Details) -> str:
    """What most pushes took, and the most that any did."""
    sizes = {tries: sum(outcomes.values()) for tries, outcomes in found.attempts.items() if tries}
    if not sizes:
        return "None was tried yet." if found.attempts else ""
    again = sum(n for tries, n in sizes.items() if tries > 1)
    most = max(sizes)
    return f"{again:,} of {sum(sizes.values()):,} took more than one try; the most took {most:,}."


def _tries(part: str) -> str:
    what, _, count = part.partition("-")
    return f"over {count}" if what == "over" else count


def _systems(scope: Scope, found: psa.Details) -> Block:
    rows = []
    for row in found.systems:
        of = ("system", row.system, "kind", row.kind)
        rates = [Cell(row.rate(name), _url(scope, name, *of)) for name in ("first_try", "eventual", "exhausted")]
        counts = [Cell(row.outcomes[name], _url(scope, name, *of)) for name in ("pending", "unknown")]
        label = f"{PsaConnection.Kind(row.system).label}: {KINDS[PsaPush.Kind(row.kind)].lower()}"
        rows.append([Cell(label), Cell(row.created, _url(scope, "created", *of)), *rates, *counts])
    columns = [
        Column("System and kind", is_number=False),
        Column("Pushes"),
        *(Column(HEADS[name], is_rate=True) for name in ("first_try", "eventual", "exhausted")),
        Column(HEADS["pending"]),
        Column(HEADS["unknown"]),
    ]
    return Block("systems", "By system and kind", columns, rows, is_wide=True)


def _queue_url(scope: Scope, outcome: str) -> str:
    """The admin's list of pushes, where they are queued again: those of the scope that nobody tries any more."""
    query = {
        "state__exact": outcome,
        "next_attempt_at__isnull": "True",
        "created_at__gte": scope.start.isoformat(),
        "created_at__lt": scope.end.isoformat(),
    }
    for name in ("team", "client", "flow"):
        if row := getattr(scope, name):
            query[f"session__{name}__id__exact"] = str(row.pk)
    if scope.domain:
        query["session__problem_domain__exact"] = "" if scope.domain == NO_DOMAIN else scope.domain
    if scope.technician:
        query["session__technician_email__exact"] = scope.technician
    return f"{reverse('admin:ai_sessions_psapush_changelist')}?{urlencode(query)}"
