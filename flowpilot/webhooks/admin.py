"""Endpoints and what was sent there, for owners."""

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from flowpilot.common.admin import NONE, ReadOnlyAdmin, TenantAdmin
from flowpilot.webhooks.endpoints import endpoint_change, endpoint_create, endpoint_rotate
from flowpilot.webhooks.forms import EndpointForm
from flowpilot.webhooks.models import EventType, WebhookDelivery, WebhookEndpoint
from flowpilot.webhooks.services import deliveries_replay, endpoint_test

State = WebhookDelivery.State
COPY_IT = "Copy this secret now, it is never shown again: "


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(TenantAdmin):
    form = EndpointForm
    list_display = ["address", "description", "asks_for", "is_active", "account"]
    list_display_links = ["address"]
    list_filter = ["account", "is_active"]
    list_select_related = ["account"]
    change_form_template = "webhooks/endpoint.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("secrets")

    @admin.display(description="Address", ordering="url")
    def address(self, obj: WebhookEndpoint) -> str:
        return str(obj)

    @admin.display(description="Events")
    def asks_for(self, obj: WebhookEndpoint) -> str:
        names = [EventType(name).label for name in obj.event_types if name in EventType.values]
        return "All events" if len(names) == len(EventType) else ", ".join(names)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        kept = ["off_reason", "previous_until", "created_at"] if obj else []
        return ["account", "url", "description", "event_types", "is_active", *kept]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["account", "off_reason", "previous_until", "created_at"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        form.save_m2m = lambda: None
        if change:
            return endpoint_change(actor=request.user, endpoint_id=form.instance.pk, **form.said())
        endpoint, secret = endpoint_create(actor=request.user, account=form.cleaned_data["account"], **form.said())
        messages.warning(request, COPY_IT + secret)
        return endpoint

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The service has saved it."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"webhooks_webhookendpoint_{name}")
            for name, view in (("test", self.test_view), ("rotate", self.rotate_view))
        ]
        return [*own, *super().get_urls()]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """`POST …/<pk>/test/`: send a test event and tell how it went."""
        if refused := self._refused(request, pk):
            return refused
        delivery = endpoint_test(actor=request.user, endpoint_id=pk)
        if delivery.state == State.SUCCEEDED:
            messages.success(request, f"The test event arrived: answered {delivery.last_status}.")
        elif delivery.state == State.EXHAUSTED:
            messages.warning(request, f"The test event did not arrive: {delivery.last_error}.")
        else:
            messages.warning(request, "The endpoint is busy or asked for a pause: the test event is sent after that.")
        return _back_to(pk)

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """`POST …/<pk>/rotate/`: a new secret; the former one signs for a while, too."""
        if refused := self._refused(request, pk):
            return refused
        _, secret = endpoint_rotate(actor=request.user, endpoint_id=pk)
        messages.warning(request, COPY_IT + secret)
        return _back_to(pk)

    def _refused(self, request: HttpRequest, pk: int) -> HttpResponse | None:
        if not self.has_change_permission(request):
            raise PermissionDenied
        if not WebhookEndpoint.objects.for_user(request.user, "change").filter(pk=pk).exists():
            raise Http404("There is no such endpoint.")
        return HttpResponseNotAllowed(["POST"]) if request.method != "POST" else None


def _back_to(pk: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:webhooks_webhookendpoint_change", args=[pk]))


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ["summary", "badge", "tries", "last_error", "next_try", "created_at"]
    list_display_links = ["summary"]
    list_filter = ["account", "state", "event_type", "endpoint", "created_at"]
    list_select_related = ["endpoint", "account"]
    search_fields = ["event_id"]
    fields = [
        "account", "event_type", "endpoint", "event_id", "badge", "sent", "attempt_count", "attempts_allowed",
        "last_attempt_at", "last_status", "last_error", "next_attempt_at", "created_at", "settled_at",
    ]  # fmt: skip
    actions = ["replay"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("endpoint__secrets")

    @admin.display(description="Event", ordering="event_type")
    def summary(self, obj: WebhookDelivery) -> SafeString:
        return format_html('{}<span class="fp-sub">{}</span>', obj.event_type, obj.endpoint)

    @admin.display(description="State", ordering="state")
    def badge(self, obj: WebhookDelivery) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.state, obj.get_state_display())

    @admin.display(description="Attempts", ordering="attempt_count")
    def tries(self, obj: WebhookDelivery) -> SafeString:
        return format_html('{}<span class="fp-card-word"> attempts</span>', obj.attempt_count)

    @admin.display(description="Next attempt", ordering="next_attempt_at")
    def next_try(self, obj: WebhookDelivery) -> SafeString:
        if obj.next_attempt_at is None:
            return NONE
        at = date_format(localtime(obj.next_attempt_at), "DATETIME_FORMAT")
        return format_html('<span class="fp-card-word">next </span>{}', at)

    @admin.display(description="What is sent")
    def sent(self, obj: WebhookDelivery) -> SafeString:
        return format_html('<pre tabindex="0">{}</pre>', json.dumps(obj.payload, indent=2, sort_keys=True))

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("webhooks.replay_webhookdelivery")

    @admin.action(description="Send again", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        count = deliveries_replay(actor=request.user, delivery_ids=ids)
        messages.success(request, f"{count} queued again.")
        if skipped := len(ids) - count:
            messages.warning(request, f"{skipped} skipped: under way already.")
