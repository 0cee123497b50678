"""Replay before you publish: past sessions run through what a proposal would publish."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.common.api import ProblemSerializer, TenantViewSet
from flowpilot.common.errors import InvalidInput, NotFound
from flowpilot.common.pagination import PAGE_PARAMETERS, PageSerializer
from proposals.models import FlowProposal, ReplayReport
from proposals.replays import (
    OUTCOME_WORDS,
    Change,
    Outcome,
    Result,
    Tally,
    is_behind,
    replay_report_of,
    replay_report_start,
    results_of,
    summarize,
)
from sessions.models import AISession

OUTCOMES = [(outcome.value, OUTCOME_WORDS[outcome][1]) for outcome in Outcome]
CHANGES = [change.value for change in Change]

ReplayCountsSerializer: Any = type(
    "ReplayCountsSerializer",
    (serializers.Serializer,),
    {value: serializers.IntegerField(help_text=f"Sessions: {words}.") for value, words in OUTCOMES},
)
ReplayChangesSerializer: Any = type(
    "ReplayChangesSerializer", (serializers.Serializer,), {name: serializers.IntegerField() for name in CHANGES}
)


class ReplayTallySerializer(serializers.Serializer):
    outcomes = ReplayCountsSerializer()
    escalated = serializers.IntegerField(help_text="Sessions that were escalated.")
    would_resolve = serializers.IntegerField(help_text="Of those, how many reach a resolution.")


class ReplaySavedSerializer(serializers.Serializer):
    """Steps saved, of the sessions that reach the right end."""

    median = serializers.FloatField()
    total = serializers.IntegerField()


class ReplaySerializer(serializers.Serializer):
    """A report belongs to one revision of the proposal. While it runs, its figures are of the sessions so far."""

    revision = serializers.IntegerField()
    state = serializers.ChoiceField(choices=ReplayReport.State.choices)
    total = serializers.IntegerField(help_text="Sessions to replay.")
    done = serializers.IntegerField()
    error = serializers.CharField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    compared_with = serializers.IntegerField(allow_null=True, help_text="The version published then; null without one.")
    is_behind = serializers.BooleanField(help_text="The flow has another version by now: start it again.")
    proposed = ReplayTallySerializer(help_text="As proposed.")
    now = ReplayTallySerializer(allow_null=True, help_text="In the version published now.")
    changes = ReplayChangesSerializer(allow_null=True, help_text="As against the version published now.")
    steps_saved = ReplaySavedSerializer(allow_null=True)


class ReplayedSessionSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    external_id = serializers.CharField()
    title = serializers.CharField()
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    now = serializers.ChoiceField(choices=OUTCOMES, allow_null=True)
    change = serializers.ChoiceField(choices=CHANGES)
    steps_saved = serializers.IntegerField(allow_null=True)
    was_escalated = serializers.BooleanField()


class ReplayedSessionsSerializer(PageSerializer):
    """A page of the sessions behind a count, newest first."""

    total = serializers.IntegerField(help_text="Sessions that you may read.")
    hidden = serializers.IntegerField(help_text="Sessions that you may not, or that were deleted since.")
    results = ReplayedSessionSerializer(many=True)


NARROWINGS = {"outcome": [value for value, _ in OUTCOMES], "now": [value for value, _ in OUTCOMES], "change": CHANGES}


class ReplayActions(TenantViewSet):
    @extend_schema(summary="The replay of a proposal", responses={200: ReplaySerializer, 404: ProblemSerializer})
    @action(detail=True, pagination_class=None, filterset_class=None)
    def replay(self, request: Request, pk: str) -> Response:
        """What past sessions would have come to, as proposed and in the version published now.

        404 before anybody has started it for the proposal's revision.
        """
        proposal = self.get_object()
        return Response(ReplaySerializer(_report(proposal, _replayed(proposal))).data)

    @extend_schema(
        summary="Start the replay of a proposal",
        request=None,
        responses={200: ReplaySerializer, 202: ReplaySerializer, **dict.fromkeys((400, 403, 404), ProblemSerializer)},
    )
    @replay.mapping.post
    def replay_start(self, request: Request, pk: str) -> Response:
        """Run the sessions that the proposal is about through it. Few are done at once (200); of many (202) read the
        report until its state is `done`. A report that is done stands, unless its flow has moved on."""
        proposal = self.get_object()
        report = replay_report_start(actor=request.user, proposal_id=proposal.pk)
        running = report.state == ReplayReport.State.RUNNING
        body = ReplaySerializer(_report(proposal, report)).data
        return Response(body, status=status.HTTP_202_ACCEPTED if running else status.HTTP_200_OK)

    @extend_schema(
        summary="The replayed sessions of a proposal",
        parameters=[
            OpenApiParameter("outcome", str, enum=NARROWINGS["outcome"], description="As proposed."),
            OpenApiParameter("now", str, enum=NARROWINGS["now"], description="In the version published now."),
            OpenApiParameter("change", str, enum=CHANGES, description="As against the version published now."),
            *PAGE_PARAMETERS,
        ],
        responses={200: ReplayedSessionsSerializer, 404: ProblemSerializer},
    )
    @action(detail=True, url_path="replay/sessions")
    def replay_sessions(self, request: Request, pk: str) -> Response:
        """The sessions behind the report's counts, and what became of each."""
        proposal = self.get_object()
        chosen = {result.session_id: result for result in _chosen(request, results_of(_replayed(proposal)))}
        visible = AISession.objects.for_user(request.user).filter(account=proposal.account_id, pk__in=chosen)
        rows, links = self.page_of(visible.order_by("-started_at", "-pk").only("external_id", "title", "started_at"))
        total = visible.count()
        results = [_told(session, chosen[session.pk]) for session in rows]
        return Response({**links, "total": total, "hidden": len(chosen) - total, "results": results})


