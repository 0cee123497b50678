"""After publishing: back to a former version, archived and restored, and what stands beside the versions."""

from datetime import date
from typing import Any

import pytest

from flowpilot.accounts.models import Membership, Team
from flowpilot.accounts.roles import Role
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound, ServiceError
from flowpilot.common.models import AuditEvent
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.services import (
    InvalidFlow,
    flow_publish_again,
    flow_roll_back,
    flow_version_publish,
    flow_version_withdraw,
)
from flowpilot.flows.upkeep import flow_archive, flow_facts, flow_restore, flow_update, possible_owners
from tests.conftest import Cast
from tests.factories import definition, make_flow, make_member

SAID = {"prompts": {"n1": ["does vpn connect"]}}
pytestmark = pytest.mark.django_db


def two_versions(cast: Cast) -> Flow:
    flow = make_flow(cast.account, examples=SAID, confidence_score=0.8).flow
    flow_version_publish(actor=cast.alice, flow=flow, base_number=1, definition=definition(yes="Wait"))
    return flow


def back(cast: Cast, flow: Flow, **how: Any) -> FlowVersion:
    return flow_roll_back(
        **{
            "actor": cast.alice,
            "flow_id": flow.pk,
            "version_number": 1,
            "base_number": 2,
            "reason": "It confused people",
            **how,
        }
    )


def numbers(flow: Flow) -> list[int]:
    return list(flow.versions.order_by("number").values_list("number", flat=True))


def stands_at(flow: Flow) -> tuple[str, int | None]:
    flow.refresh_from_db()
    return flow.status, flow.current_version.number if flow.current_version else None


def update(flow: Flow, **how: Any) -> Flow:
    return flow_update(**{"actor": None, "flow_id": flow.pk, "title": flow.title, **how})


class TestRollBack:
    def test_it_is_a_new_version_that_says_what_the_former_said(self, cast: Cast) -> None:
        flow = two_versions(cast)
        version = back(cast, flow, reason="  It confused people ")
        assert (version.number, version.definition, version.examples) == (3, definition(), SAID)
        assert (version.confidence_score, version.created_by) == (0.8, cast.alice)
        assert version.note == "Back to version 1: It confused people"
        assert stands_at(flow) == ("published", 3)
        assert numbers(flow) == [1, 2, 3]
        event = AuditEvent.objects.get(action="flow.rolled_back")
        assert (event.actor, event.reason, event.object_id) == (cast.alice, "It confused people", flow.pk)
        assert (event.before, event.after) == ({"version": 2}, {"version": 3, "back_to": 1})

    @pytest.mark.parametrize("reason", ["", " \n\t "])
    def test_it_needs_a_reason(self, cast: Cast, reason: str) -> None:
        flow = two_versions(cast)
        with pytest.raises(InvalidInput, match="say why") as caught:
            back(cast, flow, reason=reason)
        assert isinstance(caught.value.details, dict)
        assert set(caught.value.details) == {"reason"}
        assert numbers(flow) == [1, 2]

    def test_a_flow_that_has_moved_on_is_refused(self, cast: Cast) -> None:
        flow = two_versions(cast)
        flow_version_publish(actor=None, flow=flow, base_number=2, definition=definition(yes="Restart twice"))
        with pytest.raises(Conflict, match="at version 3 now; this change was made from version 2") as caught:
            back(cast, flow)
        assert caught.value.details == {"current_version": 3, "base_version": 2}
        assert numbers(flow) == [1, 2, 3]

    @pytest.mark.parametrize("number", [1, 3])
    def test_where_nothing_would_change_it_is_refused(self, cast: Cast, number: int) -> None:
        flow = two_versions(cast)
        back(cast, flow)
        with pytest.raises(InvalidInput, match="nothing would change"):
            back(cast, flow, version_number=number, base_number=3)
        assert numbers(flow) == [1, 2, 3]

    def test_another_flows_version_is_not_found(self, cast: Cast) -> None:
        flow, other = two_versions(cast), make_flow(cast.account, title="Printing").flow
        for number in range(2, 5):
            flow_version_publish(
                actor=None, flow=other, base_number=number - 1, definition=definition(yes=f"Wait {number} minutes")
            )
        with pytest.raises(NotFound, match="VPN has no version 4"):
            back(cast, flow, version_number=4)

    def test_an_archived_flow_is_restored_first(self, cast: Cast) -> None:
        flow = two_versions(cast)
        flow_archive(actor=None, flow_id=flow.pk, reason="Old")
        with pytest.raises(Conflict, match="archived; restore it first"):
            back(cast, flow)
        assert stands_at(flow) == ("archived", 2)


