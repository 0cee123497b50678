"""FlowPilot's addresses and one more, of an API view that does nothing: what others are measured by."""

from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.common.api import ApiMixin

EMPTY = "/api/v1/empty/"


class EmptyView(ApiMixin):
    """Asks who calls and whether they may, as every view does, and answers nothing."""

    required_permission = "ai_sessions.view_aisession"

    def get(self, request: Request) -> Response:
        return Response({})


urlpatterns = [path(EMPTY.removeprefix("/"), EmptyView.as_view()), path("", include("flowpilot.urls"))]
