"""The admin, with FlowPilot's own site in place of Django's."""

from django.contrib.admin import apps as admin_apps


class FlowPilotAdminConfig(admin_apps.AdminConfig):
    default_site = "flowpilot.accounts.site.FlowPilotAdminSite"
