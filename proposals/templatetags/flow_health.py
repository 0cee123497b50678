"""What a flow's page tells of sessions and proposals, which the flows themselves know nothing of."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import template
from django.utils import timezone

from flowpilot.common.statistics import Difference
from flowpilot.flows.models import Flow
from proposals.health import COMPARED_FROM, VersionHealth, revert_is_due, revert_of, versions_health
from proposals.models import FlowProposal
from sessions.models import AISession

register = template.Library()

RECENT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class FlowHealth:
    """The versions' sessions as the viewer may see them; `current` is worse than a former one where it complains."""

    rows: list[VersionHealth]
    current: VersionHealth | None
    # The proposal to go back, and where there is none the pending one in its way: as far as the viewer may see them.
    revert: FlowProposal | None
    pending: FlowProposal | None
    # Whether one will open by itself.
    is_due: bool
    compared_from: int = COMPARED_FROM

    @property
    def has_sessions(self) -> bool:
        return any(row.sessions for row in self.rows)


@dataclass(frozen=True, slots=True)
class Uses:
    """What points to a flow, as far as the viewer may see it."""

    recent_sessions: int
    running_sessions: int
    pending: list[FlowProposal]


@register.simple_tag
def flow_health(flow: Flow, versions: Any, user: Any) -> FlowHealth:
    rows = versions_health(list(versions), AISession.objects.for_user(user))
    current = next((row for row in rows if row.version.pk == flow.current_version_id), None)
    revert = pending = None
    is_due = False
    if current and current.is_worse:
        visible = FlowProposal.objects.for_user(user)
        found = revert_of(flow)
        revert = visible.filter(pk=found.pk).first() if found else None
        pending = _pending(flow, user).first() if revert is None else None
        is_due = revert_is_due(flow)
    return FlowHealth(rows, current, revert, pending, is_due)


@register.simple_tag
def flow_uses(flow: Flow, user: Any) -> Uses:
    sessions = AISession.objects.for_user(user).filter(flow=flow)
    return Uses(
        recent_sessions=sessions.filter(started_at__gte=timezone.now() - RECENT).count(),
        running_sessions=sessions.exclude(status__in=AISession.ENDED).count(),
        pending=list(_pending(flow, user)[:20]),
    )


@register.filter
def points(difference: Difference | None) -> str:
    """A difference of rates in points with its interval, such as "+22 points (+7 to +36)"; empty for None."""
    if difference is None:
        return ""
    share, low, high = (_signed(value) for value in (difference.share, difference.low, difference.high))
    return f"{share} point{'' if share[1:] == '1' else 's'} ({low} to {high})"


def _signed(share: float) -> str:
    value = round(share * 100)
    return f"+{value}" if value > 0 else f"\N{MINUS SIGN}{-value}" if value < 0 else "0"


def _pending(flow: Flow, user: Any) -> Any:
    pending = FlowProposal.objects.for_user(user).filter(status=FlowProposal.Status.PENDING)
    return pending.filter(target_flow=flow).order_by("-impact", "-pk")
