"""Where somebody starts: the first place that their role has work in."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

PLACES = (
    ("proposals.decide_flowproposal", "admin:proposals_flowproposal_changelist"),
    ("analytics.view_metrics", "analytics:overview"),
    ("ai_sessions.add_aisession", "work:home"),
    ("ai_sessions.view_aisession", "admin:ai_sessions_aisession_changelist"),
)


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """A reviewer starts at the queue, an analyst at the dashboard, a technician at work."""
    place = next((place for permission, place in PLACES if request.user.has_perm(permission)), "admin:index")
    return redirect(place)
