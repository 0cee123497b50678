"""Proposals over the API."""

from typing import Any

import pytest
from django.urls import reverse

from flowpilot.flows.models import Flow
from proposals.models import FlowProposal, SessionAnalysis
from proposals.review import proposal_dismiss
from tests.conftest import Cast
from tests.factories import definition, make_change, make_proposal, make_session

pytestmark = pytest.mark.django_db


def url(proposal: FlowProposal, name: str = "detail") -> str:
    return reverse(f"api:proposal-{name}", args=[proposal.pk])


class TestReading:
    def test_the_list_is_by_evidence_and_can_be_filtered(self, cast: Cast, api: Any) -> None:
        make_proposal(cast.account, title="Once")
        often = make_proposal(cast.account, 3, title="Often", confidence_score=0.9)
        client = api(cast.sam)
        everything = client.get(reverse("api:proposal-list")).data
        assert [row["title"] for row in everything["results"]] == ["Often", "Once"]
        guided = client.get(reverse("api:proposal-list"), {"tier": "guided", "status": "pending"}).data
        assert [row["id"] for row in guided["results"]] == [often.pk]
        assert client.get(reverse("api:proposal-list"), {"status": "nonsense"}).status_code == 400

    def test_detail_has_the_fields_of_the_design(self, cast: Cast, api: Any) -> None:
        proposal = make_proposal(cast.account, 2)
        data = api(cast.carol).get(url(proposal)).data
        assert set(data) >= {
            "account", "team", "source_session", "proposal_type", "target_flow", "base_version", "title",
            "description", "proposed_flow_data", "proposed_diff", "confidence_score", "supporting_session_count",
            "supporting_session_ids", "problem_domain", "status", "reviewed_by", "reviewer_notes", "published_flow",
            "created_at", "reviewed_at",
        }  # fmt: skip
        assert sorted(data["supporting_session_ids"]) == sorted(s.pk for s in proposal.supporting_sessions.all())


