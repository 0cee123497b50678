"""A generated script is a step of its session: what is recorded, what analysis reads, what a hand-over tells."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from flowpilot.accounts.models import Team, User
from flowpilot.accounts.roles import Role
from flowpilot.common.errors import Conflict, NotAllowed, NotFound
from proposals.analysis.run import analyze_account
from proposals.models import FlowProposal, SessionAnalysis
from sessions.models import AISession, GeneratedScript, Handover, ScriptTemplateVersion, SessionStep
from sessions.runner.ending import handover_claim, session_escalate, session_pause, session_resolve, summary_of
from sessions.runner.start import Start, session_start
from sessions.runner.steps import note_add, step_answer, step_back, step_free
from sessions.scripts.services import script_generate, script_outcome_report
from tests.conftest import Cast
from tests.factories import make_flow, make_member, make_session, make_template
from tests.sessions.test_runner import begin, go

pytestmark = pytest.mark.django_db
SECRET = {"name": "password", "kind": "secret"}
HOST = {"name": "computer", "kind": "host_name"}


def generate(actor: User, session: AISession, version: ScriptTemplateVersion, **values: str) -> GeneratedScript:
    script, _ = script_generate(
        actor=actor,
        template_id=version.template_id,
        number=version.number,
        values={"computer": "PC-1", **values},
        session_id=session.pk,
        node_id=session.node_id,
    )
    return script


def report(cast: Cast, script: GeneratedScript, outcome: str) -> None:
    script_outcome_report(actor=cast.bob, script_id=script.pk, outcome=outcome)


def steps_of(session: AISession) -> list[tuple[Any, ...]]:
    return list(session.steps.values_list("position", "kind", "prompt", "selected_option"))


class TestRecorded:
    def test_generating_is_a_step_and_its_outcome_the_answer(self, cast: Cast) -> None:
        session = go(cast, step_answer, begin(cast), node_id="n1", option_id="o1")
        script = generate(cast.bob, session, make_template(cast.account, "Restart the spooler"))
        assert steps_of(session)[1:] == [(1, "script", "Restart the spooler", None)]
        assert script.step == session.steps.get(position=1)
        for outcome, told in (("no_change", "No change"), ("worked", "It worked")):
            report(cast, script, outcome)
            assert steps_of(session)[1:] == [(1, "script", "Restart the spooler", told)]

    def test_no_value_and_no_secret_is_in_the_step(self, cast: Cast) -> None:
        version = make_template(cast.account, body="login {{ computer }} {{ password }}", parameters=[HOST, SECRET])
        session = begin(cast)
        generate(cast.bob, session, version, password="Tr0ub4dor")
        row = str(SessionStep.objects.filter(session=session).values().get())
        assert "Tr0ub4dor" not in row
        assert "PC-1" not in row

    def test_the_session_stands_where_it_stood(self, cast: Cast) -> None:
        """Neither a tab that shows it nor the tier nor the time at the node is changed by a script."""
        session = go(cast, step_answer, begin(cast), node_id="n1", option_id="o1")
        AISession.objects.update(touched_at=None)
        report(cast, generate(cast.bob, session, make_template(cast.account)), "worked")
        now = AISession.objects.get(pk=session.pk)
        assert (now.revision, now.node_id, now.node_since) == (session.revision, "n2", session.node_since)
        assert now.touched_at
        now = go(cast, step_answer, now, node_id="n2", option_id="o1")
        assert now.confidence_score == session.match_score

    def test_a_session_that_has_ended_takes_none(self, cast: Cast) -> None:
        session = go(cast, session_resolve, begin(cast), summary="done")
        with pytest.raises(Conflict, match="no more scripts"):
            generate(cast.bob, session, make_template(cast.account))
        assert not session.steps.exists()

    def test_who_may_not_work_the_session_generates_nothing_in_it(self, cast: Cast) -> None:
        with pytest.raises(NotAllowed):
            generate(cast.carol, begin(cast), make_template(cast.account))
        assert not SessionStep.objects.exists()

    def test_a_record_from_elsewhere_keeps_its_own_steps(self, cast: Cast) -> None:
        session = make_session(cast.account, status="active", ended_at=None)
        before = steps_of(session)
        script = generate(cast.bob, session, make_template(cast.account))
        report(cast, script, "worked")
        assert script.step is None
        assert steps_of(session) == before

    def test_a_paused_session_stays_paused(self, cast: Cast) -> None:
        session = go(cast, session_pause, begin(cast))
        generate(cast.bob, session, make_template(cast.account))
        session.refresh_from_db()
        assert (session.status, session.steps.count()) == ("paused", 1)


class TestBack:
    def test_takes_back_what_was_before_and_keeps_the_script(self, cast: Cast) -> None:
        session = go(cast, step_answer, begin(cast), node_id="n1", option_id="o1")
        script = generate(cast.bob, session, make_template(cast.account))
        session = go(cast, step_back, session)
        assert session.node_id == "n1"
        session = go(cast, step_answer, session, node_id="n1", option_id="o1")
        report(cast, script, "worse")
        script.refresh_from_db()
        assert script.step
        assert script.step.session == session
        assert [(kind, said) for _, kind, _, said in steps_of(session)] == [
            ("script", "It made things worse"), ("question", "Yes"),
        ]  # fmt: skip
        with pytest.raises(Conflict, match="no step to take back"):
            go(cast, step_back, go(cast, step_back, session))

    def test_a_script_outlives_its_step(self, cast: Cast) -> None:
        session = begin(cast)
        script = generate(cast.bob, session, make_template(cast.account))
        session.steps.all().delete()
        report(cast, script, "worked")
        script.refresh_from_db()
        assert (script.step, script.outcome, script.session) == (None, "worked", session)

    def test_only_what_worked_is_drafted_as_the_solution(self, cast: Cast) -> None:
        session = begin(cast)
        script = generate(cast.bob, session, make_template(cast.account, "Clear the queue"))
        for outcome, draft in (("", ""), ("no_change", ""), ("worse", ""), ("worked", "Clear the queue")):
            if outcome:
                report(cast, script, outcome)
            assert summary_of(AISession.objects.get(pk=session.pk)) == draft


class TestHandover:
    def test_tells_the_scripts_and_what_is_unreported(self, cast: Cast) -> None:
        session = go(cast, step_free, begin(cast), prompt="Asked the user", response="busy")
        report(cast, generate(cast.bob, session, make_template(cast.account, "Clear the queue")), "no_change")
        generate(cast.bob, session, make_template(cast.account, "Restart the spooler"))
        go(cast, session_escalate, session, reason="It stays dead")
        packet = Handover.objects.get().packet
        assert packet["scripts"] == [["Clear the queue", "No change"], ["Restart the spooler", ""]]
        assert packet["unreported"] == ["Restart the spooler"]
        assert packet["tried"] == [["Asked the user", "busy"]], "a script is told once"

    def test_the_receiver_reads_it_on_the_page(self, cast: Cast, login: Any) -> None:
        session = begin(cast)
        report(cast, generate(cast.bob, session, make_template(cast.account, "Clear the queue")), "no_change")
        generate(cast.bob, session, make_template(cast.account, "Restart the spooler"))
        go(cast, session_escalate, session, reason="It stays dead", to_user_id=cast.alice.pk)
        page = login(cast.alice).get(f"/work/{session.pk}/").content.decode()
        assert "Nobody has said what came of it" in page
        assert page.index("Clear the queue") < page.index("No change")

    def test_scripts_go_with_the_session_to_another_team(self, cast: Cast) -> None:
        network = Team.objects.create(account=cast.account, name="Network")
        tom = make_member(cast.account, Role.TECHNICIAN, team=cast.team)
        nora = make_member(cast.account, Role.TECHNICIAN, team=network)
        session = begin(cast, actor=tom)
        script = generate(tom, session, make_template(cast.account))
        session_escalate(actor=tom, session_id=session.pk, revision=0, reason="help", to_team_id=network.pk)
        with pytest.raises(NotFound):
            script_outcome_report(actor=nora, script_id=script.pk, outcome="worked")
        handover_claim(actor=nora, session_id=session.pk)
        assert script_outcome_report(actor=nora, script_id=script.pk, outcome="worked").outcome_by == nora

    def test_a_script_is_the_receivers_first_step(self, cast: Cast) -> None:
        session = go(cast, session_escalate, begin(cast), reason="help")
        handover_claim(actor=cast.alice, session_id=session.pk)
        generate(cast.alice, session, make_template(cast.account))
        assert Handover.objects.get().first_step_at


class TestAfterTheEnd:
    def test_what_came_of_it_is_told_from_the_ended_sessions_page(self, cast: Cast, login: Any) -> None:
        session = begin(cast)
        bob = login(cast.bob)
        panel = f"/sessions/{session.pk}/scripts/"
        script = generate(cast.bob, session, make_template(cast.account, "Clear the queue"))
        go(cast, session_resolve, session, summary="It prints")
        assert f'hx-get="{panel}' in bob.get(f"/work/{session.pk}/").content.decode()
        shown = bob.get(panel).content.decode()
        address = f"{panel}generated/{script.pk}/"
        assert f'href="{address}"' in shown
        assert "Find a script" not in shown
        assert address in bob.get(f"/admin/ai_sessions/generatedscript/{script.pk}/change/").content.decode()
        bob.post(address, {"outcome": "no_change"})
        script.refresh_from_db()
        assert script.outcome == "no_change"

    def test_without_scripts_there_is_no_panel(self, cast: Cast, login: Any) -> None:
        session = go(cast, session_resolve, begin(cast), summary="It prints")
        assert "scripts-title" not in (text := login(cast.bob).get(f"/work/{session.pk}/").content.decode())
        assert 'id="scripts"' not in text

    def test_where_nothing_fits_the_search_is_folded(self, cast: Cast, login: Any) -> None:
        session, bob = begin(cast), login(cast.bob)
        panel = f"/sessions/{session.pk}/scripts/"
        assert "No script fits this problem: look for one" in bob.get(panel).content.decode()
        make_template(cast.account, "Ping the VPN", keywords="vpn connect")
        shown = bob.get(panel).content.decode()
        assert "Ping the VPN" in shown
        assert "look for one" not in shown


class TestAnalysed:
    def worked(self, cast: Cast, version: ScriptTemplateVersion, outcome: str) -> AISession:
        """Asked, a script run, and where that changed nothing the driver replaced."""
        session = session_start(actor=cast.bob, account=cast.account, start=Start(problem="The printer prints nothing"))
        session = go(cast, step_free, session, kind="question", prompt="Is the printer switched on?", response="yes")
        report(cast, generate(cast.bob, session, version), outcome)
        if outcome == "no_change":
            session = go(cast, step_free, session, prompt="Replace the printer driver", response="prints again")
        return go(cast, session_resolve, session, summary="It prints")

    def test_scripts_are_mined_like_any_step(self, cast: Cast) -> None:
        version = make_template(cast.account, "Restart the print spooler")
        for outcome in ("worked", "no_change") * 4:
            self.worked(cast, version, outcome)
        run = analyze_account(cast.account.pk)
        assert run is not None
        assert not run.error
        nodes = {node["id"]: node for node in FlowProposal.objects.get().proposed_flow_data["nodes"]}
        by_text = {node["text"]: node for node in nodes.values()}
        script = by_text["Restart the print spooler"]
        assert script["kind"] == "action"
        after = {option["label"]: nodes[option["next"]]["text"] for option in script["options"]}
        assert len(after) == 2
        assert "Replace the printer driver" in after.values()

    def test_a_late_report_is_analysed(self, cast: Cast) -> None:
        session = go(cast, step_free, begin(cast), prompt="Asked the user", response="busy")
        script = generate(cast.bob, session, make_template(cast.account))
        session = go(cast, session_resolve, session, summary="It prints")
        analyze_account(cast.account.pk)
        session.refresh_from_db()
        assert session.analysis_due_at is None
        report(cast, script, "worked")
        session.refresh_from_db()
        assert session.analysis_due_at is not None
        assert session.analysis_due_at <= timezone.now()

    def test_one_that_guides_through_scripts_is_still_replayed(self, cast: Cast) -> None:
        """Scripts between the answers do not lead a session off its flow."""
        flow = make_flow(cast.account).flow
        start = Start(problem="The VPN does not connect from home")
        session = session_start(actor=cast.bob, account=cast.account, start=start, flow_id=flow.pk, score=0.9)
        session = go(cast, step_answer, session, node_id="n1", option_id="o1")
        report(cast, generate(cast.bob, session, make_template(cast.account)), "worked")
        session = go(cast, step_answer, session, node_id="n2", option_id="o1")
        go(cast, session_resolve, session, summary="Router restarted")
        analyze_account(cast.account.pk)
        analysis = SessionAnalysis.objects.select_related("flow_version").get(session=session)
        assert analysis.left_at_node == ""
        assert analysis.flow_version
        assert analysis.flow_version.flow_id == flow.pk


@pytest.mark.django_db(transaction=True)
def test_scripts_and_notes_at_once_each_get_a_place(cast: Cast) -> None:
    """Without the session's lock two of them take one position."""
    session, version = begin(cast, False), make_template(cast.account)
    start = threading.Barrier(6)
    failed: list[Exception] = []

    def work(number: int) -> None:
        try:
            start.wait()
            if number % 2:
                generate(cast.bob, session, version)
            else:
                note_add(actor=cast.bob, session_id=session.pk, revision=None, text="x")  # type: ignore[arg-type]
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(session.steps.values_list("position", flat=True)) == list(range(6))
    assert session.steps.filter(kind="script", generated_script__isnull=False).count() == 3
