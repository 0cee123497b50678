"""Small helpdesk sessions for the mining tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from proposals.mining import MinedFlow, Record, Turn, mine_topic, record_from_json

# Each step: the ways it is asked, and for each answer the ways it is given.
ASKS_CABLE = (
    "Is the network cable plugged in?",
    "Can you check that the network cable is plugged in?",
    "Is your network cable connected?",
)
ASKS_LIGHT = (
    "Is the light on the network port green?",
    "Do you see a green light at the network port?",
    "Does the port show a green light?",
)
PLUG_IN = ("Plug the cable in until it clicks.", "Push the cable in until you hear a click.")
RENEW = (
    "Renew the address with the repair tool.",
    "Use the repair tool to renew the address.",
)
NEW_PORT = ("Move to another wall port.", "Please use a different wall port.")
NO_CABLE = ("No, it was loose.", "It is not plugged in.", "No, it fell out.")
CABLE = ("Yes, it is plugged in.", "Yes.", "Yes, it sits tight.")
NO_LIGHT = ("No, there is no light.", "It is not green.", "No, it stays dark.")
LIGHT = ("Yes, it is green.", "Yes.", "It shines green.")
PROBLEMS = (
    "My computer has no network.",
    "There is no network on my computer since this morning.",
    "The computer lost the network.",
)


def structured(key: str, steps: Sequence[Mapping[str, Any]], **fields: Any) -> Record:
    return record_from_json({"external_id": key, "status": "resolved", "steps": list(steps), **fields})


def question(prompt: str, answer: str | None, options: Sequence[str] = ("Yes", "No")) -> dict[str, Any]:
    return {"kind": "question", "prompt": prompt, "options": list(options), "selected_option": answer}


def action(prompt: str, response: str | None = None) -> dict[str, Any]:
    return {"kind": "action", "prompt": prompt, "response": response}


def talk(key: str, *turns: str, status: str = "resolved") -> Record:
    """A transcript in which the user speaks first."""
    roles = ("user", "agent")
    transcript = [{"role": roles[i % 2], "text": text} for i, text in enumerate(turns)]
    return record_from_json({"external_id": key, "status": status, "transcript": transcript})


def turns_of(record: Record) -> tuple[Turn, ...]:
    assert record.transcript is not None
    return record.transcript


def mined(records: Sequence[Record]) -> MinedFlow:
    """The flow of the records, which are of one topic."""
    flow = mine_topic(records)
    assert flow is not None
    return flow


def network_talks(count: int = 18, prefix: str = "net") -> list[Record]:
    """Transcripts of one tree: cable? no: plug in; yes: light? yes: renew; no: new port."""
    talks = []
    for i in range(count):
        problem, cable, light = PROBLEMS[i % 3], ASKS_CABLE[i // 3 % 3], ASKS_LIGHT[i // 3 % 3]
        if i % 3 == 0:
            turns = [problem, cable, NO_CABLE[i // 3 % 3], PLUG_IN[i % 2]]
        elif i % 3 == 1:
            turns = [problem, cable, CABLE[i // 3 % 3], light, LIGHT[i // 3 % 3], RENEW[i % 2]]
        else:
            turns = [problem, cable, CABLE[i // 3 % 3], light, NO_LIGHT[i // 3 % 3], NEW_PORT[i % 2]]
        talks.append(talk(f"{prefix}-{i}", *turns, "That helped, thank you.", "Glad it works, have a nice day!"))
    return talks


PRINTER_ASKS = ("Does the printer show a paper jam?", "Is there a paper jam on the printer's display?")
TONER_ASKS = ("Is the toner empty?", "Does the display say that the toner is empty?")
CLEAR_JAM = ("Open the rear door and take the paper out.", "Take the paper out through the rear door.")
NEW_TONER = ("Put a new toner cartridge in.", "Please insert a new toner cartridge.")


def printer_talks(count: int = 12, prefix: str = "prn") -> list[Record]:
    """Transcripts of another tree: jam? yes: clear; no: toner? yes: new toner."""
    talks = []
    for i in range(count):
        problem = ("The printer on our floor prints nothing.", "I cannot print, the printer stays silent.")[i % 2]
        jam, toner = PRINTER_ASKS[i // 2 % 2], TONER_ASKS[i // 2 % 2]
        if i % 2:
            turns = [problem, jam, "Yes, it says paper jam.", CLEAR_JAM[i // 2 % 2]]
        else:
            turns = [problem, jam, "No, there is no jam.", toner, "Yes, toner is empty.", NEW_TONER[i // 2 % 2]]
        talks.append(talk(f"{prefix}-{i}", *turns, "It prints again, thanks.", "You are welcome, goodbye!"))
    return talks


def structured_vpn(count: int = 12, prefix: str = "vpn") -> list[Record]:
    """Structured sessions: internet? no: restart router; yes: password expired? yes: reset, no: escalated."""
    records = []
    for i in range(count):
        first = ("Does the internet work without the VPN?", "Without the VPN, does the internet work?")[i % 2]
        second = ("Has your password expired?", "Is your password expired?")[i // 2 % 2]
        steps: list[dict[str, Any]] = [question(first, "No" if i % 3 == 0 else "Yes")]
        status, summary = "resolved", "The VPN connects again."
        if i % 3 == 0:
            steps.append(action("Restart the router at home."))
        else:
            steps.append(question(second, "Yes" if i % 3 == 1 else "No"))
            if i % 3 == 1:
                steps.append(action("Set a new password in the portal."))
            else:
                status, summary = "escalated", "Handed to the network team."
        records.append(
            structured(
                f"{prefix}-{i}",
                steps,
                status=status,
                resolution_summary=summary,
                problem_summary=("VPN does not connect.", "The VPN client cannot connect from home.")[i % 2],
                client=("Contoso Bakery", "Fabrikam Legal")[i % 2],
                technician=("bob@northwind.example", "dana@northwind.example")[i // 2 % 2],
            )
        )
    return records


def node_asking(definition: Mapping[str, Any], words: str) -> dict[str, Any]:
    """The one node whose text holds the words."""
    found = [node for node in definition["nodes"] if words.lower() in node["text"].lower()]
    assert len(found) == 1, f"{words!r}: {[node['text'] for node in definition['nodes']]}"
    return dict(found[0])


def follow(definition: Mapping[str, Any], node: Mapping[str, Any], label: str) -> dict[str, Any]:
    """The node that the labelled answer leads to."""
    target = next(option["next"] for option in node["options"] if option["label"] == label)
    return dict(next(node for node in definition["nodes"] if node["id"] == target))
