"""Every address of FlowPilot: the admin site, the API below /api/v1/, and two for machines."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from flowpilot.common.health import healthz, readyz

handler400 = "flowpilot.common.api.bad_request"
handler404 = "flowpilot.common.api.page_not_found"
handler500 = "flowpilot.common.api.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", include("analytics.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("flowpilot.api")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]
