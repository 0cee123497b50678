"""What the pages of scripts read: a session's panel, what a template led to, and which ones precede escalations."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from flowpilot.accounts.models import Membership
from flowpilot.accounts.roles import role_grants
from flowpilot.common.statistics import Rate
from sessions.models.session import AISession
from sessions.scripts.access import CHANGE, GENERATE, may_run
from sessions.scripts.models import GeneratedScript, ScriptTemplate, ScriptTemplateVersion
from sessions.scripts.prefill import Facts, facts_of
from sessions.scripts.suggest import Candidate, Problem, suggest

Outcome, Status = GeneratedScript.Outcome, AISession.Status
FOUND = 30
NEUTRAL = "neutral"
RECENT = 10


@dataclass(frozen=True, slots=True)
class Offer:
    """A template as the panel shows it."""

    template: ScriptTemplate
    version: ScriptTemplateVersion
    why: str
    reports: Rate
    may_run: bool

    @property
    def risk_style(self) -> str:
        return risk_style(self.version.risk)


@dataclass(frozen=True, slots=True)
class Panel:
    """Scripts for a session at a node: what fits, and what was generated in it. `can_generate` says whether now."""

    session: AISession
    node_id: str
    query: str
    offers: list[Offer]
    generated: list[GeneratedScript]
    can_generate: bool

    @property
    def is_quiet(self) -> bool:
        """Whether nothing fits, and nobody has looked: then the search is folded away."""
        return not (self.offers or self.generated or self.query)


@dataclass(frozen=True, slots=True)
class Escalations:
    """Of the ended sessions that a template's scripts were generated in, how many were escalated."""

    template: ScriptTemplate
    rate: Rate
    is_flagged: bool


def risk_style(risk: str) -> str:
    """The style of a risk's badge; an unknown, missing or newer word is neutral, never an error."""
    return risk if risk in ScriptTemplateVersion.Risk.values else NEUTRAL


def panel_for(user: Any, session: AISession, node_id: str = "", query: str = "") -> Panel:
    """What the panel beside `session` shows to `user`; `query` looks in all approved templates.

    Without offers, scripts and query there is nothing to show: `templates/scripts/panel.html` then folds the search.
    """
    templates = {row.pk: row for row in usable_templates(user, session.account_id)}
    reports = reports_of(session.account_id, templates)
    candidates = [
        Candidate(
            row.pk,
            row.title,
            row.keywords,
            row.current_version.what_it_does if row.current_version else "",
            row.problem_domain,
            reports[row.pk],
        )
        for row in templates.values()
    ]
    problem = Problem(
        f"{session.title} {session.problem_summary}", session.problem_domain, node_text(session, node_id), query
    )
    found = suggest(problem, candidates, shown=FOUND) if query else suggest(problem, candidates)
    offers = [_offer(user, session, templates[item.key], item.why, reports[item.key]) for item in found]
    own: Any = GeneratedScript.objects.for_user(user).filter(session=session, account=session.account_id)
    generated = list(own.select_related("template_version__template", "created_by")[:RECENT])
    return Panel(session, node_id, query, offers, generated, can_generate(user, session))


def can_generate(user: Any, session: AISession) -> bool:
    script = GeneratedScript(account_id=session.account_id, team_id=session.team_id)
    return session.status not in AISession.ENDED and bool(user.has_perm(GENERATE, script))


def usable_templates(user: Any, account_id: int) -> list[ScriptTemplate]:
    """The approved templates of an account and of everybody."""
    rows: Any = ScriptTemplate.objects.for_user(user).filter(Q(account=account_id) | Q(account=None))
    rows = rows.filter(status=ScriptTemplate.Status.APPROVED, current_version__isnull=False)
    return list(rows.select_related("current_version"))


