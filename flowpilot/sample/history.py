"""The sample account's past reviews: proposals that were made and decided while its sessions were worked.

It comes about as it would have: the sessions up to a day are analysed, the demo admins decide some of what the analysis
proposes, and only then is it all dated back. What was published guides sessions of its topic from then on. Audit events
are append-only and keep their true time.
"""

import re
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any, Literal

from django.utils import timezone

from analytics.gaps.detect import gaps_detect
from flowpilot.accounts.models import Account, User
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.sample.topics import TOPICS
from flowpilot.sample.worked import run_here, save_here
from proposals.analysis.load import record_of, source_of
from proposals.analysis.run import analyze_account
from proposals.mining.replay import FlowReader, Replay
from proposals.models import AnalysisRun, FlowProposal, ProposalEvidence, SessionAnalysis, Topic
from proposals.review import proposal_approve, proposal_dismiss, proposal_publish, proposal_reject
from sessions.models import AISession, SessionStep

#: So many days before now the sessions were analysed for the first time.
ANALYZED_DAYS = 70
#: Sessions of a history that is interrupted come up for analysis by themselves after that.
_HELD_BACK = timedelta(hours=1)
#: The share of a topic's sessions that its new flow guides, where it carries them at all.
_USED = 0.9


@dataclass(frozen=True, slots=True)
class Decision:
    """One past review: what was decided on the proposal of a sample topic, `days` before now, by whom and why."""

    topic: str
    act: Literal["approve", "publish", "reject", "dismiss"]
    days: int
    by: str
    notes: str = ""


#: `publish` is an edit: see `_edited`. What is rejected comes up again by what was worked since.
DECISIONS = (
    Decision("drives", "publish", 67, "alice@northwind.example", "Our name for it, and a hint at the first question."),
    Decision("teams_audio", "approve", 61, "marguerite@northwind.example", "Good, the driver comes last as it should."),
    Decision("bitlocker", "approve", 54, "alice@northwind.example", "Matches what we do at every client."),
    Decision("phishing", "reject", 53, "alice@northwind.example", "Too thin: half of it rests on two sessions."),
    Decision("rdp", "dismiss", 15, "marguerite@northwind.example", "The gateways are replaced this month, look then."),
)
#: Topics that have had a flow since then: their gap `missing_flow` closes.
PUBLISHED_LATER = tuple(decision.topic for decision in DECISIONS if decision.act in ("approve", "publish"))


def history_make(*, account: Account, seed: int, now: datetime) -> list[FlowProposal]:
    """Make and decide the past proposals of a freshly loaded sample account; gives them.

    Does nothing where the account has been analysed before. Ends with everything else due for analysis; so it does
    some time after it was interrupted. Where a topic's sessions are too few for a proposal its decision is left out.
    """
    if AnalysisRun.objects.filter(account=account).exists():
        return []
    waiting = AISession.objects.filter(account=account, analysis_due_at__isnull=False)
    waiting.update(analysis_due_at=timezone.now() + _HELD_BACK)
    proposals = _propose(account, now - timedelta(days=ANALYZED_DAYS))
    # Gaps that were found then; those of topics that a flow answers since have closed by the next measurement.
    gaps_detect(account_id=account.pk, now=now - timedelta(days=ANALYZED_DAYS))
    rng, decided = Random(f"{seed} history"), []  # noqa: S311
    for decision in DECISIONS:
        proposal = proposals.get(decision.topic)
        if proposal is None:
            continue
        at = now - timedelta(days=decision.days)
        _decide(proposal, decision)
        _date_back(proposal, at)
        if proposal.published_version is not None:
            _guide(rng, proposal.published_version, _sessions_since(account, decision.topic, at), now)
        decided.append(proposal)
    waiting.update(analysis_due_at=timezone.now())
    return decided


def topic_key_of(title: str) -> str | None:
    """The key of the sample topic that a sample session with this title is about."""
    return next((key for key, pattern in _titles().items() if pattern.fullmatch(title)), None)


@cache
def _titles() -> dict[str, re.Pattern[str]]:
    patterns = {}
    for topic in TOPICS:
        titles = [".+".join(map(re.escape, re.split(r"\{\w+\}", title))) for title in topic.titles]
        patterns[topic.key] = re.compile(rf"(?:{'|'.join(titles)}) \(P\d\)")
    return patterns


def _sessions_since(account: Account, topic: str, at: datetime) -> list[AISession]:
    """The topic's sessions from then on that have steps, oldest first."""
    rows = AISession.objects.filter(account=account, transcript__isnull=True, started_at__gt=at)
    ids = [pk for pk, title in rows.values_list("pk", "title") if topic_key_of(title) == topic]
    found = AISession.objects.filter(pk__in=ids).select_related("client", "team").prefetch_related("steps")
    return list(found.order_by("started_at", "pk"))


