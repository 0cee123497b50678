"""Metrics of generated scripts over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.base import (
    ERRORS,
    SCOPE_PARAMETERS,
    DifferenceSerializer,
    MetricsView,
    PeriodSerializer,
    RateSerializer,
    rate,
)
from analytics.metrics import scripts
from analytics.scope import Scope
from analytics.script_facts import UNSAID
from sessions.models import GeneratedScript, ScriptTemplateVersion
from sessions.scripts.models import SHELLS


class UseSerializer(serializers.Serializer):
    generated = serializers.IntegerField()
    reported_rate = RateSerializer(help_text="Scripts of which somebody said what came of them.")
    worked_rate = RateSerializer(help_text="Of those that were reported, like the two that follow.")
    no_change_rate = RateSerializer()
    worse_rate = RateSerializer()
    unsaid = serializers.IntegerField()


class TemplateUseSerializer(UseSerializer):
    template = serializers.IntegerField()
    key = serializers.CharField()
    title = serializers.CharField()


class RiskUseSerializer(UseSerializer):
    risk = serializers.ChoiceField(ScriptTemplateVersion.Risk.choices)


class ShellUseSerializer(UseSerializer):
    shell = serializers.ChoiceField(SHELLS)


class ScriptSessionsSerializer(serializers.Serializer):
    """Resolved among the sessions that ended with a script generated in them, and among those without."""

    with_script = RateSerializer()
    without_script = RateSerializer()
    difference = DifferenceSerializer(allow_null=True)


class TemplateEscalationsSerializer(serializers.Serializer):
    template = serializers.IntegerField()
    key = serializers.CharField()
    title = serializers.CharField()
    escalation_rate = RateSerializer(help_text="Escalated among resolved and escalated sessions, each once.")
    is_flagged = serializers.BooleanField(help_text="The interval lies above the usual share.")


class ScriptsSerializer(serializers.Serializer):
    period = PeriodSerializer()
    total = UseSerializer()
    templates = TemplateUseSerializer(many=True, help_text="Of all versions, most used first.")
    risks = RiskUseSerializer(many=True)
    shells = ShellUseSerializer(many=True)
    sessions = ScriptSessionsSerializer()
    usual_escalation_rate = RateSerializer(help_text="Of all sessions that were resolved or escalated.")
    escalations = TemplateEscalationsSerializer(many=True, help_text="The worst first.")


class ScriptsView(MetricsView):
    """Generated scripts: use, reported outcomes, and how the sessions ended that they were generated in."""

    serializer_class = ScriptsSerializer

    @extend_schema(parameters=SCOPE_PARAMETERS, responses={200: ScriptsSerializer, **ERRORS})
    def get(self, request: Request) -> Response:
        return super().get(request)

    def figures(self, scope: Scope, request: Request) -> dict[str, Any]:
        found, sessions = scripts.uses(scope), scripts.sessions_with_scripts(scope)
        usual = scripts.usual_escalation(scope)
        return {
            "total": _use(found.total),
            "templates": [{**_named(template), **_use(use)} for template, use in found.templates],
            "risks": [{"risk": risk, **_use(use)} for risk, use in found.risks.items()],
            "shells": [{"shell": shell, **_use(use)} for shell, use in found.shells.items()],
            "sessions": {
                "with_script": rate(sessions.with_script),
                "without_script": rate(sessions.without_script),
                "difference": sessions.difference,
            },
            "usual_escalation_rate": rate(usual),
            "escalations": [
                {**_named(one.template), "escalation_rate": rate(one.rate), "is_flagged": one.is_flagged}
                for one in scripts.escalations(scope, usual)
            ],
        }


def _named(template: Any) -> dict[str, Any]:
    return {"template": template.pk, "key": template.key, "title": template.title}


def _use(use: scripts.Use) -> dict[str, Any]:
    rates = {f"{name}_rate": rate(use.rate(name)) for name in GeneratedScript.Outcome.values}
    return {
        "generated": use.generated,
        "reported_rate": rate(use.reported),
        "unsaid": use.outcomes[UNSAID],
        **rates,
    }
