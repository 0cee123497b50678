"""What an owner fills in to erase somebody."""

from typing import Any

from django import forms

from flowpilot.accounts.models import Membership
from flowpilot.accounts.roles import Role
from flowpilot.common.errors import ServiceError
from flowpilot.privacy.erasures import terms_of
from flowpilot.privacy.models import Erasure

Kind = Erasure.Kind


class ErasureForm(forms.ModelForm):
    """Whom to erase. `member` and `client` are chosen from the owner's own."""

    kind = forms.ChoiceField(label="Erase a", choices=Kind, widget=forms.RadioSelect, initial=Kind.PERSON)
    member = forms.ModelChoiceField(
        Membership.objects.none(), required=False, help_text="For a member: they are logged out and locked out, too."
    )
    spellings = forms.CharField(
        label="Names and addresses",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=(
            "One a line: full name, email, spellings, log-ins. A member's address and full name and a client's name "
            "are looked for anyway. A single first name is taken out of every text that has it, whoever is meant."
        ),
    )

    class Meta:
        model = Erasure
        fields = ["account", "kind", "member", "client", "spellings"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        kind, account = data.get("kind"), data.get("account")
        for name, of_kind in (("member", Kind.MEMBER), ("client", Kind.CLIENT)):
            chosen = data.get(name)
            if kind == of_kind and chosen is None:
                self.add_error(name, f"Choose the {name}.")
            if chosen is not None and (kind != of_kind or chosen.account_id != (account and account.pk)):
                self.add_error(name, f"This is for a {name} of that account.")
        words = data.get("spellings", "").splitlines()
        if "".join(words).strip() or kind == Kind.PERSON:
            try:
                terms_of(words)
            except ServiceError as error:
                self.add_error("spellings", f"{error.message[:1].upper()}{error.message[1:]}.")
        return data

    def _post_clean(self) -> None:
        """The service builds the erasure: there is no instance to validate yet."""


def members_for(user: Any) -> Any:
    """The people whom `user` may choose from."""
    rows = Membership.objects.for_user(user).exclude(role=Role.SERVICE).filter(api_key=None)
    return rows.select_related("user").order_by("user__email")
