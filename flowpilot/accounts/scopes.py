"""What an API key may be narrowed to: it does what its role may and its scopes name; without scopes, all of its role.

An operation names its scope where it stands: `scopes` of its view, by the view's action or the request's method.
"""

from collections.abc import Collection
from typing import Any

from django.db.models import TextChoices
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from flowpilot.accounts.models import ApiKey
from flowpilot.accounts.roles import role_grants
from flowpilot.common.errors import NotAllowed


class KeyScope(TextChoices):
    SESSIONS_READ = "sessions:read", "Read sessions"
    SESSIONS_WRITE = "sessions:write", "Send and work sessions"
    PROPOSALS_READ = "proposals:read", "Read proposals"
    PROPOSALS_DECIDE = "proposals:decide", "Decide proposals"
    FLOWS_READ = "flows:read", "Read flows"
    METRICS_READ = "metrics:read", "Read metrics"
    GAPS_READ = "gaps:read", "Read knowledge gaps"
    GAPS_WRITE = "gaps:write", "Change knowledge gaps"
    SCRIPTS_READ = "scripts:read", "Read script templates"
    SCRIPTS_RENDER = "scripts:render", "Render scripts"
    PSA_READ = "psa:read", "Read what tickets are told"
    PSA_REQUEUE = "psa:requeue", "Try again what tickets were not told"
    WEBHOOKS_READ = "webhooks:read", "Read webhooks"
    WEBHOOKS_WRITE = "webhooks:write", "Change webhooks"
    AUDIT_READ = "audit:read", "Read the audit log"


# What a role must hold for the scope to open anything.
NEEDS: dict[str, str] = {
    KeyScope.SESSIONS_READ: "ai_sessions.view_aisession",
    KeyScope.SESSIONS_WRITE: "ai_sessions.add_aisession",
    KeyScope.PROPOSALS_READ: "proposals.view_flowproposal",
    KeyScope.PROPOSALS_DECIDE: "proposals.decide_flowproposal",
    KeyScope.FLOWS_READ: "flows.view_flow",
    KeyScope.METRICS_READ: "analytics.view_metrics",
    KeyScope.GAPS_READ: "analytics.view_knowledgegap",
    KeyScope.GAPS_WRITE: "analytics.change_knowledgegap",
    KeyScope.SCRIPTS_READ: "ai_sessions.view_scripttemplate",
    KeyScope.SCRIPTS_RENDER: "ai_sessions.add_generatedscript",
    KeyScope.PSA_READ: "ai_sessions.view_psapush",
    KeyScope.PSA_REQUEUE: "ai_sessions.requeue_psapush",
    KeyScope.WEBHOOKS_READ: "webhooks.view_webhookendpoint",
    KeyScope.WEBHOOKS_WRITE: "webhooks.change_webhookendpoint",
    KeyScope.AUDIT_READ: "common.view_auditevent",
}


class MissingScope(NotAllowed):
    """The role would allow it; the key was not made for it."""

    code = "missing_scope"


def scopes_fault(role: str, scopes: Collection[str]) -> str:
    """What is wrong with scopes for a key of this role; "" where nothing is."""
    if unknown := sorted(set(scopes) - set(KeyScope.values)):
        return f"There is no scope {unknown[0][:40]}."
    if idle := [scope for scope in KeyScope.values if scope in scopes and not role_grants(role, NEEDS[scope])]:
        return f"The role would not allow {', '.join(idle)}."
    return ""


def scope_of(view: Any, method: str | None) -> KeyScope | None:
    """The scope that a request of this method to the view needs."""
    named = getattr(view, "scopes", {})
    action = getattr(view, "action", None)
    return named.get(action) or named.get("GET" if method in ("HEAD", "OPTIONS") else method)


class HasScope(BasePermission):
    """A key that was narrowed does only what its scopes name. A log-in has none: its role says it all."""

    def has_permission(self, request: Request, view: Any) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey) or key.scopes is None:
            return True
        scope = scope_of(view, request.method)
        if scope is None:
            raise MissingScope("a key that is narrowed to scopes does not open this")
        if scope not in key.scopes:
            raise MissingScope(f"this API key lacks the scope {scope}", details={"scope": str(scope)})
        return True
