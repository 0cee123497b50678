"""Generated scripts, and ended sessions by their scripts, as the lists behind figures show them."""

from dataclasses import replace

from django.urls import reverse

from analytics.metrics.scripts import scoped_scripts
from analytics.rows.sessions import SESSIONS
from analytics.rows.source import RowColumn, Source
from analytics.script_facts import script_fact, scripted_fact
from sessions.models import GeneratedScript

_UNSHOWN = ("text", "template_version__body", "session__transcript", "session__problem_summary")


def _link(script: GeneratedScript) -> str:
    return reverse("admin:ai_sessions_generatedscript_change", args=[script.pk])


SCRIPTS = Source(
    name="scripts",
    noun="script",
    plural="scripts",
    permission="ai_sessions.view_generatedscript",
    rows=lambda scope: scoped_scripts(scope).defer(*_UNSHOWN),
    fact=script_fact,
    time="created_at",
    columns=(
        RowColumn("Script", str),
        RowColumn("Shell", lambda row: row.template_version.template.get_shell_display()),
        RowColumn("Risk", lambda row: row.template_version.get_risk_display()),
        RowColumn("Session", lambda row: row.session.external_id if row.session else None),
        RowColumn("Generated", lambda row: row.created_at),
        RowColumn("By", lambda row: str(row.created_by) if row.created_by else None),
        RowColumn("Outcome", lambda row: row.get_outcome_display() or None),
        RowColumn("Said", lambda row: row.outcome_at),
    ),
    link=_link,
    related=("template_version__template", "session", "created_by"),
)
SCRIPTED = replace(SESSIONS, name="scripted-sessions", fact=scripted_fact, count=None)
