"""Generated scripts, and ended sessions by their scripts, as the lists behind figures show them."""

from dataclasses import replace

from django.urls import reverse

from analytics.metrics.counting import count_facts
from analytics.metrics.scripts import scoped_scripts
from analytics.rows.sessions import SESSIONS
from analytics.rows.source import RowColumn, Source
from analytics.scope import Scope
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

# What is kept of the sessions with or without a script: facts to add up, and others to take off.
_KEPT: dict[str, tuple[list[str], list[str]]] = {}
for _end, _every, _scripted in (
    ("ended", ["ended"], ["scripted"]),
    ("resolved", ["resolved"], ["scripted_resolved"]),
    ("escalated", ["escalated"], ["scripted_escalated"]),
    ("decided", ["resolved", "escalated"], ["scripted_resolved", "scripted_escalated"]),
):
    _KEPT[_end] = (_every, [])
    _KEPT[f"{_end}-scripts-with"] = (_scripted, [])
    _KEPT[f"{_end}-scripts-without"] = (_every, _scripted)


def _kept(scope: Scope, name: str) -> int | None:
    """None of what is not kept, such as the sessions of a template."""
    if name not in _KEPT:
        return None
    added, taken = _KEPT[name]
    found = count_facts(scope, [*added, *taken])
    return sum(found[fact] for fact in added) - sum(found[fact] for fact in taken)


SCRIPTED = replace(SESSIONS, name="scripted-sessions", fact=scripted_fact, count=_kept)
