"""An account with something of every kind in it, for whoever calls the API from outside."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from flowpilot.accounts.apikeys import api_key_create
from flowpilot.accounts.models import Account
from flowpilot.accounts.roles import Role
from flowpilot.flows.models import Flow
from sessions.models import Client
from tests.common.rows import make_rows
from tests.conftest import Cast, make_cast
from tests.factories import definition, make_flow, make_proposal, make_session, record

PROPOSALS = 12  # to look at; those to be decided are made when they are needed, see supply.py


@dataclass(frozen=True)
class Seeded:
    """`key` is the text of an API key that may do what the account's owner may; `rows` are what parameters name."""

    cast: Cast
    key: str
    rows: dict[str, list[Any]]


@transaction.atomic
def seed() -> Seeded:
    """Northwind with flows, sessions, proposals and a row of everything else."""
    cast = make_cast()
    make_rows(cast.account, "Homeland", cast.olivia, cast.team)
    cast.team.refresh_from_db()  # the rows are marked, and so is the team's name
    fill(cast.account)
    _, key = api_key_create(actor=cast.olivia, account=cast.account, name="Contract", role=Role.OWNER)
    flows = list(Flow.objects.filter(account=cast.account))
    return Seeded(
        cast,
        key,
        {
            "team": [cast.team.pk],
            "team_word": [cast.team.name],
            "client": list(Client.objects.filter(account=cast.account).values_list("pk", flat=True)),
            "flow": [flow.pk for flow in flows],
            "flow_word": [flow.key for flow in flows],
            "target_flow": [flow.pk for flow in flows],
            "definition": [definition()],
            "owner": [cast.alice.email, cast.olivia.email],
            "to_user": [cast.alice.email, cast.bob.email],
            "to_team": [cast.team.name],
            "account": [cast.account.slug],
        },
    )


def fill(account: Account) -> None:
    for number in range(PROPOSALS):
        make_proposal(account, sessions=2, title=f"Printer {number} is offline", proposed_flow_data=definition())
    for number in range(5):
        make_flow(account, title=f"Flow {number}", definition=definition(question=f"Is lamp {number} on?"))
        make_session(account, **record(f"CW-{number}", client=f"Client {number}"))
