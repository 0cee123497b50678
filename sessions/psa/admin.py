"""Connections (owners) and pushes with their tries (readers)."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters

from flowpilot.common.admin import ReadOnlyAdmin, ScopedAdmin, TenantAdmin
from sessions.models import PsaAttempt, PsaConnection, PsaPush
from sessions.psa.connections import FIELDS, connection_change, connection_create, connection_test
from sessions.psa.forms import ConnectionForm, credential_names
from sessions.psa.selectors import with_last_error
from sessions.psa.services import pushes_requeue

WRITTEN = ["notes_internal", "time_resource", "time_role", "resolved_status", "escalated_status"]
TESTED = ["last_tested_at", "last_test_ok", "last_test_message"]
# How analytics narrows the list: to what its figures count.
NARROWINGS = frozenset(
    [f"session__{name}__id__exact" for name in ("team", "client", "flow")]
    + [f"session__{name}__exact" for name in ("problem_domain", "technician_email")]
)
CHANGELESS = "They are kept sealed and never shown again. Leave all of them empty to keep what is there."


@admin.register(PsaConnection)
class PsaConnectionAdmin(TenantAdmin):
    form = ConnectionForm
    list_display = ["name", "kind", "base_url", "is_active", "last_test_ok", "last_tested_at", "account"]
    list_filter = ["account", "kind", "is_active"]
    list_select_related = ["account"]
    change_form_template = "sessions/psa/connection.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("credentials")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        kinds = PsaConnection.Kind if obj is None else [PsaConnection.Kind(obj.kind)]
        note = "Only for this system. They are kept sealed and never shown again." if obj is None else CHANGELESS
        credentials = [
            (f"Credentials of {kind.label}", {"fields": credential_names(kind), "description": note}) for kind in kinds
        ]
        first = {"fields": ["account", "kind", "name", "base_url", "is_active"]}
        tested = [] if obj is None else [("Last test", {"fields": TESTED})]
        return [(None, first), *credentials, ("What is written", {"fields": WRITTEN}), *tested]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["account", "kind", *TESTED] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @method_decorator(sensitive_post_parameters())
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(request, *args, **kwargs)

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        form.save_m2m = lambda: None
        data, credentials = form.cleaned_data, form.credentials()
        fields = {name: data[name] for name in FIELDS}
        if change:
            pk = form.instance.pk
            return connection_change(actor=request.user, connection_id=pk, credentials=credentials, **fields)
        return connection_create(
            actor=request.user, account=data["account"], kind=data["kind"], credentials=credentials, **fields
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The service has saved it."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.test_view)
        return [path("<int:pk>/test/", view, name="ai_sessions_psaconnection_test"), *super().get_urls()]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """`POST …/<pk>/test/`: log in there and tell how it went."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if not PsaConnection.objects.for_user(request.user, "change").filter(pk=pk).exists():
            raise Http404("There is no such connection.")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        connection = connection_test(actor=request.user, connection_id=pk)
        tell = messages.success if connection.last_test_ok else messages.warning
        tell(request, f"{connection}: {connection.last_test_message}")
        return HttpResponseRedirect(reverse("admin:ai_sessions_psaconnection_change", args=[pk]))


class SystemFilter(admin.SimpleListFilter):
    title = "system"
    parameter_name = "system"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(PsaConnection.Kind.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        kind = self.value()
        return queryset.filter(connection__kind=kind) if kind in PsaConnection.Kind.values else queryset


class AttemptInline(ScopedAdmin, admin.TabularInline):
    model = PsaAttempt
    template = "sessions/psa/attempts.html"
    fields = ["number", "started_at", "finished_at", "outcome", "status_code", "error"]
    ordering = ["number"]
    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Django asks with the push, which the viewer sees; the rows are scoped already.
        return super().has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(PsaPush)
class PsaPushAdmin(ReadOnlyAdmin):
    list_display = [
        "summary", "badge", "system", "attempt_count", "last_error", "next_attempt_at", "created_at",
    ]  # fmt: skip
    list_display_links = ["summary"]
    list_filter = ["account", "state", "kind", SystemFilter, "created_at"]
    list_select_related = ["connection", "session", "account"]
    search_fields = ["ticket_id", "session__external_id"]
    fields = [
        "account", "summary", "session", "connection", "badge", "text", "marker", "attempt_count", "attempts_allowed",
        "next_attempt_at", "created_at", "settled_at",
    ]  # fmt: skip
    inlines = [AttemptInline]
    actions = ["requeue"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_last_error(super().get_queryset(request)).defer("connection__credentials")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup in NARROWINGS or super().lookup_allowed(lookup, value, request)

    @admin.display(description="Push", ordering="ticket_id")
    def summary(self, obj: PsaPush) -> SafeString:
        return format_html('{}<span class="fp-sub">{}</span>', str(obj), obj.session.external_id)

    @admin.display(description="State", ordering="state")
    def badge(self, obj: PsaPush) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.state, obj.get_state_display())

    @admin.display(description="System", ordering="connection__kind")
    def system(self, obj: PsaPush) -> str:
        return obj.connection.get_kind_display()

    @admin.display(description="Last error")
    def last_error(self, obj: Any) -> str:
        return obj.error or "–"

    @admin.display(description="What is written")
    def text(self, obj: PsaPush) -> str:
        return str(obj.payload.get("text") or obj.payload.get("status") or "")

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ai_sessions.requeue_psapush")

    @admin.action(description="Try again", permissions=["requeue"])
    def requeue(self, request: HttpRequest, queryset: QuerySet[PsaPush]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        count = pushes_requeue(actor=request.user, push_ids=ids)
        messages.success(request, f"{count} queued again.")
        if skipped := len(ids) - count:
            messages.warning(request, f"{skipped} skipped: under way, succeeded, or not yours to queue.")
