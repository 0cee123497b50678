"""The account itself, and its teams."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from flowpilot.accounts.models import Account, Team
from flowpilot.accounts.services import account_change, account_create, team_create, team_delete, team_rename
from flowpilot.common.admin import TenantAdmin


@admin.register(Account)
class AccountAdmin(TenantAdmin):
    list_display = ["name", "slug", "time_zone", "admins_need_two_factor", "created_at"]
    search_fields = ["name", "slug"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["slug", "name", "time_zone", *(["admins_need_two_factor"] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["slug"] if obj else []

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        form.save_m2m = lambda: None
        if change:
            return account_change(actor=request.user, account_id=form.instance.pk, **form.cleaned_data)
        return account_create(**form.cleaned_data)

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

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        form.save_m2m = lambda: None
        if change:
            return team_rename(actor=request.user, team_id=form.instance.pk, **form.cleaned_data)
        return team_create(actor=request.user, **form.cleaned_data)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The service has saved it."""

    def delete_model(self, request: Any, obj: Team) -> None:
        team_delete(actor=request.user, team_id=obj.pk)

    def delete_queryset(self, request: Any, queryset: Any) -> None:
        for team in queryset:
            team_delete(actor=request.user, team_id=team.pk)
