"""The admin site: the one place where people work, each in their own account's rows."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest


class FlowPilotAdminSite(AdminSite):
    site_header = "FlowPilot"
    site_title = "FlowPilot"
    index_title = "Set-up"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Every active member may enter; what they find is decided by role."""
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))
