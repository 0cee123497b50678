"""Small bases of the REST API: tenant scope, and one place that turns refusals into answers."""

import hashlib
import json
import re
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.views import exception_handler as drf_exception_handler
from rest_framework.viewsets import GenericViewSet

from flowpilot.common.errors import Conflict, InvalidInput, InvalidQuery, ServiceError, Stale
from flowpilot.common.idempotency import HEADER, KeyReused, Replay, claim, digest_of, keep, key_of
from flowpilot.common.models import IdempotentRequest
from flowpilot.common.parameters import parameters_of, require_known, require_values
from flowpilot.common.problems import MEDIA_TYPE, problem


class ProblemErrorSerializer(serializers.Serializer):
    """One thing that is wrong with a request."""

    pointer = serializers.CharField(required=False, help_text="Where in the body (RFC 6901).")
    parameter = serializers.CharField(required=False, help_text="Which parameter of the query.")
    detail = serializers.CharField()
    code = serializers.CharField(required=False)


class ProblemSerializer(serializers.Serializer):
    """What every refusal looks like: problem details (RFC 9457)."""

    type = serializers.CharField(help_text="urn:flowpilot:problem: and the code.")
    title = serializers.CharField(help_text="The status in words.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="A sentence for people.")
    code = serializers.CharField(help_text="A word for programs.")
    request_id = serializers.CharField(required=False, help_text="What the log calls this request: X-Request-ID.")
    errors: Any = ProblemErrorSerializer(many=True, required=False, help_text="What is wrong, and where.")
    details = serializers.JSONField(required=False, help_text="Facts about a refusal that is no error of the request.")


class ApiMixin(APIView):
    """What every endpoint shares: writes that may be sent twice (`Idempotency-Key`), and the headers of the limits."""

    # The view reads its body as a stream, and claims the key itself when it has all of it.
    reads_stream: ClassVar[bool] = False
    _claimed: IdempotentRequest | None = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method in SAFE_METHODS or self.reads_stream or HEADER not in request.headers:
            return super().dispatch(request, *args, **kwargs)
        with transaction.atomic():
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        method = (request.method or "").lower()
        if request.user.is_authenticated and not (method in self.http_method_names and hasattr(self, method)):
            # Before permissions: what nobody may do is no question of a role.
            raise MethodNotAllowed(request.method or "")
        super().initial(request, *args, **kwargs)
        if request.query_params and method != "options":
            require_known(request.query_params, parameters_of(self))
            require_values(request.query_params)
        if request.method in SAFE_METHODS or self.reads_stream:
            return
        if (key := key_of(request)) is not None:
            self._claimed = claim(request, key, digest_of(request))

    def handle_exception(self, exc: Exception) -> Response:
        """A refusal is JSON and says so, also where something else was asked for."""
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        for name, value in getattr(request, "rate_limits", {}).items():
            response[name] = value
        response = super().finalize_response(request, response, *args, **kwargs)
        if self._claimed is not None:
            keep(self._claimed, response)
        return response


class TenantViewSet(ApiMixin, GenericViewSet):
    """A viewset over the rows that the caller may see: a foreign row is 404.

    A row with a revision has an `ETag` of its revision, its state and a digest of the answer: the first two are what
    `If-Match` holds a change to, the last lets `If-None-Match` see what changes without a revision, such as a claim.
    `?fields=id,title` gives just those fields.
    """

    action_permissions: ClassVar[dict[str, str]] = {}
    ordering_fields: ClassVar[tuple[str, ...]] = ()
    # What a list shows of its rows and of those that they refer to, so that no long column is read for nothing. Empty:
    # all.
    columns_of_lists: ClassVar[tuple[str, ...]] = ()
    _shown: Any = None

    def get_queryset(self) -> QuerySet[Any]:
        queryset: Any = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset.none()
        if self.action == "list" and self.columns_of_lists:
            queryset = queryset.only(*self.columns_of_lists)
        return queryset.for_user(self.request.user)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filters are of lists: one row is found by its address alone."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_object(self) -> Any:
        self._shown = super().get_object()
        return self._shown

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        serializer = super().get_serializer(*args, **kwargs)
        wanted = self.request.query_params.get("fields") if self.request else None
        if wanted and self.action in ("list", "retrieve"):
            _narrow(getattr(serializer, "child", serializer), wanted.split(","))
        return serializer

    @property
    def actor(self) -> Any:
        return self.request.user

    def said(self, serializer_class: type[serializers.Serializer]) -> dict[str, Any]:
        """What the body of a change says, with the revision that `If-Match` names where the body names none.

        Call after `get_object`. Raises ValidationError, InvalidInput, and Stale for a row that has another state by
        now than the `If-Match` names: what is wrong in a field comes first.
        """
        data: Any = self.request.data
        tag = self.request.headers.get("If-Match")
        seen = read_etag(tag) if tag is not None and isinstance(data, dict) else None
        serializer = serializer_class(data={"revision": seen[0], **data} if seen else data)
        serializer.is_valid(raise_exception=True)
        if seen:
            self._refuse_stale(*seen)
        return dict(serializer.validated_data)

    def _refuse_stale(self, revision: int, state: str) -> None:
        if self._shown is not None and self._shown.revision == revision and state != state_of(self._shown):
            raise Stale(
                f"it is {state_of(self._shown)} now, and no longer {state}",
                details={"your_state": state, "current_state": state_of(self._shown), **self.changes(self._shown)},
            )

    def as_it_is_now(self) -> Response:
        """The row that was changed, read anew."""
        return Response(self.get_serializer(self.get_object()).data)

    def page_of(self, rows: QuerySet[Any]) -> tuple[list[Any], dict[str, Any]]:
        """The rows of the page that was asked for, in the queryset's order, and where the pages beside it are."""
        found = list(self.paginate_queryset(rows) or [])
        paginator: Any = self.paginator
        return found, {"next": paginator.get_next_link(), "previous": paginator.get_previous_link()}

    def changes(self, row: Any) -> dict[str, Any]:
        """What a caller is told beside the states where a row has another one by now than its ETag said."""
        return {}

    def is_changed(self, tag: str) -> bool:
        """Whether the row that was asked for is another one by now than the ETag says."""
        row = type(self._shown)._default_manager.filter(pk=self._shown.pk).first() if self._shown is not None else None
        return row is not None and (row.revision, state_of(row)) != read_etag(tag)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(self._shown, "revision", None) is not None and response.status_code in (200, 201):
            digest = hashlib.sha256(JSONRenderer().render(response.data)).hexdigest()[:16]
            response["ETag"] = f'"{self._shown.revision}-{state_of(self._shown)}-{digest}"'
            # What was compressed came with a weak one.
            known = request.headers.get("If-None-Match", "").removeprefix("W/")
            if request.method == "GET" and known == response["ETag"]:
                response.status_code, response.data = 304, None
        return super().finalize_response(request, response, *args, **kwargs)


_ETAG = re.compile(r'(?:W/)?"(?P<revision>[0-9]{1,9})-(?P<state>[a-z_]*)-[0-9a-f]{16}"')


def read_etag(tag: str) -> tuple[int, str]:
    """The revision and the state that an ETag names. Raises InvalidInput for what is none of ours."""
    found = _ETAG.fullmatch(tag.strip())
    if found is None:
        raise InvalidInput("If-Match is an ETag as an answer gave it.", details={"If-Match": "This is no ETag."})
    return int(found["revision"]), found["state"]


def state_of(row: Any) -> str:
    return str(getattr(row, "status", None) or getattr(row, "state", ""))


def _narrow(serializer: Any, wanted: list[str]) -> None:
    """Leave only the wanted fields."""
    if unknown := sorted(set(wanted) - set(serializer.fields)):
        raise InvalidInput("There is no such field.", details={"fields": [f"{name[:60]} is none." for name in unknown]})
    for name in set(serializer.fields) - set(wanted):
        del serializer.fields[name]


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer refusals as problem details; anything unexpected stays Django's 500."""
    request = context["request"]
    of_query = request.method in SAFE_METHODS or isinstance(error, InvalidQuery)
    if isinstance(error, Replay):
        return _replayed(error.answer)
    if isinstance(error, Conflict) and _is_precondition(error, request, context["view"]):
        return _answer(problem(412, "precondition_failed", error.message, error.details))
    if isinstance(error, ServiceError):
        return _answer(problem(error.status, error.code, error.message, error.details, of_query=of_query))
    response = drf_exception_handler(error, context)
    if response is None:
        return None
    data: Any = response.data
    if isinstance(data, dict) and set(data) == {"detail"}:
        detail = data["detail"]
        body = problem(response.status_code, getattr(detail, "code", "error"), str(detail))
    else:
        body = problem(400, "invalid", "The request has invalid fields.", data, of_query=of_query)
    answer = _answer(body)
    for name, value in response.items():
        if name.lower() != "content-type":
            answer[name] = value
    return answer


def _is_precondition(error: Conflict, request: Request, view: Any) -> bool:
    """Whether a conflict is one with what `If-Match` named."""
    tag = request.headers.get("If-Match")
    if tag is None or not isinstance(view, TenantViewSet) or isinstance(error, KeyReused):
        return False
    return isinstance(error, Stale) or view.is_changed(tag)


def _answer(body: dict[str, Any]) -> Response:
    return Response(body, status=body["status"], content_type=MEDIA_TYPE)


def _replayed(answer: IdempotentRequest) -> Response:
    response = Response(
        json.loads(answer.body) if answer.body else None, status=answer.status, content_type=answer.content_type
    )
    if answer.etag:
        response["ETag"] = answer.etag
    response["Idempotent-Replayed"] = "true"
    return response