def _propose(account: Account, until: datetime) -> dict[str, FlowProposal]:
    """Analyse what had ended by then without a flow, and date it all back; gives the new flows proposed, by topic.

    Sessions with a flow propose no new one: they can wait for the first analysis of all.
    """
    started = timezone.now()
    ended = AISession.objects.filter(account=account, flow=None, analysis_due_at__isnull=False, ended_at__lt=until)
    run = analyze_account(account.pk) if ended.update(analysis_due_at=started) else None
    if run is None:
        return {}
    run_at = until + timedelta(seconds=20)
    AnalysisRun.objects.filter(pk=run.pk).update(started_at=until, finished_at=run_at)
    SessionAnalysis.objects.filter(account=account).update(analyzed_at=run_at)
    ProposalEvidence.objects.filter(account=account).update(added_at=run_at)
    Topic.objects.filter(account=account).update(created_at=run_at)
    proposals = FlowProposal.objects.filter(account=account)
    proposals.update(created_at=run_at, updated_at=run_at, evidence_at=run_at)
    new = proposals.filter(status=FlowProposal.Status.PENDING, proposal_type=FlowProposal.Type.NEW_FLOW)
    # Of two for a topic the one that rests on more.
    return {_topic_of(proposal): proposal for proposal in new.order_by("supporting_session_count", "pk")}


def _topic_of(proposal: FlowProposal) -> str:
    titles = proposal.supporting_sessions.order_by().values_list("title", flat=True)
    return Counter(topic_key_of(title) or "" for title in titles).most_common(1)[0][0]


def _decide(proposal: FlowProposal, decision: Decision) -> None:
    said: dict[str, Any] = {
        "actor": User.objects.get(email=decision.by),
        "proposal_id": proposal.pk,
        "revision": proposal.revision,
        "notes": decision.notes,
    }
    if decision.act == "approve":
        proposal_approve(**said)
    elif decision.act == "publish":
        title = next(topic.title for topic in TOPICS if topic.key == decision.topic)
        proposal_publish(**said, title=title, definition=_edited(proposal.proposed_flow_data))
    elif decision.act == "reject":
        proposal_reject(**said)
    else:
        proposal_dismiss(**said, wake_at=timezone.now() + timedelta(days=21))
    proposal.refresh_from_db()


def _edited(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition with a word of help at its first question."""
    edited = deepcopy(definition)
    root = next(node for node in edited["nodes"] if node["id"] == edited["root"])
    root["help"] = [*root.get("help", ()), "Ask them to read the screen out: the exact words matter."]
    return edited


def _date_back(proposal: FlowProposal, at: datetime) -> None:
    FlowProposal.objects.filter(pk=proposal.pk).update(reviewed_at=at, updated_at=at)
    if (version := proposal.published_version) is not None:
        FlowVersion.objects.filter(pk=version.pk).update(created_at=at)
        Flow.objects.filter(pk=version.flow_id).update(created_at=at, updated_at=at)


def _guide(rng: Random, version: FlowVersion, sessions: Sequence[AISession], now: datetime) -> None:
    """Let most of these sessions have been guided by the new flow, where it leads to the end that they had."""
    source = source_of(version)
    replays = FlowReader(source.definition, source.examples).replay_many([record_of(s) for s in sessions])
    nodes = {node["id"]: node for node in version.nodes}
    guided = []
    for session, replay in zip(sessions, replays, strict=True):
        if _carries(session, replay) and rng.random() < _USED:
            _reword(list(session.steps.all()), replay, nodes)
            session.flow, session.flow_version = version.flow, version
            run_here(rng, session, list(session.steps.all()), now)
            guided.append(session)
    save_here(guided, "kind", "prompt", "options", "selected_option", "response")
    AISession.objects.filter(pk__in=[session.pk for session in guided]).update(flow=version.flow, flow_version=version)


def _carries(session: AISession, replay: Replay) -> bool:
    ends = {AISession.Status.RESOLVED.value: "resolution", AISession.Status.ESCALATED.value: "escalation"}
    return ends.get(session.status) == replay.outcome


def _reword(steps: Sequence[SessionStep], replay: Replay, nodes: dict[str, Any]) -> None:
    """The steps as the flow asked them: its wording and options, and the answer chosen instead of typed."""
    by_position = {step.position: step for step in steps}
    for node_id, option_id, at in replay.path:
        step, node = by_position.get(at), nodes[node_id]
        if step is None or option_id is None:
            continue
        step.prompt, step.kind = node["text"], node["kind"]
        step.options = [option["label"] for option in node["options"]]
        step.selected_option = next(option["label"] for option in node["options"] if option["id"] == option_id)
