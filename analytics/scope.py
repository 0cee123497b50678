"""What a page or an answer of the API is about: whose rows, which period, narrowed to what. The address says it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone

from analytics.choices import session_values
from flowpilot.accounts.models import Team
from flowpilot.common.errors import InvalidInput
from flowpilot.common.kept import kept
from flowpilot.common.widgets import PlainSelect
from flowpilot.flows.models import Flow
from sessions.models import AISession, Client
from sessions.records import YEARS

PERIODS = (7, 30, 90, 365)
DEFAULT_PERIOD = 30
LONGEST_PERIOD = 3660  # days
NO_DOMAIN = "-"  # in an address: the sessions without a domain
CHOICES_SECONDS = 300


def _in_years(day: date) -> None:
    if day.year not in YEARS:
        raise forms.ValidationError(f"This does not lie in the years {YEARS[0]} to {YEARS[-1]}.")


class ScopeForm(forms.Form):
    """The scope as it stands in an address. Choices are the viewer's own rows."""

    days = forms.TypedChoiceField(
        choices=[("", "Other dates"), *((days, f"Last {days} days") for days in PERIODS)],
        coerce=int,
        required=False,
        empty_value=None,
        label="Period",
    )
    first = forms.DateField(
        required=False, label="From", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"), validators=[_in_years]
    )
    last = forms.DateField(
        required=False, label="To", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"), validators=[_in_years]
    )
    team = forms.ModelChoiceField(Team.objects.none(), widget=PlainSelect, required=False, empty_label="All teams")
    domain = forms.CharField(required=False, widget=PlainSelect, label="Domain")
    client = forms.ModelChoiceField(
        Client.objects.none(), widget=PlainSelect, required=False, empty_label="All clients"
    )
    technician = forms.CharField(required=False, widget=PlainSelect, label="Technician")
    flow = forms.ModelChoiceField(Flow.objects.none(), widget=PlainSelect, required=False, empty_label="All flows")
    zone = forms.CharField(required=False, widget=forms.TextInput({"placeholder": "Time zone"}), label="Time zone")

    def __init__(self, user: Any, data: Any) -> None:
        super().__init__(data)
        fields: Any = self.fields
        for name, model in (("team", Team), ("client", Client), ("flow", Flow)):
            fields[name].queryset = model.objects.for_user(user)
        for name, column, every in (
            ("domain", "problem_domain", "All domains"),
            ("technician", "technician_email", "All technicians"),
        ):
            # An address may name one that has gone, or come just now: it counts what is there, which may be nothing.
            found = {*_values(user, column), *([self[name].value()] if self[name].value() else [])} - {NO_DOMAIN}
            extra = [(NO_DOMAIN, "Without a domain")] if name == "domain" else []
            fields[name].widget.choices = [("", every), *((value, value) for value in sorted(found)), *extra]

    def clean_zone(self) -> str:
        zone: str = self.cleaned_data["zone"]
        if zone and zone not in available_timezones():
            raise forms.ValidationError("This is not a time zone, such as Europe/Berlin.")
        return zone

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if "first" in self.errors or "last" in self.errors:
            return data
        if (first is None) != (last is None):
            missing = "first" if first is None else "last"
            self.add_error(missing, "A period of its own needs both dates.")
        elif first and last and not timedelta() <= last - first < timedelta(days=LONGEST_PERIOD):
            self.add_error("last", "The period ends before it begins, or is longer than ten years.")
        return data


