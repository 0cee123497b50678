"""How the versions of a flow do, and the proposal to go back where a new one does worse.

A version is judged by the sessions that it guided and that have ended: the shares of them that were resolved and that
were escalated, as on the dashboard (docs/metrics.md).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from flowpilot.accounts.models import Account
from flowpilot.common.leases import HeldLease, lease_check, lease_keep, lease_release, lease_take
from flowpilot.common.statistics import Difference, Rate, difference_of
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.webhooks.models import EventType
from proposals.analysis.evidence import evidence_add
from proposals.events import proposal_emit
from proposals.models import FlowProposal, Topic
from proposals.review.parking import topic_is_parked
from proposals.selectors import analysis_lease_key
from sessions.models import AISession

# Ended sessions that a version needs to be compared with another.
COMPARED_FROM = 20
# The newest sessions that a proposal to go back names as its evidence.
EVIDENCE_LIMIT = 2_000

Status = FlowProposal.Status


@dataclass(frozen=True, slots=True)
class VersionHealth:
    """One version's ended sessions; `former` is the one that it is compared with, None where it cannot be."""

    version: FlowVersion
    resolved: Rate
    escalated: Rate
    former: "VersionHealth | None" = None

    @property
    def sessions(self) -> int:
        return self.resolved.n

    @property
    def resolved_change(self) -> Difference | None:
        return difference_of(self.resolved, self.former.resolved) if self.former else None

    @property
    def escalated_change(self) -> Difference | None:
        return difference_of(self.escalated, self.former.escalated) if self.former else None

    @property
    def complaints(self) -> list[str]:
        """What is clearly worse than in the former version, as sentences; empty where nothing is."""
        if self.former is None:
            return []
        found = []
        resolved, escalated = self.resolved_change, self.escalated_change
        if resolved and resolved.high < 0:
            found.append(_complaint("resolved", self.resolved, self.former.resolved, -resolved.high, -resolved.low))
        if escalated and escalated.low > 0:
            rates = (self.escalated, self.former.escalated)
            found.append(_complaint("escalated", *rates, escalated.low, escalated.high))
        return found

    @property
    def is_worse(self) -> bool:
        return bool(self.complaints)


def versions_health(versions: Sequence[FlowVersion], sessions: QuerySet[AISession]) -> list[VersionHealth]:
    """How each of one flow's versions did, newest first, by those of `sessions` that it guided and that ended.

    A version is compared with the newest one before it that has COMPARED_FROM ended sessions, when it has as many.
    One query.
    """
    counts = _counts(sessions.filter(flow_version__in=[version.pk for version in versions]))
    return _compared(versions, counts)


def versions_watch(account_id: int) -> int | None:
    """Propose to go back wherever an account's current version does worse; gives how many were proposed.

    None where analysis, which writes proposals too, is at work in the account: they share its lease. Done again it does
    nothing: a topic has one open proposal, and what was decided about a pair of versions stays decided.
    """
    lease = lease_take(key=analysis_lease_key(account_id), duration=settings.ANALYSIS_LEASE)
    if lease is None:
        return None
    try:
        with lease_keep(lease, duration=settings.ANALYSIS_LEASE):
            return sum(_propose(lease, health) for health in _doing_worse(account_id))
    finally:
        lease_release(lease)


def accounts_with_new_versions() -> list[int]:
    """Accounts where some published flow has a version before its current one."""
    flows = Flow.objects.filter(status=Flow.Status.PUBLISHED, current_version__number__gt=1)
    return list(Account.objects.filter(pk__in=flows.values("account")).order_by("pk").values_list("pk", flat=True))


def revert_of(flow: Flow) -> FlowProposal | None:
    """The newest proposal to leave the flow's current version for a former one, pending or decided."""
    if flow.current_version_id is None:
        return None
    changes = FlowProposal.objects.filter(
        account=flow.account_id,
        target_flow=flow,
        base_version=flow.current_version_id,
        node_evidence={},
        started_by=None,
    )
    former = FlowVersion.objects.filter(flow=flow).exclude(pk=flow.current_version_id)
    return changes.filter(proposed_flow_data__in=former.values("definition")).order_by("-pk").first()


def revert_is_due(flow: Flow) -> bool:
    """Whether the next watch proposes to leave the flow's current version: by all sessions, whoever may see them."""
    rows = versions_health(list(flow.versions.all()), AISession.objects.filter(account=flow.account_id))
    current = next((row for row in rows if row.version.pk == flow.current_version_id), None)
    if flow.is_archived or current is None or current.former is None or not current.is_worse:
        return False
    version, former = current.version, current.former.version
    topic = Topic.objects.filter(account=flow.account_id, flow=flow).first()
    return former.definition != version.definition and not (topic and _has_answer(topic, version, former))


def current_health(flows: Iterable[Flow], sessions: QuerySet[AISession]) -> dict[int, VersionHealth]:
    """How the current version of each flow does, by flow id, by those of `sessions` that it guided and that ended.

    Compared as in `versions_health`; a flow whose current version guided none of them is left out. Two queries.
    """
    current = {flow.pk: flow.current_version_id for flow in flows}
    counts = _counts(sessions.filter(flow_version__flow__in=list(current)))
    # Only versions that have been followed are read, and without their definitions.
    used = FlowVersion.objects.filter(pk__in=counts, flow__in=list(current)).defer("definition", "examples")
    by_flow: dict[int, list[FlowVersion]] = {}
    for version in used.select_related("flow").order_by("-number"):
        by_flow.setdefault(version.flow_id, []).append(version)
    newest = {pk: _compared(versions, counts)[0] for pk, versions in by_flow.items()}
    return {pk: health for pk, health in newest.items() if health.version.pk == current[pk]}


