"""Random ways of guided sessions through two versions of a flow, and what is true of each, by hand."""

import random
from collections.abc import Sequence
from typing import Any

from flowpilot.flows.models import FlowVersion
from flowpilot.flows.services import flow_version_publish
from proposals.models import SessionAnalysis
from sessions.models import AISession, SessionStep
from tests.factories import definition


def two_questions() -> dict[str, Any]:
    """Another version of the usual flow: a second question, whose answers lead to both ends."""
    found = definition("Does the VPN client connect at all?")
    found["nodes"][0]["options"].append({"id": "o3", "label": "Sometimes", "next": "n5"})
    found["nodes"].append(
        {
            "id": "n5",
            "kind": "question",
            "text": "Only at home?",
            "options": [
                {"id": "o1", "label": "Yes", "next": "n2"},
                {"id": "o2", "label": "No", "next": "n4"},
                {"id": "o3", "label": "Cannot tell", "next": "n2"},
            ],
        }
    )
    return found


def guide(sessions: Sequence[AISession], seed: int) -> None:
    """Let those of the sessions that have a flow go random ways through it, worked here or told from elsewhere."""
    dice = random.Random(seed)
    guided = [session for session in sessions if session.flow_id]
    if not guided:
        return
    flow = guided[0].flow
    assert flow is not None
    flow_version_publish(actor=None, flow=flow, base_number=1, definition=two_questions(), note="")
    versions = [*flow.versions.order_by("number"), None]
    steps: list[SessionStep] = []
    analyses: list[SessionAnalysis] = []
    for session in guided:
        version = session.flow_version = dice.choice(versions)
        if version is None or dice.random() < 0.25:
            analyses.append(_analysis(session, versions, dice))
            continue
        session.is_worked_here = True
        session.node_id, found = _way(session, version, dice)
        steps += found
    AISession.objects.bulk_update(guided, ["flow_version", "is_worked_here", "node_id"])
    SessionStep.objects.bulk_create(steps)
    SessionAnalysis.objects.bulk_create(analyses)


def _analysis(session: AISession, versions: list[Any], dice: random.Random) -> SessionAnalysis:
    return SessionAnalysis(
        account_id=session.account_id,
        session=session,
        state=dice.choice(["done", "done", "failed"]),
        outcome=dice.choice(["followed", "followed", "left", "no_flow"]),
        flow_version=session.flow_version if dice.random() < 0.8 else dice.choice(versions),
    )


def _way(session: AISession, version: FlowVersion, dice: random.Random) -> tuple[str, list[SessionStep]]:
    """As the runner leaves it: where the session stands, and its steps, notes among them."""
    nodes = {node["id"]: node for node in version.nodes}
    here = version.definition["root"]
    steps: list[SessionStep] = []

    def add(**fields: Any) -> None:
        common = {"account_id": session.account_id, "session": session, "position": len(steps)}
        steps.append(SessionStep(**common, **fields))

    while len(steps) < 30:
        node, chance = nodes[here], dice.random()
        if chance < 0.1:
            add(kind="note", prompt="Called back")
        if not node.get("options") or chance > 0.93:
            break
        if 0.1 < chance < 0.2:
            here = dice.choice(list(nodes))
            continue
        seconds = dice.choice([None, dice.randrange(400)])
        asked = {"kind": node["kind"], "prompt": node["text"], "node_id": here, "seconds": seconds}
        if 0.2 < chance < 0.3:
            add(**asked, response="Something else")
            return "", steps
        option = dice.choice(node["options"])
        add(**asked, selected_option=option["label"])
        here = option["next"]
    return here, steps


def way_of(session: AISession) -> list[str]:
    """The nodes that a session answered and where it stands, from its rows."""
    steps = sorted(session.steps.all(), key=lambda step: step.position)
    return [step.node_id for step in steps if step.node_id] + ([session.node_id] if session.node_id else [])


def is_completed(session: AISession) -> bool:
    """Whether it stands at an end of its version, or its analysis says that it followed that version."""
    assert session.flow_version is not None
    kinds = {node["id"]: node["kind"] for node in session.flow_version.nodes}
    if session.node_id:
        return kinds[session.node_id] in ("resolution", "escalation")
    found = SessionAnalysis.objects.filter(session=session).first()
    return bool(
        not session.is_worked_here
        and found
        and (found.state, found.outcome, found.flow_version_id) == ("done", "followed", session.flow_version_id)
    )
