"""Proposals over the API."""

from typing import Any

import pytest
from django.urls import reverse

from flowpilot.flows.models import Flow
from proposals.models import FlowProposal
from proposals.review import proposal_dismiss
from tests.conftest import Cast
from tests.factories import definition, make_change, make_proposal

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
