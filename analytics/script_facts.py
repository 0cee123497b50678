"""What can be said of a generated script, and of an ended session by its scripts, by yes or no.

See `analytics.combined` for names such as `worked-template-12` and `resolved-scripts-with`.
"""

from collections.abc import Mapping

from django.db.models import Exists, OuterRef, Q

from analytics.combined import choice_maker, combined, number_maker
from analytics.facts import FACTS, SCRIPTED, Fact
from sessions.models import AISession, GeneratedScript, ScriptTemplateVersion
from sessions.scripts.models import SHELLS

Outcome = GeneratedScript.Outcome

UNSAID = "unsaid"
# What came of a script, or that nobody has said it: each script is one of them.
OUTCOMES: Mapping[str, Q] = {**{name: Q(outcome=name) for name in Outcome.values}, UNSAID: Q(outcome=None)}
SCRIPT_FACTS: Mapping[str, Fact] = {
    "generated": Fact("that were generated", Q()),
    "reported": Fact("of which somebody said what came of them", Q(outcome__isnull=False)),
    Outcome.WORKED.value: Fact("that worked", OUTCOMES[Outcome.WORKED]),
    Outcome.NO_CHANGE.value: Fact("that changed nothing", OUTCOMES[Outcome.NO_CHANGE]),
    Outcome.WORSE.value: Fact("that made things worse", OUTCOMES[Outcome.WORSE]),
    UNSAID: Fact("of which nobody said what came of them", OUTCOMES[UNSAID]),
}
_RISKS = {value: str(label).lower() for value, label in ScriptTemplateVersion.Risk.choices}

script_fact = combined(
    SCRIPT_FACTS,
    {
        "template": number_maker(lambda _: "of this template", lambda pk: Q(template_version__template=pk)),
        "risk": choice_maker("of the risk “{}”", "template_version__risk", _RISKS),
        "shell": choice_maker("in {}", "template_version__template__shell", dict(SHELLS)),
    },
)


def _generated_of(template: int) -> Q:
    scripts = GeneratedScript.objects.filter(template_version__template=template)
    return Q(Exists(scripts.filter(session=OuterRef("pk"), account=OuterRef("account"))))


# Sessions that somebody brought to an end: of these a template's share of escalations is told.
DECIDED = Q(status__in=[AISession.Status.RESOLVED, AISession.Status.ESCALATED])


def _with_or_without(value: str) -> Fact | None:
    facts = {"with": FACTS["scripted"], "without": Fact("without a script", ~SCRIPTED)}
    return facts.get(value)


SCRIPTED_FACTS: Mapping[str, Fact] = {
    **{name: FACTS[name] for name in ("ended", "resolved", "escalated")},
    "decided": Fact("that were resolved or escalated", DECIDED),
}
scripted_fact = combined(
    SCRIPTED_FACTS,
    {
        "scripts": _with_or_without,
        "template": number_maker(lambda _: "with a script of this template", _generated_of),
    },
)
