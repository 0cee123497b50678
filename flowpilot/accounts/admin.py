"""Set-up pages: account, teams, members, API keys."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from flowpilot.accounts.loginlocks import login_lock_lift
from flowpilot.accounts.models import Account, ApiKey, DataPolicy, Membership, Team, User
from flowpilot.accounts.policies import FIELDS, policy_change, policy_faults
from flowpilot.accounts.roles import Role
from flowpilot.accounts.services import (
    api_key_create,
    api_key_revoke,
    membership_change,
    membership_create,
    membership_remove,
)
from flowpilot.common.admin import AbsentIsNotFound, ScopedAdmin, TenantAdmin, TenantForm
from flowpilot.common.errors import ServiceError

# Roles stand in code (`roles.py`); Django's groups would grant nothing.
admin.site.unregister(Group)


@admin.register(Account)
class AccountAdmin(TenantAdmin):
    list_display = ["name", "slug", "time_zone", "created_at"]
    search_fields = ["name", "slug"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["slug"] if obj else []


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
    """How an account's data is kept: for owners, written by the service."""

    form = DataPolicyForm
    list_display = ["account", "session_days", "text_days", "masking", "updated_at"]
    list_select_related = ["account"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["account"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        form.save_m2m = lambda: None
        account = form.instance.account if change else form.cleaned_data["account"]
        said = {name: form.cleaned_data[name] for name in FIELDS}
        return policy_change(actor=request.user, account=account, **said)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The service has saved it."""


@admin.register(Team)
class TeamAdmin(TenantAdmin):
    list_display = ["name", "account"]
    list_filter = ["account"]
    list_select_related = ["account"]
    search_fields = ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["account"] if obj else []


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


class MembershipInline(ScopedAdmin, admin.TabularInline):
    """Where a person works; members are changed on their own page, by the service."""

    model = Membership
    fields = ["account", "role", "team"]

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        # Django asks with the person whose page it is; the rows are scoped already.
        return super().has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(User)
class UserAdmin(AbsentIsNotFound, DjangoUserAdmin):
    """People. Only a platform superuser changes log-ins; an owner works with memberships."""

    list_display = ["email", "full_name", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active"]
    search_fields = ["email", "full_name"]
    ordering = ["email"]
    filter_horizontal = []
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["email", "full_name", "password"]}),
        ("Status", {"fields": ["is_active", "is_superuser", "last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "full_name", "usable_password", "password1", "password2"]})]
    inlines = [MembershipInline]
    actions = ["lift_login_lock"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return User.objects.for_user(request.user)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if request.user.is_superuser else [(None, {"fields": ["email", "full_name", "is_active"]})]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.view_user")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    has_delete_permission = has_change_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_membership")

    @admin.action(description="Let the selected people log in again", permissions=["lift"])
    def lift_login_lock(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """After too many wrong passwords; they need not wait."""
        lifted = 0
        for user in queryset:
            try:
                lifted += login_lock_lift(actor=request.user, user=user)  # type: ignore[arg-type]
            except ServiceError as error:
                messages.warning(request, f"{user}: {error.message}")
        messages.success(
            request, f"Wrong passwords forgotten of {lifted}; there were none of {len(queryset) - lifted}."
        )


class NewKeyForm(forms.ModelForm):
    role = forms.ChoiceField(choices=Role, initial=Role.SERVICE, help_text="What the key may do.")

    class Meta:
        model = ApiKey
        fields = ["account", "name", "role", "expires_at"]

    def clean_expires_at(self) -> datetime | None:
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= timezone.now():
            raise ValidationError("This time has passed: the key would never work.")
        return expires_at


SHOWN_OF_KEY = ["name", "prefix", "role", "created_by", "created_at", "last_used_at", "expires_at", "revoked_at"]


@admin.register(ApiKey)
class ApiKeyAdmin(TenantAdmin):
    list_display = [*SHOWN_OF_KEY]
    list_filter = ["account"]
    list_select_related = ["membership", "created_by"]
    actions = ["revoke"]

    @admin.display
    def role(self, obj: ApiKey) -> str:
        return obj.membership.get_role_display()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewKeyForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return NewKeyForm.Meta.fields if obj is None else ["account", *SHOWN_OF_KEY]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["account", *SHOWN_OF_KEY] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        if change:
            return super().save_form(request, form, change)
        form.save_m2m = lambda: None
        key, text = api_key_create(actor=request.user, **form.cleaned_data)
        messages.warning(request, f"Copy this key now, it is never shown again: {text}")
        return key

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The service has saved it."""

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
