"""Filters of pushes."""

import django_filters

from flowpilot.common.filters import TimeFilter
from flowpilot.common.parameters import WholeNumberFilter
from sessions.psa.models import PsaConnection, PsaPush


class PsaPushFilter(django_filters.FilterSet):
    system = django_filters.ChoiceFilter(
        field_name="connection__kind", choices=PsaConnection.Kind.choices, label="The ticketing system"
    )
    session = WholeNumberFilter(field_name="session_id", label="The session, by id")
    external_id = django_filters.CharFilter(field_name="session__external_id", label="The session's external id")
    account = django_filters.CharFilter(field_name="account__slug", label="Account")
    created_after = TimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = TimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = PsaPush
        fields = ["state", "kind", "ticket_id"]
