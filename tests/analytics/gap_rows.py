"""Sessions for tests of gaps: so many of a kind, with the outcomes and the steps that are asked for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from flowpilot.accounts.models import Account, Team
from flowpilot.flows.models import FlowVersion
from sessions.models import AISession, Client, SessionStep

_numbers = count(1)

Step = tuple[str, str, list[str], str | None]  # node id or "", prompt, options, answer


def make_ended(
    account: Account,
    statuses: Sequence[str],
    *,
    days_ago: float = 5,
    now: datetime | None = None,
    version: FlowVersion | None = None,
    steps: Sequence[Step] = (),
    domain: str = "",
    client: Client | None = None,
    team: Team | None = None,
    **fields: Any,
) -> list[AISession]:
    """One ended session for each status, all alike; `days_ago` is when they ended."""
    ended = (now or timezone.now()) - timedelta(days=days_ago)
    sessions = AISession.objects.bulk_create(
        AISession(
            account=account,
            external_id=f"G-{next(_numbers)}",
            status=status,
            started_at=ended - timedelta(minutes=20),
            ended_at=ended,
            problem_domain=domain,
            client=client,
            team=team,
            flow=version.flow if version else None,
            flow_version=version,
            **fields,
        )
        for status in statuses
    )
    SessionStep.objects.bulk_create(
        SessionStep(
            account=account,
            session=session,
            position=position,
            kind="question",
            prompt=prompt,
            node_id=node_id,
            options=options,
            selected_option=answer,
        )
        for session in sessions
        for position, (node_id, prompt, options, answer) in enumerate(steps)
    )
    return sessions


def outcomes(bad: int, good: int, status: str = "escalated") -> list[str]:
    return [status] * bad + ["resolved"] * good


def flow_definition() -> dict[str, Any]:
    """A question with three answers that all can end well, and one that is handed over on purpose."""
    return {
        "schema_version": 1,
        "root": "n1",
        "nodes": [
            {
                "id": "n1",
                "kind": "question",
                "text": "What does the screen show?",
                "options": [
                    {"id": "o1", "label": "A login", "next": "n2"},
                    {"id": "o2", "label": "Nothing", "next": "n3"},
                    {"id": "o3", "label": "Smoke", "next": "n9"},
                ],
            },
            {"id": "n2", "kind": "action", "text": "Log in", "options": [{"id": "o1", "label": "Done", "next": "n8"}]},
            {"id": "n3", "kind": "action", "text": "Wake it", "options": [{"id": "o1", "label": "Done", "next": "n8"}]},
            {"id": "n8", "kind": "resolution", "text": "It works"},
            {"id": "n9", "kind": "escalation", "text": "Call the fire brigade"},
        ],
    }


ANSWERS = ["A login", "Nothing", "Smoke"]


def at_first(answer: str | None, *, by_id: bool = True) -> list[Step]:
    """The flow's first step, as the runner writes it or as it is imported."""
    return [("n1" if by_id else "", "What does the screen show?", ANSWERS, answer)]
