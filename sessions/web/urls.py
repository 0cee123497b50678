"""Where a technician works."""

from django.urls import path

from sessions.web import acts, files, pages, panels, ticket

app_name = "work"
urlpatterns = [
    path("", pages.home, name="home"),
    path("start/", pages.start, name="start"),
    path("ticket/", ticket.look_up, name="ticket"),
    path("clients/", ticket.clients, name="clients"),
    path("<int:pk>/", pages.run, name="run"),
    path("<int:pk>/talk/", pages.talk, name="talk"),
    path("<int:pk>/outline/", panels.outline, name="outline"),
    path("<int:pk>/matches/", panels.matches, name="matches"),
    path("<int:pk>/do/", acts.do, name="do"),
    path("<int:pk>/files/", files.add, name="files"),
    path("<int:pk>/files/<str:key>/", files.show, name="file"),
]