@dataclass(frozen=True)
class Scope:
    """The rows of `user` in a period, optionally of one team, client and so on.

    The period is whole days, `first` to `last`, in `zone`; a day that is not over counts as far as it has gone.
    """

    user: Any
    first: date
    last: date
    start: datetime
    end: datetime  # not in the period any more
    zone: str
    days: int | None = None  # the last so many, where the address says so
    team: Team | None = None
    domain: str = ""
    client: Client | None = None
    technician: str = ""
    flow: Flow | None = None
    # The zone that an address need not name: the account's, even while times are told in another.
    own_zone: str = ""

    @classmethod
    def from_query(cls, user: Any, query: Any) -> Self:
        """Read an address's parameters. Raises InvalidInput with the fields that are wrong."""
        form = ScopeForm(user, query)
        if not form.is_valid():
            raise InvalidInput("This scope is not valid.", details=form.errors)
        return cls.of(user, form.cleaned_data)

    @classmethod
    def of(cls, user: Any, data: Mapping[str, Any]) -> Self:
        """The scope of a valid ScopeForm's cleaned data."""
        own_zone = timezone.get_current_timezone_name()
        zone = data.get("zone") or own_zone
        now = timezone.now()
        if data.get("first"):
            days, first, last = None, data["first"], data["last"]
        else:
            days = data.get("days") or DEFAULT_PERIOD
            last = now.astimezone(ZoneInfo(zone)).date()
            first = last - timedelta(days=days - 1)
        narrowed: dict[str, Any] = {name: data.get(name) for name in ("team", "client", "flow")}
        narrowed |= {name: data.get(name) or "" for name in ("domain", "technician")}
        start = midnight(first, zone)
        end = max(start, min(midnight(last + timedelta(days=1), zone), now))
        narrowed["own_zone"] = own_zone
        return cls(user=user, first=first, last=last, start=start, end=end, zone=zone, days=days, **narrowed)

    @property
    def length(self) -> int:
        """Days, the last one perhaps begun only."""
        return (self.last - self.first).days + 1

    def before(self) -> Self:
        """The same scope as many days earlier, as long as this one has gone: a Monday noon is compared with a noon."""
        back = timedelta(days=self.length)
        end = self.end.astimezone(ZoneInfo(self.zone))
        return replace(
            self,
            first=self.first - back,
            last=self.last - back,
            start=midnight(self.first - back, self.zone),
            # Wall time, as the days are: across a change of the clocks too.
            end=datetime.combine(end.date() - back, end.time(), ZoneInfo(self.zone)),
            days=None,
        )

    def within(self, first: date, last: date) -> Self:
        """The part of the scope between two days: what one bar of a chart is about."""
        first, last = max(first, self.first), min(last, self.last)
        start = midnight(first, self.zone)
        end = max(start, min(midnight(last + timedelta(days=1), self.zone), self.end))
        return replace(self, first=first, last=last, start=start, end=end, days=None)

    def narrowed(self, **values: Any) -> Self:
        """The scope with other values for team, domain, client, technician or flow."""
        return replace(self, **values)

    @property
    def narrowed_to(self) -> list[str]:
        """In words, apart from the period."""
        rows = [f"{name}: {row}" for name in ("team", "client", "flow") if (row := getattr(self, name))]
        domain = ["without a domain" if self.domain == NO_DOMAIN else f"domain: {self.domain}"] if self.domain else []
        return rows + domain + ([f"technician: {self.technician}"] if self.technician else [])

    def session_q(self, prefix: str = "") -> Q:
        """What it is narrowed to, apart from the period, of rows that have a session at `prefix`, or its columns."""
        found = Q()
        for name, value in (("team", self.team), ("client", self.client), ("flow", self.flow)):
            if value:
                found &= Q(**{f"{prefix}{name}": value})
        if self.domain:
            found &= Q(**{f"{prefix}problem_domain": "" if self.domain == NO_DOMAIN else self.domain})
        if self.technician:
            found &= Q(**{f"{prefix}technician_email": self.technician})
        return found

    def during(self, field: str) -> Q:
        """Whether the time in `field` lies in the period."""
        return Q(**{f"{field}__gte": self.start, f"{field}__lt": self.end})

    def ended_sessions(self) -> QuerySet[AISession]:
        """Sessions that ended in the period."""
        return AISession.objects.for_user(self.user).ended().filter(self.during("ended_at"), self.session_q())

    def query(self, **more: str) -> str:
        """The address's parameters of this scope, and `more`."""
        dates = {"days": str(self.days)} if self.days else {"first": str(self.first), "last": str(self.last)}
        own_zone = self.own_zone or timezone.get_current_timezone_name()
        zone = {} if self.zone == own_zone else {"zone": self.zone}
        return urlencode(dates | self.narrowing | zone | more)

    @property
    def narrowing(self) -> dict[str, str]:
        """What it is narrowed to, apart from the period, as the address has it."""
        rows = {name: str(row.pk) for name in ("team", "client", "flow") if (row := getattr(self, name))}
        return rows | {name: text for name in ("domain", "technician") if (text := getattr(self, name))}


def midnight(day: date, zone: str) -> datetime:
    """When a day begins in a time zone."""
    return datetime.combine(day, time.min, ZoneInfo(zone))


def _values(user: Any, column: str) -> list[str]:
    """The values of a text column of the viewer's sessions, at most CHOICES_SECONDS old: only offered, never asked."""
    return kept(f"analytics:{column}:{user.pk}", CHOICES_SECONDS, lambda: session_values(user, column))
