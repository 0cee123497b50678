"""Dashboards, inside the admin site."""

from django.urls import path

from analytics.views import overview

app_name = "analytics"
urlpatterns = [path("analytics/", overview, name="overview")]
