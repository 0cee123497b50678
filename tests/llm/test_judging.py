"""The opinion on what mining leaves undecided: asked by a reviewer, shown beside the score, and nothing else."""

from typing import Any

import pytest
from django.urls import reverse

from flowpilot.llm.models import LanguageModel, ModelCall
from proposals.judging import judging_of
from proposals.mining.undecided import undecided_nodes
from proposals.models import FlowProposal, Topic
from proposals.similar import SAME, SOMEWHAT, Similar
from tests.conftest import Cast
from tests.factories import make_flow, make_proposal
from tests.llm_server import allow_model, model_server

pytestmark = pytest.mark.django_db


def node(key: str, text: str, kind: str = "question", to: str = "end") -> dict[str, Any]:
    return {"id": key, "kind": kind, "text": text, "options": [{"id": "o1", "label": "Done", "next": to}]}


DEFINITION = {
    "schema_version": 1,
    "root": "n1",
    "nodes": [
        node("n1", "Is the printer switched on?", to="n2"),
        node("n2", "Does the printer have power?", to="n3"),
        node("n3", "Does the laptop see the wireless network?"),
        {"id": "end", "kind": "resolution", "text": "It works"},
    ],
}
EVIDENCE = {"n1": [[1, 0]], "n2": [[2, 0]], "n3": [[3, 0]]}


def undecided(evidence: dict[str, Any]) -> list[tuple[str, str]]:
    return [(pair.one, pair.other) for pair in undecided_nodes(DEFINITION, {}, {}, evidence)]


def test_near_steps_are_near_by_their_words_and_never_met() -> None:
    assert undecided(EVIDENCE) == [("n1", "n2")]
    assert undecided({**EVIDENCE, "n2": [[2, 0], [1, 1]]}) == []
    [pair] = undecided_nodes(DEFINITION, {}, {}, EVIDENCE)
    assert 0.27 < pair.chance < 1


def near(cast: Cast) -> tuple[FlowProposal, list[Similar]]:
    """A proposal with two near steps, and topics that are alike: one undecided, one surely the same."""
    proposal = make_proposal(
        cast.account, sessions=0, proposed_flow_data=DEFINITION, node_evidence=EVIDENCE,
        examples={"problems": ["Acme cannot print on PRN-07"]},
    )  # fmt: skip
    topic = Topic.objects.create(account=cast.account, title="Scanner")
    other = make_proposal(cast.account, sessions=0, topic=topic, title="Scanner does not scan")
    flow = make_flow(cast.account, title="Printer prints nothing").flow
    return proposal, [Similar(SOMEWHAT + 0.1, other, None), Similar(SAME + 0.01, None, flow)]


def words(found: Any) -> list[str | None]:
    return [opinion.words if opinion else None for _, opinion in found.rows]


@pytest.mark.parametrize(("said", "told"), [("yes", "the same"), ("no", "not the same"), ("unsure", "unsure")])
def test_opinions_are_asked_for_what_is_undecided_only_and_paid_for_once(cast: Cast, said: str, told: str) -> None:
    proposal, similar = near(cast)
    with model_server(lambda _: {"same": said}) as server:
        allow_model(cast.account, server.url)
        assert words(judging_of(proposal, similar, is_asked=False)) == [None, None]
        assert not server.asked
        assert words(judging_of(proposal, similar, is_asked=True)) == [told, told]
        assert len(server.asked) == 2
        found = judging_of(proposal, similar, is_asked=True)
        assert (words(found), found.is_open, len(server.asked)) == ([told, told], False, 2)
        # Kept for the next reader, who asks nothing.
        assert words(judging_of(proposal, similar, is_asked=False)) == [told, told]
    assert set(ModelCall.objects.values_list("purpose", flat=True)) == {"judge_topics", "judge_prompts"}


@pytest.mark.parametrize("fault", ["500", "slow", "refusal", "half", "schema", "empty"])
def test_a_failure_is_no_opinion_and_never_a_no(cast: Cast, settings: Any, fault: str) -> None:
    settings.LLM_TIMEOUT, settings.LLM_BREAKER_FAILURES = 0.1, 99
    proposal, similar = near(cast)
    with model_server(always=fault) as server:
        allow_model(cast.account, server.url)
        found = judging_of(proposal, similar, is_asked=True)
    assert [opinion.same for _, opinion in found.rows if opinion] == ["", ""]
    assert all(opinion.words.startswith("no answer") for _, opinion in found.rows if opinion)
    assert found.is_open


def test_only_so_many_are_asked_at_once(cast: Cast, settings: Any) -> None:
    settings.LLM_JUDGE_CALLS = 1
    proposal, similar = near(cast)
    with model_server(lambda _: {"same": "yes"}) as server:
        allow_model(cast.account, server.url)
        found = judging_of(proposal, similar, is_asked=True)
        assert [opinion.same for _, opinion in found.rows if opinion] == ["yes", ""]
        found = judging_of(proposal, similar, is_asked=True)
        assert (len(server.asked), found.is_open) == (2, False)


def test_a_lying_judge_changes_nothing(cast: Cast) -> None:
    proposal, similar = near(cast)
    before = list(FlowProposal.objects.order_by("pk").values())
    topics = list(Topic.objects.order_by("pk").values())
    with model_server(lambda _: {"same": "yes"}) as server:
        allow_model(cast.account, server.url)
        judging_of(proposal, similar, is_asked=True)
    assert list(FlowProposal.objects.order_by("pk").values()) == before
    assert list(Topic.objects.order_by("pk").values()) == topics


def test_page_asks_for_a_reviewer_by_a_button(cast: Cast, login: Any) -> None:
    proposal, _ = near(cast)
    url = reverse("admin:proposals_flowproposal_similar", args=[proposal.pk])
    with model_server(lambda _: {"same": "unsure"}) as server:
        assert "Undecided" not in login(cast.alice).get(url).content.decode()
        allow_model(cast.account, server.url)
        page = login(cast.alice).get(url).content.decode()
        assert "Ask the language model" in page
        assert not server.asked
        assert "Ask the language model" not in login(cast.carol).get(url).content.decode()
        assert login(cast.carol).post(url).status_code == 403
        assert login(cast.mallory).post(url).status_code == 404
        assert "The model: <strong>unsure</strong>" in login(cast.alice).post(url).content.decode()
        assert "Acme" not in server.sent
        LanguageModel.objects.update(judges=False)
        assert "Undecided" not in login(cast.alice).get(url).content.decode()
