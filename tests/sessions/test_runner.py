"""The session runner's services: what is recorded, what is refused, who wins."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from flowpilot.accounts.models import Team, User
from flowpilot.accounts.roles import Role
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound, ServiceError
from flowpilot.common.models import AuditEvent
from sessions.models import AISession, Handover, PsaPush
from sessions.runner.attach import attachment_add, content_type_of
from sessions.runner.ending import (
    handover_claim,
    session_abandon,
    session_escalate,
    session_feedback,
    session_pause,
    session_resolve,
    session_resume,
    summary_of,
)
from sessions.runner.guide import StepDraft, guide
from sessions.runner.start import Start, session_guide, session_start
from sessions.runner.steps import (
    node_of,
    note_add,
    step_answer,
    step_back,
    step_free,
    step_jump,
    step_none_of_these,
)
from sessions.runner.talk import talk_apply
from sessions.tasks import abandon_idle_sessions
from tests.conftest import Cast
from tests.factories import make_connection, make_flow, make_member, make_session

pytestmark = pytest.mark.django_db
PROBLEM = "The VPN does not connect from home"


def begin(cast: Cast, guided: bool = True, actor: User | None = None, **fields: Any) -> AISession:
    flow_id = make_flow(cast.account).flow_id if guided else None
    start = Start(problem=PROBLEM, client="Acme", **fields)
    return session_start(actor=actor or cast.bob, account=cast.account, start=start, flow_id=flow_id, score=0.9)


def go(cast: Cast, service: Callable[..., Any], session: AISession, **fields: Any) -> AISession:
    """Call a service as Bob, at the session's own revision; gives the session as it is now."""
    session.refresh_from_db()
    service(actor=cast.bob, session_id=session.pk, revision=session.revision, **fields)
    return AISession.objects.select_related("flow_version").get(pk=session.pk)


class TestStart:
    def test_a_guided_session_stands_at_the_root(self, cast: Cast) -> None:
        session = begin(cast, psa_ticket_id="48213")
        assert (session.node_id, session.status, session.tier) == ("n1", "active", "guided")
        assert session.external_id == f"FP-{session.pk}"
        assert (session.client.name, session.technician, session.psa_ticket_id) == ("Acme", cast.bob, "48213")  # type: ignore[union-attr]
        assert session.title == PROBLEM

    def test_free_form_is_discovery(self, cast: Cast) -> None:
        session = begin(cast, guided=False)
        assert (session.node_id, session.tier, node_of(session)) == ("", "discovery", None)

    def test_refusals(self, cast: Cast) -> None:
        foreign = make_flow(cast.other_account)
        with pytest.raises(InvalidInput, match="problem"):
            session_start(actor=cast.bob, account=cast.account, start=Start(problem="  "))
        with pytest.raises(InvalidInput, match="NUL"):
            session_start(actor=cast.bob, account=cast.account, start=Start(problem="a\x00b"))
        with pytest.raises(NotFound):
            session_start(actor=cast.bob, account=cast.account, start=Start(problem=PROBLEM), flow_id=foreign.flow_id)
        for actor, account in ((cast.carol, cast.account), (cast.bob, cast.other_account)):
            with pytest.raises(NotAllowed):
                session_start(actor=actor, account=account, start=Start(problem=PROBLEM))


