"""How an account's data is kept: the owner's page of it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from flowpilot.accounts.models import DataPolicy
from flowpilot.accounts.policies import FIELDS, policy_change, policy_faults
from flowpilot.common.admin import TenantAdmin, TenantForm
from flowpilot.privacy.retention import retention_preview


class DataPolicyForm(TenantForm):
    class Meta:
        model = DataPolicy
        fields = ["account", *FIELDS]
        widgets = {"masking": forms.RadioSelect, "names": forms.Textarea(attrs={"rows": 4})}

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        for name, fault in policy_faults(self.instance).items():
            if name not in self.errors and name in self.fields:
                self.add_error(name, fault)


@admin.register(DataPolicy)
class DataPolicyAdmin(TenantAdmin):
    """For owners, written by the service."""

    form = DataPolicyForm
    list_display = ["account", "session_days", "text_days", "masking", "updated_at"]
    list_select_related = ["account"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["account", *FIELDS, *(["removed_next"] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["account", "removed_next"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="The next run would remove")
    def removed_next(self, obj: DataPolicy) -> str:
        """As the policy was saved; every night, and nothing is changed by looking."""
        counts = retention_preview(obj, timezone.now())
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        form.save_m2m = lambda: None
        account = form.instance.account if change else form.cleaned_data["account"]
        said = {name: form.cleaned_data[name] for name in FIELDS}
        return policy_change(actor=request.user, account=account, **said)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The service has saved it."""