def reports_of(account_id: int, template_ids: Iterable[int]) -> Mapping[int, Rate]:
    """By template, "it worked" among the outcomes that were reported in the account, of all versions."""
    rows = (
        GeneratedScript.objects.filter(
            account=account_id, outcome__isnull=False, template_version__template__in=list(template_ids)
        )
        .values_list("template_version__template")
        .annotate(n=Count("pk"), worked=Count("pk", filter=Q(outcome=Outcome.WORKED)))
        .order_by()
    )
    found: defaultdict[int, Rate] = defaultdict(lambda: Rate(0, 0))
    found.update({template_id: Rate(worked, n) for template_id, n, worked in rows})
    return found


def node_text(session: AISession, node_id: str) -> str:
    """The text of a node of the session's flow; empty where there is no such node."""
    if not node_id or session.flow_version is None:
        return ""
    return next((str(node.get("text", "")) for node in session.flow_version.nodes if node.get("id") == node_id), "")


def facts_of_session(session: AISession) -> Facts:
    """Client, host, user and ticket, as far as the session says them."""
    texts = [session.title, session.problem_summary]
    for prompt, selected, response in session.steps.order_by("position").values_list(
        "prompt", "selected_option", "response"
    )[:200]:
        texts += [response or "", selected or "", prompt]
    return facts_of(texts, client=session.client.name if session.client else "", ticket=session.psa_ticket_id)


def escalations_of(user: Any, account_id: int, template_ids: Iterable[int] | None = None) -> list[Escalations]:
    """The templates whose scripts precede escalations, the worst first, as the account's owner of each should know.

    Each session counts once a template. Flagged is one with enough sessions whose Wilson interval (95 %) lies above
    the account's own rate of escalation: more is then hardly chance.
    """
    ended: Any = AISession.objects.for_user(user).filter(
        account=account_id, status__in=[Status.RESOLVED, Status.ESCALATED]
    )
    scripts = GeneratedScript.objects.filter(account=account_id, session__in=ended)
    if template_ids is not None:
        scripts = scripts.filter(template_version__template__in=list(template_ids))
    rows = scripts.values_list("template_version__template").annotate(
        n=Count("session", distinct=True),
        count=Count("session", distinct=True, filter=Q(session__status=Status.ESCALATED)),
    )
    rates = {template_id: Rate(count, n) for template_id, n, count in rows.order_by()}
    usual = 1.0
    if any(rate.is_enough for rate in rates.values()):  # all ended sessions are counted only where it matters
        base = ended.aggregate(n=Count("pk"), count=Count("pk", filter=Q(status=Status.ESCALATED)))
        usual = Rate(base["count"], base["n"]).share or 0.0
    templates = ScriptTemplate.objects.filter(pk__in=rates).select_related("owner", "current_version")
    found = [Escalations(row, rates[row.pk], _is_flagged(rates[row.pk], usual)) for row in templates]
    return sorted(found, key=lambda item: (-(item.rate.interval or (0, 0))[0], item.template.pk))


def flagged_for(user: Any) -> list[Escalations]:
    """The flagged templates that `user` answers for, in each account they belong to.

    Those are their own; for who looks after an account's templates also those that nobody there owns: everybody's, and
    those of people who left.
    """
    return [
        item
        for membership in user.active_memberships
        for item in escalations_of(user, membership.account_id)
        if item.is_flagged and _answers_for(user, membership, item.template)
    ]


def _answers_for(user: Any, membership: Membership, template: ScriptTemplate) -> bool:
    is_unowned = template.owner_id is None or template.is_global
    return template.owner_id == user.pk or (is_unowned and role_grants(membership.role, CHANGE))


def _is_flagged(rate: Rate, usual: float) -> bool:
    return rate.is_enough and rate.interval is not None and rate.interval[0] > usual


def _offer(user: Any, session: AISession, template: ScriptTemplate, why: str, reports: Rate) -> Offer:
    version: Any = template.current_version
    return Offer(template, version, why, reports, may_run(user, session.account_id, version.minimum_role))
