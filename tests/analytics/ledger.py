"""A brute-force count to hold rollups against, and random changes of what is counted."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from analytics.facts import FACTS
from analytics.rollups.kept import COUNTS, DURATIONS, Kept
from analytics.rollups.read import Wanted, read
from flowpilot.accounts.models import Account, Team
from flowpilot.flows.models import Flow
from proposals.models import FlowProposal, ProposalEvidence, SessionAnalysis, Topic
from sessions.models import AISession, Client, GeneratedScript, Handover, ScriptTemplateVersion
from tests.factories import make_flow, make_proposal, make_template

START = datetime(2026, 3, 1, tzinfo=UTC)
#: With the two days in it at which clocks change in Europe and in America.
DAYS = 75
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati")
ENDED = ("resolved", "resolved", "resolved", "escalated", "abandoned")
_numbers = count(1)


def rows_of(
    kept: Kept, sessions: QuerySet[AISession], start: datetime, end: datetime, zone: str
) -> list[dict[str, Any]]:
    """Each ended session as (its keys and sums): no aggregate, no rollup."""
    ended = sessions.filter(status__in=AISession.ENDED, ended_at__gte=start, ended_at__lt=end)
    if kept is DURATIONS:
        return [
            {**_place(s, zone), "minutes": int((s.ended_at - s.started_at).total_seconds() // 60), "sessions": 1}
            for s in ended
            if s.status == "resolved" and s.ended_at and s.ended_at > s.started_at
        ]
    meets = {name: set(ended.filter(fact.condition).values_list("pk", flat=True)) for name, fact in FACTS.items()}
    return [
        {**_place(s, zone), **{name: int(s.pk in met) for name, met in meets.items()}, "rating_sum": s.rating or 0}
        for s in ended
    ]


def _place(session: AISession, zone: str) -> dict[str, Any]:
    assert session.ended_at
    day = session.ended_at.astimezone(ZoneInfo(zone)).date()
    week = day - timedelta(days=day.weekday())
    return {"day": day, "week": week, "team_id": session.team_id, "problem_domain": session.problem_domain}


def counted(kept: Kept, wanted: Wanted, by: Sequence[str]) -> dict[tuple[Any, ...], dict[str, int]]:
    """What `read` must give, by brute force."""
    groups: dict[tuple[Any, ...], Counter[str]] = {}
    for row in rows_of(kept, wanted.sessions, wanted.start, wanted.end, wanted.zone):
        group = groups.setdefault(tuple(row[name] for name in by), Counter())
        group.update({name: row[name] for name in kept.sums})
    return {key: {name: group[name] for name in kept.sums} for key, group in groups.items()}


def found(kept: Kept, wanted: Wanted, by: Sequence[str]) -> dict[tuple[Any, ...], dict[str, int]]:
    rows = read(kept, wanted, by)
    return {tuple(row[name] for name in by): {name: row[name] for name in kept.sums} for row in rows}


def kept_of(account: Account, **filters: Any) -> Callable[[type[Any]], QuerySet[Any]]:
    return lambda model: model._default_manager.filter(account=account, **filters)


@dataclass
class Ledger:
    """Random changes of an account's sessions, the same at every run."""

    account: Account
    dice: Random
    teams: list[Team | None] = field(default_factory=list)
    clients: list[Client | None] = field(default_factory=list)
    flow: Flow | None = None
    script: ScriptTemplateVersion | None = None

    def __post_init__(self) -> None:
        self.teams = [None, *(Team.objects.create(account=self.account, name=name) for name in ("Desk", "Field"))]
        self.clients = [None, *(Client.objects.create(account=self.account, name=name) for name in ("Ana", "Bo"))]
        self.flow = make_flow(self.account).flow
        self.script = make_template(self.account)
        for number in range(3):
            make_proposal(self.account, 0, topic=Topic.objects.create(account=self.account, title=f"Topic {number}"))

    @property
    def proposals(self) -> list[FlowProposal]:
        return list(FlowProposal.objects.filter(account=self.account).order_by("pk"))

    @property
    def sessions(self) -> QuerySet[AISession]:
        return AISession.objects.filter(account=self.account)

    def change(self) -> str:
        """One random change; gives its name."""
        acts = [
            *[self.insert] * 6, *[self.update] * 5, self.update_many, *[self.delete] * 2, *[self.hand_over] * 2,
            self.take_back, self.move_zone, *[self.analyse] * 3, self.script_of, *[self.support] * 3,
            *[self.review] * 2,
        ]  # fmt: skip
        act = self.dice.choice(acts)
        act()
        return act.__name__

    def fields(self) -> dict[str, Any]:
        dice = self.dice
        started = START + timedelta(seconds=dice.randrange(DAYS * 86_400))
        ended = started + timedelta(seconds=dice.choice([0, 1, 59, 60, 61, dice.randrange(40_000)]))
        status = dice.choice([*ENDED, "active", "paused"])
        guided = dice.random() < 0.5
        return {
            "status": status,
            "started_at": started,
            "ended_at": ended if status in ENDED else None,
            "team": dice.choice(self.teams),
            "client": dice.choice([*self.clients, self.clients[1]]),
            "problem_domain": dice.choice(["networking", "email", ""]),
            "technician_email": dice.choice(["", "bob@northwind.test", "tess@northwind.test"]),
            "flow": self.flow if guided else None,
            "confidence_score": dice.choice([None, 0.1, 0.4, 0.7, 0.8, 1.0]),
            "rating": dice.choice([None, None, 1, 4, 5]),
            "psa_system": "halopsa",
            "psa_ticket_id": dice.choice(["", "", *(str(n) for n in range(6))]),
        }

    def insert(self) -> None:
        AISession.objects.bulk_create(
            AISession(account=self.account, external_id=f"L-{next(_numbers)}", **self.fields())
            for _ in range(self.dice.choice([1, 1, 5]))
        )

    def update(self) -> None:
        session = self._any()
        if session is None:
            return
        fields = self.fields()
        some = self.dice.sample(sorted(fields), self.dice.randint(1, 4))
        if {"status", "started_at", "ended_at"} & set(some):
            some = [*some, "status", "started_at", "ended_at"]
        AISession.objects.filter(pk=session.pk).update(**{name: fields[name] for name in some})

    def update_many(self) -> None:
        name = self.dice.choice(
            ["team", "client", "problem_domain", "technician_email", "rating", "psa_ticket_id", "flow"]
        )
        some = self.sessions.filter(pk__in=[s.pk for s in self.sessions if self.dice.random() < 0.3])
        some.update(**{name: self.fields()[name]})

    def delete(self) -> None:
        if session := self._any():
            session.delete()

    def hand_over(self) -> None:
        session = self._any()
        if session and not session.handovers.exists():
            Handover.objects.create(account=self.account, session=session, reason="?")

    def take_back(self) -> None:
        handover = Handover.objects.filter(account=self.account).order_by("?").first()
        other = self._any()
        if handover and other and not other.handovers.exists() and self.dice.random() < 0.5:
            Handover.objects.filter(pk=handover.pk).update(session=other)
        elif handover:
            handover.delete()

    def analyse(self) -> None:
        """One or all; for the first time, again, or not any more."""
        state = self.dice.choice(["done", "done", "retrying"])
        if self.dice.random() < 0.2 and (gone := self._any()):
            SessionAnalysis.objects.filter(session=gone).delete()
            return
        for session in self.sessions.order_by("pk") if self.dice.random() < 0.3 else [self._any()]:
            if session:
                SessionAnalysis.objects.update_or_create(
                    session=session, defaults={"account": self.account, "state": state}
                )

    def script_of(self) -> None:
        """Generated, in one session or in none, or gone."""
        assert self.script
        if self.dice.random() < 0.7:
            GeneratedScript.objects.create(
                account=self.account, template_version=self.script, session=self._any(), text="true"
            )
        elif script := GeneratedScript.objects.filter(account=self.account).order_by("pk").first():
            GeneratedScript.objects.filter(pk=script.pk).update(session=self._any())

    def support(self) -> None:
        session, proposal = self._any(), self.dice.choice(self.proposals)
        if session:
            _, is_new = ProposalEvidence.objects.get_or_create(account=self.account, session=session, proposal=proposal)
            if not is_new:
                ProposalEvidence.objects.filter(session=session, proposal=proposal).delete()

    def review(self) -> None:
        some = [proposal.pk for proposal in self.proposals if self.dice.random() < 0.5]
        status = self.dice.choice(["pending", "approved", "modified", "rejected", "auto_reinforced"])
        kind = status if status == "auto_reinforced" else "new_flow"
        FlowProposal.objects.filter(pk__in=some).update(status=status, proposal_type=kind, reviewed_at=START)

    def move_zone(self) -> None:
        self.account.time_zone = self.dice.choice(ZONES)
        self.account.save()

    def wanted(self, **filters: Any) -> Wanted:
        """A random period; mostly in the time zone of the account."""
        dice = self.dice
        start = START + timedelta(hours=dice.randrange(DAYS * 24), seconds=dice.choice([0, 0, 1, 1_800]))
        end = start + timedelta(hours=dice.randrange(1, DAYS * 24))
        zone = self.account.time_zone if dice.random() < 0.8 else dice.choice(ZONES)
        return Wanted(
            self.sessions.filter(**filters),
            kept_of(self.account, **filters),
            [self.account.pk],
            start,
            end,
            zone,
            is_of_domain="problem_domain" in filters,
            client=filters["client"].pk if "client" in filters else None,
            is_narrow="technician_email" in filters
            or "flow" in filters
            or {"client", "problem_domain"} <= filters.keys()
            or dice.random() < 0.1,
        )

    def check(self, note: str = "") -> None:
        """Both rollups, grouped at random, are what a brute-force count gives."""
        for kept, keys in (
            (COUNTS, [self.dice.choice(["day", "week"]), "team_id", "problem_domain"]),
            (DURATIONS, ["week", "team_id", "problem_domain", "minutes"]),
        ):
            by = self.dice.choice([[], ["day"], ["week"], self.dice.sample(keys, 2)])
            filters: dict[str, Any] = {"team": self.teams[1]} if self.dice.random() < 0.3 else {}
            if self.dice.random() < 0.2:
                filters["problem_domain"] = "email"
            if self.dice.random() < 0.3:
                filters |= self.dice.choice([{"technician_email": "bob@northwind.test"}, {"flow": self.flow}])
            if self.dice.random() < 0.4:
                filters["client"] = self.clients[1]
            wanted = self.wanted(**filters)
            assert found(kept, wanted, by) == counted(kept, wanted, by), (note, by, filters, wanted)

    def _any(self) -> AISession | None:
        found = list(self.sessions.order_by("pk"))
        return self.dice.choice(found) if found else None
