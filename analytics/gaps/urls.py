"""Pages of gaps, inside the admin site."""

from django.urls import path

from analytics.gaps.views import edit, gap, gaps, propose

app_name = "gaps"
urlpatterns = [
    path("", gaps, name="list"),
    path("<int:pk>/", gap, name="detail"),
    path("<int:pk>/edit/", edit, name="edit"),
    path("<int:pk>/propose/", propose, name="propose"),
]
