"""Admin bases: lists, filters, foreign keys and autocompletes hold the viewer's own rows only."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin
from django.db import models
from django.db.models import Field, QuerySet
from django.http import HttpRequest

from flowpilot.common.models import AuditEvent
from flowpilot.common.tenancy import permission_name


class ScopedRelatedFilter(admin.RelatedFieldListFilter):
    """A foreign-key filter that offers the viewer's own rows only (Django's offers every tenant's)."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        queryset = field.related_model._default_manager.for_user(request.user)
        return [(row.pk, str(row)) for row in queryset.order_by(*self.field_admin_ordering(field, request, model_admin))]


class ScopedAdmin(BaseModelAdmin):
    """What list pages and inlines share: scoped rows, scoped foreign keys, permission asked per object."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset: Any = super().get_queryset(request)
        return queryset.for_user(request.user)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        manager = db_field.related_model._default_manager
        if "queryset" not in kwargs and hasattr(manager, "for_user"):
            kwargs["queryset"] = manager.for_user(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        manager = db_field.related_model._default_manager
        if "queryset" not in kwargs and hasattr(manager, "for_user"):
            kwargs["queryset"] = manager.for_user(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _has(self, request: HttpRequest, action: str, obj: Any) -> bool:
        return request.user.has_perm(permission_name(self.model, action), obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has(request, "view", obj) or self._has(request, "change", obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._has(request, "delete", obj)


class TenantAdmin(ScopedAdmin, admin.ModelAdmin):
    """A list and detail page of tenant rows."""

    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    list_per_page = 50

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Plain foreign-key names become scoped filters."""
        filters: list[Any] = []
        for item in super().get_list_filter(request):
            scoped = isinstance(item, str) and self._is_tenant_relation(item)
            filters.append((item, ScopedRelatedFilter) if scoped else item)
        return filters

    def _is_tenant_relation(self, name: str) -> bool:
        field: Field[Any, Any] | Any = self.opts.get_field(name)
        related = getattr(field, "related_model", None)
        return bool(related and hasattr(related._default_manager, "for_user"))

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        return None

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A member of one account need not choose it."""
        if getattr(obj, "account_id", None) is None and hasattr(obj, "account"):
            obj.account = request.user.only_account()  # type: ignore[union-attr]
        super().save_model(request, obj, form, change)


class ReadOnlyAdmin(TenantAdmin):
    """Rows that only services write: the admin shows them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "actor_label", "action", "object_label", "reason"]
    list_filter = ["account", "action", "created_at"]
    search_fields = ["actor_label", "object_label", "reason"]
    date_hierarchy = "created_at"
