"""What the session runner asks: see `sessions.runner.guide`, whose SESSION_GUIDE names this class."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

from django.db.models import Count, Max, Q
from django.utils import timezone

from flowpilot.common.errors import InvalidInput
from flowpilot.flows.models import Flow, FlowVersion
from proposals import session_help
from proposals.analysis.load import source_of
from proposals.mining.answers import AnswerReader
from proposals.mining.confidence import wilson_lower
from proposals.mining.examples import FlowExamples, FlowSource
from proposals.mining.pasted import are_speakers_told, turns_of_pasted
from proposals.mining.problems import MOST_PROBLEMS, ProblemIndex, ProblemMatch
from proposals.mining.records import Record, Step
from proposals.mining.transcript import is_pleasantry, problem_of, steps_of
from sessions.models import AISession
from sessions.runner.guide import FlowMatch, ReadTalk, StepDraft

SHOWN = 5
LEAST_FIT = 0.25  # of a full fit: below it a flow is about something else
# Ended sessions from which a version's own success counts, and what is assumed of one that nothing is known of.
MEASURED_FROM, UNKNOWN = 10, 0.5
KEPT_ACCOUNTS = 32

Stamp = tuple[Any, ...]


class EvidenceGuide:
    """Matches problems with published flows by the sessions behind them, and reads answers as replay does."""

    def __init__(self) -> None:
        self._indexes: OrderedDict[int, tuple[Stamp, ProblemIndex[int]]] = OrderedDict()
        self._lock = Lock()

    def matches(self, user: Any, account_id: int, problem: str) -> Sequence[FlowMatch]:
        found = self._index(account_id).match(problem, limit=4 * SHOWN)
        fitting = {match.key: match for match in found if match.fit >= LEAST_FIT}
        own = Flow.objects.for_user(user).filter(pk__in=fitting, status=Flow.Status.PUBLISHED)
        flows = list(own.select_related("current_version"))
        measured = _measured([flow.current_version_id for flow in flows])
        told = [_told(flow, fitting[flow.pk], measured) for flow in flows if flow.current_version is not None]
        return sorted(told, key=lambda match: (-match.score, match.version.flow.title))[:SHOWN]

    def answer_of(self, version: FlowVersion, node_id: str, text: str) -> str | None:
        node = next((node for node in version.nodes if node["id"] == node_id), None)
        if node is None or not node.get("options"):
            return None
        examples = FlowExamples.from_json(version.examples)
        reader = AnswerReader(node["options"], examples.answers.get(node_id))
        return reader.read(Step(node["kind"], node["text"], (), None, text, 0))

    def read_talk(self, text: str) -> ReadTalk:
        turns = turns_of_pasted(text)
        if not turns:
            raise InvalidInput(
                "nobody speaks in this text: begin each turn with a name and a colon, "
                "such as “Agent: Is it switched on?”",
                details={"talk": "No line begins with a name and a colon."},
            )
        record = Record("", "active", "", "", None, "", (), tuple(turns), None, None)
        steps = [step for step in steps_of(record) if not is_pleasantry(step.prompt)]
        drafts = tuple(StepDraft(s.kind, s.prompt, s.response or "") for s in steps)
        return ReadTalk(problem_of(record), drafts, is_sure=bool(drafts) and are_speakers_told(text))

    def is_model_offered(self, account_id: int) -> bool:
        return session_help.is_offered(account_id)

    def read_talk_by_model(self, account_id: int, subject: str, text: str) -> ReadTalk:
        return session_help.talk_read(account_id, subject, text)

    def draft_summary(self, session: AISession) -> str:
        return session_help.summary_draft(session)

    def suggest_domain(self, session: AISession) -> str:
        return session_help.domain_suggested(session)

    def _index(self, account_id: int) -> ProblemIndex[int]:
        """The account's index, made anew when a flow was published, archived or changed, and on a new day: the sessions
        that a flow guides tell of its problems, too."""
        flows = Flow.objects.filter(account=account_id, status=Flow.Status.PUBLISHED, current_version__isnull=False)
        counts = flows.aggregate(n=Count("pk"), last=Max("updated_at"))
        stamp: Stamp = (counts["n"], counts["last"], timezone.now().date())
        with self._lock:
            kept = self._indexes.get(account_id)
            if kept is not None and kept[0] == stamp:
                self._indexes.move_to_end(account_id)
                return kept[1]
        sources = {}
        for flow in flows.select_related("current_version").order_by("pk"):
            version: Any = flow.current_version
            version.flow = flow
            sources[flow.pk] = _with_guided(source_of(version), flow)
        index = ProblemIndex(sources)
        with self._lock:
            self._indexes[account_id] = (stamp, index)
            while len(self._indexes) > KEPT_ACCOUNTS:
                self._indexes.popitem(last=False)
        return index


def _with_guided(source: FlowSource, flow: Flow) -> FlowSource:
    """The flow with problems that it solved added to those that it was made from, where these are few: a flow that was
    written by hand was made from none."""
    examples = source.examples or FlowExamples()
    missing = MOST_PROBLEMS - len(examples.problems)
    if missing <= 0:
        return source
    solved = AISession.objects.filter(flow=flow, status=AISession.Status.RESOLVED).exclude(problem_summary="")
    told = solved.order_by("-ended_at", "-pk").values_list("problem_summary", flat=True)[:missing]
    return replace(source, examples=replace(examples, problems=[*examples.problems, *told]))


def _measured(version_ids: Sequence[int | None]) -> dict[int, tuple[int, int]]:
    """{version: (resolved, ended)} of the sessions that each guided."""
    ended = AISession.objects.filter(flow_version__in=[pk for pk in version_ids if pk]).ended().order_by()
    rows = ended.values("flow_version").annotate(
        n=Count("pk"), resolved=Count("pk", filter=Q(status=AISession.Status.RESOLVED))
    )
    return {row["flow_version"]: (row["resolved"], row["n"]) for row in rows}


def _told(flow: Flow, match: ProblemMatch[int], measured: dict[int, tuple[int, int]]) -> FlowMatch:
    """The chance that the flow helps: that the problem is its problem, times that it leads to the right end."""
    version: Any = flow.current_version
    version.flow = flow
    resolved, ended = measured.get(version.pk, (0, 0))
    why = [f"shares {', '.join(match.shared)}"] if match.shared else []
    why.append("as like as its own sessions are" if match.fit >= 1 else f"fits by {match.fit * 100:.0f} %")
    if ended >= MEASURED_FROM:
        trust = wilson_lower(resolved, ended)
        why.append(f"resolved {resolved} of the {ended} sessions that it guided")
    elif version.confidence_score is not None:
        trust = version.confidence_score
        why.append(f"was published with confidence {trust:.2f}")
    else:
        trust = UNKNOWN
        why.append("nothing is measured of it yet")
    return FlowMatch(version, match.fit * trust, tuple(why))
