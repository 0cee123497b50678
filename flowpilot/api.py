"""The REST API, version 1: one router, its schema and its page (served from this machine, no CDN)."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.routers import SimpleRouter

import flowpilot.openapi.hooks  # noqa: F401  # tells the schema of API keys
from analytics.gaps.api import KnowledgeGapViewSet
from flowpilot.accounts.auditapi import AuditEventViewSet
from flowpilot.flows.api import DefinitionSchemaView, FlowViewSet
from flowpilot.webhooks.api import WebhookDeliveryViewSet, WebhookViewSet
from proposals.api import FlowProposalViewSet
from sessions.api import FlowRunViewSet, PsaPushViewSet, ScriptRenderView, ScriptTemplateViewSet, SessionViewSet
from sessions.ingest.api import IngestJobViewSet

router = SimpleRouter()
router.register("sessions", SessionViewSet, basename="session")
router.register("ingest-jobs", IngestJobViewSet, basename="ingest-job")
router.register("proposals", FlowProposalViewSet, basename="proposal")
router.register("flows", FlowViewSet, basename="flow")
router.register("gaps", KnowledgeGapViewSet, basename="gap")
router.register("script-templates", ScriptTemplateViewSet, basename="script-template")
router.register("psa-pushes", PsaPushViewSet, basename="psa-push")
router.register("audit-events", AuditEventViewSet, basename="audit-event")
router.register("webhooks", WebhookViewSet, basename="webhook")
router.register("webhook-deliveries", WebhookDeliveryViewSet, basename="webhook-delivery")

app_name = "api"
urlpatterns = [
    path("metrics/", include("analytics.api.urls")),
    path("definition-schema/", DefinitionSchemaView.as_view(), name="definition-schema"),
    path("flows/search/", FlowRunViewSet.as_view({"post": "search"}), name="flow-search"),
    path("flows/<int:pk>/walk/", FlowRunViewSet.as_view({"post": "walk"}), name="flow-walk"),
    path("script-templates/<int:pk>/render/", ScriptRenderView.as_view(), name="script-template-render"),
    path("schema/", SpectacularAPIView.as_view(permission_classes=[AllowAny]), name="schema"),
    path(
        "docs/", SpectacularSwaggerSplitView.as_view(url_name="api:schema", permission_classes=[AllowAny]), name="docs"
    ),
    *router.urls,
]
