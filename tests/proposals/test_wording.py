"""A proposal's words by a model: asked for, checked, chosen, counted; and attacks that change no more than words."""

import copy
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from flowpilot.common.errors import Conflict, NotAllowed, NotFound
from flowpilot.common.leases import lease_take
from flowpilot.llm.models import Fallback, LanguageModel, ModelCall
from proposals.models import FlowProposal, ProposalWording, ReviewDraft
from proposals.review import proposal_approve, proposal_publish, proposal_undo
from proposals.tasks import BEHIND_ALL_OTHERS, word_proposals
from proposals.wordings import run
from proposals.wordings.choosing import wording_choose
from proposals.wordings.run import LEASE, proposal_word, proposals_to_word
from tests.conftest import Cast
from tests.factories import make_change, make_proposal
from tests.llm_server import FAULTS, allow_model, model_server
from tests.proposals.wording_cases import ATTACKS, Attack, everywhere, polite, worded_proposal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fast(settings: Any) -> None:
    settings.LLM_ALLOW_PRIVATE, settings.LLM_BACKOFF, settings.LLM_TIMEOUT = True, 0.001, 10.0


def worded(wording: ProposalWording | None) -> dict[str, str]:
    assert wording is not None
    return {".".join(filter(None, (t["where"], t["node"], t["option"]))): t["words"] for t in wording.texts}


def reasons(wording: ProposalWording | None) -> dict[str, str]:
    assert wording is not None
    return {".".join(filter(None, (t["where"], t["node"], t["option"]))): t["reason"] for t in wording.texts}


def state(proposal: FlowProposal) -> dict[str, Any]:
    """All of a proposal but for when it was touched."""
    proposal.refresh_from_db()
    return {
        field.name: copy.deepcopy(getattr(proposal, field.attname))
        for field in FlowProposal._meta.concrete_fields
        if field.name not in ("updated_at", "search")
    }


def test_words_stand_beside_the_miners_and_change_nothing_else(cast: Cast) -> None:
    proposal = worded_proposal(cast.account)
    before = state(proposal)
    with model_server(polite) as server:
        allow_model(cast.account, server.url)
        wording = proposal_word(proposal_id=proposal.pk)
        assert proposal_word(proposal_id=proposal.pk) is None  # it is done
        assert len(server.asked) == 1
    assert wording is not None
    assert (wording.state, wording.fallback) == ("done", "")
    assert worded(wording)["text.n2"] == "Please restart the router"
    assert worded(wording)["label.n1.o1"] == "Yes"
    assert [t["own"] for t in wording.texts][:3] == [
        "VPN does not connect", "Mined from 3 sessions.", "Does the VPN client connect?",
    ]  # fmt: skip
    assert state(proposal) == before


def test_only_what_a_change_adds_is_worded(cast: Cast) -> None:
    proposal = make_change(cast.account)
    data = proposal.proposed_flow_data
    data["nodes"][0]["options"].append({"id": "o3", "label": "Sometimes", "next": "n9"})
    data["nodes"].append({"id": "n9", "kind": "escalation", "text": "Hand over"})
    proposal.save()
    with model_server(polite) as server:
        allow_model(cast.account, server.url)
        assert set(worded(proposal_word(proposal_id=proposal.pk))) == {"label.n1.o3", "text.n9"}
        assert set(server.contents[0]["nodes"]) == {"n1", "n9"}
        assert "description" not in server.contents[0]


def test_facts_that_the_evidence_has_not_leave_the_miners_words(cast: Cast) -> None:
    proposal = worded_proposal(cast.account)

    def invents(content: dict[str, Any]) -> dict[str, Any]:
        answer = polite(content)
        answer["nodes"]["n1"]["text"] = "Does the Cisco client connect?"
        answer["nodes"]["n2"]["text"] = "Restart the router and wait 5 minutes"
        return answer

    with model_server(invents) as server:
        allow_model(cast.account, server.url)
        wording = proposal_word(proposal_id=proposal.pk)
    assert worded(wording)["text.n1"] == worded(wording)["text.n2"] == ""
    assert reasons(wording)["text.n1"] == "“Cisco” does not stand in its evidence."
    assert reasons(wording)["text.n2"] == "“5” does not stand in its evidence."
    assert worded(wording)["text.n3"] == "Please it works again"


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_is_flagged_and_its_line_not_sent(cast: Cast, attack: Attack) -> None:
    proposal = worded_proposal(cast.account, said=[attack.line])
    with model_server(
        lambda content: attack.obey(polite(content)) if attack.line in json.dumps(content) else polite(content)
    ) as server:
        allow_model(cast.account, server.url)
        wording = proposal_word(proposal_id=proposal.pk)
        assert (attack.line not in [said for c in server.contents for said in _said(c)]) or not attack.is_flagged
    assert wording is not None
    flags = {text["node"] for text in wording.texts if text["flags"]}
    assert flags == ({"n2"} if attack.is_flagged else set())


