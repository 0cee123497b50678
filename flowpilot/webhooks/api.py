"""Endpoints of other services, and what was sent there."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.accounts.scopes import KeyScope
from flowpilot.accounts.selectors import ACCOUNT_PARAMETER, account_of_request
from flowpilot.common.api import ProblemSerializer, TenantViewSet
from flowpilot.common.bodies import BodySerializer
from flowpilot.common.errors import Conflict
from flowpilot.common.idempotency import once
from flowpilot.common.reading import RowSerializer
from flowpilot.webhooks.endpoints import endpoint_change, endpoint_create, endpoint_delete, endpoint_rotate
from flowpilot.webhooks.filters import WebhookDeliveryFilter, WebhookEndpointFilter
from flowpilot.webhooks.models import LONGEST_URL, EventType, WebhookDelivery, WebhookEndpoint
from flowpilot.webhooks.services import deliveries_replay

WRITES = ("POST", "PATCH", "DELETE")


class WebhookSerializer(RowSerializer):
    account = serializers.CharField(source="account.slug")
    event_types = serializers.ListField(child=serializers.ChoiceField(choices=EventType.choices))

    class Meta:
        model = WebhookEndpoint
        fields = [
            "id", "account", "url", "description", "event_types", "is_active", "off_reason", "previous_until",
            "paused_until", "created_at", "updated_at",
        ]  # fmt: skip


class WebhookWithSecretSerializer(WebhookSerializer):
    """An endpoint with its secret, which is shown now and never again."""

    secret = serializers.CharField(
        allow_null=True, help_text="What messages are signed with; null where the request came again with its key."
    )

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class WebhookChangeSerializer(BodySerializer):
    """What is not given stays as it is."""

    url = serializers.CharField(max_length=LONGEST_URL, required=False, help_text="Public, and https.")
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    event_types = serializers.ListField(
        child=serializers.ChoiceField(choices=EventType.choices),
        required=False,
        min_length=1,
        help_text="Which events it is told.",
    )
    is_active = serializers.BooleanField(required=False, help_text="Off: it is told nothing; what waits goes on later.")


class NewWebhookSerializer(WebhookChangeSerializer):
    url = serializers.CharField(max_length=LONGEST_URL, help_text="Public, and https.")
    event_types = serializers.ListField(
        child=serializers.ChoiceField(choices=EventType.choices), min_length=1, help_text="Which events it is told."
    )


REFUSALS = dict.fromkeys((400, 403, 404, 409), ProblemSerializer)


@extend_schema_view(
    list=extend_schema(summary="List webhooks", description="The endpoints that are told of events, for owners."),
    retrieve=extend_schema(summary="Read a webhook", description="Without its secret."),
)
class WebhookViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """Where events of an account are told."""

    queryset = WebhookEndpoint.objects.select_related("account").defer("secrets").order_by("url", "id")
    serializer_class = WebhookSerializer
    filterset_class = WebhookEndpointFilter
    ordering_fields = ("url", "created_at")
    scopes: ClassVar = {"GET": KeyScope.WEBHOOKS_READ, **dict.fromkeys(WRITES, KeyScope.WEBHOOKS_WRITE)}
    action_permissions: ClassVar[dict[str, str]] = {"rotate": "change"}

    @extend_schema(
        summary="Make a webhook",
        parameters=[ACCOUNT_PARAMETER],
        request=NewWebhookSerializer,
        responses={201: WebhookWithSecretSerializer, **REFUSALS},
    )
    def create(self, request: Request) -> Response:
        """Tell an address of events. The answer has the secret that messages are signed with, once.

        409 for an address that is there already, or one endpoint too many.
        """
        account = account_of_request(request.user, request.query_params.get("account"))
        serializer = NewWebhookSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        endpoint, secret = endpoint_create(actor=self.actor, account=account, **serializer.validated_data)
        body = {**WebhookSerializer(endpoint).data, "secret": secret}
        return once(Response(body, status=status.HTTP_201_CREATED), secret=None)

    @extend_schema(
        summary="Change a webhook", request=WebhookChangeSerializer, responses={200: WebhookSerializer, **REFUSALS}
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change its address, description, events, or switch it on or off. The secret stays."""
        endpoint = self.get_object()
        serializer = WebhookChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        endpoint_change(actor=self.actor, endpoint_id=endpoint.pk, **serializer.validated_data)
        return self.as_it_is_now()

    @extend_schema(summary="Delete a webhook", responses={204: None, 403: ProblemSerializer, 404: ProblemSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove it with its deliveries, also those that wait."""
        endpoint_delete(actor=self.actor, endpoint_id=self.get_object().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Make a new secret of a webhook",
        request=None,
        responses={200: WebhookWithSecretSerializer, **dict.fromkeys((403, 404), ProblemSerializer)},
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """A new secret, shown once. The former one signs too, until `previous_until`."""
        endpoint, secret = endpoint_rotate(actor=self.actor, endpoint_id=self.get_object().pk)
        return once(Response({**WebhookSerializer(endpoint).data, "secret": secret}), secret=None)


class WebhookDeliveryListSerializer(RowSerializer):
    account = serializers.CharField(source="account.slug")

    class Meta:
        model = WebhookDelivery
        fields = [
            "id", "account", "endpoint", "event_id", "event_type", "state", "attempt_count", "attempts_allowed",
            "next_attempt_at", "last_attempt_at", "last_status", "last_error", "created_at", "settled_at",
        ]  # fmt: skip


class EventSerializer(serializers.Serializer):
    """An event as it is sent."""

    type = serializers.CharField()
    timestamp = serializers.DateTimeField(help_text="When it happened.")
    data: Any = serializers.DictField(help_text="Ids and addresses, no texts.")


class WebhookDeliverySerializer(WebhookDeliveryListSerializer):
    payload: Any = EventSerializer(help_text="What is sent.")

    class Meta(WebhookDeliveryListSerializer.Meta):
        fields = [*WebhookDeliveryListSerializer.Meta.fields, "payload"]


@extend_schema_view(
    list=extend_schema(
        summary="List webhook deliveries", description="Each event for each endpoint, the latest first, for owners."
    ),
    retrieve=extend_schema(summary="Read a webhook delivery", description="With what is sent."),
)
class WebhookDeliveryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet):
    """What was sent to endpoints. One delivery is one event for one endpoint, however often it is tried."""

    queryset = WebhookDelivery.objects.select_related("account").order_by("-created_at", "-id")
    filterset_class = WebhookDeliveryFilter
    ordering_fields = ("created_at",)
    scopes: ClassVar = {"GET": KeyScope.WEBHOOKS_READ, "POST": KeyScope.WEBHOOKS_WRITE}
    action_permissions: ClassVar[dict[str, str]] = {"replay": "replay"}

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.defer("payload") if self.action == "list" else rows

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return WebhookDeliveryListSerializer if self.action == "list" else WebhookDeliverySerializer

    @extend_schema(
        summary="Send a webhook delivery again",
        request=None,
        responses={200: WebhookDeliverySerializer, **dict.fromkeys((403, 404, 409), ProblemSerializer)},
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        """Send what is at rest once more, under its old id, with all tries before it. 409 for what is under way."""
        delivery = self.get_object()
        if not deliveries_replay(actor=self.actor, delivery_ids=[delivery.pk]):
            raise Conflict("it is under way", details={"state": delivery.state})
        return self.as_it_is_now()
