"""Sessions as records: sent in one by one or in bulk."""

from dataclasses import asdict, replace
from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.accounts.selectors import ACCOUNT_PARAMETER, account_of_request
from flowpilot.common.api import ProblemSerializer, TenantViewSet
from flowpilot.common.errors import InvalidInput
from flowpilot.common.garbage import collection_paused
from sessions.ingest.lines import lines_ingest, told
from sessions.records import Line, RecordError, line_of_object

MAX_BULK = 1_000
RECORD = {"$ref": "#/components/schemas/SessionRecord"}
TWICE = RecordError("external_id", "comes twice in this list; the first one was taken")


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


class IngestActions(TenantViewSet):
    @extend_schema(
        summary="Send sessions",
        description=(
            "A session record, or a list of up to 1,000. The same record twice changes nothing; another content under "
            "one external_id replaces it. With a list, bad records are told in their place and the good ones are kept; "
            "a single bad record is 400."
        ),
        parameters=[ACCOUNT_PARAMETER],
        request={"application/json": {"oneOf": [
            RECORD,
            # What is no record is told in its place.
            {"type": "array", "maxItems": MAX_BULK, "items": {"anyOf": [RECORD, {}]}},
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
