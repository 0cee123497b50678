"""Dashboards, inside the admin site."""

from django.urls import path

from analytics.pages.coverage import coverage_page
from analytics.pages.flow import flow_page
from analytics.pages.flows import flows_page
from analytics.pages.language_model import language_model
from analytics.pages.overview import overview
from analytics.pages.psa import psa_page
from analytics.pages.review import review
from analytics.pages.scripts import scripts_page
from analytics.reports.views import reports
from analytics.rows.views import rows

app_name = "analytics"
urlpatterns = [
    path("analytics/", overview, name="overview"),
    path("analytics/coverage/", coverage_page, name="coverage"),
    path("analytics/psa/", psa_page, name="psa"),
    path("analytics/scripts/", scripts_page, name="scripts"),
    path("analytics/review/", review, name="review"),
    path("analytics/language-model/", language_model, name="language_model"),
    path("analytics/reports/", reports, name="reports"),
    path("analytics/flows/", flows_page, name="flows"),
    path("analytics/flows/<int:pk>/", flow_page, name="flow"),
    path("analytics/flows/<int:pk>/v<int:number>/", flow_page, name="flow_version"),
    path("analytics/rows/<slug:source>/<slug:fact>/", rows, name="rows"),
]
