"""What a technician fills in."""

from typing import Any

from django import forms

from flowpilot.accounts.models import Account, Membership, Team
from sessions.runner.start import ADD, Start


class StartForm(forms.Form):
    """A problem, and whose it is. The account is asked of those who work for several."""

    account = forms.ModelChoiceField(queryset=Account.objects.none(), empty_label=None)
    problem = forms.CharField(
        max_length=20_000,
        label="What is wrong?",
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "As the user told it: what happens, where, since when"}),
    )
    client = forms.CharField(max_length=200, required=False)
    psa_ticket_id = forms.CharField(max_length=100, required=False, label="Ticket")
    psa_system = forms.CharField(max_length=50, required=False, label="Ticket system")

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        grants = user.tenant_grants(ADD)
        accounts = Account.objects.order_by("name")
        if grants is not None:
            accounts = accounts.filter(pk__in=[account_id for account_id, _ in grants])
        field: Any = self.fields["account"]
        field.queryset = accounts
        if grants is not None and len(accounts) == 1:
            field.initial, field.widget = accounts[0].pk, forms.HiddenInput()

    def start(self) -> Start:
        data = self.cleaned_data
        return Start(
            problem=data["problem"],
            client=data["client"],
            psa_system=data["psa_system"],
            psa_ticket_id=data["psa_ticket_id"],
        )


class EscalateForm(forms.Form):
    reason = forms.CharField(max_length=20_000, widget=forms.Textarea(attrs={"rows": 3}))
    to = forms.ChoiceField(label="Hand it to", required=False)

    def __init__(self, account_id: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = Membership.objects.filter(account=account_id, user__is_active=True).exclude(role="service")
        teams = Team.objects.filter(account=account_id).order_by("name")
        field: Any = self.fields["to"]
        field.choices = [
            ("", "Whoever takes it"),
            ("Teams", [(f"team-{team.pk}", team.name) for team in teams]),
            ("People", [(f"user-{m.user_id}", str(m.user)) for m in people.select_related("user").order_by("user")]),
        ]

    def receiver(self) -> dict[str, Any]:
        kind, _, pk = self.cleaned_data["to"].partition("-")
        return {f"to_{kind}_id": int(pk)} if pk else {}
