"""The scripts page: which scripts are used, what comes of them, and how their sessions end."""

from collections.abc import Iterable
from typing import Literal

from analytics.metrics import scripts
from analytics.pages.frame import Page, dashboard
from analytics.pages.parts import Block, Card, Cell, Column
from analytics.rows.registry import rows_url
from analytics.scope import Scope
from analytics.script_facts import UNSAID
from flowpilot.common.templatetags.flowpilot import percent
from sessions.models import GeneratedScript, ScriptTemplateVersion
from sessions.scripts.models import SHELLS

Outcome, Risk = GeneratedScript.Outcome, ScriptTemplateVersion.Risk

HEADS = {
    Outcome.WORKED.value: "Worked",
    Outcome.NO_CHANGE.value: "No change",
    Outcome.WORSE.value: "Made worse",
    UNSAID: "Not said",
}
COLOURS = {
    Outcome.WORKED.value: "--fp-chart-guided",
    Outcome.NO_CHANGE.value: "--fp-chart-exploring",
    Outcome.WORSE.value: "--fp-harm",
    UNSAID: "--fp-control",
}
TEMPLATES_TOLD = 100


def build(scope: Scope) -> Page:
    now, before = scripts.uses(scope), scripts.use(scope.before())
    sessions, usual = scripts.sessions_with_scripts(scope), scripts.usual_escalation(scope)
    return Page(
        title="Scripts",
        cards=_cards(scope, now.total, before, sessions, scripts.sessions_with_scripts(scope.before())),
        blocks=[
            _templates(scope, now),
            _outcomes(scope, now.total),
            _sessions(scope, sessions),
            _risks(scope, now),
            _shells(scope, now),
            _escalations(scope, scripts.escalations(scope, usual), usual.share),
        ],
        has_data=bool(now.total.generated or before.generated or sessions.with_script.n),
        filled_by="Technicians generate scripts from reviewed templates as they work sessions.",
    )


scripts_page = dashboard(build)


def _url(scope: Scope, *parts: str) -> str:
    return rows_url(scope, "-".join(parts), "scripts")


def _sessions_url(scope: Scope, *parts: str) -> str:
    return rows_url(scope, "-".join(parts), "scripted-sessions")


def _cards(
    scope: Scope, now: scripts.Use, before: scripts.Use, sessions: scripts.Sessions, sessions_before: scripts.Sessions
) -> list[Card]:
    def rate(name: str, better: Literal["up", "down"]) -> Card:
        return Card(HEADS[name], now.rate(name), before.rate(name), _url(scope, name), better)

    return [
        Card("Scripts generated", now.generated, before.generated, _url(scope, "generated"), ""),
        Card("Outcome said", now.reported, before.reported, _url(scope, "reported")),
        rate(Outcome.WORKED, "up"),
        rate(Outcome.NO_CHANGE, "down"),
        rate(Outcome.WORSE, "down"),
        Card(
            "Sessions with a script",
            sessions.with_script.n,
            sessions_before.with_script.n,
            _sessions_url(scope, "ended", "scripts", "with"),
            "",
        ),
    ]


def _used(scope: Scope, use: scripts.Use, *of: str) -> list[Cell]:
    """How often, how much of it was reported, and each outcome's share of that."""
    told = [Cell(use.rate(name), _url(scope, name, *of)) for name in HEADS if name != UNSAID]
    return [
        Cell(use.generated, _url(scope, "generated", *of)),
        *told,
        Cell(use.outcomes[UNSAID], _url(scope, UNSAID, *of)),
    ]


def _used_columns(head: str) -> list[Column]:
    return [
        Column(head, is_number=False),
        Column("Scripts"),
        *(Column(HEADS[name], is_rate=True) for name in HEADS if name != UNSAID),
        Column(HEADS[UNSAID]),
    ]


def _templates(scope: Scope, now: scripts.Uses) -> Block:
    rows = [
        [Cell(template.title), *_used(scope, use, "template", str(template.pk))]
        for template, use in now.templates[:TEMPLATES_TOLD]
    ]
    more = len(now.templates) - len(rows)
    summary = f"The {len(rows)} most used of {len(now.templates):,} templates." if more else ""
    return Block("templates", "By template", _used_columns("Template"), rows, summary=summary, is_wide=True)


