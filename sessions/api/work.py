"""What a technician's client does in a session: start it, answer, add steps, end it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.accounts.models import Team
from flowpilot.accounts.selectors import ACCOUNT_PARAMETER, account_of_request
from flowpilot.common.api import ProblemSerializer, TenantViewSet
from flowpilot.common.bodies import BodySerializer
from flowpilot.common.errors import InvalidInput
from sessions.api.serializers import SessionSerializer
from sessions.models import AISession, SessionStep
from sessions.runner import ending, steps
from sessions.runner.guide import guide, score_among
from sessions.runner.lock import MOST_TEXT
from sessions.runner.start import LONGEST_TITLE, Start, session_start

MOST_ID = 40
Kind = SessionStep.Kind


class StartSerializer(BodySerializer):
    problem = serializers.CharField(max_length=MOST_TEXT, help_text="As the user told it.")
    title = serializers.CharField(max_length=LONGEST_TITLE, required=False, help_text="Without one the problem's line.")
    client = serializers.CharField(max_length=200, required=False, help_text="By name; an unknown one is made.")
    domain = serializers.CharField(max_length=100, required=False)
    psa_system = serializers.CharField(max_length=50, required=False, help_text="Such as connectwise.")
    psa_ticket_id = serializers.CharField(max_length=100, required=False)
    flow = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="The published flow that guides it, by id."
    )


class RevisionSerializer(BodySerializer):
    revision = serializers.IntegerField(min_value=0, help_text="Of the session as you read it; or `If-Match`.")


class AnswerSerializer(RevisionSerializer):
    node = serializers.CharField(max_length=MOST_ID, help_text="Where the session stands: its `node_id`.")
    option = serializers.CharField(
        max_length=MOST_ID, required=False, help_text="The id of the answer; without one none of them fits."
    )
    response = serializers.CharField(
        max_length=MOST_TEXT, required=False, help_text="What was typed or said; needed without an option."
    )


class NewStepSerializer(RevisionSerializer):
    kind = serializers.ChoiceField(choices=[*steps.FREE_KINDS, Kind.NOTE], default=Kind.ACTION)
    prompt = serializers.CharField(max_length=MOST_TEXT, help_text="What was asked or done, or the note.")
    response = serializers.CharField(
        max_length=MOST_TEXT, required=False, help_text="What came of it; no note has one."
    )


class ResolveSerializer(RevisionSerializer):
    summary = serializers.CharField(max_length=MOST_TEXT, help_text="How it was solved.")


class AbandonSerializer(RevisionSerializer):
    reason = serializers.CharField(max_length=MOST_TEXT, required=False, allow_blank=True)


class EscalateSerializer(RevisionSerializer):
    reason = serializers.CharField(max_length=MOST_TEXT)
    to_user = serializers.EmailField(required=False, help_text="To a person of the account who works sessions…")
    to_team = serializers.CharField(
        max_length=200, required=False, help_text="…or to a team, by name; without either to whoever takes it."
    )


REFUSALS = dict.fromkeys((400, 403, 404, 409, 412), ProblemSerializer)
CHANGE: dict[str, Any] = {"responses": {200: SessionSerializer, **REFUSALS}}
NO_RECEIVER = {
    "to_user": "Nobody in this account who works sessions has this address.",
    "to_team": "No team of this account has this name.",
}
WORK = ("answer", "add_step", "pause", "resume", "resolve", "escalate", "abandon")


class WorkActions(TenantViewSet):
    """The runner's services. A session that came in as a record takes none of it: that is 403."""

    @extend_schema(
        summary="Start a session",
        parameters=[ACCOUNT_PARAMETER],
        request=StartSerializer,
        responses={201: SessionSerializer, **dict.fromkeys((400, 403, 404), ProblemSerializer)},
    )
    @action(detail=False, methods=["post"])
    def start(self, request: Request) -> Response:
        """A new session of the caller's own, guided by a flow from its first step on, or free-form.

        `/flows/search/` finds the flows that may fit the problem.
        """
        account = account_of_request(request.user, request.query_params.get("account"))
        serializer = StartSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        said = dict(serializer.validated_data)
        flow_id = said.pop("flow", None)
        matches = guide().matches(request.user, account.pk, said["problem"]) if flow_id is not None else ()
        session = session_start(
            actor=self.actor,
            account=account,
            start=Start(**said),
            flow_id=flow_id,
            score=score_among(matches, flow_id),
        )
        self._shown = self.get_queryset().get(pk=session.pk)
        return Response(SessionSerializer(self._shown).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Answer where a session stands", request=AnswerSerializer, **CHANGE)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, pk: str) -> Response:
        """Answer the node of the flow by one of its options; without an option what was found instead is recorded, and
        the session goes on free-form. 409 where it stands at another node, is paused, or has ended."""
        session, said = self.get_object(), self.said(AnswerSerializer)
        call = {"actor": self.actor, "session_id": session.pk, "revision": said["revision"], "node_id": said["node"]}
        response = said.get("response", "")
        if "option" in said:
            steps.step_answer(**call, option_id=said["option"], response=response)
        elif response:
            steps.step_none_of_these(**call, response=response)
        else:
            raise InvalidInput(
                "say which answer, or what was found", details={"option": "This or a response is needed."}
            )
        return self.as_it_is_now()

    @extend_schema(summary="Add a step to a session", request=NewStepSerializer, **CHANGE)
    @action(detail=True, methods=["post"], url_path="steps")
    def add_step(self, request: Request, pk: str) -> Response:
        """A step that no flow asked for, or a note beside the steps. 409 where the session is paused or has ended."""
        session, said = self.get_object(), self.said(NewStepSerializer)
        call = {"actor": self.actor, "session_id": session.pk, "revision": said["revision"]}
        if said["kind"] != Kind.NOTE:
            steps.step_free(**call, kind=said["kind"], prompt=said["prompt"], response=said.get("response", ""))
        elif "response" not in said:
            steps.note_add(**call, text=said["prompt"])
        else:
            raise InvalidInput("a note has no response", details={"response": "A note has none."})
        return self.as_it_is_now()

    @extend_schema(summary="Pause a session", request=RevisionSerializer, **CHANGE)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """It waits, for the customer or a part, and takes no step until it is resumed."""
        return self._do(ending.session_pause, RevisionSerializer)

    @extend_schema(summary="Resume a session", request=RevisionSerializer, **CHANGE)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on where it was paused. The time in between counts for no step."""
        return self._do(ending.session_resume, RevisionSerializer)

    @extend_schema(summary="Resolve a session", request=ResolveSerializer, **CHANGE)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: str) -> Response:
        """The problem is solved. The ticket is told, and analysis reads the session."""
        return self._do(ending.session_resolve, ResolveSerializer)

    @extend_schema(summary="Escalate a session", request=EscalateSerializer, **CHANGE)
    @action(detail=True, methods=["post"])
    def escalate(self, request: Request, pk: str) -> Response:
        """Hand it over, with all that was found, to a person, a team, or whoever takes it."""
        session, said = self.get_object(), self.said(EscalateSerializer)
        ending.session_escalate(
            actor=self.actor,
            session_id=session.pk,
            revision=said["revision"],
            reason=said["reason"],
            **_receiver(session, said),
        )
        return self.as_it_is_now()

    @extend_schema(summary="Abandon a session", request=AbandonSerializer, **CHANGE)
    @action(detail=True, methods=["post"])
    def abandon(self, request: Request, pk: str) -> Response:
        """Nobody goes on with it. Analysis does not read it."""
        return self._do(ending.session_abandon, AbandonSerializer)

    def _do(self, service: Any, serializer_class: type[serializers.Serializer]) -> Response:
        session = self.get_object()
        service(actor=self.actor, session_id=session.pk, **self.said(serializer_class))
        return self.as_it_is_now()


def _receiver(session: AISession, said: dict[str, Any]) -> dict[str, int]:
    """The ids that the service takes, of an address and a team's name. Raises InvalidInput for unknown ones."""
    found: dict[str, int | None] = {}
    if "to_user" in said:
        people = ending.receivers_of(session.account_id).filter(user__email=said["to_user"].lower())
        found["to_user"] = people.values_list("user", flat=True).first()
    if "to_team" in said:
        teams = Team.objects.filter(account=session.account_id, name=said["to_team"])
        found["to_team"] = teams.values_list("pk", flat=True).first()
    if unknown := [name for name, pk in found.items() if pk is None]:
        raise InvalidInput("there is no such receiver", details={name: NO_RECEIVER[name] for name in unknown})
    return {f"{name}_id": pk for name, pk in found.items() if pk is not None}
