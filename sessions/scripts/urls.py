"""Scripts of a session, inside the admin site's frame."""

from django.urls import path

from sessions.scripts import views

app_name = "scripts"
urlpatterns = [
    path("<int:pk>/scripts/", views.panel, name="panel"),
    path("<int:pk>/scripts/<int:template_pk>/", views.form, name="form"),
    path("<int:pk>/scripts/generated/<int:script_pk>/", views.generated, name="generated"),
]
