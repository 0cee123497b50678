"""API keys: made, narrowed, given a new secret, revoked."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from flowpilot.accounts.apikeys import api_key_create, api_key_revoke, api_key_rotate
from flowpilot.accounts.models import ApiKey
from flowpilot.accounts.roles import Role
from flowpilot.accounts.scopes import KeyScope, scopes_fault
from flowpilot.common.admin import TenantAdmin
from flowpilot.common.errors import ServiceError

COPY_IT = "Copy this key now, it is never shown again: "
# Hours that the former secret goes on working.
GRACES = ((0, "ends at once"), (1, "works for 1 hour"), (24, "works for 1 day"), (168, "works for 7 days"))
SHOWN = [
    "name", "prefix", "role", "narrowed_to", "created_by", "created_at", "last_used_at", "expires_at", "revoked_at",
]  # fmt: skip


class NewKeyForm(forms.ModelForm):
    role = forms.ChoiceField(choices=Role, initial=Role.SERVICE, help_text="What the key may do.")
    scopes = forms.TypedMultipleChoiceField(
        choices=[(scope.value, f"{scope.label} ({scope.value})") for scope in KeyScope],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        empty_value=None,
        help_text=ApiKey._meta.get_field("scopes").help_text,
    )

    class Meta:
        model = ApiKey
        fields = ["account", "name", "role", "scopes", "expires_at"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Django labels the pair, and neither of the two.
        for part, widget in zip(
            ("date", "time"), getattr(self.fields["expires_at"].widget, "widgets", ()), strict=False
        ):
            widget.attrs["aria-label"] = f"Expires at: {part}"

    def clean_expires_at(self) -> datetime | None:
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= timezone.now():
            raise ValidationError("This time has passed: the key would never work.")
        return expires_at

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("scopes") and (fault := scopes_fault(data.get("role", ""), data["scopes"])):
            self.add_error("scopes", fault)
        return data


@admin.register(ApiKey)
class ApiKeyAdmin(TenantAdmin):
    list_display = [*SHOWN]
    list_filter = ["account"]
    list_select_related = ["membership", "created_by"]
    actions = ["revoke"]
    change_form_template = "accounts/api_key.html"

    @admin.display
    def role(self, obj: ApiKey) -> str:
        return obj.membership.get_role_display()

    @admin.display(description="Scopes")
    def narrowed_to(self, obj: ApiKey) -> str:
        return "all of its role" if obj.scopes is None else ", ".join(obj.scopes)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewKeyForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return NewKeyForm.Meta.fields if obj is None else self._shown()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self._shown() if obj else []

    def _shown(self) -> list[str]:
        return ["account", *SHOWN, "rotated_at", "previous_until"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        if change:
            return super().save_form(request, form, change)
        form.save_m2m = lambda: None
        key, text = api_key_create(actor=request.user, **form.cleaned_data)
        messages.warning(request, COPY_IT + text)
        return key

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The service has saved it."""

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        context = {**context, "graces": GRACES}
        if obj is not None:
            # Nothing on the page can be changed: there is nothing to save.
            context |= dict.fromkeys(("show_save", "show_save_and_continue", "show_save_and_add_another"), False)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def get_urls(self) -> list[URLPattern]:
        rotate = self.admin_site.admin_view(self.rotate_view)
        return [path("<int:pk>/rotate/", rotate, name="accounts_apikey_rotate"), *super().get_urls()]

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """`POST …/<pk>/rotate/` with `grace`, one of GRACES: a new secret for the key."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        key = ApiKey.objects.for_user(request.user, "change").filter(pk=pk).first()
        if key is None:
            raise Http404("There is no such key.")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        hours = {str(hours): hours for hours, _ in GRACES}.get(request.POST.get("grace", "0"))
        back = HttpResponseRedirect(reverse("admin:accounts_apikey_change", args=[pk]))
        if hours is None:
            messages.error(request, "Nothing was changed: choose how long the former secret goes on.")
            return back
        try:
            _, text = api_key_rotate(actor=request.user, key_id=pk, grace=timedelta(hours=hours))  # type: ignore[arg-type]
        except ServiceError as error:
            messages.error(request, f"Nothing was changed: {error.message}.")
            return back
        messages.warning(request, COPY_IT + text)
        return back

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        revoked = 0
        for key in queryset.filter(revoked_at=None):
            try:
                api_key_revoke(actor=request.user, key=key)  # type: ignore[arg-type]
                revoked += 1
            except ServiceError as error:
                messages.warning(request, f"{key}: {error.message}")
        messages.success(request, f"{revoked} revoked, {queryset.count() - revoked} were not in use.")