class TestGuided:
    def test_answers_lead_through_the_flow_and_are_what_analysis_reads(self, cast: Cast) -> None:
        session = begin(cast)
        session = go(cast, step_answer, session, node_id="n1", option_id="o1", response="it does")
        session = go(cast, step_answer, session, node_id="n2", option_id="o1")
        assert session.node_id == "n3"
        steps = session.steps.values_list("kind", "prompt", "options", "selected_option", "response", "node_id")
        assert list(steps) == [
            ("question", "Does the VPN client connect?", ["Yes", "No"], "Yes", "it does", "n1"),
            ("action", "Restart the router", ["Done"], "Done", None, "n2"),
        ]
        assert summary_of(session) == "It works again. Restart the router"
        assert session.tier == "guided"

    def test_none_of_these_is_recorded_and_the_tier_falls(self, cast: Cast) -> None:
        session = begin(cast)
        session = go(cast, step_none_of_these, session, node_id="n1", response="it connects and drops")
        assert (session.node_id, session.tier) == ("", "discovery")
        step = session.steps.get()
        assert (step.selected_option, step.response, step.options) == (None, "it connects and drops", ["Yes", "No"])
        session = go(cast, step_free, session, prompt="Changed the MTU", response="stable")
        assert session.steps.count() == 2

    def test_back_asks_again_and_jump_goes_anywhere(self, cast: Cast) -> None:
        session = go(cast, step_answer, begin(cast), node_id="n1", option_id="o1")
        session = go(cast, step_back, session)
        assert (session.node_id, session.steps.count()) == ("n1", 0)
        session = go(cast, step_jump, session, node_id="n2")
        assert session.node_id == "n2"
        with pytest.raises(InvalidInput, match="no such step"):
            go(cast, step_jump, session, node_id="n9")
        session = go(cast, step_back, go(cast, note_add, session, text="asked twice"))
        with pytest.raises(Conflict, match="no step"):
            go(cast, step_back, session)

    def test_time_at_the_node_is_kept(self, cast: Cast) -> None:
        session = begin(cast)
        AISession.objects.update(node_since=timezone.now() - timedelta(seconds=90))
        session = go(cast, step_answer, session, node_id="n1", option_id="o1")
        assert session.steps.get().seconds in range(90, 95)

    def test_two_tabs_do_not_corrupt_it(self, cast: Cast) -> None:
        session = begin(cast)
        seen = session.revision
        go(cast, step_answer, session, node_id="n1", option_id="o1")
        with pytest.raises(Conflict, match="another tab"):
            step_answer(actor=cast.bob, session_id=session.pk, revision=seen, node_id="n1", option_id="o2")
        assert session.steps.count() == 1

    def test_refusals(self, cast: Cast) -> None:
        session = begin(cast)
        with pytest.raises(InvalidInput, match="answers that are shown"):
            go(cast, step_answer, session, node_id="n1", option_id="o9")
        with pytest.raises(Conflict, match="another step"):
            go(cast, step_answer, session, node_id="n2", option_id="o1")
        session = go(cast, step_answer, session, node_id="n1", option_id="o2")
        with pytest.raises(Conflict, match="the flow ends here"):
            go(cast, step_answer, session, node_id="n4", option_id="o1")
        with pytest.raises(InvalidInput, match="a question, an action or help"):
            go(cast, step_free, session, prompt="x", kind="dance")

    def test_a_flow_can_be_taken_up_later(self, cast: Cast) -> None:
        session = go(cast, step_free, begin(cast, guided=False), prompt="Asked around")
        session = go(cast, session_guide, session, flow_id=make_flow(cast.account).flow_id, score=0.6)
        assert (session.node_id, session.tier) == ("n1", "exploring")

    def test_only_who_may_work_it_does(self, cast: Cast) -> None:
        session = begin(cast)
        for actor, refusal in ((cast.carol, NotAllowed), (cast.mallory, NotFound)):
            with pytest.raises(refusal):
                note_add(actor=actor, session_id=session.pk, revision=0, text="mine")
        imported = make_session(cast.account)
        with pytest.raises(NotAllowed, match="worked elsewhere"):
            note_add(actor=cast.bob, session_id=imported.pk, revision=0, text="mine")


