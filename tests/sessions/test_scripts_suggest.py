"""Which scripts a session is offered and why, what it fills in, and which templates are flagged."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from flowpilot.common.statistics import Rate
from sessions.models import AISession, GeneratedScript, ScriptTemplate, ScriptTemplateVersion
from sessions.scripts.library import LIBRARY, library_load
from sessions.scripts.parameters import Kind, Parameter, Shell
from sessions.scripts.prefill import Facts, facts_of, prefilled
from sessions.scripts.selectors import escalations_of, flagged_for, panel_for, risk_style
from sessions.scripts.suggest import Candidate, Problem, suggest
from tests.conftest import Cast
from tests.factories import make_flow, make_session, make_template

NEVER = Rate(0, 0)


def candidate(key: int, title: str, keywords: str, domain: str = "", reports: Rate = NEVER) -> Candidate:
    return Candidate(key, title, keywords, "", domain, reports)


SPOOLER = candidate(1, "Restart the print spooler", "printer print spooler queue stuck", "printing")
VPN = candidate(2, "Show VPN connections", "vpn tunnel connect dial", "networking")
MAIL = candidate(3, "Trace messages", "mail message missing delivered", "email")
ALL = [SPOOLER, VPN, MAIL]


def keys(problem: Problem, candidates: list[Candidate] | None = None) -> list[int]:
    return [suggestion.key for suggestion in suggest(problem, candidates or ALL)]


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (Problem("Printer is stuck, jobs wait in the queue", "printing"), [1]),
        (Problem("VPN does not connect", "networking"), [2]),
        (Problem("VPN does not connect"), [2]),
        (Problem("A message is missing", "email"), [3]),
        (Problem("The chair is broken", "furniture"), []),
        (Problem("The chair is broken", "printing"), []),
        (Problem("", ""), []),
        (Problem("Something else", "", node="Restart the print spooler"), [1]),
        (Problem("Something else", "", query="spool"), [1]),
        (Problem("Printer is stuck", "printing", query="vpn"), [2]),
        (Problem("Printer is stuck", "printing", query="zebra"), []),
    ],
)
def test_what_is_relevant_is_shown_and_nothing_else(problem: Problem, expected: list[int]) -> None:
    assert keys(problem) == expected


def test_success_decides_among_the_relevant_by_its_lower_bound() -> None:
    lucky = candidate(4, "Restart the print spooler", "printer print spooler queue stuck", "printing", Rate(1, 1))
    proven = candidate(5, "Restart the print spooler", "printer print spooler queue stuck", "printing", Rate(45, 50))
    useless = candidate(6, "Restart the print spooler", "printer print spooler queue stuck", "printing", Rate(0, 50))
    problem = Problem("The printer's queue is stuck", "printing")
    assert keys(problem, [useless, lucky, proven]) == [5, 4, 6]
    why = suggest(problem, [proven])[0].why
    assert "about printing" in why
    assert "worked 45 of 50 times" in why


def test_the_library_fits_its_problems() -> None:
    candidates = [Candidate(n, e.key, e.keywords, e.what_it_does, e.domain, NEVER) for n, e in enumerate(LIBRARY)]
    for problem, wanted in {
        Problem("Printer prints nothing, the queue is stuck", "printing"): "windows-restart-print-spooler",
        Problem("Account is locked out again and again", "identity"): "ad-find-lockout-source",
        Problem("User clicked a link in a phishing mail", "security"): "m365-inbox-rules",
        Problem("Remote desktop session hangs with a black screen", "remote_access"): "rds-list-and-log-off-session",
        Problem("The disk of the Linux server is full"): "linux-largest-folders",
    }.items():
        assert wanted in [LIBRARY[item.key].key for item in suggest(problem, candidates)], problem


# --- What the session fills in -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "host", "user"),
    [
        (["PC-0042 of CONTOSO\\jdoe is slow"], "PC-0042", "CONTOSO\\jdoe"),
        (["mail of jane.doe@example.com, on srv01.example.local"], "srv01.example.local", "jane.doe@example.com"),
        (["nothing here", "LAPTOP-AB12CD3 is slow"], "LAPTOP-AB12CD3", ""),
        (["Windows 11, Office 365, error 0x80070005, COVID"], "", ""),
        ([], "", ""),
    ],
)
def test_facts(texts: list[str], host: str, user: str) -> None:
    assert facts_of(texts) == Facts(host=host, user=user)


def test_only_what_a_parameter_takes_is_filled_in() -> None:
    parameters = [
        Parameter(name="computer", kind=Kind.HOST_NAME),
        Parameter(name="user", kind=Kind.USER_NAME),
        Parameter(name="client", kind=Kind.STRING, maximum=10),
        Parameter(name="other", kind=Kind.STRING),
        Parameter(name="password", kind=Kind.SECRET),
    ]
    facts = Facts(client="Acme", host="PC-1", user="jdoe")
    assert prefilled(Shell.CMD, parameters, facts) == {"computer": "PC-1", "user": "jdoe", "client": "Acme"}
    strange = Facts(client="Acme & sons; Ltd", host="a b", user="o'brien")
    assert prefilled(Shell.CMD, parameters, strange) == {}
    assert prefilled(Shell.BASH, parameters, strange) == {"user": "o'brien"}


# --- Selectors -----------------------------------------------------------------------------------------------------


def running(cast: Cast, **fields: Any) -> AISession:
    session = make_session(cast.account, **fields)
    AISession.objects.filter(pk=session.pk).update(status="active", ended_at=None)
    return AISession.objects.select_related("client", "flow_version").get(pk=session.pk)


def report(version: ScriptTemplateVersion, session: AISession, outcome: str | None = None) -> GeneratedScript:
    return GeneratedScript.objects.create(
        account=session.account,
        template_version=version,
        session=session,
        text="x",
        outcome=outcome,
        outcome_at=timezone.now() + timedelta(seconds=1) if outcome else None,
    )


def test_the_panel_offers_own_and_everybodys_approved_templates(cast: Cast) -> None:
    vpn = {"keywords": "vpn connect", "problem_domain": "networking"}
    own, everybodys = make_template(cast.account, "VPN mine", **vpn), make_template(None, "VPN all", **vpn)
    make_template(cast.other_account, "VPN theirs", **vpn)
    retired = make_template(cast.account, "VPN old", **vpn)
    retired.template.status = "retired"
    retired.template.save()
    session = running(cast)
    panel = panel_for(cast.bob, session)
    assert {offer.version for offer in panel.offers} == {own, everybodys}
    assert panel.can_generate
    assert not panel_for(cast.carol, session).can_generate
    assert panel_for(cast.bob, session, query="computer").offers
    assert panel_for(cast.bob, session, query="zebra").offers == []


def test_a_node_suggests_by_its_text(cast: Cast) -> None:
    version = make_flow(cast.account)
    make_template(cast.account, "Restart it", keywords="router wait restart")
    make_template(cast.account, "Other", keywords="printer")
    session = running(cast, title="?", problem_summary="?", problem_domain=None)
    session.flow_version = version
    assert [offer.template.title for offer in panel_for(cast.bob, session, "n2").offers] == ["Restart it"]
    assert panel_for(cast.bob, session, "no such node").offers == []
    assert panel_for(cast.bob, session).offers == []


def test_reports_of_other_accounts_count_nothing(cast: Cast) -> None:
    version = make_template(None, "VPN", keywords="vpn connect")
    report(version, make_session(cast.other_account), "worked")
    session = running(cast)
    assert panel_for(cast.bob, session).offers[0].reports == NEVER
    report(version, make_session(cast.account), "worse")
    report(version, make_session(cast.account))
    assert panel_for(cast.bob, session).offers[0].reports == Rate(0, 1)


@pytest.mark.parametrize("risk", ["", "unknown", "READ_ONLY", "catastrophic"])
def test_an_unknown_risk_is_neutral(risk: str) -> None:
    assert risk_style(risk) == "neutral"
    assert risk_style("changes") == "changes"


def test_templates_that_precede_escalations_are_flagged_to_their_owner(cast: Cast, login: Any) -> None:
    bad = make_template(cast.account, "Bad", owner=cast.alice)
    good = make_template(cast.account, "Good", owner=cast.alice)
    for n in range(12):
        escalated = make_session(cast.account, status="escalated" if n < 11 else "resolved")
        report(bad, escalated)
        report(bad, escalated)  # a session counts once
        report(good, make_session(cast.account, status="escalated" if n == 0 else "resolved"))
    for _ in range(20):
        make_session(cast.account)
    found = {item.template.title: item for item in escalations_of(cast.alice, cast.account.pk)}
    assert (found["Bad"].rate, found["Bad"].is_flagged) == (Rate(11, 12), True)
    assert (found["Good"].rate, found["Good"].is_flagged) == (Rate(1, 12), False)
    assert [item.template.title for item in flagged_for(cast.alice)] == ["Bad"]
    assert "11 of 12 sessions" in login(cast.alice).get("/admin/ai_sessions/scripttemplate/").content.decode()
    for other in (cast.bob, cast.olivia, cast.mallory):
        assert flagged_for(other) == []
    # What nobody in the account owns is told to those who look after its templates.
    ScriptTemplate.objects.filter(pk=bad.template_id).update(owner=None)
    assert [[item.template.title for item in flagged_for(user)] for user in (cast.alice, cast.olivia)] == [["Bad"]] * 2
    ScriptTemplate.objects.filter(pk=bad.template_id).update(account=None, owner=cast.root)
    assert [item.template.title for item in flagged_for(cast.olivia)] == ["Bad"]
    for other in (cast.bob, cast.carol, cast.mallory):
        assert flagged_for(other) == []


def test_the_panel_asks_the_database_as_often_for_many_templates(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    library_load(entries=LIBRARY)
    session = running(cast)
    assert cast.bob.active_memberships
    with django_assert_max_num_queries(4):
        panel_for(cast.bob, session)
