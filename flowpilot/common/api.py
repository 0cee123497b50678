"""Small bases of the REST API: tenant scope, and one place that turns refusals into answers."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler
from rest_framework.viewsets import GenericViewSet

from flowpilot.common.errors import ServiceError
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


class TenantViewSet(GenericViewSet):
    """A viewset over the rows that the caller may see: a foreign row is 404."""

    action_permissions: ClassVar[dict[str, str]] = {}

    def get_queryset(self) -> QuerySet[Any]:
        queryset: Any = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset.none()
        return queryset.for_user(self.request.user)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filters are of lists: one row is found by its address alone."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer refusals as problem details; anything unexpected stays Django's 500."""
    of_query = context["request"].method in ("GET", "HEAD")
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


def _answer(body: dict[str, Any]) -> Response:
    return Response(body, status=body["status"], content_type=MEDIA_TYPE)
