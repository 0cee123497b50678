"""The REST API and its schema."""

from flowpilot.settings.environment import env

# Of each API key, and of each log-in; 0 is without limit.
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=1_200)
# Wrong API keys that one address may bring in a minute; 0 is without limit.
API_KEY_TRIES = env.int("API_KEY_TRIES", default=30)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "flowpilot.accounts.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "flowpilot.accounts.scopes.HasScope",
        "flowpilot.common.permissions.HasModelPermission",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["flowpilot.common.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "flowpilot.common.ordering.Ordering",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["flowpilot.common.throttling.CallerThrottle"],
    "DEFAULT_PAGINATION_CLASS": "flowpilot.common.pagination.Pagination",
    "DEFAULT_SCHEMA_CLASS": "flowpilot.common.apischema.AutoSchema",
    "EXCEPTION_HANDLER": "flowpilot.common.api.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "FlowPilot API",
    "DESCRIPTION": "Sessions in, proposals and metrics out. Every answer holds the caller's own account only.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "GET_LIB_DOC_EXCLUDES": "flowpilot.common.apischema.classes_without_a_word",
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "flowpilot.openapi.hooks.allow_null_once",
        "flowpilot.openapi.hooks.tell_of_texts",
        "flowpilot.openapi.hooks.add_pydantic_schemas",
        "flowpilot.openapi.hooks.add_common_parameters",
        "flowpilot.openapi.refusals.add_refusals",
        "flowpilot.openapi.examples.add_examples",
    ],
    "ENUM_NAME_OVERRIDES": {
        "SessionStatus": "sessions.models.AISession.Status",
        "ProposalStatus": "proposals.models.FlowProposal.Status",
        "FlowStatus": "flowpilot.flows.models.Flow.Status",
        "GapState": "analytics.models.KnowledgeGap.State",
        "GapKind": "analytics.models.KnowledgeGap.Kind",
        "ScriptTemplateStatus": "sessions.models.ScriptTemplate.Status",
        "ScriptRisk": "sessions.models.ScriptTemplateVersion.Risk",
        "PsaSystem": "sessions.models.PsaConnection.Kind",
        "PsaPushKind": "sessions.models.PsaPush.Kind",
        "PsaPushState": "sessions.models.PsaPush.State",
        "PsaAttemptOutcome": "sessions.models.PsaAttempt.Outcome",
        "DeliveryState": "flowpilot.webhooks.models.WebhookDelivery.State",
        "ReplayState": "proposals.models.ReplayReport.State",
        "ReplayOutcome": "proposals.api.replays.OUTCOMES",
    },
    "TAGS": [
        {"name": "sessions", "description": "Worked problems: sent in as records, or worked over the API."},
        {"name": "ingest-jobs", "description": "Bodies of many sessions, and what became of each line."},
        {"name": "proposals", "description": "Proposed changes to the flows, and their review."},
        {"name": "flows", "description": "Published troubleshooting flows: read, compared, searched and walked."},
        {"name": "script-templates", "description": "Scripts, rendered for a session."},
        {"name": "psa-pushes", "description": "What tickets are told, and with which attempts."},
        {"name": "gaps", "description": "Places where the knowledge measurably fails."},
        {"name": "metrics", "description": "The figures of the dashboards."},
        {"name": "webhooks", "description": "Addresses that are told of events."},
        {"name": "webhook-deliveries", "description": "What was sent there."},
        {"name": "audit-events", "description": "Who did what to what, when and why."},
        {"name": "definition-schema", "description": "What a flow's definition looks like."},
    ],
}
