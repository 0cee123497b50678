"""An account with something of every kind in it, for whoever calls the API from outside."""

from django.db import transaction

from flowpilot.accounts.apikeys import api_key_create
from flowpilot.accounts.models import Account
from flowpilot.accounts.roles import Role
from tests.common.rows import make_rows
from tests.conftest import Cast, make_cast
from tests.factories import definition, make_flow, make_proposal, make_session, record

PROPOSALS = 12


@transaction.atomic
def seed() -> tuple[Cast, str]:
    """Northwind with flows, sessions, proposals to decide and a row of everything else; and the text of an API key
    that may do what its owner may."""
    cast = make_cast()
    make_rows(cast.account, "Homeland", cast.olivia, cast.team)
    fill(cast.account)
    _, key = api_key_create(actor=cast.olivia, account=cast.account, name="Contract", role=Role.OWNER)
    return cast, key


def fill(account: Account) -> None:
    for number in range(PROPOSALS):
        make_proposal(account, sessions=2, title=f"Printer {number} is offline", proposed_flow_data=definition())
    for number in range(5):
        make_flow(account, title=f"Flow {number}", definition=definition(question=f"Is lamp {number} on?"))
        make_session(account, **record(f"CW-{number}", client=f"Client {number}"))
