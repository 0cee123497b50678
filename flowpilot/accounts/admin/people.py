"""People and their log-ins."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

from flowpilot.accounts.loginlocks import login_lock_lift
from flowpilot.accounts.models import Membership, User
from flowpilot.accounts.twofactor import two_factor_reset
from flowpilot.common.admin import AbsentIsNotFound, ScopedAdmin
from flowpilot.common.errors import ServiceError


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

    list_display = ["email", "full_name", "is_active", "is_superuser", "has_two_factor", "last_login"]
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
    actions = ["lift_login_lock", "reset_two_factor"]

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

    @admin.display(description="Two-factor", boolean=True)
    def has_two_factor(self, obj: User) -> bool:
        return obj.two_factor_at is not None

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

    @admin.action(description="Reset the two-factor log-in of the selected people", permissions=["lift"])
    def reset_two_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """For who has lost both the app and the recovery codes: the password alone opens their account again."""
        reset = 0
        for user in queryset:
            try:
                reset += two_factor_reset(actor=request.user, user=user)  # type: ignore[arg-type]
            except ServiceError as error:
                messages.warning(request, f"{user}: {error.message}")
        messages.success(request, f"Second factors reset: {reset} of {len(queryset)} selected.")
