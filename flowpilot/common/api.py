"""Small bases of the REST API: tenant scope, and one place that turns refusals into answers."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler
from rest_framework.viewsets import GenericViewSet

from flowpilot.common.errors import ServiceError


class ErrorSerializer(serializers.Serializer):
    """What every refusal looks like."""

    code = serializers.CharField(help_text="A word for programs.")
    message = serializers.CharField(help_text="A sentence for people.")
    details = serializers.JSONField(required=False, help_text="What and where, when there is more to say.")


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
    """Answer refusals as ErrorSerializer; anything unexpected stays Django's 500."""
    if isinstance(error, ServiceError):
        return Response(_body(error.code, error.message, error.details), status=error.status)
    response = drf_exception_handler(error, context)
    if response is None:
        return None
    data: Any = response.data
    if isinstance(data, dict) and set(data) == {"detail"}:
        detail = data["detail"]
        response.data = _body(getattr(detail, "code", "error"), str(detail), None)
    else:
        response.data = _body("invalid", "The request has invalid fields.", data)
    return response


def _body(code: str, message: str, details: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"code": code, "message": message}
    if details:
        body["details"] = details
    return body
