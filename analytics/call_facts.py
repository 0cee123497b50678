"""What can be said of a call to the language model, by yes or no; see `analytics.combined` for names such as
`asked-purpose-wording` and `unanswered-reason-timeout`."""

from collections.abc import Mapping

from django.db.models import Q

from analytics.combined import choice_maker, combined
from analytics.facts import Fact
from flowpilot.llm.models import Fallback, Purpose

CALL_FACTS: Mapping[str, Fact] = {
    "asked": Fact("that were asked for", Q()),
    "answered": Fact("that were answered", Q(fallback="")),
    "unanswered": Fact("without an answer that could be used", ~Q(fallback="")),
    "sent": Fact("of which something left the house", Q(attempts__gt=0)),
}


def _quoted(choices: list[tuple[str, str]]) -> dict[str, str]:
    return {str(value): str(label) for value, label in choices}


call_fact = combined(
    CALL_FACTS,
    {
        "purpose": choice_maker("for “{}”", "purpose", _quoted(Purpose.choices)),
        "reason": choice_maker("“{}”", "fallback", _quoted(Fallback.choices)),
    },
)
