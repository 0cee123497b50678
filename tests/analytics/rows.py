"""A history of random sessions, the same at every run."""

import random
from datetime import datetime, timedelta

from flowpilot.accounts.models import Account, Team
from sessions.models import AISession, Client
from tests.analytics.guided import guide
from tests.analytics.work_rows import add_work
from tests.factories import make_flow

DOMAINS = ["networking", "email & calendar", ""]


def make_history(account: Account, now: datetime, count: int = 240, seed: int = 7) -> list[AISession]:
    """`count` sessions that began in the 80 days before `now`: all states, tiers, teams, clients and domains, some
    rated, some handed over, some on a ticket that comes again; with pushes, scripts and hand-overs of every kind, and
    those of a flow guided by one of its versions."""
    dice = random.Random(seed)
    clients = [None, *(Client.objects.get_or_create(account=account, name=name)[0] for name in ("Acme", "Globex"))]
    teams = [None, *(Team.objects.get_or_create(account=account, name=name)[0] for name in ("Service Desk", "Field"))]
    flows = [None, make_flow(account).flow]
    sessions = []
    for number in range(count):
        started = now - timedelta(seconds=dice.randrange(1, 80 * 86_400))
        status = dice.choice(AISession.Status.values)
        ended = min(started + timedelta(seconds=dice.randrange(0, 20_000)), now - timedelta(milliseconds=1))
        sessions.append(
            AISession(
                account=account,
                external_id=f"H-{seed}-{number}",
                status=status,
                started_at=min(started, ended),
                ended_at=ended if status in AISession.ENDED else None,
                client=dice.choice(clients),
                team=dice.choice(teams),
                flow=dice.choice(flows),
                technician_email=dice.choice(["", "bob@northwind.test", "tess@northwind.test"]),
                problem_domain=dice.choice(DOMAINS),
                psa_system="halopsa",
                psa_ticket_id=dice.choice(["", str(dice.randrange(count // 2))]),
                rating=dice.choice([None, 1, 2, 3, 4, 5]),
                flow_was_right=dice.choice([None, True, False]),
                confidence_score=dice.choice([None, 0.0, 0.2, 0.4, 0.6, 0.8, 0.95, round(dice.random(), 3)]),
            )
        )
    made = AISession.objects.bulk_create(sessions)
    add_work(account, made, now, seed)
    guide(made, seed)
    return made
