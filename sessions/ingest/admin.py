"""Ingest jobs in the admin: how far each is, and its results as a file."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowpilot.common.admin import NONE, ReadOnlyAdmin
from sessions.ingest.jobs import ingest_results
from sessions.ingest.models import IngestJob


@admin.register(IngestJob)
class IngestJobAdmin(ReadOnlyAdmin):
    list_display = ["summary", "badge", "imported", "updated", "unchanged", "bad", "created_by", "created_at"]
    list_display_links = ["summary"]
    list_filter = ["account", "state", "created_at"]
    list_select_related = ["account", "created_by"]
    fields = [
        "account", "badge", "done", "imported", "updated", "unchanged", "bad", "results", "error", "body",
        "created_by", "created_at", "started_at", "finished_at",
    ]  # fmt: skip

    @admin.display(description="Job", ordering="id")
    def summary(self, obj: IngestJob) -> SafeString:
        return format_html('{}<span class="fp-sub">{}</span>', str(obj), self.done(obj))

    @admin.display(description="State", ordering="state")
    def badge(self, obj: IngestJob) -> SafeString:
        return format_html('<span class="fp-badge fp-{}">{}</span>', obj.state, obj.get_state_display())

    @admin.display(description="Lines")
    def done(self, obj: IngestJob) -> str:
        if obj.lines_done == obj.lines:
            return f"{obj.lines:,} lines"
        return f"{obj.lines_done:,} of {obj.lines:,} lines"

    @admin.display(description="Results")
    def results(self, obj: IngestJob) -> SafeString:
        if not obj.lines_done:
            return NONE
        url = reverse("admin:ai_sessions_ingestjob_results", args=[obj.pk])
        more = format_html(' · <a href="{}?outcome=bad">the bad lines alone</a>', url) if obj.bad else ""
        return format_html('<a href="{}">Download</a>{}', url, more)

    @admin.display(description="Body")
    def body(self, obj: IngestJob) -> str:
        return f"{filesizeformat(obj.size)}, uncompressed"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.results_view)
        return [path("<int:pk>/results/", view, name="ai_sessions_ingestjob_results"), *super().get_urls()]

    def results_view(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """`GET …/<pk>/results/`: what became of each line, or of `?outcome=bad` ones."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = self.get_queryset(request).filter(pk=pk).first()
        if job is None:
            raise Http404("There is no such job.")
        outcome = request.GET.get("outcome", "")
        response = StreamingHttpResponse(ingest_results(job, outcome), content_type="application/x-ndjson")
        response["Content-Disposition"] = f'attachment; filename="ingest-job-{job.pk}.ndjson"'
        return response
