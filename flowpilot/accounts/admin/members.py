"""Who works here, in which role."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from flowpilot.accounts.models import Membership
from flowpilot.accounts.services import membership_change, membership_create, membership_remove
from flowpilot.common.admin import TenantAdmin


class NewMemberForm(forms.ModelForm):
    """Adds somebody by email; a person who has a log-in already keeps it."""

    email = forms.EmailField()
    full_name = forms.CharField(max_length=200, required=False)
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="A first password. Somebody with a log-in already keeps their own.",
        validators=[validate_password],
    )

    class Meta:
        model = Membership
        fields = ["account", "email", "full_name", "password", "role", "team"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        account, email, team = data.get("account"), data.get("email"), data.get("team")
        if account:
            try:
                Membership(account=account, role=data.get("role", ""), team=team).clean()
            except ValidationError as error:
                self.add_error(None, error)
        if account and email and Membership.objects.filter(account=account, user__email=email.lower()).exists():
            self.add_error("email", "This person is a member already.")
        return data

    def _post_clean(self) -> None:
        """The service builds the membership: there is no instance to validate yet."""


@admin.register(Membership)
class MembershipAdmin(TenantAdmin):
    list_display = ["user", "email", "role", "team", "account"]
    list_filter = ["account", "role", "team"]
    list_select_related = ["user", "team", "account"]
    search_fields = ["user__email", "user__full_name"]

    @admin.display(ordering="user__email")
    def email(self, obj: Membership) -> str:
        return obj.user.email

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewMemberForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return NewMemberForm.Meta.fields if obj is None else ["account", "user", "role", "team"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["account", "user"] if obj else []

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        if change:
            return super().save_form(request, form, change)
        data = form.cleaned_data
        form.save_m2m = lambda: None
        return membership_create(actor=request.user, **{name: data[name] for name in NewMemberForm.Meta.fields})

    def save_model(self, request: Any, obj: Membership, form: Any, change: bool) -> None:
        if change:
            membership_change(actor=request.user, membership=obj, role=obj.role, team=obj.team)

    def delete_model(self, request: Any, obj: Membership) -> None:
        membership_remove(actor=request.user, membership=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        with transaction.atomic():
            for membership in queryset:
                self.delete_model(request, membership)
