"""Every address of FlowPilot: the admin site, the API below /api/v1/, and three for machines."""

from django.contrib import admin
from django.urls import include, path

from flowpilot.common.health import healthz, readyz
from flowpilot.common.home import home
from flowpilot.watch import metrics

handler400 = "flowpilot.common.errorpages.bad_request"
handler404 = "flowpilot.common.errorpages.page_not_found"
handler500 = "flowpilot.common.errorpages.server_error"

urlpatterns = [
    path("", home, name="home"),
    path("admin/analytics/gaps/", include("analytics.gaps.urls")),
    path("admin/", include("analytics.urls")),
    path("admin/", admin.site.urls),
    path("work/", include("sessions.web.urls")),
    path("sessions/", include("sessions.scripts.urls")),
    path("api/v1/", include("flowpilot.api")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