class TestArchive:
    def test_it_stands_where_it_stood_when_it_comes_back(self, cast: Cast) -> None:
        flow = two_versions(cast)
        flow_archive(actor=cast.alice, flow_id=flow.pk, reason=" Nobody has a VPN any more ")
        assert stands_at(flow) == ("archived", 2)
        flow_restore(actor=cast.olivia, flow_id=flow.pk, reason="They do")
        assert stands_at(flow) == ("published", 2)
        assert numbers(flow) == [1, 2]
        archived, restored = (AuditEvent.objects.get(action=f"flow.{what}") for what in ("archived", "restored"))
        assert (archived.actor, archived.reason) == (cast.alice, "Nobody has a VPN any more")
        assert (archived.before, archived.after) == ({"status": "published"}, {"status": "archived"})
        assert (restored.actor, restored.before, restored.after) == (
            cast.olivia,
            {"status": "archived"},
            {"status": "published"},
        )

    @pytest.mark.parametrize("service", [flow_archive, flow_restore])
    def test_it_needs_a_reason(self, cast: Cast, service: Any) -> None:
        flow = make_flow(cast.account).flow
        if service is flow_restore:
            flow_archive(actor=None, flow_id=flow.pk, reason="Old")
        before = stands_at(flow)
        with pytest.raises(InvalidInput, match="say why"):
            service(actor=cast.alice, flow_id=flow.pk, reason="  ")
        assert stands_at(flow) == before

    def test_it_is_done_once(self, cast: Cast) -> None:
        flow = make_flow(cast.account).flow
        with pytest.raises(Conflict, match="VPN is published already"):
            flow_restore(actor=cast.alice, flow_id=flow.pk, reason="Again")
        flow_archive(actor=cast.alice, flow_id=flow.pk, reason="Old")
        with pytest.raises(Conflict, match="VPN is archived already"):
            flow_archive(actor=cast.alice, flow_id=flow.pk, reason="Old")
        assert AuditEvent.objects.filter(action__in=["flow.archived", "flow.restored"]).count() == 1