class TestDeciding:
    def test_approve(self, cast: Cast, api: Any) -> None:
        proposal = make_proposal(cast.account)
        response = api(cast.alice).post(url(proposal, "approve"), {"revision": 1})
        assert response.status_code == 200
        assert response.data["status"] == "approved"
        assert response.data["published_flow"] == Flow.objects.get().pk

    def test_publish_an_edit(self, cast: Cast, api: Any) -> None:
        proposal = make_change(cast.account)
        edited = definition(yes="Restart the client")
        response = api(cast.alice).post(url(proposal, "publish"), {"revision": 1, "definition": edited})
        assert response.data["status"] == "modified"
        assert Flow.objects.get().versions.count() == 2

    def test_dismiss_and_reject(self, cast: Cast, api: Any) -> None:
        first, second = make_proposal(cast.account), make_proposal(cast.account)
        assert api(cast.alice).post(url(first, "dismiss"), {"revision": 1}).data["status"] == "dismissed"
        without = api(cast.alice).post(url(second, "reject"), {"revision": 1})
        assert (without.status_code, without.data["code"]) == (400, "invalid")
        assert [error["pointer"] for error in without.data["errors"]] == ["/notes"]
        told = api(cast.alice).post(url(second, "reject"), {"revision": 1, "notes": "too vague"})
        assert (told.data["status"], told.data["reviewer_notes"]) == ("rejected", "too vague")

    def test_a_dismissal_takes_a_scope_and_a_wake_condition(self, cast: Cast, api: Any) -> None:
        proposal = make_proposal(cast.account)
        how = {"revision": 1, "scope": "topic", "wake_sessions": 5, "wake_clients": 2}
        assert api(cast.alice).post(url(proposal, "dismiss"), how).status_code == 200
        proposal.refresh_from_db()
        assert (proposal.dismiss_scope, proposal.wake_sessions, proposal.wake_clients) == ("topic", 5, 2)
        late = {"revision": 1, "wake_at": "2020-01-01T00:00:00Z"}
        told = api(cast.alice).post(url(make_proposal(cast.account), "dismiss"), late)
        assert (told.status_code, told.data["code"]) == (400, "invalid")
        assert [error["pointer"] for error in told.data["errors"]] == ["/wake_at"]

    def test_an_invalid_definition_is_told_with_pointers(self, cast: Cast, api: Any) -> None:
        proposal = make_proposal(cast.account)
        broken = {**definition(), "root": "nowhere"}
        response = api(cast.alice).post(url(proposal, "publish"), {"revision": 1, "definition": broken})
        assert (response.status_code, response.data["code"]) == (400, "invalid_definition")
        assert "/root" in {error["pointer"] for error in response.data["errors"]}

    def test_a_change_cannot_be_approved(self, cast: Cast, api: Any) -> None:
        response = api(cast.alice).post(url(make_change(cast.account), "approve"), {"revision": 1})
        assert (response.status_code, response.data["code"]) == (403, "not_allowed")

    def test_a_stale_revision_and_a_decided_one_are_conflicts(self, cast: Cast, api: Any) -> None:
        stale, decided = make_proposal(cast.account, revision=2), make_proposal(cast.account)
        proposal_dismiss(actor=cast.olivia, proposal_id=decided.pk, revision=1)
        for proposal in (stale, decided):
            response = api(cast.alice).post(url(proposal, "approve"), {"revision": 1})
            assert (response.status_code, response.data["code"]) == (409, "conflict")

    @pytest.mark.parametrize("name", ["approve", "publish", "dismiss", "reject"])
    def test_only_reviewers_decide(self, cast: Cast, api: Any, name: str) -> None:
        proposal = make_proposal(cast.account)
        body = {"revision": 1, "notes": "why", "definition": definition()}
        assert api(cast.sam).post(url(proposal, name), body).status_code == 403
        assert api(cast.carol).post(url(proposal, name), body).status_code == 403
        assert api(cast.mallory).post(url(proposal, name), body).status_code == 404
        assert api(None).post(url(proposal, name), body).status_code == 401
        proposal.refresh_from_db()
        assert proposal.is_pending

    def test_a_claim_warns_others_and_is_given_back(self, cast: Cast, api: Any) -> None:
        proposal = make_proposal(cast.account)
        alice, olivia = api(cast.alice), api(cast.olivia)
        tag = olivia.get(url(proposal))["ETag"]
        claimed = alice.post(url(proposal, "claim"))
        assert (claimed.status_code, claimed.json()["claimed_by"]) == (200, cast.alice.email)
        seen = olivia.get(url(proposal), headers={"If-None-Match": tag})
        assert (seen.status_code, seen.json()["claimed_by"]) == (200, cast.alice.email), "304 would hide the claim"
        taken = olivia.post(url(proposal, "claim"))
        assert (taken.status_code, taken.json()["details"]["claimed_by"]) == (409, str(cast.alice))
        assert olivia.post(url(proposal, "release")).status_code == 409
        rejected = olivia.post(url(proposal, "reject"), {"notes": "Unclear."}, format="json", headers={"If-Match": tag})
        assert rejected.status_code == 200, "a claim stops nobody"

    def test_a_decision_is_undone_by_who_saw_it(self, cast: Cast, api: Any) -> None:
        proposal, client = make_proposal(cast.account), api(cast.alice)
        pending = client.get(url(proposal))["ETag"]
        decided = client.post(url(proposal, "dismiss"), {"revision": 1}, format="json")
        assert decided.json()["can_be_undone_until"]
        early = client.post(url(proposal, "undo"), {}, format="json", headers={"If-Match": pending})
        assert (early.status_code, early.json()["details"]["current_state"]) == (412, "dismissed")
        wrong = client.post(url(proposal, "undo"), {"revision": -1}, format="json", headers={"If-Match": pending})
        assert wrong.status_code == 400, "what is wrong in itself comes before what it was about"
        undone = client.post(url(proposal, "undo"), {}, format="json", headers={"If-Match": decided["ETag"]})
        assert (undone.status_code, undone.json()["status"], undone.json()["can_be_undone_until"]) == (
            200, "pending", None,
        )  # fmt: skip
        assert client.post(url(proposal, "undo"), {}, format="json").status_code == 409

    def test_what_is_in_use_is_not_undone_and_the_way_back_is_named(self, cast: Cast, api: Any) -> None:
        proposal, client = make_change(cast.account), api(cast.alice)
        body = {"revision": 1, "definition": definition(yes="Restart the client")}
        assert client.post(url(proposal, "publish"), body, format="json").status_code == 200
        flow = Flow.objects.get()
        session = make_session(cast.account, flow=flow.key)
        type(session).objects.filter(pk=session.pk).update(flow_version=flow.current_version)
        refused = client.post(url(proposal, "undo"), {}, format="json")
        assert (refused.status_code, refused.json()["details"]) == (409, {"flow": flow.pk, "former_version": 1})


