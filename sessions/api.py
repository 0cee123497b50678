"""Sessions over the API: read them, and send them in one by one or in bulk."""

from dataclasses import asdict, replace
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.accounts.scopes import KeyScope
from flowpilot.accounts.selectors import account_of_request
from flowpilot.common.api import ProblemSerializer, TenantViewSet
from flowpilot.common.errors import InvalidInput
from flowpilot.common.garbage import collection_paused
from flowpilot.common.reading import RowSerializer
from sessions.filters import SessionFilter
from sessions.ingest.lines import lines_ingest, told
from sessions.models import AISession, SessionStep, Tier
from sessions.records import Line, RecordError, line_of_object

MAX_BULK = 1_000
TWICE = RecordError("external_id", "comes twice in this list; the first one was taken")
ACCOUNT = OpenApiParameter("account", OpenApiTypes.STR, description="The account's slug, for callers with several.")


class StepSerializer(RowSerializer):
    class Meta:
        model = SessionStep
        fields = ["position", "kind", "prompt", "options", "selected_option", "response", "at"]


class SessionListSerializer(RowSerializer):
    client = serializers.CharField(source="client.name", default=None, allow_null=True)
    team = serializers.CharField(source="team.name", default=None, allow_null=True)
    flow = serializers.CharField(source="flow.key", default=None, allow_null=True)
    technician = serializers.CharField(source="technician_email")
    tier = serializers.ChoiceField(choices=Tier.choices)

    class Meta:
        model = AISession
        fields = [
            "id", "external_id", "status", "title", "problem_summary", "problem_domain", "client", "team",
            "technician", "started_at", "ended_at", "resolution_summary", "flow", "psa_system", "psa_ticket_id",
            "confidence_score", "tier",
        ]  # fmt: skip


class SessionSerializer(SessionListSerializer):
    steps = StepSerializer(many=True)

    class Meta(SessionListSerializer.Meta):
        fields = [*SessionListSerializer.Meta.fields, "steps", "transcript"]


RESULT = inline_serializer(
    "IngestResult",
    {
        "external_id": serializers.CharField(),
        "outcome": serializers.ChoiceField(choices=["imported", "updated", "unchanged", "bad"]),
        "errors": inline_serializer(
            "RecordError",
            {
                "field": serializers.CharField(allow_blank=True),
                "pointer": serializers.CharField(allow_blank=True, help_text="The same as RFC 6901 has it."),
                "reason": serializers.CharField(),
            },
            many=True,
        ),
    },
    many=True,
)
RESULTS = inline_serializer("IngestResults", {"results": RESULT})


class SessionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """Worked problems."""

    queryset = AISession.objects.select_related("client", "team", "flow").order_by("-started_at", "-id")
    scopes: ClassVar = {"GET": KeyScope.SESSIONS_READ, "POST": KeyScope.SESSIONS_WRITE}
    filterset_class = SessionFilter
    ordering_fields = ("started_at",)
    columns_of_lists = (
        "external_id", "status", "title", "problem_summary", "problem_domain", "client__name", "team__name",
        "technician_email", "started_at", "ended_at", "resolution_summary", "flow__key", "psa_system", "psa_ticket_id",
        "confidence_score",
    )  # fmt: skip

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return SessionListSerializer if self.action == "list" else SessionSerializer

    @extend_schema(
        summary="Send sessions",
        description=(
            "A session record, or a list of up to 1,000. The same record twice changes nothing; another content under "
            "one external_id replaces it. With a list, bad records are told in their place and the good ones are kept; "
            "a single bad record is 400."
        ),
        parameters=[ACCOUNT],
        request={"application/json": {"oneOf": [
            {"$ref": "#/components/schemas/SessionRecord"},
            {"type": "array", "maxItems": MAX_BULK, "items": {"$ref": "#/components/schemas/SessionRecord"}},
        ]}},
        responses={200: RESULTS, 201: RESULTS, 400: ProblemSerializer, 403: ProblemSerializer, 404: ProblemSerializer},
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        account = account_of_request(request.user, request.query_params.get("account"))
        objects = request.data if isinstance(request.data, list) else [request.data]
        if len(objects) > MAX_BULK:
            raise InvalidInput(f"a list holds at most {MAX_BULK} records, this one has {len(objects)}")
        with collection_paused():
            lines = _lines(objects)
        user: Any = request.user
        results = lines_ingest(actor=user, account=account, lines=lines)
        body = {"results": [told(result) for result in results]}
        if not isinstance(request.data, list) and results[0].outcome == "bad":
            errors = [asdict(error) for error in results[0].errors]
            raise InvalidInput("The session record is not valid.", details=errors)
        new = any(result.outcome == "imported" for result in results)
        return Response(body, status=status.HTTP_201_CREATED if new else status.HTTP_200_OK)


def _lines(objects: list[Any]) -> list[Line]:
    """The records of a list; one whose id came before in it is bad."""
    found: list[Line] = []
    ids: set[str] = set()
    for number, obj in enumerate(objects):
        line = line_of_object(number, obj)
        if line.record is not None and line.external_id in ids:
            line = replace(line, record=None, errors=(TWICE,))
        elif line.record is not None:
            ids.add(line.external_id)
        found.append(line)
    return found
