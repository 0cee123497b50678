"""Many sessions over the API: a body is received as a stream, worked off as a job, and each line answered."""

from typing import Any, ClassVar

from django.db import transaction
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic_core import to_json
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.mediatypes import media_type_matches

from flowpilot.accounts.scopes import KeyScope
from flowpilot.accounts.selectors import ACCOUNT_PARAMETER, account_of_request
from flowpilot.common.api import ProblemSerializer, TenantViewSet
from flowpilot.common.errors import InvalidInput
from flowpilot.common.idempotency import claim, hash_begun, keep, key_of
from flowpilot.common.parameters import NUMBER, whole_number
from flowpilot.common.reading import RowSerializer
from sessions.filters import IngestJobFilter
from sessions.ingest.jobs import ingest_job_admit, ingest_job_create, ingest_results
from sessions.ingest.models import IngestJob
from sessions.ingest.receive import body_received

NDJSON = "application/x-ndjson"
OUTCOMES = ["imported", "updated", "unchanged", "bad"]
AFTER = {**NUMBER, "minimum": 0}


class NdjsonParser(BaseParser):
    """Leaves the body alone: the view reads it as a stream."""

    media_type = NDJSON

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        return {}


class NdjsonRenderer(BaseRenderer):
    """A list as one item a line; a long one is streamed past it."""

    media_type = NDJSON
    format = "ndjson"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"".join(to_json(item) + b"\n" for item in data)


class IngestJobSerializer(RowSerializer):
    account = serializers.CharField(source="account.slug")
    created_by = serializers.EmailField(source="created_by.email", default=None, allow_null=True)
    progress = serializers.FloatField(help_text="The share of lines that are worked off, 0 to 1.")

    class Meta:
        model = IngestJob
        fields = [
            "id", "account", "state", "lines", "lines_done", "progress", "imported", "updated", "unchanged", "bad",
            "size", "error", "created_by", "created_at", "started_at", "finished_at",
        ]  # fmt: skip


class IngestJobViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """Bodies of many sessions: how far they are, and what became of each line."""

    queryset = IngestJob.objects.select_related("account", "created_by").order_by("-created_at", "-id")
    serializer_class = IngestJobSerializer
    filterset_class = IngestJobFilter
    parser_classes = [NdjsonParser]
    scopes: ClassVar = {"GET": KeyScope.SESSIONS_READ, "POST": KeyScope.SESSIONS_WRITE}
    action_permissions: ClassVar[dict[str, str]] = {"results": "view"}
    reads_stream = True

    @extend_schema(
        summary="Send many sessions",
        description=(
            "One session record (`SessionRecord`) a line, up to 100,000 lines, as it is or with `Content-Encoding: "
            "gzip`. The answer comes when the body is there; then the job is worked off, and the result of each line "
            "is found under `results/`. A body that breaks off leaves nothing behind. The same record twice changes "
            "nothing; another content under one external_id replaces it; of two lines with one id the later stays. "
            "Jobs of one account are worked off one after another, in their order."
        ),
        parameters=[ACCOUNT_PARAMETER],
        request={NDJSON: {"type": "string", "format": "binary", "minLength": 1}},
        responses={
            202: OpenApiResponse(IngestJobSerializer, description="The job; `Location` is its address."),
            **dict.fromkeys((400, 403, 404, 409, 413), ProblemSerializer),
            415: OpenApiResponse(ProblemSerializer, description=f"The body is not {NDJSON}, or encoded otherwise."),
        },
    )
    def create(self, request: Request) -> Response:
        user: Any = request.user
        gzipped = _is_gzipped(request)
        account = account_of_request(user, request.query_params.get("account"))
        ingest_job_admit(actor=user, account=account)
        key, hasher = key_of(request), hash_begun(request)
        stream, length = _stream(request)
        with body_received(stream, length=length, gzipped=gzipped, hasher=hasher) as body, transaction.atomic():
            claimed = claim(request, key, hasher.hexdigest()) if key is not None else None
            job = ingest_job_create(actor=user, account=account, body=body)
            response = Response(self.get_serializer(job).data, status.HTTP_202_ACCEPTED)
            if claimed is not None:
                keep(claimed, response)
        return response

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        if response.status_code == status.HTTP_202_ACCEPTED:
            address = reverse("api:ingest-job-detail", args=[response.data["id"]])
            response["Location"] = request.build_absolute_uri(address)
        return super().finalize_response(request, response, *args, **kwargs)

    @extend_schema(
        summary="The results of an ingest job",
        description=(
            "What became of each line that is worked off, one a line: `IngestResult` with the `line`'s number. Blank "
            "lines have none. While the job runs there is more each time."
        ),
        parameters=[
            OpenApiParameter("outcome", OpenApiTypes.STR, enum=OUTCOMES, description="Only these."),
            OpenApiParameter("after", AFTER, description="Only lines after this one."),
            OpenApiParameter("format", exclude=True),
        ],
        responses={(200, NDJSON): OpenApiTypes.STR, 400: ProblemSerializer},
    )
    @action(
        detail=True,
        pagination_class=None,
        filterset_class=None,
        renderer_classes=[NdjsonRenderer, JSONRenderer],
    )
    def results(self, request: Request, pk: str) -> HttpResponseBase:
        job = self.get_object()
        outcome = request.query_params.get("outcome", "")
        after = whole_number(request.query_params, "after", least=0) or 0
        if outcome and outcome not in OUTCOMES:
            raise InvalidInput("There is no such outcome.", details={"outcome": f"One of {', '.join(OUTCOMES)}."})
        return StreamingHttpResponse(ingest_results(job, outcome, after), content_type=NDJSON)


def _is_gzipped(request: Request) -> bool:
    """Whether the body is gzip. Raises UnsupportedMediaType for another type or encoding."""
    if not media_type_matches(NDJSON, request.content_type or ""):
        raise UnsupportedMediaType(request.content_type or "(none)")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("gzip", "identity"):
        raise UnsupportedMediaType(encoding, f'The content encoding "{encoding[:40]}" is not known here: use gzip.')
    return encoding == "gzip"


def _stream(request: Request) -> tuple[Any, int | None]:
    """The body unread, and how long it says it is. A body in chunks says nothing, and Django takes it for empty."""
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if not length and request.META.get("wsgi.input_terminated"):
        return request.META["wsgi.input"], None
    return request._request, length
