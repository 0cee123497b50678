"""The written content: valid flows, enough wordings, and nothing that two topics share."""

from itertools import combinations
from typing import Any

import pytest

from flowpilot.flows.validation import validate_definition
from flowpilot.sample.model import Topic, action, answer, resolution, tree
from flowpilot.sample.published import published_flows
from flowpilot.sample.topics import TOPICS

by_key = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.key)


@pytest.mark.parametrize("flow", published_flows(), ids=lambda flow: flow["key"])
def test_published_definitions_are_valid(flow: dict[str, Any]) -> None:
    assert validate_definition(flow["definition"]) == []
    assert not [node for node in flow["definition"]["nodes"] if "{" in node["text"]]


def test_the_topics_make_up_two_thousand_sessions() -> None:
    assert sum(topic.per_2000 for topic in TOPICS) == 2000
    assert all(topic.per_2000 % 5 == 0 for topic in TOPICS)


def test_five_flows_are_published_and_named_apart() -> None:
    flows = published_flows()
    assert len({flow["key"] for flow in flows}) == len({flow["title"] for flow in flows}) == 5


def test_the_published_printer_flow_lacks_the_new_branch() -> None:
    (flow,) = [flow for flow in published_flows() if flow["key"] == "printer-trouble"]
    ids = {node["id"] for node in flow["definition"]["nodes"]}
    assert "panel" in ids
    assert not ids & {"badge", "r_badge", "e_badge"}


def test_the_published_outlook_flow_is_another_than_practice() -> None:
    (topic,) = [topic for topic in TOPICS if topic.key == "outlook"]
    (flow,) = [flow for flow in published_flows() if flow["key"] == "outlook-password"]
    ids = {node["id"] for node in flow["definition"]["nodes"]}
    assert "e_shared" in ids - topic.nodes.keys()
    assert {"remount", "window", "webmail"} <= topic.nodes.keys() - ids


@by_key
def test_every_node_is_reached_and_worded_in_several_ways(topic: Topic) -> None:
    reached, waiting = set[str](), [topic.root]
    while waiting:
        node = topic.nodes[waiting.pop()]
        if node.key not in reached:
            reached.add(node.key)
            waiting += [item.to for item in node.answers]
    assert reached == topic.nodes.keys()
    for node in topic.nodes.values():
        assert len(set(node.texts)) >= (2 if node.is_terminal else 4), node.key
        assert all(len(set(item.said)) >= 3 for item in node.answers), node.key
        assert node.kind != "resolution" or len(node.closing) >= 2, node.key


@by_key
def test_topics_have_help_summaries_and_an_escalation(topic: Topic) -> None:
    nodes = topic.nodes.values()
    assert sum(len(node.help) for node in nodes) >= 4
    assert all(asked and told for node in nodes for asked, told in node.help)
    assert len(topic.summaries) >= 5
    assert {"question", "action", "resolution", "escalation"} <= {node.kind for node in nodes}


def test_no_two_topics_share_a_summary_a_title_or_a_prompt() -> None:
    for one, other in combinations(TOPICS, 2):
        assert not set(one.summaries) & set(other.summaries)
        assert not set(one.titles) & set(other.titles)
        prompts = [
            {text for node in topic.nodes.values() if not node.is_terminal for text in node.texts}
            for topic in (one, other)
        ]
        assert not prompts[0] & prompts[1]


def test_a_tree_with_a_loose_end_or_a_double_key_is_refused() -> None:
    end = resolution("end", "Done.", "Closed.")
    with pytest.raises(ValueError, match="leads to 'nowhere'"):
        tree(action("start", "Do it.", answer("Done", "nowhere", 1, "Done.")), end)
    with pytest.raises(ValueError, match="used twice"):
        tree(end, end)
