"""Set-up pages: account, teams, members, people, API keys."""

from django.contrib import admin
from django.contrib.auth.models import Group

from flowpilot.accounts.admin import accounts, keys, members, people  # noqa: F401  # they register themselves

# Roles stand in code (`roles.py`); Django's groups would grant nothing.
admin.site.unregister(Group)
