"""Admin bases: lists, filters, foreign keys and autocompletes hold the viewer's own rows only."""

import functools
from typing import Any, NoReturn

from django import forms
from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin, IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Field, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.safestring import SafeString

from flowpilot.common.auditexport import EXPORTS
from flowpilot.common.filters import SEARCHED
from flowpilot.common.models import AuditEvent
from flowpilot.common.tenancy import permission_name

NONE = SafeString('<span class="fp-none">–</span>')


class ScopedRelatedFilter(admin.RelatedFieldListFilter):
    """A foreign-key filter that offers the viewer's own rows only (Django's offers every tenant's)."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        queryset = field.related_model._default_manager.for_user(request.user)
        ordering = self.field_admin_ordering(field, request, model_admin)
        return [(row.pk, str(row)) for row in queryset.order_by(*ordering)]

    def has_output(self) -> bool:
        """Django drops a filter with nothing to choose from, and with it what an address asks for."""
        return super().has_output() or bool(self.used_parameters)


class AbsentIsNotFound(BaseModelAdmin):
    """A row that is absent, or another account's, is 404 (Django redirects to the index with its id in a message)."""

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        raise Http404("There is no such page.")

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Asks for the right first, as every other page does (Django looks for the row first)."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)  # type: ignore[misc]


class ScopedAdmin(BaseModelAdmin):
    """What list pages and inlines share: scoped rows, scoped foreign keys, permission asked per object."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset: Any = super().get_queryset(request)
        return queryset.for_user(request.user)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        manager = db_field.related_model._default_manager
        if "queryset" not in kwargs and hasattr(manager, "for_user"):
            kwargs["queryset"] = manager.for_user(request.user)
        if db_field.name == "account":
            kwargs |= self._account_choice(request, kwargs["queryset"])
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def _account_choice(self, request: HttpRequest, accounts: QuerySet[Any]) -> dict[str, Any]:
        """The accounts where the viewer may add such a row, of all that they see; a single one is chosen already."""
        grants = request.user.tenant_grants(permission_name(self.model, "add"))  # type: ignore[union-attr]
        if grants is None:
            return {}
        accounts = accounts.filter(pk__in=[account_id for account_id, _ in grants])
        return {"queryset": accounts, "empty_label": None if accounts.count() == 1 else "---------"}

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


class TenantForm(forms.ModelForm):
    """Checks constraints that carry the account even where the page shows the account without asking for it."""

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"account"}  # type: ignore[misc]


class TenantAdmin(ScopedAdmin, AbsentIsNotFound, admin.ModelAdmin):
    """A list and detail page of tenant rows."""

    form = TenantForm
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


class ReadOnlyAdmin(TenantAdmin):
    """Rows that only services write: the admin shows them."""

    # Marked, for a card on a phone leaves out what is not there.
    empty_value_display = NONE

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    change_list_template = "admin/audit_events.html"
    list_display = ["created_at", "actor_label", "action", "object_label", "reason"]
    list_filter = ["account", "created_at", "action", "object_type"]
    search_fields = SEARCHED
    date_hierarchy = "created_at"

    def get_urls(self) -> list[Any]:
        own = [
            path(
                f"export.{form}",
                self.admin_site.admin_view(functools.partial(self.export, form=form)),
                name=f"common_auditevent_{form}",
            )
            for form in EXPORTS
        ]
        return [*own, *super().get_urls()]

    def export(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """What the list shows under the same address's filters and search, all pages of it, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            events = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters as error:
            raise Http404("There is no such filter.") from error
        return EXPORTS[form](events)
