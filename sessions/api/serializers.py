"""How a session is told."""

from typing import Any

from rest_framework import serializers

from flowpilot.common.reading import RowSerializer
from sessions.models import AISession, SessionStep, Tier


class StepSerializer(RowSerializer):
    options = serializers.ListField(child=serializers.CharField(), help_text="What could be answered.")

    class Meta:
        model = SessionStep
        fields = ["position", "kind", "prompt", "options", "selected_option", "response", "at", "node_id", "seconds"]


class SessionListSerializer(RowSerializer):
    client = serializers.CharField(source="client.name", default=None, allow_null=True)
    team = serializers.CharField(source="team.name", default=None, allow_null=True)
    flow = serializers.CharField(source="flow.key", default=None, allow_null=True)
    technician = serializers.CharField(source="technician_email")
    tier = serializers.ChoiceField(choices=Tier.choices)

    class Meta:
        model = AISession
        fields = [
            "id", "external_id", "status", "title", "problem_summary", "problem_domain", "client", "team",
            "technician", "started_at", "ended_at", "resolution_summary", "flow", "psa_system", "psa_ticket_id",
            "confidence_score", "tier",
        ]  # fmt: skip


class TurnSerializer(serializers.Serializer):
    role = serializers.ChoiceField(choices=["user", "agent"])
    text = serializers.CharField()


class SessionSerializer(SessionListSerializer):
    flow_version = serializers.IntegerField(source="flow_version.number", default=None, allow_null=True)
    node_id = serializers.CharField(help_text="Where a guided session stands in its flow; empty off the flow.")
    is_worked_here = serializers.BooleanField(
        help_text="It takes steps and an end; one that came in as a record is only read, or sent again."
    )
    revision = serializers.IntegerField(help_text="Grows with every change of a session that is worked here.")
    steps = StepSerializer(many=True)
    transcript: Any = TurnSerializer(many=True, allow_null=True, help_text="Of work that was never structured.")

    class Meta(SessionListSerializer.Meta):
        fields = [
            *SessionListSerializer.Meta.fields, "flow_version", "node_id", "is_worked_here", "revision", "steps",
            "transcript",
        ]  # fmt: skip
