"""What can be said of a push by yes or no; see `analytics.combined` for names such as `written-kind-time`."""

from collections.abc import Mapping

from django.db.models import Q

from analytics.combined import choice_maker, combined, number_maker
from analytics.facts import Fact
from sessions.models import PsaConnection, PsaPush
from sessions.psa.selectors import OUTCOMES

State, Kind, System = PsaPush.State, PsaPush.Kind, PsaConnection.Kind

LABELS = {
    "first_try": "that were written at the first try",
    "eventual": "that were written after at least one try that failed",
    "exhausted": "that were given up, unwritten",
    "pending": "that are not written yet",
    "unknown": "of which nobody knows whether they are written",
}
PUSH_FACTS: Mapping[str, Fact] = {
    "created": Fact("that were to be written", Q()),
    **{name: Fact(LABELS[name], condition) for name, condition in OUTCOMES.items()},
    "written": Fact("that were written", Q(state=State.SUCCEEDED)),
    "lost": Fact("of which nobody will know whether they are written", OUTCOMES["unknown"] & Q(next_attempt_at=None)),
    "settled": Fact("that were written or given up", Q(settled_at__isnull=False)),
}


def _tries(count: int) -> str:
    return "not tried yet" if count == 0 else "tried once" if count == 1 else f"tried {count} times"


push_fact = combined(
    PUSH_FACTS,
    {
        "attempts": number_maker(_tries, lambda count: Q(attempt_count=count)),
        "over": number_maker(lambda count: f"tried more than {count} times", lambda count: Q(attempt_count__gt=count)),
        "system": choice_maker("to {}", "connection__kind", {value: str(label) for value, label in System.choices}),
        "kind": choice_maker("{}", "kind", {Kind.NOTE: "notes", Kind.TIME: "time entries", Kind.STATUS: "statuses"}),
    },
)
