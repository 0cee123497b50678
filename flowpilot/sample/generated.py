"""Scripts of the library that were generated in sample sessions, and what became of them.

A session's script steps name a script of the helpdesk's own; `TEMPLATES` says which template of the library does the
same. Its outcome is what the step was answered with.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any

from flowpilot.accounts.models import Account
from flowpilot.sample.bulk import rows_update
from flowpilot.sample.gaps import IDLE_TEMPLATE
from flowpilot.sample.topics import TOPICS
from sessions.models import AISession, GeneratedScript, ScriptTemplate, SessionStep
from sessions.scripts.parameters import Kind, Parameter, Shell
from sessions.scripts.render import render

#: By the script that a step names. The first is the one that is run out of habit (see `gaps`).
TEMPLATES = {
    "Clear-TempFiles": IDLE_TEMPLATE,
    "Clear-PrintQueue": "windows-restart-print-spooler",
    "Restart-Spooler": "windows-restart-print-spooler",
    "Clear-TeamsCache": "m365-clear-teams-cache",
    "Reset-WirelessAdapter": "windows-network-reset",
    "Restore-DriveMaps": "windows-map-drive",
    "Compare-ShareGroups": "windows-folder-permissions",
    "Close-IdleSessions": "rds-list-and-log-off-session",
    "Get-RecentErrors": "windows-recent-errors",
    "Get-DeviceHealth": "windows-uptime-and-load",
    "Get-UpdateState": "windows-pending-restart",
}
_SCRIPT = re.compile(rf"\b({'|'.join(TEMPLATES)})\.ps1\b")
_HOST = re.compile(r"\b[A-Z]{3}-(?:LT|WS)-\d{3}\b")
_TOLD_CHANCE = 0.93
_VALUES: dict[Kind, str] = {
    Kind.HOST_NAME: "srv-files-01",
    Kind.USER_NAME: "j.doe",
    Kind.PATH: r"\\srv-files-01\shared",
    Kind.STRING: "Spooler",
    Kind.INTEGER: "14",
}

Outcome = GeneratedScript.Outcome


def scripts_make(*, account: Account, seed: int) -> None:
    """A generated script for each script step whose script the library has. Same seed and sessions, same rows.

    Without the library (`library_load`) there are none.
    """
    rng = Random(f"{seed} scripts")  # noqa: S311
    found = ScriptTemplate.objects.filter(account=None, status=ScriptTemplate.Status.APPROVED)
    templates = {template.key: template for template in found.select_related("current_version")}
    steps = SessionStep.objects.filter(account=account, kind=SessionStep.Kind.SCRIPT, at__isnull=False)
    steps = steps.select_related("session", "session__client").order_by("session__started_at", "session", "position")
    made = list(_scripts(rng, templates, list(steps)))
    outcomes = [(script.created_at, script.outcome, script.outcome_at) for script in made]
    for script in made:
        script.outcome = script.outcome_at = None
    GeneratedScript.objects.bulk_create(made)
    # A new row knows no other time than now, and an outcome cannot be older than its script.
    for script, (created_at, outcome, outcome_at) in zip(made, outcomes, strict=True):
        script.created_at, script.outcome, script.outcome_at = created_at, outcome, outcome_at
    rows_update(made, ["created_at", "outcome", "outcome_at"])


def _scripts(rng: Random, templates: dict[str, ScriptTemplate], steps: list[SessionStep]) -> Iterator[GeneratedScript]:
    texts: dict[tuple[str, str], Any] = {}
    for step in steps:
        named = _SCRIPT.search(step.prompt)
        template = templates.get(TEMPLATES[named[1]]) if named else None
        if template is None or template.current_version is None:
            continue
        version = template.current_version
        host = _HOST.search(f"{step.prompt} {step.session.title} {step.session.problem_summary}")
        computer = host[0] if host else "desk-pc-01"
        key = (template.key, computer)
        if key not in texts:  # rendering checks the whole text each time
            values = {parameter.name: _value(parameter, computer) for parameter in version.read_parameters}
            texts[key] = render(Shell(template.shell), version.body, version.read_parameters, values)
        script = _script_of(step)
        script.template_version = version
        script.parameters, script.text = texts[key].masked, texts[key].kept
        _report(rng, script, step)
        yield script


def _script_of(step: SessionStep) -> GeneratedScript:
    """The script that this step recorded: the one place that ties the two."""
    session: AISession = step.session
    return GeneratedScript(
        account_id=step.account_id,
        team_id=session.team_id,
        session=session,
        step=step,
        node_id=step.node_id,
        created_by_id=session.technician_id,
        created_at=step.at or session.started_at,
    )


def _report(rng: Random, script: GeneratedScript, step: SessionStep) -> None:
    """What came of it, a minute or some later. Who only looked something up reports nothing."""
    outcome = _outcomes().get(step.selected_option or step.response or "")
    if outcome is None or rng.random() >= _TOLD_CHANCE:
        return
    script.outcome = outcome
    script.outcome_at = script.created_at + timedelta(seconds=step.seconds or rng.randint(60, 400))
    script.outcome_by_id = script.created_by_id


@cache
def _outcomes() -> dict[str, str]:
    """What an answer to a script says of it: a script's first answer is that it worked, its second that it did not."""
    said: dict[str, str] = {}
    for topic in TOPICS:
        for node in topic.nodes.values():
            if node.kind == "script":
                for item, outcome in zip(node.answers, (Outcome.WORKED, Outcome.NO_CHANGE), strict=False):
                    said |= dict.fromkeys((item.label, *item.said), outcome.value)
    return said


def _value(parameter: Parameter, computer: str) -> str:
    if parameter.options:
        return parameter.options[0]
    if parameter.default:
        return parameter.default
    if parameter.name == "computer":
        return computer
    return _VALUES[parameter.kind]
