"""Calls to the language model, as the lists behind figures show them: to those who may read what was sent."""

from django.urls import reverse

from analytics.call_facts import call_fact
from analytics.metrics.language_model import scoped_calls
from analytics.rows.source import RowColumn, Source
from flowpilot.llm.models import ModelCall


def _link(call: ModelCall) -> str:
    return reverse("admin:llm_modelcall_change", args=[call.pk])


CALLS = Source(
    name="calls",
    noun="call to the language model",
    plural="calls to the language model",
    permission="llm.view_modelcall",
    rows=lambda scope: scoped_calls(scope).defer("sent", "answer"),
    fact=call_fact,
    time="created_at",
    columns=(
        RowColumn("Purpose", lambda row: row.get_purpose_display()),
        RowColumn("Of", lambda row: row.subject),
        RowColumn("Came to", lambda row: row.get_fallback_display() if row.fallback else "Answered"),
        RowColumn("Model", lambda row: row.model),
        RowColumn("Tries", lambda row: row.attempts),
        RowColumn("Tokens", lambda row: row.input_tokens + row.output_tokens),
        RowColumn("Cost, USD", lambda row: row.cost),
        RowColumn("Asked", lambda row: row.created_at),
    ),
    link=_link,
)