class TestEnding:
    def test_resolved_is_due_for_analysis(self, cast: Cast) -> None:
        session = go(cast, session_resolve, begin(cast), summary="Router restarted")
        assert (session.status, session.resolution_summary) == ("resolved", "Router restarted")
        assert session.ended_at
        assert session.analysis_due_at
        assert AuditEvent.objects.filter(action="session.resolved", object_id=session.pk).count() == 1
        with pytest.raises(Conflict, match="has ended"):
            go(cast, session_resolve, session, summary="Again")

    def test_the_ticket_is_told_in_the_same_transaction(self, cast: Cast) -> None:
        make_connection(cast.account, "connectwise")
        session = begin(cast, psa_system="connectwise", psa_ticket_id="48213")
        session = go(cast, session_resolve, session, summary="Router restarted")
        push = PsaPush.objects.get(kind="note")
        assert (push.session, push.ticket_id, push.state) == (session, "48213", "pending")
        assert "Router restarted" in push.payload["text"]
        go(cast, session_resolve, begin(cast), summary="No ticket, no push")
        assert PsaPush.objects.filter(kind="note").count() == 1

    def test_paused_waits_and_goes_on(self, cast: Cast) -> None:
        session = go(cast, session_pause, begin(cast))
        with pytest.raises(Conflict, match="paused"):
            go(cast, step_answer, session, node_id="n1", option_id="o1")
        session = go(cast, session_resume, session)
        assert go(cast, step_answer, session, node_id="n1", option_id="o1").node_id == "n2"

    def test_abandoned_is_not_analysed(self, cast: Cast) -> None:
        assert go(cast, session_abandon, begin(cast)).analysis_due_at is None

    def test_idle_ones_are_abandoned_once(self, cast: Cast) -> None:
        idle, busy, imported = begin(cast, False), begin(cast, False), make_session(cast.account, status="active")
        long_ago = timezone.now() - timedelta(hours=25)
        AISession.objects.filter(pk__in=[idle.pk, imported.pk]).update(touched_at=long_ago, started_at=long_ago)
        assert [abandon_idle_sessions(), abandon_idle_sessions()] == [1, 0]
        for session, status in ((idle, "abandoned"), (busy, "active"), (imported, "active")):
            session.refresh_from_db()
            assert session.status == status
        assert idle.ended_at == long_ago

    def test_feedback_is_said_after_the_end(self, cast: Cast) -> None:
        session = begin(cast)
        with pytest.raises(Conflict):
            session_feedback(actor=cast.bob, session_id=session.pk, rating=4)
        go(cast, session_resolve, session, summary="done")
        with pytest.raises(InvalidInput, match="1 to 5"):
            session_feedback(actor=cast.bob, session_id=session.pk, rating=6)
        said = session_feedback(actor=cast.bob, session_id=session.pk, rating=4, flow_was_right=False, text="too long")
        assert (said.rating, said.flow_was_right, said.feedback) == (4, False, "too long")

    def test_the_summary_is_drafted_from_what_was_found_where_nothing_was_done(self, cast: Cast) -> None:
        session = go(
            cast, step_free, begin(cast, False), kind="question", prompt="Is there paper?", response="No. Filled"
        )
        assert summary_of(session) == "Is there paper? No. Filled"
        assert summary_of(go(cast, step_free, session, prompt="Printed a page")) == "Printed a page"


class TestHandover:
    def escalated(self, cast: Cast, **to: Any) -> AISession:
        session = go(cast, step_answer, begin(cast), node_id="n1", option_id="o1")
        session = go(cast, step_answer, session, node_id="n2", option_id="o1")
        session = go(cast, note_add, session, text="the user is on a train")
        return go(cast, session_escalate, session, reason="Needs the firewall", **to)

    def test_carries_what_the_receiver_must_know(self, cast: Cast) -> None:
        packet = Handover.objects.get(session=self.escalated(cast)).packet
        assert packet["problem"] == PROBLEM
        assert packet["client"] == "Acme"
        assert packet["path"] == [["Does the VPN client connect?", "Yes"]]
        assert packet["tried"] == [["Restart the router", "Done"]]
        assert packet["notes"] == ["the user is on a train"]

    def test_the_receiver_goes_on_in_the_same_session(self, cast: Cast) -> None:
        session = self.escalated(cast, to_user_id=cast.alice.pk)
        assert (session.status, session.analysis_due_at is not None) == ("escalated", True)
        session = handover_claim(actor=cast.alice, session_id=session.pk)
        assert (session.status, session.technician, session.ended_at, session.analysis_due_at) == (
            "active", cast.alice, None, None,
        )  # fmt: skip
        note_add(actor=cast.alice, session_id=session.pk, revision=session.revision, text="on it")
        handover = Handover.objects.get()
        assert handover.claimed_by == cast.alice
        assert handover.first_step_at

    def test_is_for_whom_it_was_given_to(self, cast: Cast) -> None:
        session = self.escalated(cast, to_user_id=cast.alice.pk)
        other = make_member(cast.account, Role.TECHNICIAN, name="Tom")
        with pytest.raises(NotAllowed, match="handed to Alice"):
            handover_claim(actor=other, session_id=session.pk)
        # Somebody may be away: an owner takes it up in their place.
        assert handover_claim(actor=cast.olivia, session_id=session.pk).technician == cast.olivia

    @pytest.mark.parametrize("is_named", [True, False], ids=["to a person", "to a team"])
    def test_another_team_takes_it_up(self, cast: Cast, is_named: bool) -> None:
        """Who works for one team sees that team's sessions only, and what another one hands to them."""
        network = Team.objects.create(account=cast.account, name="Network")
        nora, tom = (
            make_member(cast.account, Role.TECHNICIAN, name=name, team=team)
            for name, team in (("Nora", network), ("Tom", cast.team))
        )
        start = begin(cast, actor=tom)
        step_free(actor=tom, session_id=start.pk, revision=start.revision, prompt="Restarted the client")
        with pytest.raises(NotFound):
            handover_claim(actor=nora, session_id=start.pk)
        to = {"to_user_id": nora.pk} if is_named else {"to_team_id": network.pk}
        session_escalate(actor=tom, session_id=start.pk, revision=start.revision + 1, reason="A switch is down", **to)
        assert [list(Handover.objects.waiting_for(user)) != [] for user in (nora, tom)] == [True, False]
        with pytest.raises(NotAllowed, match="handed to N"):
            handover_claim(actor=tom, session_id=start.pk)
        with pytest.raises(NotFound):
            handover_claim(actor=cast.mallory, session_id=start.pk)
        with pytest.raises(NotFound):
            # To take it up is all that it is handed for.
            note_add(actor=nora, session_id=start.pk, revision=start.revision + 2, text="mine")
        session = handover_claim(actor=nora, session_id=start.pk)
        assert (session.technician, session.team) == (nora, network)
        note_add(actor=nora, session_id=session.pk, revision=session.revision, text="on it")
        event = AuditEvent.objects.get(action="session.claimed")
        assert (event.before["team"], event.after["team"]) == ("Service Desk", "Network")
        assert not AISession.objects.for_user(tom).exists()

    def test_receivers_are_the_accounts_own(self, cast: Cast) -> None:
        session = begin(cast)
        # Carol reads sessions and works none: it would wait for her in vain.
        for to in ({"to_user_id": cast.mallory.pk}, {"to_user_id": cast.carol.pk}, {"to_team_id": 987654}):
            with pytest.raises(NotFound):
                go(cast, session_escalate, session, reason="help", **to)
        with pytest.raises(InvalidInput, match="not to both"):
            go(cast, session_escalate, session, reason="help", to_user_id=cast.alice.pk, to_team_id=cast.team.pk)

    def test_nothing_to_take_up(self, cast: Cast) -> None:
        with pytest.raises(Conflict, match="not handed over"):
            handover_claim(actor=cast.alice, session_id=begin(cast).pk)


