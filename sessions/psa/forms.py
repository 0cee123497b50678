"""The form of a connection. What is entered as a credential is never sent back."""

from typing import Any

from django import forms

from flowpilot.common.admin import TenantForm
from sessions.models import PsaConnection
from sessions.psa.clients import CREDENTIALS
from sessions.psa.connections import FIELDS, connection_faults


def credential_names(kind: str) -> list[str]:
    """The form's names of a system's credentials: each system has fields of its own."""
    return [f"{kind}_{name}" for name in CREDENTIALS.get(kind, {})]


def _credential_field(label: str) -> forms.CharField:
    # A password field is rendered empty, whatever was entered: it comes back neither after a fault nor later.
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, required=False, max_length=500, widget=widget)


class _ConnectionForm(TenantForm):
    class Meta:
        model = PsaConnection
        fields = ["account", "kind", *FIELDS]

    def credentials(self) -> dict[str, str] | None:
        """Those of the chosen system; None where nothing was entered: a connection keeps what it has."""
        kind = self._kind()
        entered = {name: self.cleaned_data.get(f"{kind}_{name}", "") for name in CREDENTIALS.get(kind, {})}
        return entered if any(entered.values()) or self.instance.pk is None else None

    def _kind(self) -> str:
        return str(self.cleaned_data.get("kind") or self.instance.kind)

    def _post_clean(self) -> None:
        before = self.instance.base_url
        super()._post_clean()  # type: ignore[misc]
        self.instance.base_url = self.instance.base_url.rstrip("/")
        credentials = self.credentials()
        for name, fault in connection_faults(self.instance, credentials).items():
            field = name if name in self.fields else f"{self._kind()}_{name}"
            if name not in self.errors:
                self.add_error(field if field in self.fields else None, fault)
        if self.instance.pk and self.instance.base_url != before and credentials is None:
            self.add_error("base_url", "A new address needs the credentials again.")


ConnectionForm: Any = type(
    "ConnectionForm",
    (_ConnectionForm,),
    {
        f"{kind}_{name}": _credential_field(label)
        for kind, names in CREDENTIALS.items()
        for name, (label, _) in names.items()
    },
)
