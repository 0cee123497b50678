"""Every operation of the API: who may call it, the row it is about, and what it then answers.

A key is `METHOD address`, the address as the schema spells it below `/api/v1/`. An operation that is not here fails
`test_every_operation_is_in_the_table`.
"""

from dataclasses import dataclass
from typing import Any

from tests.common.tenants import EVERYONE, OWNERS, READERS, REVIEWERS, WORKERS

SESSION, PROPOSAL = "ai_sessions_aisession", "proposals_flowproposal"
FLOW, GAP, JOB = "flows_flow", "analytics_knowledgegap", "ai_sessions_ingestjob"
TEMPLATE, PUSH, EVENT = "ai_sessions_scripttemplate", "ai_sessions_psapush", "common_auditevent"
WEBHOOK, DELIVERY = "webhooks_webhookendpoint", "webhooks_webhookdelivery"


@dataclass(frozen=True)
class Operation:
    """`row` is the admin name of the row that `{id}` names; `more` fills what else the address names.

    `answer` is what those who may call it get for their own row and `body`: a write without a word in it is refused
    field by field, after its row was found.
    """

    may: set[str]
    row: str = ""
    answer: int = 200
    body: Any = None
    more: tuple[tuple[str, Any], ...] = ()
    # What a superuser gets, who is of no account, where it is something else.
    root: int = 0