def _replayed(proposal: FlowProposal) -> ReplayReport:
    report = replay_report_of(proposal)
    if report is None:
        raise NotFound("nothing has been replayed yet for this revision: start it by POST")
    return report


def _chosen(request: Request, results: list[Result]) -> list[Result]:
    wanted = {name: request.query_params[name] for name in NARROWINGS if request.query_params.get(name)}
    if wrong := {name: "There is none such." for name, value in wanted.items() if value not in NARROWINGS[name]}:
        raise InvalidInput("There is no such list.", details=wrong)
    return [result for result in results if all(getattr(result, name) == value for name, value in wanted.items())]


def _report(proposal: FlowProposal, report: ReplayReport) -> dict[str, Any]:
    summary = summarize(results_of(report))
    saved = summary.saved
    return {
        **{
            name: getattr(report, name)
            for name in ("revision", "state", "total", "done", "error", "started_at", "finished_at")
        },
        "compared_with": report.version.number if report.version else None,
        "is_behind": is_behind(report, proposal),
        "proposed": _tally(summary.proposed),
        "now": _tally(summary.now) if summary.now else None,
        "changes": {name: summary.changes.get(name, 0) for name in CHANGES} if summary.now else None,
        "steps_saved": {"median": saved[0], "total": saved[1]} if saved else None,
    }


def _tally(tally: Tally) -> dict[str, Any]:
    outcomes = {value: tally.counts.get(value, 0) for value, _ in OUTCOMES}
    return {"outcomes": outcomes, "escalated": tally.escalated, "would_resolve": tally.would_resolve}


def _told(session: AISession, result: Result) -> dict[str, Any]:
    return {
        "id": session.pk,
        "external_id": session.external_id,
        "title": session.title,
        "outcome": result.outcome,
        "now": result.now,
        "change": result.change,
        "steps_saved": result.saved,
        "was_escalated": result.is_escalated,
    }
