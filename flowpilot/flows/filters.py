"""Filters of flows, the same for the API and the pages."""

import django_filters

from flowpilot.flows.models import Flow


class FlowFilter(django_filters.FilterSet):
    class Meta:
        model = Flow
        fields = ["key", "status", "problem_domain"]