OPERATIONS = {
    "GET sessions/": Operation(EVERYONE),
    "POST sessions/": Operation(WORKERS, body=[], root=400),
    "GET sessions/{id}/": Operation(EVERYONE, SESSION),
    "POST sessions/start/": Operation(WORKERS, answer=400, body={}),
    "POST sessions/{id}/answer/": Operation(WORKERS, SESSION, 400, {}),
    "POST sessions/{id}/steps/": Operation(WORKERS, SESSION, 400, {}),
    "POST sessions/{id}/pause/": Operation(WORKERS, SESSION, 400, {}),
    "POST sessions/{id}/resume/": Operation(WORKERS, SESSION, 400, {}),
    "POST sessions/{id}/resolve/": Operation(WORKERS, SESSION, 400, {}),
    "POST sessions/{id}/escalate/": Operation(WORKERS, SESSION, 400, {}),
    "POST sessions/{id}/abandon/": Operation(WORKERS, SESSION, 400, {}),
    "GET ingest-jobs/": Operation(WORKERS),
    "POST ingest-jobs/": Operation(WORKERS, answer=415, body={}),
    "GET ingest-jobs/{id}/": Operation(WORKERS, JOB),
    "GET ingest-jobs/{id}/results/": Operation(WORKERS, JOB),
    "GET proposals/": Operation(READERS),
    "GET proposals/{id}/": Operation(READERS, PROPOSAL),
    "POST proposals/{id}/approve/": Operation(REVIEWERS, PROPOSAL, 400, {}),
    "POST proposals/{id}/publish/": Operation(REVIEWERS, PROPOSAL, 400, {}),
    "POST proposals/{id}/dismiss/": Operation(REVIEWERS, PROPOSAL, 400, {}),
    "POST proposals/{id}/reject/": Operation(REVIEWERS, PROPOSAL, 400, {}),
    "POST proposals/{id}/undo/": Operation(REVIEWERS, PROPOSAL, 409, {}),
    "POST proposals/{id}/claim/": Operation(REVIEWERS, PROPOSAL),
    "POST proposals/{id}/release/": Operation(REVIEWERS, PROPOSAL, 409),
    "GET proposals/{id}/evidence/": Operation(READERS, PROPOSAL),
    "GET proposals/{id}/replay/": Operation(READERS, PROPOSAL),
    "POST proposals/{id}/replay/": Operation(READERS, PROPOSAL, 202),
    "GET proposals/{id}/replay/sessions/": Operation(READERS, PROPOSAL),
    "GET flows/": Operation(EVERYONE),
    "POST flows/search/": Operation(EVERYONE, answer=400, body={}),
    "GET flows/{id}/": Operation(EVERYONE, FLOW),
    "GET flows/{id}/versions/": Operation(EVERYONE, FLOW),
    "GET flows/{id}/versions/{number}/": Operation(EVERYONE, FLOW, more=(("number", 1),)),
    "GET flows/{id}/diff/": Operation(EVERYONE, FLOW),
    "GET flows/{id}/export/": Operation(EVERYONE, FLOW),
    "POST flows/{id}/walk/": Operation(EVERYONE, FLOW, body={}),
    "GET script-templates/": Operation(EVERYONE),
    "GET script-templates/{id}/": Operation(EVERYONE, TEMPLATE),
    "POST script-templates/{id}/render/": Operation(WORKERS - {"sam"}, TEMPLATE, 400, {}),
    "GET psa-pushes/": Operation(READERS),
    "GET psa-pushes/{id}/": Operation(READERS, PUSH),
    "POST psa-pushes/{id}/requeue/": Operation(REVIEWERS, PUSH, 409),
    "GET audit-events/": Operation(REVIEWERS),
    "GET audit-events/{id}/": Operation(REVIEWERS, EVENT),
    "GET webhooks/": Operation(OWNERS),
    "POST webhooks/": Operation(OWNERS, answer=400, body={}),
    "GET webhooks/{id}/": Operation(OWNERS, WEBHOOK),
    "PATCH webhooks/{id}/": Operation(OWNERS, WEBHOOK, body={"url": "https://hooks.example/flowpilot"}),
    "DELETE webhooks/{id}/": Operation(OWNERS, WEBHOOK, 204),
    "POST webhooks/{id}/rotate/": Operation(OWNERS, WEBHOOK),
    "GET webhook-deliveries/": Operation(OWNERS),
    "GET webhook-deliveries/{id}/": Operation(OWNERS, DELIVERY),
    "POST webhook-deliveries/{id}/replay/": Operation(OWNERS, DELIVERY, 409),
    "GET gaps/": Operation(READERS),
    "GET gaps/{id}/": Operation(READERS, GAP),
    "PATCH gaps/{id}/": Operation(REVIEWERS, GAP, 400, {}),
    "GET definition-schema/": Operation(EVERYONE),
    "GET metrics/summary/": Operation(READERS),
    "GET metrics/series/": Operation(READERS),
    "GET metrics/tiers/": Operation(READERS),
    "GET metrics/coverage/": Operation(READERS),
    "GET metrics/psa/": Operation(READERS),
    "GET metrics/scripts/": Operation(READERS),
    "GET metrics/language-model/": Operation(READERS),
    "GET metrics/handovers/": Operation(READERS),
    "GET metrics/review/": Operation(READERS),
    "GET metrics/funnel/": Operation(READERS),
    "GET metrics/flows/": Operation(READERS),
    "GET metrics/flows/{id}/": Operation(READERS, FLOW),
}
# Parameters of queries that name a row by its number: the row's kind. What names one by its words is a text parameter,
# and is tried with a foreign word.
ROW_PARAMETERS = {
    "client": "ai_sessions_client",
    "endpoint": WEBHOOK,
    "flow": FLOW,
    "session": SESSION,
    "target_flow": FLOW,
    "team": "accounts_team",
}
# Numbers of queries that name no row; `object_id` does not without `object_type`.
PLAIN_NUMBERS = {
    "after",
    "days",
    "from",
    "min_sessions",
    "object_id",
    "page_size",
    "to",
    "version",
    "waiting_days",
}
# Texts of queries that choose no rows.
NO_CHOICE_OF_ROWS = {"cursor", "fields", "ordering", "zone"}


def address_of(key: str, pk: object = "") -> str:
    """The address of an operation, with the row's id."""
    operation = OPERATIONS[key]
    path = key.partition(" ")[2].replace("{id}", str(pk))
    for name, value in operation.more:
        path = path.replace(f"{{{name}}}", str(value))
    return f"/api/v1/{path}"
