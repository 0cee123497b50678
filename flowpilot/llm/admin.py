"""An account's language model and the calls to it, for owners."""

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowpilot.common.admin import NONE, ReadOnlyAdmin, TenantAdmin
from flowpilot.llm.configuration import FIELDS, language_model_change, language_model_create, language_model_test
from flowpilot.llm.forms import LanguageModelForm
from flowpilot.llm.models import LanguageModel, ModelCall

# What `proposals.wordings` sends of each step at most.
LINES_A_STEP = 5
STATE = ["spent", "open_until", "created_at"]


@admin.register(LanguageModel)
class LanguageModelAdmin(TenantAdmin):
    form = LanguageModelForm
    list_display = ["name", "is_active", "words_proposals", "judges", "helps_sessions", "account"]
    list_display_links = ["name"]
    list_filter = ["account", "is_active"]
    list_select_related = ["account"]
    change_form_template = "llm/language_model.html"

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().render_change_form(request, {**context, "said": LINES_A_STEP}, *args, **kwargs)

    @admin.display(description="Language model", ordering="model")
    def name(self, obj: LanguageModel) -> str:
        return str(obj)

    @admin.display(description="Tokens of the day")
    def spent(self, obj: LanguageModel) -> str:
        return f"{obj.tokens_spent:,} of {obj.daily_tokens:,} on {obj.spent_on}" if obj.spent_on else "None so far"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        asked = ["account", "is_active", "provider", "model", "base_url", "api_key", *FIELDS[4:]]
        return [*asked, *(STATE if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["account", *STATE] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        form.save_m2m = lambda: None
        if change:
            return language_model_change(actor=request.user, model_id=form.instance.pk, **form.said())
        return language_model_create(actor=request.user, account=form.cleaned_data["account"], **form.said())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The service has saved it."""

    def get_urls(self) -> list[URLPattern]:
        test = path("<int:pk>/test/", self.admin_site.admin_view(self.test_view), name="llm_languagemodel_test")
        return [test, *super().get_urls()]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """`POST …/<pk>/test/`: ask it for one word and tell how it went."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if not LanguageModel.objects.for_user(request.user, "change").filter(pk=pk).exists():
            raise Http404("There is no such language model.")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        problem = language_model_test(actor=request.user, model_id=pk)
        if problem:
            messages.warning(request, f"It does not answer: {problem}.")
        else:
            messages.success(request, "It answers. Nothing of the account was sent.")
        return HttpResponseRedirect(reverse("admin:llm_languagemodel_change", args=[pk]))


@admin.register(ModelCall)
class ModelCallAdmin(ReadOnlyAdmin):
    list_display = ["summary", "came_to", "tokens", "cost", "seconds", "created_at"]
    list_display_links = ["summary"]
    list_filter = ["account", "purpose", "fallback", "created_at"]
    list_select_related = ["account"]
    search_fields = ["subject"]
    fields = [
        "account", "purpose", "subject", "provider", "model", "came_to", "detail", "attempts", "input_tokens",
        "output_tokens", "cost", "seconds", "created_at", "instructions", "content", "received",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if request.resolver_match and request.resolver_match.kwargs else rows.defer("sent", "answer")

    @admin.display(description="Call", ordering="purpose")
    def summary(self, obj: ModelCall) -> SafeString:
        return format_html('{}<span class="fp-sub">{}</span>', obj.get_purpose_display(), obj.subject)

    @admin.display(description="Came to", ordering="fallback")
    def came_to(self, obj: ModelCall) -> str:
        return obj.get_fallback_display() if obj.fallback else "Answered"

    @admin.display(description="Tokens")
    def tokens(self, obj: ModelCall) -> SafeString | str:
        total = obj.input_tokens + obj.output_tokens
        return format_html('{}<span class="fp-card-word"> tokens</span>', f"{total:,}") if total else NONE

    @admin.display(description="Seconds", ordering="milliseconds")
    def seconds(self, obj: ModelCall) -> str:
        return f"{obj.milliseconds / 1000:.1f} s"

    @admin.display(description="What was said to the model")
    def instructions(self, obj: ModelCall) -> SafeString | str:
        return _block(obj.sent.get("instructions", ""))

    @admin.display(description="What was sent, masked")
    def content(self, obj: ModelCall) -> SafeString | str:
        text = obj.sent.get("content", "")
        return _block(json.dumps(json.loads(text), indent=2, ensure_ascii=False) if text else "")

    @admin.display(description="What came back, masked")
    def received(self, obj: ModelCall) -> SafeString | str:
        return _block(obj.answer)


def _block(text: str) -> SafeString | str:
    return format_html('<pre tabindex="0">{}</pre>', text) if text else NONE
