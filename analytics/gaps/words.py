"""What a gap says in words: why it is flagged, what to do next, what happened to it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from analytics.facts import REOPENED_WITHIN
from analytics.gaps.lifecycle import ENOUGH_TO_CLOSE
from analytics.gaps.models import KnowledgeGap
from flowpilot.common.statistics import Rate
from flowpilot.common.templatetags.flowpilot import percent, percent_interval

Kind, State = KnowledgeGap.Kind, KnowledgeGap.State

BADLY = f"ended badly (escalated, abandoned, or reopened within {REOPENED_WITHIN.days} days)"


@dataclass(frozen=True, slots=True)
class _Terms:
    """How a kind's figures read: "of `those` … `did`; of `rest` …"."""

    those: str
    did: str
    rest: str


_TERMS: dict[str, _Terms] = {
    Kind.WEAK_OPTION: _Terms("the sessions that took this answer", BADLY, "the flow's other sessions"),
    Kind.HIGH_ESCALATION: _Terms("its sessions", "were escalated", "the other sessions"),
    Kind.MISSING_FLOW: _Terms(
        "this topic's sessions", "were worked without a flow, and none explains them", "topics that have one"
    ),
    Kind.DEAD_END: _Terms("the sessions that came to this step", "left the flow there", "other steps' visits"),
    Kind.STALE_FLOW: _Terms("the flow's sessions since then", BADLY, "its sessions before"),
    Kind.SCRIPT_NO_HELP: _Terms("the sessions where it ran and somebody told", "were not helped", "other scripts"),
}
_ANY = _Terms("its sessions", "ended badly", "the rest")
_ACTIONS = {
    "gap.opened": "found it",
    "gap.closed": "closed it",
    "gap.reopened": "opened it again: it stands out once more",
    "gap.acknowledged": "acknowledged it",
    "gap.working": "began to work on it",
    "gap.accepted": "accepted it",
    "gap.open": "opened it again",
}


def columns_of(kind: str) -> tuple[str, str]:
    """What the two figures of a kind count, for the heads of a table: bad ones, and all."""
    heads = {
        Kind.HIGH_ESCALATION: ("Escalated", "Sessions"),
        Kind.MISSING_FLOW: ("Without a flow", "Sessions"),
        Kind.DEAD_END: ("Left here", "Sessions"),
        Kind.SCRIPT_NO_HELP: ("Not helped", "Sessions"),
    }
    return heads.get(Kind(kind), ("Ended badly", "Sessions")) if kind in Kind.values else ("Ended badly", "Sessions")


def why(gap: KnowledgeGap) -> list[str]:
    """Why it is flagged, a sentence a fact."""
    terms = _TERMS.get(gap.kind, _ANY)
    told = [f"{_figure(gap.rate)} of {terms.those} {terms.did}."]
    if gap.base.n:
        told.append(f"Of {terms.rest} it is {_figure(gap.base)}.")
    elif gap.kind == Kind.MISSING_FLOW:
        told.append("No topic with a flow was met, so there is nothing to compare it with.")
    if gap.kind == Kind.MISSING_FLOW:
        told.append(f"{gap.evidence.get('escalated') or 0} of its sessions were escalated.")
    elif (p := gap.evidence.get("p")) is not None:
        told.append(_chance(float(p)))
    if not gap.evidence.get("stands_out", True) and gap.state != State.CLOSED:
        told.append("In the last measurement it did not stand out; it closes when enough sessions show that.")
    return told


def recovery(gap: KnowledgeGap) -> str:
    """How far it is from closing, or what closed it."""
    if gap.state == State.CLOSED:
        return gap.reason
    since = f"Since {date_format(timezone.localtime(gap.measured_from), 'j M Y')}"
    if gap.since.n < ENOUGH_TO_CLOSE:
        return (
            f"{since} {gap.since.n} session{'' if gap.since.n == 1 else 's'} came by; recovery is measured from "
            f"{ENOUGH_TO_CLOSE} on."
        )
    former, base = float(gap.evidence.get("opening_share") or 1.0), gap.base.share or 0.0
    return (
        f"{since} it is {_figure(gap.since)}. It closes when the upper end of the interval falls below "
        f"{percent((former + base) / 2)}, half-way from {percent(former)} when it was opened to the base."
    )


def trend_rows(gap: KnowledgeGap) -> list[dict[str, Any]]:
    """The weeks with their rates, and where their bars stand in a drawing of 100 by 40 units (share 1 is 40 high)."""
    weeks = [(date.fromisoformat(week), Rate(count, n)) for week, count, n in gap.trend]
    if not weeks:
        return []
    step = 100 / len(weeks)
    return [
        {
            "week": week,
            "rate": rate,
            "x": f"{number * step:.2f}",
            "width": f"{max(0.5, step - 0.6):.2f}",
            "y": f"{40 - 40 * (rate.share or 0):.2f}",
            "height": f"{40 * (rate.share or 0):.2f}",
        }
        for number, (week, rate) in enumerate(weeks)
    ]


def trend_sign(gap: KnowledgeGap) -> tuple[str, str]:
    """How the second half of the weeks stands to the first: a sign and a word."""
    half = len(gap.trend) // 2
    halves = [gap.trend[:half], gap.trend[half:]]
    rates = [Rate(sum(week[1] for week in weeks), sum(week[2] for week in weeks)) for weeks in halves]
    if not all(rate.is_enough for rate in rates):
        return "–", "too little to compare"
    change = (rates[1].share or 0.0) - (rates[0].share or 0.0)
    if abs(change) < 0.02:
        return "→", "as before"
    return ("▲", "rising") if change > 0 else ("▼", "falling")


def sentence(event: Any) -> str:
    """An audit event of a gap, such as "Alice accepted it"."""
    verb = _ACTIONS.get(event.action)
    if verb is None:
        changes = [_change(name, event.before.get(name), value) for name, value in event.after.items()]
        verb = f"changed {'; '.join(changes)}" if changes else event.action.removeprefix("gap.")
    return f"{event.actor_label} {verb}"


def evidence_from(gap: KnowledgeGap) -> datetime | None:
    """Where the sessions that are counted begin."""
    start = gap.evidence.get("from")
    return datetime.fromisoformat(start) if start else None


def _figure(rate: Rate) -> str:
    """Such as "44 % (35 of 80; 33–55 %)"."""
    interval = f"; {percent_interval(rate.interval)}" if rate.interval else ""
    return f"{percent(rate.share)} ({rate.count} of {rate.n}{interval})"


def _chance(p: float) -> str:
    if p < 0.001:
        return "By chance alone that would come about in fewer than 1 of 1,000 such places."
    return f"By chance alone that would come about in about {max(1, round(p * 1000))} of 1,000 such places."


def _change(name: str, before: Any, after: Any) -> str:
    if name == "proposal":
        return f"what it is worked in to proposal {after}"
    return name if name == "notes" else f"{name} from {before or 'none'} to {after or 'none'}"
