"""What each role may see and do. The one place: the admin, the API and the services all ask these names.

A permission is Django's `app.action_model`; besides view, add, change and delete there are the verbs of the domain
(`proposals.decide_flowproposal`, `proposals.requeue_analysis`, `analytics.view_metrics`).
"""

from django.db.models import TextChoices


class Role(TextChoices):
    OWNER = "owner", "Owner"
    TEAM_ADMIN = "team_admin", "Team admin"
    TECHNICIAN = "technician", "Technician"
    ANALYST = "analyst", "Analyst"
    SERVICE = "service", "Service"


_WORK = frozenset(
    {
        "accounts.view_account",
        "accounts.view_team",
        "ai_sessions.view_aisession",
        "ai_sessions.view_sessionstep",
        "ai_sessions.view_client",
        "ai_sessions.view_generatedscript",
        "ai_sessions.view_scripttemplate",
        "ai_sessions.view_scripttemplateversion",
        "flows.view_flow",
        "flows.view_flowversion",
    }
)
# Who works sessions looks tickets up; who may do so sees nothing of the connection but its name.
_INGEST = frozenset(
    {
        "ai_sessions.add_aisession",
        "ai_sessions.change_aisession",
        "ai_sessions.add_ingestjob",
        "ai_sessions.view_ingestjob",
        "ai_sessions.use_psaconnection",
    }
)
# Generating a script is a person's work: no service does it.
_SCRIPTS = frozenset({"ai_sessions.add_generatedscript", "ai_sessions.change_generatedscript"})
_READ = _WORK | {
    "ai_sessions.view_handover",
    "ai_sessions.view_psaattempt",
    "ai_sessions.view_psapush",
    "analytics.view_knowledgegap",
    "analytics.view_metrics",
    "proposals.view_analysisrun",
    "proposals.view_flowproposal",
    "proposals.view_sessionanalysis",
    "proposals.view_topic",
}
_REVIEW = frozenset(
    {
        "accounts.view_membership",
        "accounts.view_user",
        "ai_sessions.requeue_psapush",
        "ai_sessions.add_scripttemplate",
        "ai_sessions.change_scripttemplate",
        "analytics.change_knowledgegap",
        "common.view_auditevent",
        "flows.change_flow",
        "proposals.decide_flowproposal",
        "proposals.requeue_sessionanalysis",
    }
)
_OWN = frozenset(
    {
        "accounts.change_account",
        *(f"accounts.{verb}_datapolicy" for verb in ("view", "add", "change")),
        *(f"accounts.{verb}_team" for verb in ("add", "change", "delete")),
        *(f"accounts.{verb}_membership" for verb in ("add", "change", "delete")),
        *(f"accounts.{verb}_apikey" for verb in ("view", "add", "change")),
        *(f"ai_sessions.{verb}_psaconnection" for verb in ("view", "add", "change")),
        *(f"webhooks.{verb}_webhookendpoint" for verb in ("view", "add", "change", "delete")),
        *(f"privacy.{verb}_erasure" for verb in ("view", "add", "change")),
        *(f"privacy.{verb}_export" for verb in ("view", "add")),
        "webhooks.view_webhookdelivery",
        *(f"llm.{verb}_languagemodel" for verb in ("view", "add", "change")),
        "llm.view_modelcall",
        "webhooks.replay_webhookdelivery",
    }
)

PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.TECHNICIAN: _WORK | _INGEST | _SCRIPTS,
    Role.ANALYST: _READ,
    Role.SERVICE: _READ | _INGEST,
    Role.TEAM_ADMIN: _READ | _INGEST | _SCRIPTS | _REVIEW,
    Role.OWNER: _READ | _INGEST | _SCRIPTS | _REVIEW | _OWN,
}


def role_grants(role: str, permission: str) -> bool:
    """Whether `role` holds `permission`; an unknown role holds nothing."""
    return role in Role.values and permission in PERMISSIONS[Role(role)]
