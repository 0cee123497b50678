"""Every operation of the API: who may call it, the row it is about, and what it then answers.

A key is `METHOD address`, the address as the schema spells it below `/api/v1/`. An operation that is not here fails
`test_every_operation_is_in_the_table`.
"""

from dataclasses import dataclass
from typing import Any

from tests.common.tenants import EVERYONE, READERS, REVIEWERS, WORKERS

SESSION, PROPOSAL = "ai_sessions_aisession", "proposals_flowproposal"
FLOW, GAP, JOB = "flows_flow", "analytics_knowledgegap", "ai_sessions_ingestjob"


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
    "GET flows/": Operation(EVERYONE),
    "GET flows/{id}/": Operation(EVERYONE, FLOW),
    "GET flows/{id}/versions/": Operation(EVERYONE, FLOW),
    "GET flows/{id}/diff/": Operation(EVERYONE, FLOW),
    "GET flows/{id}/export/": Operation(EVERYONE, FLOW),
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
    "flow": FLOW,
    "target_flow": FLOW,
    "team": "accounts_team",
}
# Numbers of queries that name no row.
PLAIN_NUMBERS = {"after", "days", "from", "min_sessions", "page_size", "to", "version", "waiting_days"}
# Texts of queries that choose no rows.
NO_CHOICE_OF_ROWS = {"cursor", "fields", "ordering", "zone"}


def address_of(key: str, pk: object = "") -> str:
    """The address of an operation, with the row's id."""
    operation = OPERATIONS[key]
    path = key.partition(" ")[2].replace("{id}", str(pk))
    for name, value in operation.more:
        path = path.replace(f"{{{name}}}", str(value))
    return f"/api/v1/{path}"