def _doing_worse(account_id: int) -> list[VersionHealth]:
    flows = Flow.objects.filter(account=account_id, status=Flow.Status.PUBLISHED, current_version__number__gt=1)
    found = current_health(flows, AISession.objects.filter(account=account_id))
    return [health for health in found.values() if health.is_worse]


def _counts(sessions: QuerySet[AISession]) -> dict[int, dict[str, int]]:
    """{version id: {"n", "resolved", "escalated"}} of the sessions that have ended."""
    rows: Any = (
        sessions.ended()  # type: ignore[attr-defined]
        .order_by()
        .values("flow_version")
        .annotate(
            n=Count("pk"),
            resolved=Count("pk", filter=Q(status=AISession.Status.RESOLVED)),
            escalated=Count("pk", filter=Q(status=AISession.Status.ESCALATED)),
        )
    )
    return {row["flow_version"]: row for row in rows if row["flow_version"] is not None}


def _compared(versions: Sequence[FlowVersion], counts: dict[int, dict[str, int]]) -> list[VersionHealth]:
    found: list[VersionHealth] = []
    former = None
    for version in sorted(versions, key=lambda version: version.number):
        row = counts.get(version.pk, {"n": 0, "resolved": 0, "escalated": 0})
        enough = row["n"] >= COMPARED_FROM
        health = VersionHealth(
            version,
            Rate(row["resolved"], row["n"]),
            Rate(row["escalated"], row["n"]),
            former if enough else None,
        )
        found.append(health)
        former = health if enough else former
    return found[::-1]


@transaction.atomic
def _propose(lease: HeldLease, health: VersionHealth) -> bool:
    """Open the proposal to go back, unless the topic has an open one or this pair of versions was decided about."""
    lease_check(lease)
    assert health.former is not None  # noqa: S101 - what does worse does so than a former one
    current = FlowVersion.objects.select_related("flow").get(pk=health.version.pk)
    former = FlowVersion.objects.get(pk=health.former.version.pk)
    flow = current.flow
    if flow.current_version_id != current.pk or former.definition == current.definition:
        return False
    topic, _ = Topic.objects.get_or_create(account_id=flow.account_id, flow=flow, defaults={"title": flow.title[:200]})
    if _has_answer(topic, current, former):
        return False
    sessions = _ended_badly(current)
    teams = {session.team_id for session in sessions}
    low = health.former.resolved.interval
    proposal = FlowProposal.objects.create(
        account_id=flow.account_id,
        topic=topic,
        team_id=teams.pop() if len(teams) == 1 else None,
        source_session=sessions[0] if sessions else None,
        proposal_type=FlowProposal.Type.ENHANCEMENT,
        target_flow=flow,
        base_version=current,
        title=f"Go back to version {former.number} of {flow.title}"[:200],
        description=_description(health),
        proposed_flow_data=former.definition,
        proposed_diff=diff_definitions(current.definition, former.definition).to_json(),
        examples=former.examples,
        # How sure it is that the former version helps: measured, not replayed.
        confidence_score=low[0] if low else 0.0,
        problem_domain=flow.problem_domain,
    )
    evidence_add(proposal, [session.pk for session in sessions])
    proposal_emit(EventType.PROPOSAL_CREATED, proposal)
    return True


def _has_answer(topic: Topic, current: FlowVersion, former: FlowVersion) -> bool:
    """Whether the topic has an open proposal, was put off, or this pair of versions was decided about."""
    earlier = FlowProposal.objects.filter(topic=topic)
    decided = earlier.filter(base_version=current, proposed_flow_data=former.definition)
    return earlier.filter(status=Status.PENDING).exists() or topic_is_parked(topic) or decided.exists()


def _ended_badly(version: FlowVersion) -> list[AISession]:
    """The version's newest sessions that ended without a resolution."""
    ended = AISession.objects.filter(account=version.account_id, flow_version=version).ended()
    return list(ended.exclude(status=AISession.Status.RESOLVED).order_by("-started_at", "-pk")[:EVIDENCE_LIMIT])


def _description(health: VersionHealth) -> str:
    assert health.former is not None  # noqa: S101 - as above
    number, before = health.version.number, health.former.version.number
    intro = f"Version {number} does worse than version {before}, counted on {timezone.now():%d %b %Y}."
    outro = (
        f"Publishing this makes a new version that says what version {before} said. The evidence is the sessions of "
        f"version {number} that ended without a resolution. Other things may have changed with the version: read them."
    )
    return "\n".join([intro, *health.complaints, outro])


def _complaint(what: str, now: Rate, before: Rate, least: float, most: float) -> str:
    """Such as "41 % of 60 sessions were resolved, 70 % of 80 before: 12 to 44 points fewer (95 % interval)."."""
    sign = "fewer" if what == "resolved" else "more"
    return (
        f"{_percent(now)} of {now.n} sessions were {what}, {_percent(before)} of {before.n} before: "
        f"{least * 100:.0f} to {most * 100:.0f} points {sign} (95 % interval)."
    )


def _percent(rate: Rate) -> str:
    return f"{(rate.share or 0) * 100:.0f} %"
