"""What a technician fills in."""

from typing import Any

from django import forms

from flowpilot.accounts.models import Account, Team
from sessions.models import Client, PsaConnection
from sessions.psa.selectors import connections_for
from sessions.runner.ending import receivers_of
from sessions.runner.start import ADD, Start

CLIENTS_SHOWN = 200


class StartForm(forms.Form):
    """A problem, and whose it is. The account is asked of those who work for several.

    The ticket's system is one of the account's active connections; without any there is only the ticket's number.
    `asks_ticket`: the form was sent to look its ticket up, so that system and ticket are needed.
    """

    account = forms.ModelChoiceField(queryset=Account.objects.none(), empty_label=None)
    problem = forms.CharField(
        max_length=20_000,
        label="What is wrong?",
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "As the user told it: what happens, where, since when"}),
    )
    title = forms.CharField(max_length=300, required=False, label="Title")
    client = forms.CharField(
        max_length=200, required=False, widget=forms.TextInput(attrs={"list": "clients", "autocomplete": "off"})
    )
    psa_system = forms.ModelChoiceField(
        queryset=PsaConnection.objects.none(), required=False, label="Ticket system", empty_label="None"
    )
    psa_ticket_id = forms.CharField(
        max_length=100, required=False, label="Ticket", widget=forms.TextInput(attrs={"data-enter": "look-up"})
    )

    def __init__(self, user: Any, *args: Any, asks_ticket: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asks_ticket = asks_ticket
        grants = user.tenant_grants(ADD)
        accounts = Account.objects.order_by("name")
        if grants is not None:
            accounts = accounts.filter(pk__in=[account_id for account_id, _ in grants])
        field: Any = self.fields["account"]
        field.queryset = accounts
        is_one = grants is not None and len(accounts) == 1
        if is_one:
            field.initial, field.widget = accounts[0].pk, forms.HiddenInput()
        self._offer_systems(user, is_one)

    def _offer_systems(self, user: Any, is_one: bool) -> None:
        connections = connections_for(user).select_related("account").order_by("account__name", "kind", "pk")
        found = list(connections)
        if not found:
            del self.fields["psa_system"]
            return
        field: Any = self.fields["psa_system"]
        field.queryset = connections
        choices = [(c.pk, c.name if is_one else f"{c.account}: {c.name}") for c in found]
        field.widget.choices = [("", "None"), *choices]
        if is_one:
            field.initial = found[0].pk

    @property
    def chosen_account(self) -> Account | None:
        """The account that is chosen so far, or offered first; None for one that is not the user's."""
        field: Any = self.fields["account"]
        if not self.is_bound:
            return field.queryset.first()
        chosen = self.data.get("account", "")
        return field.queryset.filter(pk=chosen).first() if chosen.isdecimal() and len(chosen) < 19 else None

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        account, system = data.get("account"), data.get("psa_system")
        if system and account and (data.get("psa_ticket_id") or self.asks_ticket) and system.account_id != account.pk:
            self.add_error("psa_system", f"This system is not one of {account}.")
        if self.asks_ticket and not system and "psa_system" not in self.errors:
            self.add_error("psa_system" if "psa_system" in self.fields else "psa_ticket_id", "Choose where to look.")
        if self.asks_ticket and not data.get("psa_ticket_id") and "psa_ticket_id" not in self.errors:
            self.add_error("psa_ticket_id", "Which ticket?")
        return data

    def drop_other_errors(self) -> None:
        """Of a look-up only what concerns it is told: the rest of the form is not sent yet."""
        for name in set(self.errors) - {"account", "psa_system", "psa_ticket_id"}:
            del self.errors[name]

    def start(self) -> Start:
        data = self.cleaned_data
        system, ticket_id = data.get("psa_system"), data["psa_ticket_id"].removeprefix("#")
        return Start(
            problem=data["problem"],
            title=data["title"],
            client=data["client"],
            psa_system=system.kind if system and ticket_id else "",
            psa_ticket_id=ticket_id,
        )


def clients_known(user: Any, account: Account | None, typed: str = "") -> list[str]:
    """Names of the account's clients that hold what was typed, by name, at most CLIENTS_SHOWN."""
    found = Client.objects.for_user(user).filter(account=account, name__icontains=typed.replace("\0", "").strip()[:200])
    return list(found.order_by("name").values_list("name", flat=True)[:CLIENTS_SHOWN])


class EscalateForm(forms.Form):
    reason = forms.CharField(max_length=20_000, widget=forms.Textarea(attrs={"rows": 3}))
    to = forms.ChoiceField(label="Hand it to", required=False)

    def __init__(self, account_id: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = receivers_of(account_id).select_related("user").order_by("user")
        teams = Team.objects.filter(account=account_id).order_by("name")
        field: Any = self.fields["to"]
        field.choices = [
            ("", "Whoever takes it"),
            ("Teams", [(f"team-{team.pk}", team.name) for team in teams]),
            ("People", [(f"user-{m.user_id}", str(m.user)) for m in people]),
        ]

    def receiver(self) -> dict[str, Any]:
        kind, _, pk = self.cleaned_data["to"].partition("-")
        return {f"to_{kind}_id": int(pk)} if pk else {}
