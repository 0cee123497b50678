"""Gaps over the API: the pages' rows, and the same service for what people say of them."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.gaps.filters import KnowledgeGapFilter
from analytics.gaps.models import KnowledgeGap
from analytics.gaps.selectors import gaps_visible, people_for
from analytics.gaps.services import MOST_TEXT, gap_change
from analytics.gaps.words import why
from flowpilot.accounts.scopes import KeyScope
from flowpilot.common.api import ProblemSerializer, TenantViewSet
from flowpilot.common.bodies import BodySerializer
from flowpilot.common.errors import InvalidInput


class GapEvidenceSerializer(serializers.Serializer):
    """Plain numbers; `share`, `low`, `high`, `base` are 0..1. What was never measured is 0 or null."""

    count = serializers.IntegerField(default=0, help_text="Bad sessions, of `n`.")
    n = serializers.IntegerField(default=0)
    share = serializers.FloatField(default=None, allow_null=True)
    low = serializers.FloatField(default=None, allow_null=True, help_text="Lower end of the 95 % Wilson interval.")
    high = serializers.FloatField(default=None, allow_null=True)
    base_count = serializers.IntegerField(default=0)
    base_n = serializers.IntegerField(default=0)
    base = serializers.FloatField(default=None, allow_null=True)
    shrunken = serializers.FloatField(
        default=None, allow_null=True, help_text="The share drawn to the base; times `n` it is `impact`."
    )
    p = serializers.FloatField(
        default=None, allow_null=True, help_text="One-sided exact test, mid-p; null for a missing flow."
    )
    since_count = serializers.IntegerField(default=0, help_text="Since `measured_from`.")
    since_n = serializers.IntegerField(default=0)


class GapWeekSerializer(serializers.Serializer):
    week = serializers.DateField(help_text="Its Monday.")
    count = serializers.IntegerField(help_text="Bad sessions, of `n`.")
    n = serializers.IntegerField()


class KnowledgeGapListSerializer(serializers.ModelSerializer):
    account = serializers.CharField(source="account.slug")
    team = serializers.CharField(source="team.name", default=None, allow_null=True)
    owner = serializers.CharField(source="owner.email", default=None, allow_null=True)
    domain = serializers.CharField(source="problem_domain")
    evidence: Any = GapEvidenceSerializer()

    class Meta:
        model = KnowledgeGap
        fields = [
            "id", "account", "team", "kind", "key", "title", "severity", "impact", "state", "reason", "owner", "due",
            "notes", "revision", "domain", "flow", "node_id", "option_id", "topic", "client", "script_template",
            "proposal",
            "evidence", "found_at", "measured_at", "measured_from", "closed_at", "times_reopened",
        ]  # fmt: skip


class KnowledgeGapSerializer(KnowledgeGapListSerializer):
    why = serializers.SerializerMethodField(help_text="Why it is flagged, in words.")
    trend: Any = serializers.SerializerMethodField(help_text="The sessions that `evidence` counts, by week.")
    session_ids: Any = serializers.SerializerMethodField(help_text="The sessions that `evidence` counts.")

    class Meta(KnowledgeGapListSerializer.Meta):
        fields = [*KnowledgeGapListSerializer.Meta.fields, "why", "trend", "session_ids"]

    @extend_schema_field(GapWeekSerializer(many=True))
    def get_trend(self, gap: KnowledgeGap) -> list[dict[str, Any]]:
        return [{"week": week, "count": count, "n": n} for week, count, n in gap.trend]

    def get_why(self, gap: KnowledgeGap) -> list[str]:
        return why(gap)

    def get_session_ids(self, gap: KnowledgeGap) -> list[int]:
        user = self.context["request"].user
        return list(gap.sessions().for_user(user).order_by("pk").values_list("pk", flat=True))  # type: ignore[attr-defined]


class GapChangeSerializer(BodySerializer):
    """What is not given stays as it is."""

    revision = serializers.IntegerField(min_value=0, help_text="Of the gap as you read it; or `If-Match`.")
    state = serializers.ChoiceField(choices=KnowledgeGap.State.choices, required=False)
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=MOST_TEXT, help_text="Why it is accepted."
    )
    owner = serializers.EmailField(required=False, allow_null=True)
    due = serializers.DateField(required=False, allow_null=True)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=MOST_TEXT)


@extend_schema_view(
    list=extend_schema(
        summary="List knowledge gaps", description="Places where the knowledge measurably fails, the worst first."
    ),
    retrieve=extend_schema(
        summary="Read a knowledge gap",
        description="With why it is flagged, its weeks, and the sessions that it counts.",
    ),
)
class KnowledgeGapViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """Places where the knowledge measurably fails, worst first."""

    queryset = KnowledgeGap.objects.all()
    filterset_class = KnowledgeGapFilter
    ordering_fields = ("impact", "found_at")
    scopes: ClassVar = {"GET": KeyScope.GAPS_READ, "PATCH": KeyScope.GAPS_WRITE}
    action_permissions: ClassVar[dict[str, str]] = {"partial_update": "change"}

    def get_queryset(self) -> Any:
        return super().get_queryset() if getattr(self, "swagger_fake_view", False) else gaps_visible(self.request.user)

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return KnowledgeGapListSerializer if self.action == "list" else KnowledgeGapSerializer

    @extend_schema(
        summary="Change a knowledge gap",
        description=("Its state, owner, due date or notes. A gap closes when its measured rate recovers, not by hand."),
        request=GapChangeSerializer,
        responses={200: KnowledgeGapSerializer, **dict.fromkeys((400, 403, 404, 409, 412), ProblemSerializer)},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        gap = self.get_object()
        changes = self.said(GapChangeSerializer)
        if "owner" in changes:
            changes["owner_id"] = _owner_id(gap, changes.pop("owner"))
        gap_change(actor=self.actor, gap_id=gap.pk, **changes)
        return self.as_it_is_now()


def _owner_id(gap: KnowledgeGap, email: str | None) -> int | None:
    if email is None:
        return None
    found = next((user.pk for user in people_for(gap) if user.email == email.lower()), None)
    if found is None:
        raise InvalidInput("choose somebody who may see this gap", details={"owner": "not one of its people"})
    return found
