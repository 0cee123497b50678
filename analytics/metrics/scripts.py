"""Metrics of generated scripts: what came of them, and of the sessions that they were generated in."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, Value, When

from analytics.metrics.counting import count_facts
from analytics.scope import Scope
from analytics.script_facts import DECIDED, OUTCOMES, UNSAID
from flowpilot.common.statistics import Difference, Rate, difference_of
from sessions.models import AISession, GeneratedScript, ScriptTemplate

Status = AISession.Status


@dataclass(frozen=True, slots=True)
class Use:
    """Scripts by what came of them, by the names of script_facts.OUTCOMES."""

    outcomes: Mapping[str, int]

    @property
    def generated(self) -> int:
        return sum(self.outcomes.values())

    @property
    def reported(self) -> Rate:
        """Those of which somebody said what came of them."""
        return Rate(self.generated - self.outcomes[UNSAID], self.generated)

    def rate(self, outcome: str) -> Rate:
        """An outcome among those that were reported."""
        return Rate(self.outcomes[outcome], self.reported.count)


@dataclass(frozen=True, slots=True)
class Uses:
    """Scripts of the period: all, by template (of all versions; most used first), by risk and by shell."""

    total: Use
    templates: list[tuple[ScriptTemplate, Use]]
    risks: dict[str, Use]
    shells: dict[str, Use]


@dataclass(frozen=True, slots=True)
class Sessions:
    """Resolved among the sessions that ended with a script generated in them, and among those without one."""

    with_script: Rate
    without_script: Rate

    @property
    def difference(self) -> Difference | None:
        return difference_of(self.with_script, self.without_script)


@dataclass(frozen=True, slots=True)
class Escalations:
    """Escalated among the sessions, resolved or escalated, in which a template's scripts were generated.

    Each session counts once a template. `is_flagged`: the rate's interval lies above the usual share.
    """

    template: ScriptTemplate
    rate: Rate
    is_flagged: bool


def scoped_scripts(scope: Scope) -> QuerySet[GeneratedScript]:
    """Scripts that were generated in the period; its team is the session's at that time."""
    scripts: Any = GeneratedScript.objects.for_user(scope.user)
    scripts = scripts.filter(scope.during("created_at"), replace(scope, team=None).session_q("session__"))
    found: QuerySet[GeneratedScript] = scripts.filter(team=scope.team) if scope.team else scripts
    return found.order_by()


def use(scope: Scope) -> Use:
    """All scripts of the period."""
    return _use(_grouped(scope))


def uses(scope: Scope) -> Uses:
    rows = _grouped(scope, template="template_version__template", risk="template_version__risk")
    templates = ScriptTemplate.objects.in_bulk({row["template"] for row in rows})
    by_template = [(templates[pk], found) for pk, found in _by(rows, lambda row: row["template"]).items()]
    return Uses(
        total=_use(rows),
        templates=sorted(by_template, key=lambda pair: (-pair[1].generated, pair[0].title, pair[0].pk)),
        risks=_by(rows, lambda row: row["risk"]),
        shells=_by(rows, lambda row: templates[row["template"]].shell),
    )


def sessions_with_scripts(scope: Scope) -> Sessions:
    found = count_facts(scope, ["ended", "resolved", "scripted", "scripted_resolved"])
    return Sessions(
        with_script=Rate(found["scripted_resolved"], found["scripted"]),
        without_script=Rate(found["resolved"] - found["scripted_resolved"], found["ended"] - found["scripted"]),
    )


def usual_escalation(scope: Scope) -> Rate:
    """Escalated among the sessions that were resolved or escalated, with scripts or without."""
    counts = count_facts(scope, ["resolved", "escalated"])
    return Rate(counts["escalated"], counts["resolved"] + counts["escalated"])


def escalations(scope: Scope, usual: Rate) -> list[Escalations]:
    """The templates whose scripts were generated in sessions that ended in the period, the worst first."""
    ended = scope.ended_sessions().filter(DECIDED)
    rows = (
        GeneratedScript.objects.filter(session__in=ended)
        .values_list("template_version__template")
        .annotate(
            n=Count("session", distinct=True),
            count=Count("session", distinct=True, filter=Q(session__status=Status.ESCALATED)),
        )
        .order_by()
    )
    rates = {pk: Rate(count, n) for pk, n, count in rows}
    templates = ScriptTemplate.objects.in_bulk(list(rates))
    found = [Escalations(templates[pk], rate, _is_above(rate, usual)) for pk, rate in rates.items()]
    return sorted(found, key=lambda one: (-(one.rate.interval or (0, 0))[0], one.template.pk))


def _is_above(rate: Rate, usual: Rate) -> bool:
    return rate.is_enough and rate.interval is not None and rate.interval[0] > (usual.share or 0.0)


def _grouped(scope: Scope, **keys: str) -> list[dict[str, Any]]:
    """How many scripts share an outcome and all the keys, as `scripts` beside them."""
    outcome = Case(*(When(condition, then=Value(name)) for name, condition in OUTCOMES.items()))
    scripts: Any = scoped_scripts(scope).annotate(told=outcome, **{key: F(path) for key, path in keys.items()})
    return list(scripts.values("told", *keys).annotate(scripts=Count("pk")))


def _use(rows: Iterable[dict[str, Any]]) -> Use:
    found = dict.fromkeys(OUTCOMES, 0)
    for row in rows:
        found[row["told"]] += row["scripts"]
    return Use(found)


def _by(rows: list[dict[str, Any]], key: Callable[[dict[str, Any]], Any]) -> dict[Any, Use]:
    keys = sorted({key(row) for row in rows})
    return {value: _use(row for row in rows if key(row) == value) for value in keys}
