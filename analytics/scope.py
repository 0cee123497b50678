"""What a page or an answer of the API is about: one object gives the rows, the period and the links."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from flowpilot.accounts.models import Team
from flowpilot.common.errors import InvalidInput
from proposals.models import FlowProposal
from sessions.models import AISession, Client

PERIODS = (7, 30, 90, 365)


class ScopeForm(forms.Form):
    """The scope as it stands in an address. Choices are the viewer's own rows."""

    days = forms.TypedChoiceField(
        choices=[(days, f"Last {days} days") for days in PERIODS],
        coerce=int,
        required=False,
        empty_value=None,
        label="Period",
    )
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="All teams")
    client = forms.ModelChoiceField(Client.objects.none(), required=False, empty_label="All clients")
    domain = forms.ChoiceField(required=False)

    def __init__(self, user: Any, data: Any) -> None:
        super().__init__(data)
        sessions = AISession.objects.for_user(user)
        self.fields["team"].queryset = Team.objects.for_user(user)  # type: ignore[attr-defined]
        self.fields["client"].queryset = Client.objects.for_user(user)  # type: ignore[attr-defined]
        domains = sessions.exclude(problem_domain="").order_by("problem_domain")
        names = domains.values_list("problem_domain", flat=True).distinct()
        self.fields["domain"].choices = [("", "All domains"), *((n, n) for n in names)]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Scope:
    """The rows of `user` in a period, optionally of one team, client and domain."""

    user: Any
    start: datetime
    end: datetime
    days: int
    team: Team | None = None
    client: Client | None = None
    domain: str = ""

    @classmethod
    def from_query(cls, user: Any, query: Any) -> Self:
        """Read an address's parameters. Raises InvalidInput with the fields that are wrong."""
        form = ScopeForm(user, query)
        if not form.is_valid():
            raise InvalidInput("This scope is not valid.", details=form.errors)
        data = form.cleaned_data
        end = timezone.now()
        days = data["days"] or 30
        return cls(user, end - timedelta(days=days), end, days, data["team"], data["client"], data["domain"])

    def before(self) -> Self:
        """The same scope in the period of the same length just before."""
        length = self.end - self.start
        return type(self)(self.user, self.start - length, self.start, self.days, self.team, self.client, self.domain)

    def ended_sessions(self) -> QuerySet[AISession]:
        """Sessions that ended in the period."""
        sessions = AISession.objects.for_user(self.user).ended().filter(ended_at__gte=self.start, ended_at__lt=self.end)
        if self.team:
            sessions = sessions.filter(team=self.team)
        if self.client:
            sessions = sessions.filter(client=self.client)
        if self.domain:
            sessions = sessions.filter(problem_domain=self.domain)
        return sessions

    def proposals(self) -> QuerySet[FlowProposal]:
        """Proposals as they stand now: a queue has no period."""
        proposals = FlowProposal.objects.for_user(self.user)
        if self.team:
            proposals = proposals.filter(team=self.team)
        if self.domain:
            proposals = proposals.filter(problem_domain=self.domain)
        return proposals

    def rows(self, **filters: str) -> str:
        """The query string of the admin's list of ended sessions that a card counts."""
        query = {"ended_at__gte": self.start.isoformat(), "ended_at__lt": self.end.isoformat()}
        if self.team:
            query["team__id__exact"] = str(self.team.pk)
        if self.client:
            query["client__id__exact"] = str(self.client.pk)
        if self.domain:
            query["problem_domain"] = self.domain
        return urlencode(query | filters)