def _outcomes(scope: Scope, now: scripts.Use) -> Block:
    rows = [[Cell("Scripts"), *(Cell(now.outcomes[name], _url(scope, name)) for name in HEADS)]]
    columns = [Column("Scripts", is_number=False), *(Column(label, COLOURS[name]) for name, label in HEADS.items())]
    if not now.generated:
        rows, told = [], ""
    else:
        worked, same, worse, unsaid = (now.outcomes[name] for name in HEADS)
        told = (
            f"Of {now.generated:,} scripts {worked:,} worked, {same:,} changed nothing and {worse:,} made it worse; "
            f"of {unsaid:,} nobody said what came."
        )
    return Block("outcomes", "What came of them", columns, rows, told, chart="bars")


def _sessions(scope: Scope, sessions: scripts.Sessions) -> Block:
    rows = [
        [
            Cell(label),
            Cell(rate, _sessions_url(scope, "resolved", "scripts", which)),
            Cell(rate.n, _sessions_url(scope, "ended", "scripts", which)),
        ]
        for label, which, rate in (
            ("With a script", "with", sessions.with_script),
            ("Without", "without", sessions.without_script),
        )
    ]
    columns = [Column("Sessions that ended", is_number=False), Column("Resolved", is_rate=True), Column("Sessions")]
    ended = sessions.with_script.n + sessions.without_script.n
    return Block("sessions", "Resolved, with scripts and without", columns, rows if ended else [], _compared(sessions))


def _compared(sessions: scripts.Sessions) -> str:
    """The difference in words; "" where one side says too little."""
    found = sessions.difference
    if found is None or not (sessions.with_script.is_enough and sessions.without_script.is_enough):
        return ""
    points = round(abs(found.share) * 100)
    than = f"{points} point{'' if points == 1 else 's'} {'more' if found.share > 0 else 'less'} often"
    said = (
        f"Sessions with a script were resolved {than if points else 'about as often as the others'} "
        f"(95 % interval {_points(found.low)} to {_points(found.high)} points)."
    )
    if not found.is_clear:
        return f"{said} That may be chance."
    return f"{said} Scripts may be the reason, or the problems that have one."


def _points(share: float) -> str:
    return f"{share * 100:+.0f}".replace("-", "\N{MINUS SIGN}")


def _risks(scope: Scope, now: scripts.Uses) -> Block:
    labels = {risk.value: str(risk.label) for risk in Risk}
    rows = _rows(scope, "risk", ((risk, label, now.risks.get(risk)) for risk, label in labels.items()))
    return Block("risks", "By risk", _used_columns("Risk"), rows, is_wide=True)


def _shells(scope: Scope, now: scripts.Uses) -> Block:
    rows = _rows(scope, "shell", ((shell, label, now.shells.get(shell)) for shell, label in SHELLS))
    return Block("shells", "By shell", _used_columns("Shell"), rows, is_wide=True)


def _rows(scope: Scope, what: str, found: Iterable[tuple[str, str, scripts.Use | None]]) -> list[list[Cell]]:
    return [[Cell(label), *_used(scope, use, what, value)] for value, label, use in found if use is not None]


def _escalations(scope: Scope, found: list[scripts.Escalations], usual: float | None) -> Block:
    rows = [
        [
            Cell(one.template.title),
            Cell(one.rate, _sessions_url(scope, "escalated", "template", str(one.template.pk))),
            Cell(one.rate.n, _sessions_url(scope, "decided", "template", str(one.template.pk))),
            Cell("Above the usual share" if one.is_flagged else "–"),
        ]
        for one in found[:TEMPLATES_TOLD]
    ]
    columns = [
        Column("Template", is_number=False),
        Column("Escalated", is_rate=True),
        Column("Sessions"),
        Column("Flag", is_number=False),
    ]
    return Block(
        "escalations",
        "Scripts that precede escalations",
        columns,
        rows,
        summary=f"Of all sessions that were resolved or escalated {percent(usual)} were escalated." if rows else "",
        empty="No session in which a script was generated was resolved or escalated in this period.",
        is_wide=True,
    )