# Where a hostile line stands, and the texts that may get other words by it.
REACH = {
    "said": {"text.n2"},
    "answered": {"label.n1.o2"},
    "problems": {"title", "description"},
}


@pytest.mark.parametrize("place", REACH)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_obeying_model_changes_at_worst_the_words_that_rest_on_the_attackers_line(
    cast: Cast, attack: Attack, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the detector off, so that every attack reaches a model that does what it says."""
    monkeypatch.setattr(run, "orders_in", lambda _: [])
    proposal = worded_proposal(cast.account, **{place: [attack.line]})
    before = state(proposal)
    with model_server(lambda content: attack.obey(polite(content))) as server:
        allow_model(cast.account, server.url)
        wording = proposal_word(proposal_id=proposal.pk)
        sent = server.contents[0]
        lines = {
            "said": sent["nodes"]["n2"]["said"],
            "answered": sent["nodes"]["n1"]["options"]["o2"]["answers"],
            "problems": sent["problems"],
        }
        assert len(lines[place]) == {"said": 3, "answered": 2, "problems": 2}[place], "it was not sent"
    assert state(proposal) == before
    good = {key: words for key, words in worded(wording).items() if words}
    taken = {key for key, words in good.items() if words != _polite_words(proposal).get(key)}
    assert taken <= REACH[place], good
    definition = proposal.proposed_flow_data
    draft = wording_choose(actor=cast.alice, proposal_id=proposal.pk, revision=1, of_model=set(good)).draft
    assert _shape(draft.definition) == _shape(definition)


@pytest.mark.parametrize("place", REACH)
def test_the_worst_that_an_attack_comes_to(cast: Cast, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that only uses words of its own line does get these words, and they are offered, not taken."""
    monkeypatch.setattr(run, "orders_in", lambda _: [])
    line = "my vpn router: no, please restart it with care"
    attack = everywhere("No, please restart it with care, my VPN router")
    proposal = worded_proposal(cast.account, **{place: [line]})
    with model_server(lambda content: attack(polite(content))) as server:
        allow_model(cast.account, server.url)
        wording = proposal_word(proposal_id=proposal.pk)
    proposal.refresh_from_db()
    assert {key for key, words in worded(wording).items() if words} <= REACH[place]
    assert "with care" not in json.dumps(proposal.proposed_flow_data)


def test_masks_of_hostile_lines_are_not_taken_for_ours(cast: Cast) -> None:
    proposal = worded_proposal(cast.account, said=["restart [CLIENT_1] and [PERSON_7]"])
    with model_server(polite) as server:
        allow_model(cast.account, server.url)
        proposal_word(proposal_id=proposal.pk)
        assert "restart (client 1) and (person 7)" in server.sent


def test_nothing_of_the_wording_decides(cast: Cast) -> None:
    proposal = worded_proposal(cast.account)
    with model_server(polite) as server:
        allow_model(cast.account, server.url)
        proposal_word(proposal_id=proposal.pk)
    proposal.refresh_from_db()
    assert (proposal.status, proposal.revision, proposal.reviewed_by) == ("pending", 1, None)
    assert not ReviewDraft.objects.exists()


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in ("huge", "surrogate")])
def test_failure_falls_back_and_is_tried_later(cast: Cast, settings: Any, fault: str) -> None:
    if fault == "slow":
        settings.LLM_TIMEOUT = 0.2
    proposal = worded_proposal(cast.account)
    before = state(proposal)
    with model_server(polite, always=fault) as server:
        allow_model(cast.account, server.url)
        wording = proposal_word(proposal_id=proposal.pk)
        assert wording is not None
        assert wording.state == "partly"
        assert wording.fallback
        assert not any(worded(wording).values())
        assert all(reasons(wording).values())
        assert wording.next_attempt_at is not None
        assert proposal_word(proposal_id=proposal.pk) is None  # not yet
        server.always, settings.LLM_TIMEOUT = "", 10.0
        LanguageModel.objects.update(open_until=None, failures=0)
        ProposalWording.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        assert worded(proposal_word(proposal_id=proposal.pk))["text.n2"] == "Please restart the router"
    assert state(proposal) == before


