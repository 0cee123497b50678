"""The metrics below /api/v1/metrics/."""

from django.urls import path

from analytics.api.summary import CoverageView, SeriesView, SummaryView, TiersView

urlpatterns = [
    path("summary/", SummaryView.as_view(), name="metrics-summary"),
    path("series/", SeriesView.as_view(), name="metrics-series"),
    path("tiers/", TiersView.as_view(), name="metrics-tiers"),
    path("coverage/", CoverageView.as_view(), name="metrics-coverage"),
]