class TestFacts:
    def test_the_audit_event_holds_only_what_changed(self, cast: Cast) -> None:
        flow = make_flow(cast.account, problem_domain="networking").flow
        update(
            flow,
            actor=cast.alice,
            problem_domain="networking",
            team=cast.team,
            owner=cast.olivia,
            review_by=date(2030, 5, 1),
        )
        flow.refresh_from_db()
        assert (flow.team, flow.owner, flow.review_by) == (cast.team, cast.olivia, date(2030, 5, 1))
        event = AuditEvent.objects.get(action="flow.changed")
        assert event.actor == cast.alice
        assert event.before == {"team": None, "owner": None, "review_by": None}
        assert event.after == {
            "team": [cast.team.pk, "Service Desk"],
            "owner": [cast.olivia.pk, str(cast.olivia)],
            "review_by": "2030-05-01",
        }
        assert numbers(flow) == [1]

    def test_the_same_again_is_no_event(self, cast: Cast) -> None:
        flow = make_flow(cast.account, description="Two\nlines").flow
        before = flow.updated_at
        update(flow, title=" VPN ", description="Two\r\nlines ")
        flow.refresh_from_db()
        assert (flow.description, flow.updated_at) == ("Two\nlines", before)
        assert not AuditEvent.objects.filter(action="flow.changed").exists()

    def test_what_somebody_else_changed_meanwhile_is_a_conflict(self, cast: Cast) -> None:
        flow = make_flow(cast.account).flow
        seen = flow_facts(flow)
        update(flow, title="VPN at home", owner=cast.olivia)
        with pytest.raises(Conflict, match="somebody has changed title, owner since") as caught:
            update(flow, actor=cast.alice, title="VPN abroad", seen=seen)
        assert caught.value.details == {"changed": ["title", "owner"]}
        flow.refresh_from_db()
        assert (flow.title, flow.owner) == ("VPN at home", cast.olivia)
        update(flow, title="VPN abroad", seen=flow_facts(flow))
        flow.refresh_from_db()
        assert (flow.title, flow.owner) == ("VPN abroad", None)

    def test_a_team_and_an_owner_are_of_the_account(self, cast: Cast) -> None:
        flow = make_flow(cast.account).flow
        foreign = Team.objects.create(account=cast.other_account, name="Field")
        with pytest.raises(InvalidInput) as caught:
            update(flow, title=" ", team=foreign, owner=cast.mallory)
        assert isinstance(caught.value.details, dict)
        assert set(caught.value.details) == {"title", "team", "owner"}
        flow.refresh_from_db()
        assert (flow.title, flow.team, flow.owner) == ("VPN", None, None)

    def test_a_title_has_an_end(self, cast: Cast) -> None:
        flow = make_flow(cast.account).flow
        with pytest.raises(InvalidInput, match="At most 200 characters"):
            update(flow, title="x" * 201)
        assert update(flow, title=f" {'x' * 200} ").title == "x" * 200

    def test_owners_are_those_who_may_change_flows(self, cast: Cast) -> None:
        both = make_member(cast.account, Role.TEAM_ADMIN)
        Membership.objects.create(account=cast.other_account, user=both, role=Role.OWNER)
        gone = make_member(cast.account, Role.OWNER)
        gone.is_active = False
        gone.save()
        # A team admin elsewhere, who only reads here.
        Membership.objects.create(account=cast.account, user=cast.mallory, role=Role.ANALYST)
        found = possible_owners(cast.account)
        assert sorted(found.values_list("pk", flat=True)) == sorted([cast.alice.pk, cast.olivia.pk, both.pk])
        flow = make_flow(cast.account).flow
        for user in (cast.bob, cast.carol, cast.sam, cast.mallory, gone):
            with pytest.raises(InvalidInput, match="a member of the account who may change flows"):
                update(flow, owner=user)

    def test_an_owner_who_lost_the_role_does_not_stop_the_rest(self, cast: Cast) -> None:
        flow = make_flow(cast.account).flow
        update(flow, owner=cast.alice)
        Membership.objects.filter(user=cast.alice).update(role=Role.ANALYST)
        update(flow, title="VPN at home", owner=cast.alice)
        flow.refresh_from_db()
        assert (flow.title, flow.owner) == ("VPN at home", cast.alice)


class TestPublishAgain:
    def test_an_archived_flow_guides_again_under_its_new_title(self, cast: Cast) -> None:
        flow = two_versions(cast)
        flow_archive(actor=None, flow_id=flow.pk, reason="Old")
        version = flow_publish_again(
            actor=cast.alice,
            flow_id=flow.pk,
            title=" VPN, again ",
            definition=definition(yes="Call us"),
            problem_domain="networking",
            team=cast.team,
            note="Needed after all",
        )
        assert (version.number, version.note, version.definition) == (3, "Needed after all", definition(yes="Call us"))
        assert stands_at(flow) == ("published", 3)
        assert (flow.key, flow.title, flow.problem_domain, flow.team) == ("vpn", "VPN, again", "networking", cast.team)

    def test_one_that_is_published_is_refused(self, cast: Cast) -> None:
        flow = two_versions(cast)
        with pytest.raises(Conflict, match="VPN is published already"):
            flow_publish_again(actor=cast.alice, flow_id=flow.pk, title="VPN", definition=definition())
        assert numbers(flow) == [1, 2]

    def test_nothing_invalid_and_nothing_without_a_title_comes_back(self, cast: Cast) -> None:
        flow = make_flow(cast.account).flow
        flow_archive(actor=None, flow_id=flow.pk, reason="Old")
        with pytest.raises(InvalidFlow):
            flow_publish_again(actor=cast.alice, flow_id=flow.pk, title="VPN", definition={"nodes": []})
        with pytest.raises(InvalidInput, match="needs a title"):
            flow_publish_again(actor=cast.alice, flow_id=flow.pk, title=" ", definition=definition())
        assert stands_at(flow) == ("archived", 1)


