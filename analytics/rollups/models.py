"""What is kept for each day, and the marks that say which days it no longer holds for."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import GreaterThan

from flowpilot.accounts.models import Account, Team
from flowpilot.common.tenancy import TenantModel, TenantQuerySet, permission_name
from flowpilot.flows.models import Flow, FlowVersion
from proposals.models import FlowProposal
from sessions.models import AISession, Client


def _unguarded(model: type[models.Model]) -> Any:
    """A reference that nothing looks after, and nothing is found by."""
    return models.ForeignKey(
        model, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )


# The place of "proposed" in `kept.BITS`, which an index is about.
PROPOSED = 1 << 27


def has_bits(bits: int) -> Q:
    """Whether an EndedSession has any of these facts."""
    return Q(GreaterThan(F("facts").bitand(bits), 0))


class KeptQuerySet(TenantQuerySet[Any]):
    def permission(self, action: str) -> str:
        """Who may see the sessions may see how many there are."""
        return permission_name(AISession, action)


class EndedSession(TenantModel):
    """An ended session as counting wants it: what it may be chosen by, and all that is said of it by yes or no.

    Narrow, and without a question to another table: counts of a client or a flow read an index and nothing else.
    """

    team_lookup: ClassVar[str | None] = "team"

    # As the session has them. Without constraints: when one of these goes, the session changes and is marked.
    session = models.OneToOneField(
        AISession, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="+"
    )
    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    team = _unguarded(Team)
    client = _unguarded(Client)
    flow = _unguarded(Flow)
    flow_version = _unguarded(FlowVersion)
    problem_domain = models.CharField(max_length=100, blank=True)
    technician_email = models.EmailField(blank=True)
    ended_at = models.DateTimeField()
    # A bit for each of `kept.BITS`.
    facts = models.IntegerField()
    rating = models.PositiveSmallIntegerField(null=True)
    # Whole ones from start to end, of a resolved session that carries times.
    minutes = models.PositiveIntegerField(null=True)

    objects = KeptQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        indexes = [
            # With all that is added up, and what a scope may be narrowed to besides.
            *(
                models.Index(
                    fields=["account", *columns, "ended_at"],
                    include=["facts", "rating", "minutes", "team", *besides],
                    name=f"ended_by_{name}",
                )
                for name, columns, besides in (
                    ("time", (), ()),
                    ("client", ("client",), ("problem_domain",)),
                    ("email", ("technician_email",), ("problem_domain", "client")),
                    ("flow", ("flow",), ("problem_domain", "client")),
                )
            ),
            # Few sessions are evidence, and still fewer the newest ones.
            models.Index(
                fields=["account", "-ended_at", "-session"],
                include=["facts"],
                condition=has_bits(PROPOSED),
                name="ended_proposed",
            ),
        ]

    def __str__(self) -> str:
        return f"session {self.session_id}"


class KeptModel(TenantModel):
    """Counted sessions that ended in a day, or a month, in the time zone of `RolledAccount`."""

    team_lookup: ClassVar[str | None] = "team"

    # The day, or the first day of the month.
    day = models.DateField()
    # As the sessions have it: when a team goes, they are marked, and their days counted anew.
    team = models.ForeignKey(
        Team, on_delete=models.DO_NOTHING, null=True, blank=True, db_constraint=False, related_name="+"
    )

    objects = KeptQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.day)


class DomainModel(KeptModel):
    """The same, by problem domain."""

    problem_domain = models.CharField(max_length=100, blank=True)

    class Meta:
        abstract = True


class Counts(KeptModel):
    """How many sessions have each of `analytics.facts`."""

    ended = models.PositiveIntegerField(default=0)
    resolved = models.PositiveIntegerField(default=0)
    escalated = models.PositiveIntegerField(default=0)
    abandoned = models.PositiveIntegerField(default=0)
    first_level = models.PositiveIntegerField(default=0)
    with_ticket = models.PositiveIntegerField(default=0)
    reopened = models.PositiveIntegerField(default=0)
    timed = models.PositiveIntegerField(default=0)
    linked = models.PositiveIntegerField(default=0)
    unlinked = models.PositiveIntegerField(default=0)
    judged = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    tier_discovery = models.PositiveIntegerField(default=0)
    tier_exploring = models.PositiveIntegerField(default=0)
    tier_guided = models.PositiveIntegerField(default=0)
    tier_discovery_resolved = models.PositiveIntegerField(default=0)
    tier_exploring_resolved = models.PositiveIntegerField(default=0)
    tier_guided_resolved = models.PositiveIntegerField(default=0)
    rated = models.PositiveIntegerField(default=0)
    rated_good = models.PositiveIntegerField(default=0)
    flow_judged = models.PositiveIntegerField(default=0)
    flow_right = models.PositiveIntegerField(default=0)
    scripted = models.PositiveIntegerField(default=0)
    scripted_resolved = models.PositiveIntegerField(default=0)
    scripted_escalated = models.PositiveIntegerField(default=0)
    analysed = models.PositiveIntegerField(default=0)
    proposed = models.PositiveIntegerField(default=0)
    published = models.PositiveIntegerField(default=0)
    # Of the sessions that were rated.
    rating_sum = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True


class Durations(KeptModel):
    """How many sessions that carry times took so many whole minutes: an exact histogram."""

    minutes = models.PositiveIntegerField()
    sessions = models.PositiveIntegerField()

    class Meta:
        abstract = True


def _once(name: str, *more: str, of: Sequence[str] = ("account",)) -> models.UniqueConstraint:
    return models.UniqueConstraint(fields=[*of, "day", "team", *more], name=name, nulls_distinct=False)


class SessionDay(DomainModel, Counts):
    class Meta:
        constraints = [_once("one_session_day", "problem_domain")]


class SessionMonth(DomainModel, Counts):
    """Sums of SessionDay."""

    class Meta:
        constraints = [_once("one_session_month", "problem_domain")]


class TeamSessionDay(Counts):
    """Sums of SessionDay over all domains."""

    class Meta:
        constraints = [_once("one_team_session_day")]


class TeamSessionMonth(Counts):
    """Sums of TeamSessionDay."""

    class Meta:
        constraints = [_once("one_team_session_month")]


class DurationDay(DomainModel, Durations):
    class Meta:
        constraints = [_once("one_duration_day", "problem_domain", "minutes")]


class DurationMonth(DomainModel, Durations):
    """Sums of DurationDay."""

    class Meta:
        constraints = [_once("one_duration_month", "problem_domain", "minutes")]


class TeamDurationDay(Durations):
    """Sums of DurationDay over all domains."""

    class Meta:
        constraints = [_once("one_team_duration_day", "minutes")]


class TeamDurationMonth(Durations):
    """Sums of TeamDurationDay."""

    class Meta:
        constraints = [_once("one_team_duration_month", "minutes")]


# What the days of a client are looked up by.
_CLIENT = ("account", "client")


class ClientModel(KeptModel):
    """The same over all domains, of one client's sessions: of the days at which it had many.

    Of other days its sessions are few, and added up one by one.
    """

    # As the sessions have it: see `team`.
    client = models.ForeignKey(
        Client, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        abstract = True


class ClientSessionDay(ClientModel, Counts):
    class Meta:
        constraints = [_once("one_client_session_day", of=_CLIENT)]


class ClientSessionMonth(ClientModel, Counts):
    """Sums of ClientSessionDay: those of the whole month where it has every day of it."""

    class Meta:
        constraints = [_once("one_client_session_month", of=_CLIENT)]


class ClientDurationDay(ClientModel, Durations):
    class Meta:
        constraints = [_once("one_client_duration_day", "minutes", of=_CLIENT)]


class ClientDurationMonth(ClientModel, Durations):
    """Sums of ClientDurationDay."""

    class Meta:
        constraints = [_once("one_client_duration_month", "minutes", of=_CLIENT)]


class RolledAccount(models.Model):
    """That an account's days are kept, of which time zone they are, and since when.

    Without it everything is counted directly, and so are the days of a viewer in another time zone.
    """

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="+")
    time_zone = models.CharField(max_length=64)
    # Of the statements that counted them: when a fact is defined anew, what was kept before does not hold any more.
    definition = models.CharField(max_length=64)
    # The first month that is not kept as a whole, by its first day: the one that was under way at the last turn.
    months_before = models.DateField()
    rolled_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.account}, {self.time_zone}"


class RollupMark(TenantModel):
    """That sessions which end or ended in this quarter of an hour changed. Written by triggers, only ever added.

    No day, because that would depend on a time zone which somebody else may be changing at that moment; a quarter,
    because the offset of every time zone is whole quarters since 1972, so that each lies in one day everywhere.
    """

    # Without a constraint: a session that is deleted together with its account leaves a mark, too.
    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    quarter = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "quarter"], name="rollup_mark")]

    def __str__(self) -> str:
        return str(self.quarter)


class SessionMark(TenantModel):
    """That something beside sessions changed on which their counts rest: those of one session, of all of a ticket, or
    of all that support a proposal.

    Its quarter is looked up by whoever reads the mark, not by whoever writes it: a writer does not see what another has
    not committed yet.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    session = models.ForeignKey(
        AISession, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    psa_system = models.CharField(max_length=50, blank=True)
    psa_ticket_id = models.CharField(max_length=100, blank=True)
    proposal = _unguarded(FlowProposal)

    def __str__(self) -> str:
        if self.proposal_id:
            return f"proposal {self.proposal_id}"
        return f"session {self.session_id}" if self.session_id else f"ticket {self.psa_ticket_id}"
