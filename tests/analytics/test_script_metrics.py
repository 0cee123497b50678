"""Each metric of scripts against a recount by hand over random scripts."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.metrics import scripts
from analytics.scope import NO_DOMAIN, Scope
from analytics.script_facts import script_fact, scripted_fact
from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from flowpilot.common.statistics import Rate, difference_of, wilson_interval
from sessions.models import AISession, Client, GeneratedScript
from sessions.scripts.selectors import escalations_of
from tests.analytics.histories import OverOneHistory
from tests.analytics.rows import make_history
from tests.conftest import Cast
from tests.factories import make_member, make_session, make_template

METRICS = "/api/v1/metrics/scripts/"
QUERIES: dict[str, Callable[[Cast], dict[str, Any]]] = {
    "a month": lambda _: {"days": 30},
    "one team": lambda cast: {"days": 90, "team": Team.objects.get(account=cast.account, name="Field").pk},
    "one client": lambda cast: {"days": 90, "client": Client.objects.get(account=cast.account, name="Acme").pk},
    "no domain": lambda cast: {"days": 90, "domain": NO_DOMAIN},
}


def matches(session: AISession | None, scope: Scope) -> bool:
    if session is None:
        return not (scope.client or scope.domain)
    client = not scope.client or session.client == scope.client
    return client and (not scope.domain or session.problem_domain == scope.domain.replace(NO_DOMAIN, ""))


def in_scope(script: GeneratedScript, scope: Scope) -> bool:
    team = not scope.team or script.team == scope.team
    return team and matches(script.session, scope) and scope.start <= script.created_at < scope.end


def used(rows: list[GeneratedScript]) -> dict[str, int]:
    found = Counter(script.outcome or "unsaid" for script in rows)
    return {name: found[name] for name in ("worked", "no_change", "worse", "unsaid")}


class TestOverARandomHistory(OverOneHistory):
    @staticmethod
    def fill(cast: Cast) -> None:
        now = timezone.now()
        make_history(cast.account, now, count=500)
        make_history(cast.other_account, now, count=60, seed=8)

    @pytest.mark.parametrize("name", QUERIES)
    def test_use_and_outcomes_are_those_of_a_recount(self, cast: Cast, name: str) -> None:
        scope = Scope.from_query(cast.carol, QUERIES[name](cast))
        everything = GeneratedScript.objects.filter(account=cast.account).select_related(
            "session", "template_version__template"
        )
        rows = [script for script in everything if in_scope(script, scope)]
        assert all(used(rows).values()), "an outcome without a script proves nothing"

        found = scripts.uses(scope)
        assert found.total.outcomes == scripts.use(scope).outcomes == used(rows)
        said = [script for script in rows if script.outcome]
        assert found.total.reported == Rate(len(said), len(rows))
        assert found.total.rate("worse") == Rate(used(rows)["worse"], len(said))
        by: dict[str, dict[Any, list[GeneratedScript]]] = {"template": {}, "risk": {}, "shell": {}}
        for script in rows:
            version = script.template_version
            by["template"].setdefault(version.template.pk, []).append(script)
            by["risk"].setdefault(version.risk, []).append(script)
            by["shell"].setdefault(version.template.shell, []).append(script)
        assert {template.pk: use.outcomes for template, use in found.templates} == {
            key: used(own) for key, own in by["template"].items()
        }
        assert {key: use.outcomes for key, use in found.risks.items()} == {
            k: used(own) for k, own in by["risk"].items()
        }
        assert {key: use.outcomes for key, use in found.shells.items()} == {
            k: used(own) for k, own in by["shell"].items()
        }
        sizes = [use.generated for _, use in found.templates]
        assert sizes == sorted(sizes, reverse=True)

    @pytest.mark.parametrize("name", QUERIES)
    def test_sessions_and_escalations_are_those_of_a_recount(self, cast: Cast, name: str) -> None:
        scope = Scope.from_query(cast.carol, QUERIES[name](cast))
        ended = [
            session
            for session in AISession.objects.filter(
                account=cast.account, ended_at__gte=scope.start, ended_at__lt=scope.end
            )
            if matches(session, scope) and (not scope.team or session.team == scope.team)
        ]
        used_in: dict[int, set[int]] = {}
        for session_id, template_id in GeneratedScript.objects.filter(session__in=ended).values_list(
            "session", "template_version__template"
        ):
            used_in.setdefault(session_id, set()).add(template_id)

        def resolved(own: list[AISession]) -> Rate:
            return Rate(sum(session.status == "resolved" for session in own), len(own))

        found = scripts.sessions_with_scripts(scope)
        assert found.with_script == resolved([s for s in ended if s.pk in used_in])
        assert found.without_script == resolved([s for s in ended if s.pk not in used_in])
        assert found.difference == difference_of(found.with_script, found.without_script)

        decided = [session for session in ended if session.status in ("resolved", "escalated")]
        usual = scripts.usual_escalation(scope)
        assert usual == Rate(sum(session.status == "escalated" for session in decided), len(decided))
        by_hand = {}
        for template_id in set().union(*used_in.values()):
            own = [session.status for session in decided if template_id in used_in.get(session.pk, ())]
            by_hand[template_id] = (own.count("escalated"), len(own))
        rows = scripts.escalations(scope, usual)
        assert {one.template.pk: (one.rate.count, one.rate.n) for one in rows} == {
            k: v for k, v in by_hand.items() if v[1]
        }
        lows = [wilson_interval(one.rate.count, one.rate.n)[0] for one in rows]
        assert lows == sorted(lows, reverse=True)
        assert len(rows) > 2

    def test_the_api_tells_what_the_metrics_tell(self, cast: Cast, api: Any) -> None:
        query = {"days": "90"}
        body = api(cast.carol).get(METRICS, query).json()
        scope = Scope.from_query(cast.carol, query)
        found, sessions = scripts.uses(scope), scripts.sessions_with_scripts(scope)
        assert body["total"]["generated"] == found.total.generated > 0
        assert body["total"]["unsaid"] == found.total.outcomes["unsaid"]
        assert body["total"]["worked_rate"]["share"] == found.total.rate("worked").share
        assert [
            (row["template"], row["title"], row["generated"], row["worse_rate"]["count"]) for row in body["templates"]
        ] == [(template.pk, template.title, use.generated, use.outcomes["worse"]) for template, use in found.templates]
        assert {row["risk"]: row["generated"] for row in body["risks"]} == {
            k: u.generated for k, u in found.risks.items()
        }
        assert {row["shell"]: row["generated"] for row in body["shells"]} == {
            k: u.generated for k, u in found.shells.items()
        }
        assert sessions.difference is not None
        assert body["sessions"]["difference"]["share"] == sessions.difference.share
        assert body["sessions"]["with_script"]["n"] == sessions.with_script.n
        usual = scripts.usual_escalation(scope)
        assert body["usual_escalation_rate"]["share"] == usual.share
        assert [(row["key"], row["escalation_rate"]["count"], row["is_flagged"]) for row in body["escalations"]] == [
            (one.template.key, one.rate.count, one.is_flagged) for one in scripts.escalations(scope, usual)
        ]


def test_a_template_that_precedes_escalations_is_flagged(cast: Cast) -> None:
    """As its owner is told, who asks without a period."""
    bad, good = make_template(cast.account, title="Bad"), make_template(cast.account, title="Good")
    for number in range(40):
        status = "escalated" if number < 12 else "resolved"
        session = make_session(cast.account, status=status)
        version = bad if number < 14 else good
        for _ in range(2):  # a session counts once
            GeneratedScript.objects.create(account=cast.account, template_version=version, session=session, text="true")
    scope = Scope.from_query(cast.carol, {"days": 365})
    rows = scripts.escalations(scope, scripts.usual_escalation(scope))
    assert [(one.template.title, one.rate, one.is_flagged) for one in rows] == [
        ("Bad", Rate(12, 14), True),
        ("Good", Rate(0, 26), False),
    ]
    told = escalations_of(cast.carol, cast.account.pk)
    assert [(one.template, one.rate, one.is_flagged) for one in rows] == [
        (one.template, one.rate, one.is_flagged) for one in told
    ]


def test_a_member_of_one_team_counts_that_team(cast: Cast) -> None:
    version = make_template(cast.account)
    for team in ("Service Desk", "Field"):
        session = make_session(cast.account, team=team)
        GeneratedScript.objects.create(
            account=cast.account, team=session.team, template_version=version, session=session, text="true"
        )
    tess = make_member(cast.account, Role.ANALYST, team=cast.team)
    assert scripts.use(Scope.from_query(tess, {})).generated == 1
    assert scripts.sessions_with_scripts(Scope.from_query(tess, {})).with_script.n == 1
    assert scripts.use(Scope.from_query(cast.carol, {})).generated == 2


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("worked-risk-read_only", "that worked, of the risk “read-only”"),
        ("unsaid-template-12", "of which nobody said what came of them, of this template"),
        ("shell-powershell", "in PowerShell"),
        ("shell-fish", None),
        ("template-", None),
        ("risk", None),
    ],
)
def test_a_fact_is_read_from_its_name(name: str, label: str | None) -> None:
    fact = script_fact(name)
    assert (fact and fact.label) == label


@pytest.mark.parametrize("name", ["resolved-scripts-perhaps", "ended-template-x", "abandoned", "scripts"])
def test_what_sessions_cannot_be(name: str) -> None:
    assert scripted_fact(name) is None


def test_no_scripts(cast: Cast, login: Any, api: Any) -> None:
    make_session(cast.account)
    assert "from reviewed templates" in login(cast.carol).get(reverse("analytics:scripts")).content.decode()
    body = api(cast.carol).get(METRICS).json()
    assert (body["total"]["worked_rate"]["share"], body["templates"], body["sessions"]["difference"]) == (
        None,
        [],
        None,
    )
