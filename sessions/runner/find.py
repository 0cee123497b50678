"""Flows for a session that is under way: by its problem, and by what was found since."""

from typing import Any

from sessions.models import AISession, SessionStep
from sessions.runner.guide import FlowMatch, guide

MOST_TOLD, SHOWN = 20_000, 5


def matches_of(user: Any, session: AISession) -> list[FlowMatch]:
    """The user's published flows that may carry the session on, the likeliest first, each once.

    Asked twice: with the problem alone, and with the steps so far added to it. What was found since may tell what the
    problem did not, but many steps must not drown it: of a flow found both ways the better score counts. The version
    that guided the session already is left out: its outline leads back to it.
    """
    kept: dict[int, FlowMatch] = {}
    problem = session.problem_summary
    steps = session.steps.exclude(kind=SessionStep.Kind.HELP).values_list("prompt", "response", "selected_option")
    told = "\n".join([problem, *(part for step in steps for part in step if part)])[:MOST_TOLD]
    for text in dict.fromkeys((problem, told)):
        for match in guide().matches(user, session.account_id, text):
            known = kept.get(match.version.pk)
            if match.version.pk != session.flow_version_id and (known is None or match.score > known.score):
                kept[match.version.pk] = match
    return sorted(kept.values(), key=lambda match: (-match.score, match.version.flow.title))[:SHOWN]
