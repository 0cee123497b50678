"""A reviewer's notices: a line above the queue, and the page with all of it and what to be told."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from flowpilot.common.errors import ServiceError
from proposals.models import NoticeSettings
from proposals.notices import DECIDE, Notices, notice_settings, notice_settings_update, notices_of, queue_visit


class NoticesForm(forms.ModelForm):
    class Meta:
        model = NoticeSettings
        fields = [
            "new_proposals", "waiting_longest", "forgotten_claims", "tickets_not_told", "services_not_told",
            "email_digest",
        ]  # fmt: skip
        widgets = {"email_digest": forms.RadioSelect}


def urls(model_admin: Any) -> list[URLPattern]:
    def page(request: HttpRequest) -> HttpResponse:
        return notices_view(model_admin, request)

    return [path("notices/", model_admin.admin_site.admin_view(page), name="proposals_flowproposal_notices")]


def notices_above_queue(request: HttpRequest) -> Notices | None:
    """What is told above the queue; None for who decides nothing. Opening the queue is a visit."""
    user: Any = request.user
    if not user.has_perm(DECIDE):
        return None
    wanted, since = queue_visit(actor=user)
    return notices_of(user, wanted, since)


def notices_view(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """`GET …/notices/` shows them and the choice of what to be told; a POST writes the choice."""
    user: Any = request.user
    if not user.has_perm(DECIDE):
        raise PermissionDenied
    wanted = notice_settings(user)
    form = NoticesForm(request.POST or None, instance=wanted)
    if request.method == "POST" and form.is_valid():
        try:
            notice_settings_update(actor=user, **form.cleaned_data)
        except ServiceError as error:
            form.add_error(None, f"Nothing was saved: {error.message}.")
        else:
            messages.success(request, "Saved.")
            return HttpResponseRedirect(reverse("admin:proposals_flowproposal_notices"))
    shown = notice_settings(user)
    everything = NoticeSettings(user=user)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Notices",
        "opts": model_admin.opts,
        "form": form,
        "notices": notices_of(user, everything, shown.queue_seen_at),
    }
    return TemplateResponse(request, "proposals/notices.html", context)
