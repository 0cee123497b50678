"""How flows, their versions and definitions are told."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from flowpilot.common.reading import RowSerializer
from flowpilot.flows.models import Flow, FlowVersion


@extend_schema_field({"$ref": "#/components/schemas/FlowDefinition"})
class DefinitionField(serializers.JSONField):
    """A definition; what is wrong with one is the validation's to say, with its pointers."""


@extend_schema_field({"$ref": "#/components/schemas/FlowDiff"})
class DiffField(serializers.JSONField):
    """The difference of two definitions; what has not changed is left out."""


class FlowListSerializer(RowSerializer):
    version = serializers.IntegerField(source="current_version.number", default=None, allow_null=True)
    owner = serializers.EmailField(source="owner.email", default=None, allow_null=True)

    class Meta:
        model = Flow
        fields = [
            "id", "key", "title", "description", "problem_domain", "status", "version", "owner", "review_by",
            "created_at", "updated_at",
        ]  # fmt: skip


class FlowSerializer(FlowListSerializer):
    definition = DefinitionField(source="current_version.definition", default=None, allow_null=True)

    class Meta(FlowListSerializer.Meta):
        fields = [*FlowListSerializer.Meta.fields, "definition"]


class FlowVersionSerializer(RowSerializer):
    created_by = serializers.EmailField(source="created_by.email", default=None, allow_null=True)

    class Meta:
        model = FlowVersion
        fields = ["number", "note", "confidence_score", "created_by", "created_at"]


class FlowVersionDetailSerializer(FlowVersionSerializer):
    definition = DefinitionField()

    class Meta(FlowVersionSerializer.Meta):
        fields = [*FlowVersionSerializer.Meta.fields, "definition"]


class FlowComparisonSerializer(serializers.Serializer):
    """What differs between two versions."""

    from_version = serializers.IntegerField()
    to_version = serializers.IntegerField()
    summary = serializers.CharField(help_text="The difference counted, in words.")
    sentences = serializers.ListField(child=serializers.CharField(), help_text="One for each difference.")
    diff = DiffField(help_text="The difference; parts without a change are left out.")


class PortableFlowSerializer(serializers.Serializer):
    """A flow as a file that the import reads: nothing of the sessions behind it."""

    format = serializers.CharField()
    format_version = serializers.IntegerField()
    key = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    problem_domain = serializers.CharField(allow_blank=True)
    version = serializers.IntegerField(allow_null=True)
    definition = DefinitionField()
