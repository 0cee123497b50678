"""The form of an account's language model. What is entered as a key is never sent back."""

from typing import Any

from django import forms

from flowpilot.common.admin import TenantForm
from flowpilot.llm.configuration import FIELDS, WHERE, key_fault, language_model_faults
from flowpilot.llm.models import LanguageModel


class LanguageModelForm(TenantForm):
    api_key = forms.CharField(
        label="Key",
        required=False,
        max_length=500,
        # Rendered empty, whatever was entered.
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Sealed where it is kept, and never shown. Empty keeps the one that is there.",
    )

    class Meta:
        model = LanguageModel
        fields = ["account", *FIELDS]
        widgets = {name: forms.TextInput(attrs={"class": "vLargeTextField"}) for name in ("model", "base_url")}

    def _post_clean(self) -> None:
        before = [getattr(self.instance, name) for name in WHERE]
        kept = bool(self.instance.sealed_key)
        super()._post_clean()  # type: ignore[misc]
        self.instance.base_url = self.instance.base_url.rstrip("/")
        moved = self.instance.pk is not None and before != [getattr(self.instance, name) for name in WHERE]
        entered = self.cleaned_data.get("api_key", "")
        faults = language_model_faults(self.instance, has_key=bool(entered) or (kept and not moved))
        if fault := key_fault(entered):
            faults["api_key"] = fault
        elif moved and kept and "api_key" in faults:
            faults["api_key"] = "Another provider or address needs the key again."
        for name, fault in faults.items():
            if name not in self.errors and name in self.fields:
                self.add_error(name, fault)

    def said(self) -> dict[str, Any]:
        """What a service takes."""
        names = (*FIELDS, "api_key")
        return {name: self.cleaned_data[name] for name in names}
