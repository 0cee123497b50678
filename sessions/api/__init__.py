"""Sessions over the API, and what is done in them: the same services as the runner's."""

from sessions.api.flows import FlowRunViewSet
from sessions.api.pushes import PsaPushViewSet
from sessions.api.scripts import ScriptRenderView, ScriptTemplateViewSet
from sessions.api.views import SessionViewSet

__all__ = ["FlowRunViewSet", "PsaPushViewSet", "ScriptRenderView", "ScriptTemplateViewSet", "SessionViewSet"]
