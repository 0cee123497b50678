"""The form of an endpoint."""

from typing import Any

from django import forms

from flowpilot.common.admin import TenantForm
from flowpilot.webhooks.endpoints import FIELDS, endpoint_faults
from flowpilot.webhooks.models import EventType, WebhookEndpoint


class EndpointForm(TenantForm):
    event_types = forms.MultipleChoiceField(
        label="Events", choices=EventType, widget=forms.CheckboxSelectMultiple, initial=EventType.values
    )

    class Meta:
        model = WebhookEndpoint
        fields = ["account", *FIELDS]
        widgets = {name: forms.TextInput(attrs={"class": "vLargeTextField"}) for name in ("url", "description")}

    def _post_clean(self) -> None:
        self.instance.event_types = self.cleaned_data.get("event_types", [])
        super()._post_clean()  # type: ignore[misc]
        for name, fault in endpoint_faults(self.instance).items():
            if name not in self.errors and name in self.fields:
                self.add_error(name, fault)

    def said(self) -> dict[str, Any]:
        """What a service takes."""
        return {name: self.cleaned_data[name] for name in FIELDS}