class TestWhatItRestsOn:
    def test_the_sessions_and_the_lines_of_a_node(self, cast: Cast, api: Any) -> None:
        proposal = make_proposal(cast.account, 3)
        first, second, hidden = proposal.supporting_sessions.order_by("pk")
        FlowProposal.objects.update(node_evidence={"n1": [[first.pk, 0], [second.pk, 0]], "n2": [[second.pk, 1]]})
        hidden.delete()
        client = api(cast.carol)
        told = client.get(f"{url(proposal, 'evidence')}?page_size=1").json()
        assert (told["total"], told["hidden"], told["previous"]) == (2, 1, None)
        [newest] = told["results"]
        [oldest] = client.get(told["next"]).json()["results"]
        assert {newest["id"], oldest["id"]} == {first.pk, second.pk}
        assert (newest["client"], newest["lines"]) == ("Acme", [])
        [quoted] = client.get(f"{url(proposal, 'evidence')}?node=n2").json()["results"]
        assert (quoted["id"], quoted["lines"]) == (
            second.pk, [{"index": 1, "said": "Restart the router", "answers": ["Done"]}],
        )  # fmt: skip
        assert client.get(f"{url(proposal, 'evidence')}?node=n9").status_code == 404

    def test_the_difference_reads_as_on_the_review_page(self, cast: Cast, api: Any) -> None:
        proposal = make_change(cast.account)
        difference = api(cast.carol).get(url(proposal)).json()["difference"]
        assert difference["sentences"] == [
            "The action “Restart the router” reads “Restart the router and wait for two minutes” now."
        ]
        [change] = difference["diff"]["changed_nodes"]
        assert (change["node_id"], change["field"]) == ("n2", "text")
        assert api(cast.carol).get(url(make_proposal(cast.account))).json()["difference"] is None

    def test_replay(self, cast: Cast, api: Any) -> None:
        proposal = make_change(cast.account)
        session = make_session(cast.account, status="escalated")
        SessionAnalysis.objects.create(account=cast.account, session=session, state="done", topic=proposal.topic)
        client = api(cast.carol)
        assert client.get(url(proposal, "replay")).status_code == 404
        started = client.post(url(proposal, "replay"))
        assert (started.status_code, started.json()["state"]) == (200, "done")
        report = client.get(url(proposal, "replay")).json()
        assert report == started.json()
        assert (report["total"], report["proposed"]["escalated"], report["is_behind"]) == (2, 1, False)
        assert sum(report["proposed"]["outcomes"].values()) == 2
        sessions = url(proposal, "replay-sessions")
        everything = client.get(f"{sessions}?page_size=1").json()
        assert (everything["total"], everything["hidden"], len(everything["results"])) == (2, 0, 1)
        assert len(client.get(everything["next"]).json()["results"]) == 1
        for outcome, count in report["proposed"]["outcomes"].items():
            found = client.get(f"{sessions}?outcome={outcome}").json()["results"]
            assert [row["outcome"] for row in found] == [outcome] * count
        wrong = client.get(f"{sessions}?outcome=nothing")
        assert (wrong.status_code, wrong.json()["errors"][0]["parameter"]) == (400, "outcome")
