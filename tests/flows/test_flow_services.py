"""Publishing flows: nothing invalid, no lost update, no changed version."""

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from flowpilot.common.errors import Conflict, InvalidInput, NotFound
from flowpilot.common.models import AuditEvent
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.services import InvalidFlow, flow_create, flow_version_publish
from tests.conftest import Cast
from tests.factories import definition, make_account, make_flow


def test_a_new_flow_has_version_one(cast: Cast) -> None:
    version = flow_create(
        actor=cast.alice,
        account=cast.account,
        title="  VPN trouble ",
        definition=definition(),
        confidence_score=0.7,
        note="By hand",
    )
    flow = Flow.objects.get()
    assert (flow.key, flow.title, flow.status, flow.current_version) == (
        "vpn-trouble",
        "VPN trouble",
        "published",
        version,
    )
    assert (version.number, version.created_by, version.confidence_score, version.note) == (
        1,
        cast.alice,
        0.7,
        "By hand",
    )
    event = AuditEvent.objects.get(action="flow.published")
    assert (event.actor, event.before, event.after) == (cast.alice, {"version": 0}, {"version": 1})


def test_the_next_version_becomes_current_and_the_old_stays(cast: Cast) -> None:
    one = make_flow(cast.account)
    two = flow_version_publish(actor=cast.alice, flow=one.flow, base_number=1, definition=definition(yes="Wait"))
    one.flow.refresh_from_db()
    assert (two.number, one.flow.current_version) == (2, two)
    assert FlowVersion.objects.get(pk=one.pk).definition == definition()


def broken() -> dict[str, Any]:
    """A cycle and a dangling link."""
    tree = definition()
    tree["nodes"][1]["options"][0]["next"] = "n1"
    tree["nodes"][0]["options"][1]["next"] = "nowhere"
    return tree


def test_nothing_invalid_is_published(cast: Cast) -> None:
    version = make_flow(cast.account)
    with pytest.raises(InvalidFlow) as caught:
        make_flow(cast.account, title="Broken", definition=broken())
    assert caught.value.code == "invalid_definition"
    assert "/nodes/0/options/1/next" in {error.pointer for error in caught.value.errors}
    with pytest.raises(InvalidFlow):
        flow_version_publish(actor=None, flow=version.flow, base_number=1, definition=broken())
    assert FlowVersion.objects.count() == 1


@pytest.mark.parametrize(
    "junk", [None, [], "{}", 5, {}, {"nodes": None}, {"schema_version": 1, "root": "n1", "nodes": [None]}]
)
def test_junk_is_refused_in_words(cast: Cast, junk: Any) -> None:
    with pytest.raises(InvalidFlow, match="The definition is not valid: "):
        make_flow(cast.account, definition=junk)


def test_a_flow_needs_a_title(cast: Cast) -> None:
    with pytest.raises(InvalidInput, match="a flow needs a title"):
        make_flow(cast.account, title="  ")


def test_keys_are_made_unique_in_the_account(cast: Cast) -> None:
    keys = [make_flow(cast.account, title="VPN").flow.key for _ in range(3)]
    assert keys == ["vpn", "vpn-2", "vpn-3"]
    assert make_flow(cast.other_account, title="VPN").flow.key == "vpn"
    assert make_flow(cast.account, title="打印机").flow.key == "flow"
    with pytest.raises(Conflict, match="the key vpn belongs to another flow"):
        make_flow(cast.account, title="Other", key="vpn")


def test_a_change_of_an_old_version_is_refused(cast: Cast) -> None:
    flow = make_flow(cast.account).flow
    flow_version_publish(actor=None, flow=flow, base_number=1, definition=definition(yes="Wait"))
    with pytest.raises(Conflict, match="VPN is at version 2 now; this change was made from version 1") as caught:
        flow_version_publish(actor=None, flow=flow, base_number=1, definition=definition(yes="Restart twice"))
    assert caught.value.details == {"current_version": 2, "base_version": 1}


def test_a_flow_that_is_gone(cast: Cast) -> None:
    flow = make_flow(cast.account).flow
    gone = Flow(pk=flow.pk + 1, account=cast.account)
    with pytest.raises(NotFound, match="no longer exists"):
        flow_version_publish(actor=None, flow=gone, base_number=1, definition=definition())


def test_the_database_refuses_to_change_a_version(cast: Cast) -> None:
    version = make_flow(cast.account)
    changes: list[dict[str, Any]] = [{"definition": {}}, {"number": 7}, {"account": cast.other_account}]
    for change in changes:
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            FlowVersion.objects.filter(pk=version.pk).update(**change)
    version.refresh_from_db()
    assert (version.number, version.definition) == (1, definition())


def at_once(work: Any, times: int) -> list[Exception]:
    """Run `work` in threads that start together; what they raised."""
    start, raised = threading.Barrier(times), []

    def one() -> None:
        try:
            start.wait(timeout=20)
            work()
        except Exception as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return raised


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_one_wins() -> None:
    flow = make_flow(make_account()).flow
    raised = at_once(
        lambda: flow_version_publish(actor=None, flow=flow, base_number=1, definition=definition(yes="Wait")), times=4
    )
    assert [type(error) for error in raised] == [Conflict] * 3
    assert list(FlowVersion.objects.order_by("number").values_list("number", flat=True)) == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_flows_of_one_title_at_once_get_keys_of_their_own() -> None:
    account = make_account()
    assert at_once(lambda: make_flow(account, title="VPN"), times=4) == []
    assert set(Flow.objects.values_list("key", flat=True)) == {"vpn", "vpn-2", "vpn-3", "vpn-4"}
