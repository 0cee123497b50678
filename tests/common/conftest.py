"""The world of the tenant matrix."""

import pytest

from flowpilot.accounts.models import Account, Team, User
from flowpilot.accounts.roles import Role
from sessions.models import IngestJob
from tests.common.rows import limited_member, make_rows
from tests.common.tenants import EVERYONE, FOREIGN, HOME, World
from tests.conftest import Cast


@pytest.fixture
def world(cast: Cast) -> World:
    """Northwind and a foreign account with a row of every kind; Tess is a team admin of one team only."""
    foreign_team = Team.objects.create(account=cast.other_account, name=FOREIGN)
    Account.objects.filter(pk=cast.other_account.pk).update(name=FOREIGN, slug=FOREIGN.lower())
    User.objects.filter(pk=cast.mallory.pk).update(email=f"mallory@{FOREIGN.lower()}.test", full_name=FOREIGN)
    cast.other_account.refresh_from_db()
    Account.objects.filter(pk=cast.account.pk).update(name=HOME)
    home = make_rows(cast.account, HOME, cast.olivia, cast.team)
    cast.team.refresh_from_db()
    tess = limited_member(cast.account, Role.TEAM_ADMIN, cast.team, "tess@northwind.test")
    # Who is there for one team sees only what they sent themselves.
    IngestJob.objects.filter(account=cast.account).update(created_by=tess)
    people = {name: getattr(cast, name) for name in EVERYONE - {"tess"}} | {"tess": tess}
    return World(cast, people, home, make_rows(cast.other_account, FOREIGN, cast.mallory, foreign_team))
