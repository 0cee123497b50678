"""What the sessions of the large account are about: teams, people, clients, flows, templates, connections."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any

from flowpilot.accounts.models import Account, Membership, Team, User
from flowpilot.accounts.roles import Role
from flowpilot.flows.models import Flow, FlowVersion
from proposals.models import Topic
from sessions.models import Client, PsaConnection, ScriptTemplate, ScriptTemplateVersion

DOMAINS = (
    "email", "identity", "endpoint", "printing", "networking", "vpn", "software", "telephony", "mobile", "storage",
    "remote access", "browser", "security", "collaboration", "hardware", "licensing", "backup", "virtual desktop",
    "meeting rooms", "onboarding", "database", "line of business", "web hosting", "point of sale", "",
)  # fmt: skip
TEAMS = ("Service desk", "Field", "Networks", "Cloud", "Security", "Projects")
TECHNICIANS_EACH, CLIENTS, FLOWS_EACH, TEMPLATES = 12, 300, 5, 12
#: Sessions for each topic, on average.
SESSIONS_OF_TOPIC = 400
QUESTIONS = 6


@dataclass(frozen=True, slots=True)
class Guided:
    """A flow with its versions: (since, id), oldest first."""

    pk: int
    versions: list[tuple[datetime, int]]

    def version_at(self, at: datetime) -> int | None:
        return next((pk for since, pk in reversed(self.versions) if since <= at), None)


@dataclass(frozen=True, slots=True)
class Person:
    pk: int
    email: str


class Zipf:
    """Picks as people's troubles come: the second half as often as the first, the tenth a tenth as often."""

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = items
        self.weights = list(accumulate(1 / (place + 1) for place in range(len(items))))

    def pick(self, rng: Random) -> Any:
        return rng.choices(self.items, cum_weights=self.weights)[0]


@dataclass(frozen=True, slots=True)
class World:
    account: Account
    teams: list[int]
    # Of each team, in its order.
    people: list[list[Person]]
    clients: Zipf
    domains: Zipf
    # By domain.
    flows: dict[str, Zipf]
    topics: dict[str, Zipf]
    templates: list[int]
    # (system, id)
    connections: list[tuple[str, int]]


def world_make(account: Account, *, start: datetime, end: datetime, sessions: int, rng: Random) -> World:
    """The rows that sessions point to, from `start` on."""
    teams = Team.objects.bulk_create(Team(account=account, name=name) for name in TEAMS)
    clients = Client.objects.bulk_create(Client(account=account, name=f"Client {n:03d}") for n in range(CLIENTS))
    connections = [
        PsaConnection.objects.create(
            account=account, kind=kind, name=kind, base_url=f"https://{kind}.invalid", credentials=b"-", is_active=False
        )
        for kind in ("connectwise", "halopsa")
    ]
    return World(
        account=account,
        teams=[team.pk for team in teams],
        people=[_people(account, team) for team in teams],
        clients=Zipf([client.pk for client in clients]),
        domains=Zipf(DOMAINS),
        flows={domain: Zipf(_flows(account, domain, start, end, rng)) for domain in DOMAINS if domain},
        topics=_topics(account, sessions),
        templates=_templates(account),
        connections=[(connection.kind, connection.pk) for connection in connections],
    )


def _people(account: Account, team: Team) -> list[Person]:
    users = User.objects.bulk_create(
        User(email=f"technician{n}@team{team.pk}.invalid", full_name=f"Technician {n}", password="!")  # noqa: S106
        for n in range(TECHNICIANS_EACH)
    )
    Membership.objects.bulk_create(
        Membership(account=account, user=user, role=Role.TECHNICIAN, team=team) for user in users
    )
    return [Person(user.pk, user.email) for user in users]


def _flows(account: Account, domain: str, start: datetime, end: datetime, rng: Random) -> list[Guided]:
    """Flows of a domain, published over the first half of the time, and their versions over all of it."""
    found = []
    for number in range(FLOWS_EACH):
        flow = Flow.objects.create(
            account=account, key=f"{domain}-{number}".replace(" ", "-"), title=f"{domain.title()} {number}",
            problem_domain=domain,
        )  # fmt: skip
        since = sorted(start + (end - start) * rng.random() for _ in range(rng.randrange(4)))
        times = [start + (end - start) * rng.random() * (number / 2 / FLOWS_EACH), *since]
        versions = FlowVersion.objects.bulk_create(
            FlowVersion(account=account, flow=flow, number=n + 1, definition=definition(f"{domain} {number}.{n}"))
            for n in range(len(times))
        )
        Flow.objects.filter(pk=flow.pk).update(current_version=versions[-1], created_at=min(times))
        found.append(Guided(flow.pk, list(zip(sorted(times), [v.pk for v in versions], strict=True))))
    return found


def definition(words: str) -> dict[str, Any]:
    """A comb: each question leads on, to an end of its own, or to somebody else."""
    nodes: list[dict[str, Any]] = [
        {
            "id": f"n{n}",
            "kind": "question",
            "text": f"{words}: is part {n} as it should be?",
            "options": [
                {"id": "o1", "label": "Yes", "next": f"n{n + 1}" if n + 1 < QUESTIONS else "h"},
                {"id": "o2", "label": "No", "next": f"e{n}"},
                {"id": "o3", "label": "Cannot tell", "next": "h"},
            ],
        }
        for n in range(QUESTIONS)
    ]
    ends = [{"id": f"e{n}", "kind": "resolution", "text": f"{words}: put part {n} right"} for n in range(QUESTIONS)]
    return {
        "schema_version": 1,
        "root": "n0",
        "nodes": [*nodes, *ends, {"id": "h", "kind": "escalation", "text": f"{words}: hand over"}],
    }


def _topics(account: Account, sessions: int) -> dict[str, Zipf]:
    each = max(1, sessions // SESSIONS_OF_TOPIC // len(DOMAINS))
    return {
        domain: Zipf(
            [
                topic.pk
                for topic in Topic.objects.bulk_create(
                    Topic(account=account, title=f"{domain or 'unknown'} topic {n}") for n in range(each)
                )
            ]
        )
        for domain in DOMAINS
    }


def _templates(account: Account) -> list[int]:
    found = []
    for number in range(TEMPLATES):
        template = ScriptTemplate.objects.create(  # noqa: S604
            account=account, key=f"script-{number}", title=f"Script {number}", shell="bash", status="approved"
        )
        version = ScriptTemplateVersion.objects.create(
            account=account, template=template, number=1, what_it_does="Looks", body="uptime", risk="read_only"
        )
        ScriptTemplate.objects.filter(pk=template.pk).update(current_version=version)
        found.append(version.pk)
    return found


def starts_of(start: datetime, end: datetime, count: int, rng: Random) -> list[datetime]:
    """When sessions begin: at work, few at weekends, more as the account grows. In their order."""
    days = (end - start).days + 1
    weights = [(1 + 0.4 * n / days) * (0.2 if (start + timedelta(days=n)).weekday() >= 5 else 1.0) for n in range(days)]
    offsets = [
        day * 86_400 + (rng.triangular(7, 19, 10.5) if rng.random() < 0.9 else rng.uniform(0, 24)) * 3_600
        for day in rng.choices(range(days), weights, k=count)
    ]
    now = (end - start).total_seconds()
    # What would begin later today began yesterday.
    offsets = [offset if offset < now else max(0, offset - 86_400) for offset in offsets]
    return [start + timedelta(seconds=int(offset)) for offset in sorted(offsets)]
