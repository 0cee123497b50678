"""The columns of the queue. On a phone each row is a card, so that every figure carries its own word."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowpilot.common.admin import NONE
from flowpilot.common.templatetags.flowpilot import percent
from proposals.admin.queue import tab_of
from proposals.models import FlowProposal
from proposals.queue import Tab
from proposals.words import plural
from sessions.admin import tier_badge

SHARED = ["type_badge", "tier", "evidence_counts", "escalated"]
OF_TAB: dict[str, list[str]] = {
    Tab.PENDING: ["name", "rank", *SHARED, "waiting", "claim"],
    Tab.MINE: ["name", "rank", *SHARED, "waiting", "claim"],
    Tab.PARKED: ["name", *SHARED, "parked"],
    Tab.DECIDED: ["name", "state", *SHARED, "decided"],
    "": ["name", "state", *SHARED, "waiting"],
}


def sla_of(age: timedelta) -> str:
    """ "in time", "due" or "late": by the two limits of PROPOSAL_SLA_DAYS."""
    due, late = settings.PROPOSAL_SLA_DAYS
    if age >= timedelta(days=late):
        return "late"
    return "due" if age >= timedelta(days=due) else "in time"


def age_in_words(age: timedelta) -> str:
    """The age in its largest unit: "12 min", "5 h", "4 d"."""
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


class QueueColumns:
    """Columns of FlowProposalAdmin."""

    def get_list_display(self, request: HttpRequest) -> Any:
        """Whoever works for several accounts sees which one a row is of."""
        several = request.user.is_superuser or len(request.user.active_memberships) > 1  # type: ignore[union-attr]
        return [*OF_TAB[tab_of(request.GET)], *(["account_name"] if several else [])]

    @admin.display(description="Proposal")
    def name(self, obj: FlowProposal) -> SafeString:
        about = " · ".join(filter(None, [obj.problem_domain, f"changes {obj.target_flow}" if obj.target_flow else ""]))
        return format_html('{}<span class="fp-sub">{}</span>', obj.title, about or "No domain")

    @admin.display(description="Would help")
    def rank(self, obj: FlowProposal) -> SafeString:
        recent = plural(obj.recent_session_count, "recent session")
        return format_html(
            '<span class="fp-rank" data-impact="{}"><strong>{}</strong>'
            '<span class="fp-sub">{} × {}</span><span class="fp-why" role="tooltip">{}</span></span>',
            f"{obj.impact:.6g}",
            f"{obj.impact:.1f}",
            recent,
            f"{obj.confidence_score:.2f}",
            f"Of the sessions behind it, {recent} of the last {settings.IMPACT_DAYS} days, times its confidence "
            f"{obj.confidence_score:.2f}: about {obj.impact:.1f} that it would have brought to the right end.",
        )

    @admin.display(description="Type")
    def type_badge(self, obj: FlowProposal) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.proposal_type, obj.get_proposal_type_display())

    @admin.display(description="Confidence")
    def tier(self, obj: FlowProposal) -> SafeString:
        return tier_badge(obj.confidence_score, obj.tier)

    @admin.display(description="Evidence")
    def evidence_counts(self, obj: FlowProposal) -> SafeString:
        return format_html(
            '{}<span class="fp-sub">{} · {}</span>',
            plural(obj.supporting_session_count, "session"),
            plural(obj.client_count, "client"),
            plural(obj.technician_count, "tech"),
        )

    @admin.display(description="Topic escalated")
    def escalated(self, obj: FlowProposal) -> SafeString:
        if not obj.topic_session_count:
            return NONE
        return format_html(
            '{}<span class="fp-card-word"> escalated</span><span class="fp-sub">{} of {}</span>',
            percent(obj.escalation_rate),
            obj.topic_escalated_count,
            obj.topic_session_count,
        )

    @admin.display(description="Waiting")
    def waiting(self, obj: FlowProposal) -> SafeString:
        age = timezone.now() - obj.created_at
        word = sla_of(age)
        return format_html(
            '<span class="fp-card-word">waiting </span><time datetime="{}">{}</time> '
            '<span class="fp-sla fp-sla-{}">{}</span>',
            obj.created_at.isoformat(),
            age_in_words(age),
            word.replace(" ", "-"),
            word,
        )

    @admin.display(description="Claimed by")
    def claim(self, obj: FlowProposal) -> SafeString:
        if obj.claimant is None or obj.claimed_until is None:
            return NONE
        until = timezone.localtime(obj.claimed_until)
        return format_html(
            '<span class="fp-card-word">claimed by </span>{}<span class="fp-sub">until {}</span>',
            obj.claimant,
            f"{until:%H:%M}",
        )

    @admin.display(description="Status")
    def state(self, obj: FlowProposal) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.status, obj.get_status_display())

    @admin.display(description="Decided")
    def decided(self, obj: FlowProposal) -> SafeString:
        return self._review(obj, obj.reviewer_notes)

    @admin.display(description="Parked")
    def parked(self, obj: FlowProposal) -> SafeString:
        return self._review(obj, wakes(obj) or obj.reviewer_notes)

    def _review(self, obj: FlowProposal, about: str) -> SafeString:
        if obj.reviewed_at is None:
            return SafeString("–")
        when = timezone.localtime(obj.reviewed_at)
        return format_html(
            '<time datetime="{}">{}</time> {}<span class="fp-sub">{}</span>',
            when.isoformat(),
            f"{when:%d %b %Y}",
            obj.reviewed_by or "FlowPilot",
            about if len(about) <= 90 else f"{about[:89]}…",
        )

    @admin.display(description="Account")
    def account_name(self, obj: FlowProposal) -> str:
        return str(obj.account)


def wakes(proposal: FlowProposal) -> str:
    """When a parked proposal comes back, in words; empty where only much new evidence brings it back."""
    if proposal.wake_at:
        return f"comes back on {timezone.localtime(proposal.wake_at):%d %b %Y}"
    if proposal.wake_sessions:
        new = plural(proposal.wake_sessions, "new session")
        return f"comes back after {new} from {plural(proposal.wake_clients or 1, 'client')}"
    return ""
