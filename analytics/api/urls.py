"""The metrics below /api/v1/metrics/."""

from django.urls import path

from analytics.api.flows import FlowsView, FlowView
from analytics.api.handovers import HandoversView
from analytics.api.language_model import LanguageModelMetricsView
from analytics.api.psa import PsaView
from analytics.api.review import FunnelView, ReviewMetricsView
from analytics.api.scripts import ScriptsView
from analytics.api.summary import CoverageView, SeriesView, SummaryView, TiersView

urlpatterns = [
    path("summary/", SummaryView.as_view(), name="metrics-summary"),
    path("series/", SeriesView.as_view(), name="metrics-series"),
    path("tiers/", TiersView.as_view(), name="metrics-tiers"),
    path("coverage/", CoverageView.as_view(), name="metrics-coverage"),
    path("psa/", PsaView.as_view(), name="metrics-psa"),
    path("scripts/", ScriptsView.as_view(), name="metrics-scripts"),
    path("language-model/", LanguageModelMetricsView.as_view(), name="metrics-language-model"),
    path("handovers/", HandoversView.as_view(), name="metrics-handovers"),
    path("review/", ReviewMetricsView.as_view(), name="metrics-review"),
    path("funnel/", FunnelView.as_view(), name="metrics-funnel"),
    path("flows/", FlowsView.as_view(), name="metrics-flows"),
    path("flows/<int:pk>/", FlowView.as_view(), name="metrics-flow"),
]
