"""Decisions on many proposals at once: the page that asks, and the one that says what became of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from flowpilot.flows.models import Flow
from proposals.admin import bulk
from proposals.models import FlowProposal, Topic
from proposals.review import proposal_dismiss
from tests.conftest import Cast
from tests.factories import make_change, make_proposal

pytestmark = pytest.mark.django_db
QUEUE = "admin:proposals_flowproposal_changelist"
Status = FlowProposal.Status


def message_texts(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def act(browser: Client, action: str, proposals: list[FlowProposal], query: str = "", **data: Any) -> Any:
    """What the list posts, or with `confirmed` what the page of confirmation does."""
    chosen = [0, *(p.pk for p in proposals)]
    return browser.post(reverse(QUEUE) + query, {"action": action, "_selected_action": chosen, **data}, follow=True)


def confirm(browser: Client, action: str, proposals: list[FlowProposal], **data: Any) -> Any:
    items = [f"{p.pk}:{p.revision}" for p in proposals]
    return act(browser, action, [], confirmed="1", item=items, **data)


def statuses() -> dict[int, str]:
    return dict(FlowProposal.objects.values_list("pk", "status"))


class TestConfirmation:
    def test_shows_ids_and_revisions_and_says_what_is_not_allowed(self, cast: Cast, login: Any) -> None:
        new, change = make_proposal(cast.account, revision=4), make_change(cast.account)
        page = act(login(cast.alice), "approve", [new, change])
        assert set(statuses().values()) == {Status.PENDING}
        content = page.content.decode()
        assert f'value="{new.pk}:4"' in content
        assert f"#{new.pk}, revision 4" in content
        assert f'value="{change.pk}:' not in content
        assert "changes a published flow" in content

    def test_one_decided_meanwhile_is_shown_with_its_decision(self, cast: Cast, login: Any) -> None:
        open_one, done = make_proposal(cast.account), make_proposal(cast.account, title="Too late")
        proposal_dismiss(actor=cast.olivia, proposal_id=done.pk, revision=1)
        content = act(login(cast.alice), "dismiss", [open_one, done]).content.decode()
        assert "Too late" in content
        assert "dismissed already by Olivia" in content

    def test_nothing_selected_is_told(self, cast: Cast, login: Any) -> None:
        make_proposal(cast.account)
        assert "Nothing was selected" in message_texts(act(login(cast.alice), "dismiss", []))

    def test_foreign_ids_are_as_if_absent(self, cast: Cast, login: Any) -> None:
        foreign = make_proposal(cast.other_account, title="Zebra")
        page = act(login(cast.alice), "dismiss", [foreign])
        assert "Nothing was selected" in message_texts(page)
        assert "Zebra" not in page.content.decode()

    def test_says_how_much_of_what_waits_it_is(self, cast: Cast, login: Any) -> None:
        one = make_proposal(cast.account, impact=3.0)
        make_proposal(cast.account, impact=1.0)
        assert (
            "75\N{NO-BREAK SPACE}% of the recent sessions" in act(login(cast.alice), "dismiss", [one]).content.decode()
        )

    def test_the_whole_view_is_taken_up_to_the_limit(
        self, cast: Cast, login: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk, "LIMIT", 3)
        for number in range(5):
            make_proposal(cast.account, 0, title=f"P{number}", impact=9 - number, problem_domain="email")
        other = make_proposal(cast.account, title="Elsewhere", impact=99)
        browser = login(cast.alice)
        page = act(browser, "dismiss", [], "?problem_domain=email", select_across=["0", "1"])
        assert [row.proposal.title for row in page.context["rows"]] == ["P0", "P1", "P2"]
        assert "More than 3 were selected" in page.content.decode()
        # The view that was left stays with the form.
        assert 'action="/admin/proposals/flowproposal/?problem_domain=email"' in page.content.decode()
        # No list of ids is longer than what was shown.
        confirm(browser, "dismiss", list(FlowProposal.objects.order_by("-impact")))
        assert list(statuses().values()).count(Status.DISMISSED) == 3
        other.refresh_from_db()
        assert other.status == Status.DISMISSED

    def test_a_view_that_cannot_be_read_takes_nothing(self, cast: Cast, login: Any) -> None:
        make_proposal(cast.account)
        page = act(login(cast.alice), "dismiss", [], "?min_sessions=many", select_across=["0", "1"])
        assert "Nothing was selected" in message_texts(page)

    def test_five_hundred_fit_into_one_form(self, cast: Cast, login: Any) -> None:
        """Django refuses forms of more than a thousand fields."""
        topics = Topic.objects.bulk_create(Topic(account=cast.account) for _ in range(500))
        FlowProposal.objects.bulk_create(
            FlowProposal(account=cast.account, topic=topic, title="P", proposal_type="new_flow") for topic in topics
        )
        browser = login(cast.alice)
        page = act(browser, "dismiss", [], select_across=["0", "1"])
        asked = [row.proposal for row in page.context["allowed"]]
        assert len(asked) == 500
        # What others have decided meanwhile cannot be, which is quicker than deciding.
        FlowProposal.objects.filter(pk__in=[proposal.pk for proposal in asked[5:]]).update(
            status=Status.DISMISSED, reviewed_at=timezone.now(), reviewed_by=cast.olivia
        )
        done = confirm(browser, "dismiss", asked)
        assert "5 done, 0 skipped, 495 failed" in message_texts(done)


class TestDecisions:
    def test_decides_exactly_what_was_confirmed(self, cast: Cast, login: Any) -> None:
        first, second, unasked = (make_proposal(cast.account) for _ in range(3))
        page = confirm(login(cast.alice), "reject", [first, second], notes="too vague")
        assert "2 done, 0 skipped, 0 failed" in message_texts(page)
        assert statuses() == {first.pk: Status.REJECTED, second.pk: Status.REJECTED, unasked.pk: Status.PENDING}
        first.refresh_from_db()
        assert first.reviewer_notes == "too vague"

    def test_approve_publishes_each(self, cast: Cast, login: Any) -> None:
        proposals = [make_proposal(cast.account, title=f"Flow {n}") for n in range(3)]
        page = confirm(login(cast.alice), "approve", proposals)
        assert set(statuses().values()) == {Status.APPROVED}
        assert set(Flow.objects.values_list("title", flat=True)) == {"Flow 0", "Flow 1", "Flow 2"}
        assert page.content.decode().count("Open the flow") == 3

    def test_a_change_slipped_in_is_not_approved(self, cast: Cast, login: Any) -> None:
        change = make_change(cast.account)
        page = confirm(login(cast.alice), "approve", [change])
        assert "0 done, 0 skipped, 1 failed" in message_texts(page)
        assert "never approved blind" in page.content.decode()
        assert statuses()[change.pk] == Status.PENDING

    def test_one_that_changed_meanwhile_is_told_and_the_others_are_decided(self, cast: Cast, login: Any) -> None:
        fresh, stale = make_proposal(cast.account), make_proposal(cast.account, title="Moved on")
        FlowProposal.objects.filter(pk=stale.pk).update(revision=2)
        browser = login(cast.alice)
        page = confirm(browser, "dismiss", [fresh, stale], notes="until the migration", scope="change", wake="never")
        assert "1 done, 0 skipped, 1 failed" in message_texts(page)
        [failed] = page.context["failed"]
        assert (failed.name, failed.pk) == ("Moved on", stale.pk)
        assert "this proposal has changed" in failed.why
        # Another try brings what was typed, and the revision as it is now.
        again = act(browser, "dismiss", [stale], **dict(page.context["typed"]))
        assert f'value="{stale.pk}:2"' in again.content.decode()
        assert "until the migration" in again.content.decode()

    def test_what_could_not_be_chosen_is_reported_as_skipped(self, cast: Cast, login: Any) -> None:
        new, change = make_proposal(cast.account), make_change(cast.account, title="A change")
        browser = login(cast.alice)
        asked = act(browser, "approve", [new, change])
        page = confirm(browser, "approve", [new], skipped=asked.context["skipped"])
        assert "1 done, 1 skipped, 0 failed" in message_texts(page)
        [skipped] = page.context["skipped"]
        assert skipped.name == "A change"
        assert "edit & publish it" in skipped.why

    @pytest.mark.parametrize("data", [{}, {"notes": "  "}, {"reasons": ["Because"]}])
    def test_reject_without_a_reason_asks_again_and_decides_nothing(
        self, cast: Cast, login: Any, data: dict[str, Any]
    ) -> None:
        one, other = make_proposal(cast.account), make_change(cast.account)
        page = confirm(login(cast.alice), "reject", [one, other], **data)
        assert "Nothing was decided" in page.content.decode()
        assert f'value="{one.pk}:1"' in page.content.decode()
        assert set(statuses().values()) == {Status.PENDING}

    def test_picked_reasons_are_enough(self, cast: Cast, login: Any) -> None:
        one = make_proposal(cast.account)
        confirm(login(cast.alice), "reject", [one], reasons=["Too vague", "Unsafe"], notes="see the third step")
        one.refresh_from_db()
        assert one.reviewer_notes == "Too vague; Unsafe. see the third step"

    def test_dismiss_takes_a_scope_and_a_wake_condition(self, cast: Cast, login: Any) -> None:
        one, other = make_proposal(cast.account), make_proposal(cast.account)
        wake = {"scope": "topic", "wake": "sessions", "wake_sessions": "4", "wake_clients": "2"}
        confirm(login(cast.alice), "dismiss", [one, other], notes="later", **wake)
        kept = FlowProposal.objects.values_list("status", "dismiss_scope", "wake_sessions", "wake_clients")
        assert set(kept) == {("dismissed", "topic", 4, 2)}

    def test_a_date_that_has_passed_asks_again_with_all_that_was_typed(self, cast: Cast, login: Any) -> None:
        one = make_proposal(cast.account)
        past = (timezone.localdate() - timedelta(days=1)).isoformat()
        page = confirm(login(cast.alice), "dismiss", [one], notes="in spring", wake="date", wake_date=past)
        content = page.content.decode()
        assert "That day has come already" in content
        assert "in spring" in content
        assert past in content
        assert statuses() == {one.pk: Status.PENDING}

    def test_a_stale_form_keeps_the_revision_that_was_seen(self, cast: Cast, login: Any) -> None:
        """The page that asks again must not pass off a new revision as the one that was read."""
        one = make_proposal(cast.account)
        FlowProposal.objects.update(revision=3)
        page = confirm(login(cast.alice), "reject", [one], notes="")
        assert f'value="{one.pk}:1"' in page.content.decode()

    @pytest.mark.parametrize("item", ["x:1", "1", "1:2:3", "", "9" * 40 + ":1", "1:" + "9" * 40])
    def test_rubbish_is_told(self, cast: Cast, login: Any, item: str) -> None:
        page = act(login(cast.alice), "dismiss", [], confirmed="1", item=[item])
        assert "0 done, 0 skipped, 1 failed" in message_texts(page)
        assert "this is not a proposal and its revision" in page.content.decode()

    def test_a_foreign_id_slipped_in_is_not_found(self, cast: Cast, login: Any) -> None:
        own, foreign = make_proposal(cast.account), make_proposal(cast.other_account, title="Zebra")
        page = confirm(login(cast.alice), "dismiss", [own, foreign], skipped=str(foreign.pk))
        assert "there is no such proposal" in page.content.decode()
        assert "Zebra" not in page.content.decode()
        foreign.refresh_from_db()
        assert foreign.is_pending

    def test_an_analyst_has_no_actions(self, cast: Cast, login: Any) -> None:
        proposal = make_proposal(cast.account)
        confirm(login(cast.carol), "dismiss", [proposal])
        assert statuses() == {proposal.pk: Status.PENDING}


class TestEditAndMerge:
    def test_edit_and_publish_opens_the_editor_of_one(self, cast: Cast, login: Any) -> None:
        one, other = make_proposal(cast.account), make_proposal(cast.account)
        page = act(login(cast.alice), "edit_and_publish", [one])
        assert page.redirect_chain[-1][0] == reverse("admin:proposals_flowproposal_edit", args=[one.pk])
        assert "select exactly one" in message_texts(act(login(cast.alice), "edit_and_publish", [one, other]))

    def test_merge_takes_two_and_asks_which_goes_on(self, cast: Cast, login: Any) -> None:
        one, other, third = (make_proposal(cast.account, impact=n) for n in (3, 2, 1))
        browser = login(cast.alice)
        assert "select exactly two" in message_texts(act(browser, "merge", [one, other, third]))
        page = act(browser, "merge", [one, other])
        assert f'name="into" value="{one.pk}" checked' in page.content.decode()
        assert f'name="into" value="{other.pk}"' in page.content.decode()

    def test_merge_goes_on_with_the_chosen_one(self, cast: Cast, login: Any) -> None:
        one, other = make_proposal(cast.account), make_proposal(cast.account)
        page = confirm(login(cast.alice), "merge", [one, other], into=other.pk)
        assert page.redirect_chain[-1][0] == reverse("admin:proposals_flowproposal_change", args=[other.pk])
        assert statuses() == {one.pk: Status.DISMISSED, other.pk: Status.PENDING}

    def test_merge_without_a_choice_changes_nothing(self, cast: Cast, login: Any) -> None:
        one, other = make_proposal(cast.account), make_proposal(cast.account)
        assert "choose which" in message_texts(confirm(login(cast.alice), "merge", [one, other], into="7"))
        assert set(statuses().values()) == {Status.PENDING}