def test_a_new_revision_pays_only_for_what_is_new(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proposals.wordings.brief.MOST_NODES", 1)
    proposal = worded_proposal(cast.account)
    with model_server(polite) as server:
        allow_model(cast.account, server.url)
        proposal_word(proposal_id=proposal.pk)
        assert len(server.asked) == 4
        proposal.proposed_flow_data["nodes"][3]["text"] = "Hand over to the network team at once"
        proposal.revision = 2
        proposal.save()
        proposal_word(proposal_id=proposal.pk)
        assert len(server.asked) == 5  # the node that changed
    assert ProposalWording.objects.count() == 2


def test_budget_waits_for_tomorrow(cast: Cast) -> None:
    proposal = worded_proposal(cast.account)
    with model_server(polite) as server:
        allow_model(cast.account, server.url, daily_tokens=10)
        wording = proposal_word(proposal_id=proposal.pk)
        assert not server.asked
    assert wording is not None
    assert wording.fallback == Fallback.BUDGET
    assert wording.next_attempt_at is not None
    assert wording.next_attempt_at.date() == (timezone.now() + timedelta(days=1)).date()


def test_proposal_that_moved_on_gets_no_words_of_its_past(cast: Cast) -> None:
    proposal = worded_proposal(cast.account)

    def meanwhile(content: dict[str, Any]) -> dict[str, Any]:
        return polite(content)

    with model_server(meanwhile) as server:
        allow_model(cast.account, server.url)
        lease = lease_take(key=f"wording:{proposal.pk}:1", duration=LEASE)
        assert lease is not None
        assert proposal_word(proposal_id=proposal.pk) is None  # another worker has it
        texts, fallback = run.word(proposal)
        FlowProposal.objects.update(revision=2)
        assert run._write(proposal, texts, fallback, lease) is None
    assert not ProposalWording.objects.exists()


def test_due_are_pending_proposals_of_accounts_that_allow_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = worded_proposal(cast.account)
    make_proposal(cast.account, sessions=0, status="dismissed", reviewed_at=timezone.now())
    make_proposal(cast.other_account, sessions=0)
    allow_model(cast.account, "http://127.0.0.1:1/v1")
    allow_model(cast.other_account, "http://127.0.0.1:1/v1", words_proposals=False)
    assert list(proposals_to_word(timezone.now())) == [mine]
    queued: list[Any] = []
    monkeypatch.setattr("proposals.tasks.word_proposal.apply_async", lambda args, **how: queued.append((args, how)))
    assert word_proposals() == 1
    assert queued == [((mine.pk,), BEHIND_ALL_OTHERS)]


def test_choice_becomes_a_draft_and_own_words_stay(cast: Cast) -> None:
    proposal = _ready(cast)
    choice = wording_choose(actor=cast.alice, proposal_id=proposal.pk, revision=1, of_model={"text.n2"})
    texts = {node["id"]: node["text"] for node in choice.draft.definition["nodes"]}
    assert texts["n2"] == "Please restart the router"
    assert texts["n1"] == "Does the VPN client connect?"
    draft = choice.draft
    draft.definition["nodes"][1]["text"] = "Switch the router off and on"
    draft.save()
    again = wording_choose(actor=cast.alice, proposal_id=proposal.pk, revision=1, of_model={"text.n1", "text.n2"})
    texts = {node["id"]: node["text"] for node in again.draft.definition["nodes"]}
    assert (texts["n1"], texts["n2"]) == ("Please does the VPN client connect?", "Switch the router off and on")
    assert again.left == 1


def test_choice_is_the_reviewers_and_of_what_they_read(cast: Cast) -> None:
    proposal = _ready(cast)
    said: dict[str, Any] = {"proposal_id": proposal.pk, "revision": 1, "of_model": set()}
    with pytest.raises(NotFound):
        wording_choose(actor=cast.mallory, **said)
    with pytest.raises(NotAllowed):
        wording_choose(actor=cast.carol, **said)
    FlowProposal.objects.update(revision=2)
    with pytest.raises(Conflict, match="revision 2"):
        wording_choose(actor=cast.alice, **said)


def test_what_was_kept_is_counted_and_taken_back(cast: Cast) -> None:
    proposal = _ready(cast)
    draft = wording_choose(actor=cast.alice, proposal_id=proposal.pk, revision=1, of_model={"text.n2"}).draft
    draft.definition["nodes"][2]["text"] = "All is well"
    proposal_publish(
        actor=cast.alice, proposal_id=proposal.pk, revision=1, title=draft.title, definition=draft.definition
    )
    wording = ProposalWording.objects.get()
    assert (wording.kept_model, wording.kept_own, wording.kept_edited) == (1, 2, 1)
    assert wording.counted_at is not None
    proposal_undo(actor=cast.alice, proposal_id=proposal.pk)
    wording.refresh_from_db()
    assert (wording.kept_model, wording.kept_own, wording.kept_edited) == (0, 0, 0)
    assert ProposalWording.objects.filter(counted_at=None).exists()
    proposal_approve(actor=cast.alice, proposal_id=proposal.pk, revision=1)
    wording.refresh_from_db()
    assert (wording.kept_model, wording.kept_own, wording.kept_edited) == (0, 4, 0)


def test_description_that_was_chosen_is_published(cast: Cast) -> None:
    proposal = worded_proposal(cast.account)

    def describes(content: dict[str, Any]) -> dict[str, Any]:
        return polite(content) | {"description": "What to do when the VPN does not connect."}

    with model_server(describes) as server:
        allow_model(cast.account, server.url)
        proposal_word(proposal_id=proposal.pk)
    draft = wording_choose(actor=cast.alice, proposal_id=proposal.pk, revision=1, of_model={"description"}).draft
    decided = proposal_publish(
        actor=cast.alice, proposal_id=proposal.pk, revision=1, title=draft.title, definition=draft.definition,
        description=draft.description,
    )  # fmt: skip
    assert decided.published_flow is not None
    assert decided.published_flow.description == "What to do when the VPN does not connect."
    assert decided.status == "modified"


def test_page_shows_both_and_takes_the_choice(cast: Cast, login: Any) -> None:
    proposal = _ready(cast)
    url = f"/admin/proposals/flowproposal/{proposal.pk}/wording/"
    page = login(cast.alice).get(url).content.decode()
    assert "Please restart the router" in page
    assert 'value="model"' in page
    assert "Take all of the model" in page
    read_only = login(cast.carol).get(url).content.decode()
    assert "Take all of the model" not in read_only
    assert login(cast.carol).post(url, {"revision": 1}).status_code == 403
    assert login(cast.mallory).get(url).status_code == 404
    answer = login(cast.alice).post(url, {"revision": 1, "take-text.n2": "model"})
    assert answer["Location"].endswith(f"/{proposal.pk}/edit/")
    draft = ReviewDraft.objects.get()
    assert draft.definition["nodes"][1]["text"] == "Please restart the router"
    stale = login(cast.alice).post(url, {"revision": 7, "all": "model"}, follow=True).content.decode()
    assert "Nothing was taken" in stale
    assert (
        "Compare the words"
        in login(cast.alice).get(f"/admin/proposals/flowproposal/{proposal.pk}/change/").content.decode()
    )


def test_calls_are_recorded_masked(cast: Cast) -> None:
    proposal = worded_proposal(cast.account, said=["restart the router of Contoso Dental at 10.0.0.7"])
    from sessions.models import Client

    Client.objects.create(account=cast.account, name="Contoso Dental")
    with model_server(polite) as server:
        allow_model(cast.account, server.url)
        proposal_word(proposal_id=proposal.pk)
        assert "Contoso" not in server.sent
        assert "10.0.0.7" not in server.sent
    assert "[CLIENT_1]" in ModelCall.objects.get().sent["content"]


def _ready(cast: Cast) -> FlowProposal:
    proposal = worded_proposal(cast.account)
    with model_server(polite) as server:
        allow_model(cast.account, server.url)
        proposal_word(proposal_id=proposal.pk)
    return proposal


def _said(content: dict[str, Any]) -> list[str]:
    return [line for node in content["nodes"].values() for line in node.get("said", [])]


def _polite_words(proposal: FlowProposal) -> dict[str, str]:
    words = {"title": proposal.title, "description": proposal.description}
    for node in proposal.proposed_flow_data["nodes"]:
        words[f"text.{node['id']}"] = f"Please {node['text'][:1].lower()}{node['text'][1:]}"
        words |= {f"label.{node['id']}.{o['id']}": o["label"] for o in node.get("options", ())}
    return words


def _shape(definition: dict[str, Any]) -> Any:
    return [
        (node["id"], node["kind"], [(o["id"], o["next"]) for o in node.get("options", ())])
        for node in definition["nodes"]
    ]
