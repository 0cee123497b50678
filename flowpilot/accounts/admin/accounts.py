"""The account itself, and its teams."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from flowpilot.accounts.models import Account, Team
from flowpilot.common.admin import TenantAdmin


@admin.register(Account)
class AccountAdmin(TenantAdmin):
    list_display = ["name", "slug", "time_zone", "created_at"]
    search_fields = ["name", "slug"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["slug"] if obj else []


@admin.register(Team)
class TeamAdmin(TenantAdmin):
    list_display = ["name", "account"]
    list_filter = ["account"]
    list_select_related = ["account"]
    search_fields = ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["account"] if obj else []
