"""Reads of gaps for pages, the API and tasks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone

from analytics.gaps.models import KnowledgeGap
from analytics.gaps.words import sentence
from analytics.scope import Scope
from flowpilot.accounts.models import Account, User
from flowpilot.common.models import AuditEvent
from proposals.models import FlowProposal
from sessions.models import AISession

Kind = KnowledgeGap.Kind
SESSIONS = "admin:ai_sessions_aisession_changelist"


@dataclass(frozen=True, slots=True)
class Sharing:
    """Another gap that is mostly the same sessions: so many of the bad ones are bad there too."""

    gap: KnowledgeGap
    count: int


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do about a gap: where, and what for. `is_post` begins something: a form's button, not a link."""

    label: str
    url: str
    about: str
    is_post: bool = False


def gaps_visible(user: Any) -> QuerySet[KnowledgeGap]:
    """The viewer's gaps as lists and pages show them, worst first."""
    rows = KnowledgeGap.objects.for_user(user).light().select_related("account", "team", "owner", "flow", "topic")
    return rows.order_by("-impact", "-pk")


def gaps_url(scope: Scope) -> str:
    """The list of gaps, narrowed as far as gaps are: they have a window of their own, and no technician."""
    narrowing = scope.narrowed(technician="").narrowing
    return f"{reverse('gaps:list')}{f'?{urlencode(narrowing)}' if narrowing else ''}"


def sharing_of(user: Any, gaps: Iterable[KnowledgeGap]) -> dict[int, list[Sharing]]:
    """By gap id the others that are mostly its sessions, as detection counted them; those to work on or accepted, and
    only what the viewer may see. One query, none where no gap shares."""
    told = {gap: gap.evidence.get("shared") or [] for gap in gaps}
    keys = {key for pairs in told.values() for key, _ in pairs}
    if not keys:
        return {}
    rows = KnowledgeGap.objects.for_user(user).light().exclude(state=KnowledgeGap.State.CLOSED)
    found = {(row.account_id, row.key): row for row in rows.filter(key__in=keys)}
    return {
        gap.pk: [
            Sharing(other, int(count))
            for key, count in pairs
            if (other := found.get((gap.account_id, key))) is not None
        ]
        for gap, pairs in told.items()
    }


def accounts_with_sessions() -> list[int]:
    """Accounts where a session ended within the window of gaps, or that have a gap to be measured."""
    since = timezone.now() - timedelta(days=settings.GAPS_DAYS)
    ended = AISession.objects.filter(account=OuterRef("pk"), ended_at__gte=since).ended()
    known = KnowledgeGap.objects.filter(account=OuterRef("pk")).to_work_on()
    accounts = Account.objects.filter(Exists(ended) | Exists(known))
    return list(accounts.order_by("pk").values_list("pk", flat=True))


def sessions_url(gap: KnowledgeGap, *, bad_only: bool = False) -> str:
    """The admin's list of exactly the sessions that the gap counts."""
    return f"{reverse(SESSIONS)}?gap={gap.pk}{'&gap_bad=1' if bad_only else ''}"


def people_for(gap: KnowledgeGap) -> list[User]:
    """Who may own a gap: members of its account who may see it."""
    members = User.objects.filter(is_active=True, memberships__account=gap.account_id, memberships__api_key=None)
    found = members.distinct().prefetch_related("memberships__account").order_by("full_name", "email")
    return [user for user in found if user.has_perm("analytics.view_knowledgegap", gap)]


def history_of(gap: KnowledgeGap) -> list[tuple[AuditEvent, str]]:
    """What happened to a gap, newest first. Whoever may see the gap may see it."""
    events = AuditEvent.objects.filter(
        account=gap.account_id, object_type="analytics.knowledgegap", object_id=gap.pk
    ).order_by("-created_at", "-pk")[:50]
    return [(event, sentence(event)) for event in events]


def next_steps(user: Any, gap: KnowledgeGap) -> list[Step]:
    """What to do about a gap, the best first; only what the viewer may open."""
    steps = _proposals(user, gap)
    if may_edit(user, gap):
        url = reverse("gaps:edit", args=[gap.pk])
        steps.insert(0, Step("Edit this step", url, "Word it anew, add an answer, or let it lead elsewhere.", True))
    elif gap.flow_id and user.has_perm("flows.view_flow"):
        steps.append(_flow_step(gap, gap.flow_id))
    elif gap.topic and gap.topic.flow_id and user.has_perm("flows.view_flow"):
        steps.append(_flow_step(gap, gap.topic.flow_id))
    steps += _worked_in(user, gap)
    if gap.script_template_id:
        url = reverse("admin:ai_sessions_scripttemplate_change", args=[gap.script_template_id])
        steps.append(Step("Open the template", url, "Mend it, say better when it helps, or retire it."))
    if gap.client_id or (gap.kind == Kind.HIGH_ESCALATION and gap.problem_domain and not steps):
        url = sessions_url(gap, bad_only=True)
        steps.append(Step("Read the escalated sessions", url, "What do they have in common?"))
    return steps


def may_edit(user: Any, gap: KnowledgeGap) -> bool:
    """Whether the viewer may change the step of a flow that the gap names."""
    return bool(
        gap.is_unsettled
        and gap.node_id
        and gap.flow
        and not gap.flow.is_archived
        and user.has_perm("analytics.change_knowledgegap", gap)
        and user.has_perm("proposals.decide_flowproposal", gap)
    )


def has_proposal(gap: KnowledgeGap) -> bool:
    """Whether a proposal for the gap's topic waits for review, whoever may see it."""
    return _pending(gap).exists()


def _pending(gap: KnowledgeGap) -> QuerySet[FlowProposal]:
    pending = FlowProposal.objects.filter(account=gap.account_id, status=FlowProposal.Status.PENDING)
    if gap.topic_id:
        return pending.filter(topic=gap.topic_id)
    return pending.filter(target_flow=gap.flow_id) if gap.flow_id else pending.none()


def _proposals(user: Any, gap: KnowledgeGap) -> list[Step]:
    found = _pending(gap).for_user(user) if user.has_perm("proposals.view_flowproposal") else []  # type: ignore[attr-defined]
    return [
        Step(
            "Open the proposal",
            reverse("admin:proposals_flowproposal_change", args=[proposal.pk]),
            f"“{proposal.title}” rests on {proposal.supporting_session_count} sessions and waits for review.",
        )
        for proposal in list(found)[:3]
    ]


def _worked_in(user: Any, gap: KnowledgeGap) -> list[Step]:
    """The proposal that the gap was worked in, once it is decided."""
    if not (gap.proposal_id and user.has_perm("proposals.view_flowproposal")):
        return []
    visible = FlowProposal.objects.for_user(user).exclude(status=FlowProposal.Status.PENDING)
    proposal = visible.select_related("published_version").filter(pk=gap.proposal_id).first()
    if proposal is None:
        return []
    version = proposal.published_version
    became = f"published as version {version.number}" if version else proposal.get_status_display().lower()
    url = reverse("admin:proposals_flowproposal_change", args=[proposal.pk])
    return [Step("Read what was decided", url, f"The change that was begun here was {became}.")]


def _flow_step(gap: KnowledgeGap, flow_id: int) -> Step:
    url = reverse("admin:flows_flow_change", args=[flow_id])
    if gap.node_id:
        return Step("Look at this step", f"{url}#outline", "What does it ask, and where do its answers lead?")
    if gap.evidence.get("version"):
        return Step("Look at the versions", f"{url}#versions-title", "Go back, or mend what the version changed.")
    return Step("Open the flow", url, "Read it again: what it says may no longer hold.")
