"""Erasures and exports, for owners."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowpilot.accounts.models import Membership
from flowpilot.common.admin import NONE, ReadOnlyAdmin
from flowpilot.common.errors import Conflict, InvalidInput, NotFound
from flowpilot.common.widgets import PlainSelect
from flowpilot.privacy import erasures, exports
from flowpilot.privacy.forms import ErasureForm, members_for
from flowpilot.privacy.models import Erasure, Export
from flowpilot.privacy.policyadmin import DataPolicyAdmin

__all__ = ["DataPolicyAdmin", "ErasureAdmin", "ExportAdmin"]


class AskedFor(ReadOnlyAdmin):
    """Rows that an owner asks for; the service writes them and a task works on them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.add_{self.opts.model_name}")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The service has saved it."""

    @admin.display(description="State", ordering="state")
    def badge(self, obj: Erasure | Export) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.state, obj.get_state_display())

    def _own_urls(self, **views: Any) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"{prefix}_{name}")
            for name, view in views.items()
        ]

    def _require(self, request: HttpRequest, pk: int) -> Any:
        """The row, for who may see such rows. Raises PermissionDenied, Http404."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_queryset(request).filter(pk=pk).first()
        if row is None:
            raise Http404("There is no such page.")
        return row


@admin.register(Erasure)
class ErasureAdmin(AskedFor):
    list_display = ["label", "badge", "found_total", "erased_total", "created_at", "finished_at", "account"]
    list_display_links = ["label"]
    list_filter = ["account", "state", "kind"]
    list_select_related = ["account"]
    fields = ["account", "kind", "badge", "asked_by", "created_at", "confirmed_by", "confirmed_at", "finished_at"]
    change_form_template = "privacy/erasure.html"
    add_form_template = "privacy/erasure_add.html"

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        form = super().get_form(request, obj, change, **{**kwargs, "form": ErasureForm})
        member: Any = form.base_fields["member"]
        member.queryset = members_for(request.user)
        return form

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "client":
            # Django's autocompletion has a part that no screen reader can name.
            kwargs["widget"] = PlainSelect()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ErasureForm.Meta.fields if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [] if obj is None else self.fields

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        form.save_m2m = lambda: None
        said = form.cleaned_data
        member: Membership | None = said["member"]
        return erasures.erasure_request(
            actor=request.user,
            account=said["account"],
            kind=said["kind"],
            membership=member,
            client=said["client"],
            spellings=said["spellings"].splitlines(),
        )

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        messages.success(request, "Counting what would be erased. Nothing is changed before you confirm it.")
        return _back_to(obj)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        erasure: Erasure | None = kwargs.get("obj")
        if erasure is not None:
            counts = sorted({*erasure.found, *erasure.erased})
            context["rows"] = [(name, erasure.found.get(name), erasure.erased.get(name)) for name in counts]
            context["is_counted"] = erasure.state == Erasure.State.COUNTED
            context["is_under_way"] = erasure.state in Erasure.UNDER_WAY
            context["can_cancel"] = erasure.state in (Erasure.State.COUNTING, Erasure.State.COUNTED)
            context["pictures"] = [reverse("work:file", args=place) for place in erasure.pictures]
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        return [*self._own_urls(confirm=self.confirm_view, cancel=self.cancel_view), *super().get_urls()]

    def confirm_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """`POST …/<pk>/confirm/` with `typed`: erase what was counted."""
        erasure = self._require(request, pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            erasures.erasure_confirm(actor=request.user, erasure_id=pk, typed=request.POST.get("typed", ""))  # type: ignore[arg-type]
        except InvalidInput as error:
            messages.error(request, f"Nothing was erased: {error.message}.")
        else:
            messages.success(request, "Erasing. This page tells how far it is.")
        return _back_to(erasure)

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """`POST …/<pk>/cancel/`: leave everything as it is."""
        erasure = self._require(request, pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        erasures.erasure_cancel(actor=request.user, erasure_id=pk)  # type: ignore[arg-type]
        messages.success(request, "Cancelled. Nothing was erased.")
        return _back_to(erasure)


@admin.register(Export)
class ExportAdmin(AskedFor):
    list_display = ["__str__", "badge", "how_large", "expires_at", "account"]
    list_filter = ["account", "state"]
    list_select_related = ["account"]
    fields = ["account", "badge", "how_large", "asked_by", "created_at", "finished_at", "expires_at"]
    change_form_template = "privacy/export.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["account"] if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [] if obj is None else self.fields

    @admin.display(description="Size", ordering="size")
    def how_large(self, obj: Export) -> str:
        return filesizeformat(obj.size) if obj.size else NONE

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        form.save_m2m = lambda: None
        return exports.export_request(actor=request.user, account=form.cleaned_data["account"])

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        messages.success(request, "The export is being made. It can be fetched here when it is ready.")
        return _back_to(obj)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        export: Export | None = kwargs.get("obj")
        if export is not None:
            context["is_ready"] = export.state == Export.State.DONE
            context["is_under_way"] = export.state in (Export.State.WAITING, Export.State.RUNNING)
            context["rows"] = sorted(export.counts.items())
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        return [*self._own_urls(download=self.download_view), *super().get_urls()]

    def download_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """`POST …/<pk>/download/`: the file, while it is there. A POST, for it is written down who fetched it."""
        export = self._require(request, pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            _, file = exports.export_open(actor=request.user, export_id=pk)  # type: ignore[arg-type]
        except (NotFound, Conflict) as error:
            messages.warning(request, f"{error.message[:1].upper()}{error.message[1:]}.")
            return _back_to(export)
        name = f"{export.account.slug}-{export.created_at:%Y-%m-%d}.zip"
        return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")


def _back_to(row: Erasure | Export) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(f"admin:privacy_{row._meta.model_name}_change", args=[row.pk]))