def claims_at_once(cast: Cast, session: AISession, people: list[User]) -> tuple[list[User], list[str]]:
    won: list[User] = []
    told: list[str] = []
    start = threading.Barrier(len(people))

    def work(person: User) -> None:
        try:
            start.wait()
            handover_claim(actor=person, session_id=session.pk)
            won.append(person)
        except ServiceError as error:
            told.append(error.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won, told


@pytest.mark.django_db(transaction=True)
def test_of_two_claims_at_once_one_wins(cast: Cast) -> None:
    people = [make_member(cast.account, Role.TECHNICIAN, name=f"T{n}") for n in range(6)]
    session = go(cast, session_escalate, begin(cast), reason="help")
    won, told = claims_at_once(cast, session, people)
    assert len(won) == 1
    assert told == [f"{won[0]} has taken it up already"] * 5


@pytest.mark.django_db(transaction=True)
def test_without_the_row_lock_more_than_one_would(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [make_member(cast.account, Role.TECHNICIAN, name=f"T{n}") for n in range(6)]
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows)
    sessions = [go(cast, session_escalate, begin(cast, False), reason="help") for _ in range(10)]
    assert max(len(claims_at_once(cast, session, people)[0]) for session in sessions) > 1


class TestTalk:
    TALK = """User: I cannot print
Agent: Is the printer switched on?
User: Yes it is
[10:32] Agent: Please fill the paper tray.
User: Done, it prints again
Agent: You are welcome, goodbye!"""

    def test_is_read_into_steps(self) -> None:
        read = guide().read_talk(self.TALK)
        assert read.problem == "I cannot print"
        assert [(step.kind, step.prompt, step.response) for step in read.steps] == [
            ("question", "Is the printer switched on?", "Yes it is"),
            ("action", "Please fill the paper tray.", "Done, it prints again"),
        ]

    def test_who_is_not_named_by_role_is_told_by_who_begins(self) -> None:
        read = guide().read_talk("Maria: no sound\nJohn: Which headset?\nMaria: the blue one")
        assert [step.prompt for step in read.steps] == ["Which headset?"]

    def test_a_text_without_speakers_is_told(self) -> None:
        with pytest.raises(InvalidInput, match="nobody speaks"):
            guide().read_talk("it just broke")

    def test_corrected_steps_are_added(self, cast: Cast) -> None:
        session = go(cast, talk_apply, begin(cast, False), steps=[StepDraft("question", "Switched on?", "Yes")])
        assert list(session.steps.values_list("prompt", "response")) == [("Switched on?", "Yes")]
        with pytest.raises(InvalidInput, match="step 1"):
            go(cast, talk_apply, session, steps=[StepDraft("question", " ", "")])


class TestGuide:
    def test_matches_the_problem_and_says_why(self, cast: Cast) -> None:
        make_flow(cast.account, title="VPN does not connect")
        make_flow(cast.account, title="Printer prints nothing")
        make_flow(cast.other_account, title="VPN does not connect")
        match, *_ = guide().matches(cast.bob, cast.account.pk, PROBLEM)
        assert match.version.flow.title == "VPN does not connect"
        assert match.version.account_id == cast.account.pk
        assert any("vpn" in why for why in match.why)
        assert "nothing is measured of it yet" in match.why

    def test_knows_a_flow_by_the_problems_that_it_solved(self, cast: Cast) -> None:
        make_flow(cast.account, title="Printer prints nothing")
        hand_written = make_flow(cast.account, title="Tunnels").flow
        problem = "Globeprotect wants a second factor"
        assert guide().matches(cast.bob, cast.account.pk, problem) == []
        for number in range(3):
            session = make_session(
                cast.account, external_id=f"T-{number}", problem_summary=f"Globeprotect {number} failing"
            )
            AISession.objects.filter(pk=session.pk).update(
                flow=hand_written, status="resolved", ended_at=timezone.now()
            )
        make_flow(cast.account, title="Something else is published")
        [match] = guide().matches(cast.bob, cast.account.pk, problem)
        assert match.version.flow == hand_written
        assert "shares globeprotect" in match.why

    def test_tells_words_as_they_were_typed(self, cast: Cast) -> None:
        make_flow(cast.account, title="Synchronising folders")
        [match] = guide().matches(cast.bob, cast.account.pk, "my folders are not synchronised")
        assert match.why[0] == "shares folders, synchronised"

    def test_notices_a_flow_that_was_published_since(self, cast: Cast) -> None:
        assert guide().matches(cast.bob, cast.account.pk, PROBLEM) == []
        make_flow(cast.account, title="VPN does not connect")
        assert len(guide().matches(cast.bob, cast.account.pk, PROBLEM)) == 1

    @pytest.mark.parametrize(("text", "option"), [("yes it does", "o1"), ("no, nothing happens", "o2")])
    def test_reads_a_free_answer(self, cast: Cast, text: str, option: str) -> None:
        assert guide().answer_of(make_flow(cast.account), "n1", text) == option

    def test_what_it_cannot_tell_it_does_not_guess(self, cast: Cast) -> None:
        assert guide().answer_of(make_flow(cast.account), "n3", "whatever") is None


class TestFiles:
    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (b"\x89PNG\r\n\x1a\n....", "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"RIFF....WEBPVP8", "image/webp"),
            ("ERROR 0x80004005 \N{EN DASH} failed".encode(), "text/plain"),
            (b"MZ\x90\x00", None),
            (b"MZ\x90\x00\x03\x00\x00\x00WEBP", None),
            (b"\xff\xfe\x00a", None),
        ],
    )
    def test_are_told_apart_by_what_they_are(self, data: bytes, kind: str | None) -> None:
        assert content_type_of(data) == kind

    def test_refusals(self, cast: Cast, settings: Any, tmp_path: Any) -> None:
        settings.MEDIA_ROOT = tmp_path
        session = begin(cast)
        for data, told in (
            (b"", "empty"),
            (b"MZ\x90\x00", "only pictures"),
            (b"x" * (5 * 1024 * 1024 + 1), "too large"),
        ):
            with pytest.raises(InvalidInput, match=told):
                attachment_add(actor=cast.bob, session_id=session.pk, name="a", data=data)
        added = attachment_add(actor=cast.bob, session_id=session.pk, name='..\\..\\"x".log', data=b"boom")
        assert (added.name, added.content_type, added.size) == ("x.log", "text/plain", 4)
        assert added.key in str(added.file.name)
