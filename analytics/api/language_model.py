"""Metrics of the language model over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.base import ERRORS, SCOPE_PARAMETERS, MetricsView, PeriodSerializer, RateSerializer, rate, seconds
from analytics.metrics.language_model import Calls, Latency, kept, use
from analytics.scope import Scope
from flowpilot.llm.models import Fallback, LanguageModel, Purpose


class CallsSerializer(serializers.Serializer):
    asked = serializers.IntegerField()
    sent = serializers.IntegerField(help_text="Of which something left the house.")
    answered_rate = RateSerializer()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = serializers.DecimalField(
        max_digits=20, decimal_places=6, allow_null=True, help_text="In USD, of calls whose price is known."
    )
    unpriced = serializers.IntegerField(help_text="Calls that took tokens at an unknown price.")


class TimedCallsSerializer(CallsSerializer):
    median_seconds = serializers.FloatField(
        allow_null=True, help_text="From the question to its answer, or to giving up; of those that were sent."
    )
    p90_seconds = serializers.FloatField(allow_null=True)


class PurposeCallsSerializer(TimedCallsSerializer):
    purpose = serializers.ChoiceField(Purpose.choices)


class ModelCallsSerializer(CallsSerializer):
    provider = serializers.ChoiceField(LanguageModel.Provider.choices)
    model = serializers.CharField()


class FallbackCountSerializer(serializers.Serializer):
    reason = serializers.ChoiceField(Fallback.choices)
    count = serializers.IntegerField()


class KeptWordsSerializer(serializers.Serializer):
    """Of the texts for which the model had other words, in proposals published in the period."""

    model_rate = RateSerializer(help_text="Published in the model's words.")
    own = serializers.IntegerField(help_text="In the miner's words.")
    other = serializers.IntegerField(help_text="In other words, by the reviewer.")


class LanguageModelMetricsSerializer(serializers.Serializer):
    period = PeriodSerializer()
    total = TimedCallsSerializer()
    purposes = PurposeCallsSerializer(many=True, help_text="The most used first, like models and reasons.")
    models = ModelCallsSerializer(many=True)
    fallbacks = FallbackCountSerializer(many=True, help_text="Why questions had no answer that could be used.")
    words = KeptWordsSerializer()


class LanguageModelMetricsView(MetricsView):
    """The account's language model: calls, tokens, cost, time, fallbacks, and what reviewers kept of its words.

    Calls are the account's: of the scope only the period narrows them.
    """

    serializer_class = LanguageModelMetricsSerializer

    @extend_schema(parameters=SCOPE_PARAMETERS, responses={200: LanguageModelMetricsSerializer, **ERRORS})
    def get(self, request: Request) -> Response:
        return super().get(request)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        found, words = use(scope), kept(scope)
        return {
            "total": {**_calls(found.total), **_latency(found.latency)},
            "purposes": [
                {"purpose": name, **_calls(calls), **_latency(latency)}
                for name, (calls, latency) in found.purposes.items()
            ],
            "models": [
                {"provider": provider, "model": model, **_calls(calls)}
                for (provider, model), calls in found.models.items()
            ],
            "fallbacks": [{"reason": name, "count": n} for name, n in found.total.fallbacks.most_common()],
            "words": {"model_rate": rate(words.share), "own": words.own, "other": words.other},
        }


def _calls(calls: Calls) -> dict[str, Any]:
    return {
        "asked": calls.asked,
        "sent": calls.sent,
        "answered_rate": rate(calls.answered),
        "input_tokens": calls.input_tokens,
        "output_tokens": calls.output_tokens,
        "cost": calls.cost,
        "unpriced": calls.unpriced,
    }


def _latency(latency: Latency) -> dict[str, Any]:
    return {"median_seconds": seconds(latency.median), "p90_seconds": seconds(latency.p90)}