class TestWithdraw:
    def test_the_version_before_is_current_and_the_number_is_never_given_again(self, cast: Cast) -> None:
        flow = two_versions(cast)
        flow_version_withdraw(actor=cast.alice, flow_id=flow.pk, number=2, back_to=1, reason="Undone")
        assert stands_at(flow) == ("published", 1)
        assert numbers(flow) == [1, 2]
        event = AuditEvent.objects.get(action="flow.withdrawn")
        assert (event.actor, event.reason, event.before) == (cast.alice, "Undone", {"version": 2})
        assert event.after == {"version": 1, "status": "published"}
        again = flow_version_publish(actor=None, flow=flow, base_number=1, definition=definition(yes="Restart twice"))
        assert again.number == 3

    def test_a_flow_without_a_version_before_is_archived(self, cast: Cast) -> None:
        flow = make_flow(cast.account).flow
        flow_version_withdraw(actor=cast.alice, flow_id=flow.pk, number=1, back_to=None, reason="Undone")
        assert stands_at(flow) == ("archived", 1)

    def test_only_the_current_version_is_withdrawn(self, cast: Cast) -> None:
        flow = two_versions(cast)
        with pytest.raises(Conflict, match="at version 2 now"):
            flow_version_withdraw(actor=cast.alice, flow_id=flow.pk, number=1, back_to=None, reason="Undone")
        with pytest.raises(NotFound, match="no version 7"):
            flow_version_withdraw(actor=cast.alice, flow_id=flow.pk, number=2, back_to=7, reason="Undone")
        assert stands_at(flow) == ("published", 2)


CALLS: dict[str, Any] = {
    "roll back": lambda actor, pk: flow_roll_back(actor=actor, flow_id=pk, version_number=1, base_number=2, reason="x"),
    "archive": lambda actor, pk: flow_archive(actor=actor, flow_id=pk, reason="x"),
    "restore": lambda actor, pk: flow_restore(actor=actor, flow_id=pk, reason="x"),
    "update": lambda actor, pk: flow_update(actor=actor, flow_id=pk, title="x"),
    "publish again": lambda actor, pk: flow_publish_again(
        actor=actor, flow_id=pk, title="x", definition=definition(yes="Call us")
    ),
    "withdraw": lambda actor, pk: flow_version_withdraw(actor=actor, flow_id=pk, number=2, back_to=1, reason="x"),
}
REFUSALS: list[tuple[str, type[ServiceError]]] = [
    ("bob", NotAllowed),
    ("carol", NotAllowed),
    ("sam", NotAllowed),
    ("mallory", NotFound),
]


@pytest.mark.parametrize(("who", "refusal"), REFUSALS)
@pytest.mark.parametrize("what", CALLS)
def test_who_may_not_changes_nothing(cast: Cast, what: str, who: str, refusal: type[ServiceError]) -> None:
    flow = two_versions(cast)
    if what in ("restore", "publish again"):
        flow_archive(actor=None, flow_id=flow.pk, reason="Old")
    before = (stands_at(flow), flow.title, numbers(flow))
    with pytest.raises(refusal):
        CALLS[what](getattr(cast, who), flow.pk)
    assert (stands_at(flow), flow.title, numbers(flow)) == before
    CALLS[what](cast.alice, flow.pk)
    assert (stands_at(flow), flow.title, numbers(flow)) != before
