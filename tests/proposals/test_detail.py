"""The proposal's page: what it tells, what it asks, and where it leads after a decision."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from flowpilot.common.audit import audit_record
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.models import Flow
from proposals.models import FlowProposal, ProposalEvidence, ProposalViewer
from proposals.review import proposal_dismiss
from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import definition, make_change, make_proposal, make_session

pytestmark = pytest.mark.django_db
QUEUE = reverse("admin:proposals_flowproposal_changelist")


def url(proposal: FlowProposal, page: str = "change") -> str:
    return reverse(f"admin:proposals_flowproposal_{page}", args=[proposal.pk])


def decide(browser: Client, proposal: FlowProposal, **data: Any) -> Any:
    return browser.post(url(proposal, "decide"), {"revision": proposal.revision, "notes": "", **data}, follow=True)


def told(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def text_of(response: Any) -> str:
    return str(response.content.decode())


class TestDeciding:
    def test_approve_publishes_says_so_and_offers_undo(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        response = decide(login(cast.alice), proposal, decision="approve")
        flow = Flow.objects.get()
        assert "approved, published as version 1" in told(response)
        assert reverse("admin:flows_flow_change", args=[flow.pk]) in told(response)
        assert url(proposal, "undo") in told(response)

    def test_the_next_of_the_queue_follows(self, cast: Cast, login: Any) -> None:
        first, second, third = (make_proposal(cast.account, impact=impact) for impact in (9, 5, 1))
        response = decide(login(cast.alice), second, decision="dismiss")
        assert response.redirect_chain[-1][0] == url(third)
        assert decide(login(cast.alice), third, decision="dismiss").redirect_chain[-1][0] == url(first)

    def test_the_next_keeps_to_the_filters_of_the_list(self, cast: Cast, login: Any) -> None:
        here = make_proposal(cast.account, impact=9, problem_domain="email")
        make_proposal(cast.account, impact=5, problem_domain="printing")
        wanted = make_proposal(cast.account, impact=1, problem_domain="email")
        response = decide(
            login(cast.alice), here, decision="dismiss", _changelist_filters="problem_domain=email&status=pending"
        )
        assert response.redirect_chain[-1][0].startswith(url(wanted) + "?_changelist_filters=problem_domain%3Demail")
        assert 'name="_changelist_filters" value="problem_domain=email&amp;status=pending"' in text_of(response)

    def test_filters_that_mean_nothing_stop_nobody(self, cast: Cast, login: Any) -> None:
        here, other = make_proposal(cast.account, impact=2), make_proposal(cast.account, impact=1)
        response = decide(login(cast.alice), here, decision="dismiss", _changelist_filters="tier=none&q=%ff&p=x")
        assert response.redirect_chain[-1][0].startswith(url(other))

    def test_after_the_last_one_the_list_opens_with_a_kind_word(self, cast: Cast, login: Any) -> None:
        response = decide(login(cast.alice), make_proposal(cast.account), decision="dismiss")
        assert response.redirect_chain[-1][0] == QUEUE
        assert "nothing is left to review" in told(response)

    def test_picked_reasons_and_notes_are_the_reason(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        decide(login(cast.alice), proposal, decision="reject", reasons=["Too vague", "Unsafe"], notes="see step 2")
        proposal.refresh_from_db()
        assert (proposal.status, proposal.reviewer_notes) == ("rejected", "Too vague; Unsafe. see step 2")

    def test_reject_without_a_reason_is_told(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        assert "say why" in told(decide(login(cast.alice), proposal, decision="reject"))
        proposal.refresh_from_db()
        assert proposal.is_pending

    def test_a_date_to_wake_that_has_come_is_told_and_nothing_typed_is_lost(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        day = timezone.localdate().isoformat()
        response = decide(
            login(cast.alice), proposal, decision="dismiss", wake="date", wake_date=day, notes="after the holidays"
        )
        assert "choose a later one" in told(response)
        assert "after the holidays</textarea>" in text_of(response)
        assert f'value="{day}"' in text_of(response)

    def test_a_stale_page_is_told_decides_nothing_and_keeps_what_was_typed(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        FlowProposal.objects.update(revision=2)
        browser = login(cast.alice)
        response = decide(browser, proposal, decision="reject", reasons=["Unsafe"], notes="typed for a long time")
        assert "revision 2" in told(response)
        page = text_of(response)
        assert "typed for a long time</textarea>" in page
        assert 'value="Unsafe" id="id_reasons_4" checked' in page
        assert 'name="revision" value="2"' in page
        proposal.refresh_from_db()
        assert proposal.is_pending
        decide(browser, proposal, decision="reject", notes="typed for a long time")
        assert "typed for a long time</textarea>" not in text_of(browser.get(url(make_proposal(cast.account))))

    def test_a_decided_one_tells_who_decided(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        proposal_dismiss(actor=cast.olivia, proposal_id=proposal.pk, revision=1)
        cast.account.time_zone = "Asia/Tokyo"
        cast.account.save()
        message = told(decide(login(cast.alice), proposal, decision="approve"))
        assert "Olivia has decided this already: dismissed on " in message
        assert message.endswith(" JST."), "the time is told in the reader's own time zone"

    def test_no_approve_button_for_a_change(self, cast: Cast, login: Any) -> None:
        page = text_of(login(cast.alice).get(url(make_change(cast.account))))
        assert 'value="approve"' not in page
        assert 'value="reject"' in page

    def test_an_analyst_reads_but_has_no_buttons(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        browser = login(cast.carol)
        page = browser.get(url(proposal))
        assert page.status_code == 200
        assert 'name="decision"' not in text_of(page)
        for door in ("decide", "undo", "merge", "claim"):
            assert browser.post(url(proposal, door), {"decision": "approve"}).status_code == 403

    def test_an_unknown_decision_is_404(self, cast: Cast, login: Any) -> None:
        assert decide(login(cast.alice), make_proposal(cast.account), decision="burn").status_code == 404


class TestEvidence:
    def lines(self, response: Any) -> dict[int, list[int]]:
        """{session: the lines shown of it}."""
        return {
            quoted.session.pk: [line.index for line in quoted.lines] for quoted in response.context["page"].sessions
        }

    def test_shows_exactly_the_lines_that_the_node_rests_on(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account, sessions=3)
        one, two, three = proposal.supporting_sessions.order_by("pk")
        proposal.node_evidence = {"n1": [[one.pk, 0], [two.pk, 0], [two.pk, 1]], "n2": [[three.pk, 1]]}
        proposal.save()
        browser = login(cast.alice)
        response = browser.get(url(proposal, "evidence"), {"node": "n1"})
        assert self.lines(response) == {one.pk: [0], two.pk: [0, 1]}
        assert self.lines(browser.get(url(proposal, "evidence"), {"node": "n2"})) == {three.pk: [1]}
        page = text_of(response)
        assert "“Does the VPN client connect?”" in page
        assert "“Yes”" in page
        assert f"{reverse('admin:ai_sessions_aisession_change', args=[two.pk])}#line-1" in page
        assert two.external_id in page
        assert three.external_id not in page

    def test_quotes_a_transcript_with_the_answer(self, cast: Cast, login: Any) -> None:
        turns = ["No VPN", "Is the router on?", "I think so", "It blinks", "Restart it"]
        roles = ["user", "agent", "user", "user", "agent"]
        talk = [{"role": role, "text": text} for role, text in zip(roles, turns, strict=True)]
        session = make_session(cast.account, steps=None, transcript=talk)
        proposal = make_proposal(cast.account, sessions=0, node_evidence={"n1": [[session.pk, 1]]})
        ProposalEvidence.objects.create(account=cast.account, proposal=proposal, session=session)
        response = login(cast.alice).get(url(proposal, "evidence"), {"node": "n1"})
        (line,) = response.context["page"].sessions[0].lines
        assert (line.said, line.answers) == ("Is the router on?", ("I think so", "It blinks"))

    def test_pages_hold_every_session_once(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account, sessions=23)
        ids = sorted(proposal.supporting_sessions.values_list("pk", flat=True))
        proposal.node_evidence = {"n1": [[pk, 0] for pk in ids]}
        proposal.save()
        browser = login(cast.alice)
        for query in ({"node": "n1"}, {}):
            pages = [browser.get(url(proposal, "evidence"), {**query, "page": n, "fragment": 1}) for n in (1, 2, 3)]
            assert [len(self.lines(page)) for page in pages] == [10, 10, 3]
            assert sorted(pk for page in pages for pk in self.lines(page)) == ids
            assert "data-more" in text_of(pages[1])
            assert "data-more" not in text_of(pages[2])

    def test_a_session_that_is_gone_is_counted_as_not_shown(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account, sessions=2)
        kept, gone = proposal.supporting_sessions.order_by("pk")
        proposal.node_evidence = {"n1": [[kept.pk, 0], [gone.pk, 0]]}
        proposal.save()
        gone.delete()
        response = login(cast.alice).get(url(proposal, "evidence"), {"node": "n1"})
        assert list(self.lines(response)) == [kept.pk]
        assert "1 more is not shown" in text_of(response)

    def test_another_accounts_session_is_never_quoted(self, cast: Cast, login: Any) -> None:
        foreign = make_session(cast.other_account, title="Zyzzyva")
        proposal = make_proposal(cast.account, sessions=0, node_evidence={"n1": [[foreign.pk, 0]]})
        ProposalEvidence.objects.create(account=cast.account, proposal=proposal, session=foreign)
        for user in (cast.alice, cast.root):
            for query in ({"node": "n1"}, {}):
                assert "Zyzzyva" not in text_of(login(user).get(url(proposal, "evidence"), query))

    def test_an_unknown_step_is_404(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        assert login(cast.alice).get(url(proposal, "evidence"), {"node": "n99"}).status_code == 404


class TestPresence:
    def beat(self, browser: Client, proposal: FlowProposal) -> dict[str, Any]:
        answer: dict[str, Any] = browser.post(url(proposal, "presence")).json()
        return answer

    def test_others_are_named_and_oneself_is_not(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        assert self.beat(login(cast.alice), proposal)["viewers"] == []
        assert self.beat(login(cast.olivia), proposal)["viewers"] == ["Alice"]
        assert "Olivia is reading this too." in text_of(login(cast.alice).get(url(proposal)))

    def test_who_has_left_is_not_named(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        self.beat(login(cast.alice), proposal)
        ProposalViewer.objects.update(seen_at=timezone.now() - timedelta(minutes=1))
        assert self.beat(login(cast.olivia), proposal)["viewers"] == []

    def test_reading_the_page_alone_writes_nothing(self, cast: Cast, login: Any) -> None:
        login(cast.alice).get(url(make_proposal(cast.account)))
        assert not ProposalViewer.objects.exists()

    def test_tells_of_a_new_revision_and_of_a_decision(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        FlowProposal.objects.update(revision=3)
        proposal_dismiss(actor=cast.olivia, proposal_id=proposal.pk, revision=3)
        answer = self.beat(login(cast.alice), proposal)
        assert (answer["revision"], answer["status"]) == (3, "dismissed")

    def test_a_claim_warns_until_it_runs_out(self, cast: Cast, login: Any) -> None:
        until = timezone.now() + timedelta(minutes=5)
        proposal = make_proposal(cast.account, claimed_by=cast.olivia, claimed_until=until)
        assert self.beat(login(cast.alice), proposal)["claim"].startswith("Claimed by Olivia until")
        assert self.beat(login(cast.olivia), proposal)["claim"].startswith("You have claimed it until")
        FlowProposal.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert self.beat(login(cast.alice), proposal)["claim"] == ""


class TestTelling:
    def test_a_change_is_told_against_the_version_it_was_made_from(self, cast: Cast, login: Any) -> None:
        proposal = make_change(cast.account)
        assert proposal.base_version is not None
        diff = diff_definitions(proposal.base_version.definition, proposal.proposed_flow_data)
        FlowProposal.objects.update(proposed_diff=diff.to_json())
        page = text_of(login(cast.alice).get(url(proposal)))
        assert "Compared with version 1" in page
        assert "<del>Restart the router</del> <ins>Restart the router and wait for two minutes</ins>" in page
        assert "The flow has moved on" not in page

    def test_warns_when_the_flow_has_moved_on(self, cast: Cast, login: Any) -> None:
        from flowpilot.flows.services import flow_version_publish

        proposal = make_change(cast.account)
        assert proposal.target_flow is not None
        flow_version_publish(
            actor=cast.alice, flow=proposal.target_flow, base_number=1, definition=definition("Is it on?"), note="x"
        )
        assert "The flow has moved on" in text_of(login(cast.alice).get(url(proposal)))

    def test_counts_and_confidence_are_told_in_plain_words(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(
            cast.account, sessions=3, replays_tried=58, replays_succeeded=49, confidence_score=0.72
        )
        one, two, _ = proposal.supporting_sessions.order_by("pk")
        FlowProposal.objects.update(node_evidence={"n2": [[one.pk, 1], [two.pk, 1]]})
        page = text_of(login(cast.alice).get(url(proposal)))
        assert "2 of 3 sessions went here" in page
        assert "Ended as they did: 49 of 58 replays of sessions kept out; at least 0.72" in page

    def test_history_reads_as_sentences(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        audit_record(
            actor=None,
            action="proposal.revised",
            target=proposal,
            after={"revision": 2, "changes": ["3 more sessions.", "one question was reworded."]},
        )
        decide(login(cast.olivia), proposal, decision="approve", notes="Looks right")
        page = text_of(login(cast.alice).get(url(proposal)))
        assert "Revision 2: 3 more sessions; one question was reworded" in page
        assert "Olivia approved and published it as version 1" in page
        assert "Mined from the sessions" in page

    def test_similar_ones_are_named_by_their_sketches(self, cast: Cast, login: Any) -> None:
        words = {
            "vpn": ["vpn tunnel drop", "vpn connect", "vpn tunnel router restart"],
            "print": ["printer paper jam", "tray open", "printer tray paper roller"],
        }

        def proposal_about(name: str, title: str) -> FlowProposal:
            made = make_proposal(cast.account, title=title)
            made.topic.sketch = [[f"{title}{n}", *words[name]] for n in range(5)]
            made.topic.save()
            return made

        here, twin = proposal_about("vpn", "VPN one"), proposal_about("vpn", "Tunnel two")
        proposal_about("print", "Paper jam")
        response = login(cast.alice).get(url(here, "similar"))
        assert [(item.proposal, item.words) for item in response.context["similar"]] == [
            (twin, "likely the same problem")
        ]
        assert f'name="into" value="{twin.pk}"' in text_of(response)
        # What came of it itself is not like it: it is it.
        decide(login(cast.olivia), here, decision="approve", notes="")
        after = login(cast.alice).get(url(here, "similar")).context["similar"]
        assert [item.proposal for item in after] == [twin]


class TestCost:
    def make(self, cast: Cast, width: int, sessions: int) -> FlowProposal:
        """A root with `width` answers, each to a question with as many, which all end; resting on so many sessions."""

        def step(name: str, targets: list[str]) -> dict[str, Any]:
            options = [{"id": f"o{n}", "label": f"Answer {n}", "next": target} for n, target in enumerate(targets)]
            return {"id": name, "kind": "question", "text": f"Step {name}?", "options": options}

        within = range(width)
        tree = [step("n", [f"n{a}" for a in within])]
        tree += [step(f"n{a}", [f"n{a}-{b}" for b in within]) for a in within]
        tree += [{"id": f"n{a}-{b}", "kind": "resolution", "text": f"End {a} {b}"} for a in within for b in within]
        proposal = make_proposal(
            cast.account, sessions=0, proposed_flow_data={"schema_version": 1, "root": "n", "nodes": tree}
        )
        base = make_session(cast.account)
        rows = AISession.objects.bulk_create(
            AISession(
                account=cast.account, external_id=f"{proposal.pk}-{n}", status="resolved", title=f"Session {n}",
                client=base.client, started_at=base.started_at,
            )
            for n in range(sessions)
        )  # fmt: skip
        ProposalEvidence.objects.bulk_create(
            ProposalEvidence(account=cast.account, proposal=proposal, session=row) for row in rows
        )
        proposal.node_evidence = {
            node["id"]: [[row.pk, 0] for row in rows[: sessions // (n + 1)]] for n, node in enumerate(tree)
        }
        proposal.supporting_session_count = sessions
        proposal.save()
        return proposal

    def queries(self, browser: Client, address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(address).status_code == 200
        return len(captured)

    def test_a_large_proposal_asks_the_database_as_often_as_a_small_one(self, cast: Cast, login: Any) -> None:
        small, large = self.make(cast, 2, 5), self.make(cast, 21, 2_000)
        browser = login(cast.alice)
        pages = {
            "page": (url(small), url(large)),
            "evidence": (url(small, "evidence"), url(large, "evidence")),
            "lines": (url(small, "evidence") + "?node=n", url(large, "evidence") + "?node=n"),
            "similar": (url(small, "similar"), url(large, "similar")),
        }
        assert len(large.proposed_flow_data["nodes"]) == 463
        self.queries(browser, url(small))  # what the process remembers, such as content types
        few = {name: self.queries(browser, address) for name, (address, _) in pages.items()}
        assert {name: self.queries(browser, address) for name, (_, address) in pages.items()} == few
        assert few["page"] <= 16
        assert few["lines"] == 7
