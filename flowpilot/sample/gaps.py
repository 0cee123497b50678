"""The weak spots planted in the sample sessions, for gap detection to find.

Each is real in the data: its sessions end badly more often than the rest for a reason that the texts
tell. All rates are shares of sessions, 0..1, as intended; a single run scatters around them.

- vpn-connect: after "Connected, but nothing internal opens" only a script is known, which helps little
  more than every second time; the rest goes to the network team.
- mfa-prompt: since `mfa.STALE_DAYS` days before the end the app's menu is another one and text messages
  are switched off, so the flow's advice no longer works. The flow's text was never changed.
- password-lockout: "Where does the lockout come from?" has no answer for servers, scanners and log-ins
  from abroad. Sessions leave the flow there, each in its own way.
- Clear-TempFiles.ps1 is run for every full disk and leaves nearly all of them as slow as before. In the sample account
  it is generated from the library's template IDLE_TEMPLATE: mostly "no change", and its sessions are escalated.
- Remote desktop has no flow and is escalated most of all.
- Greywater Engineering cannot be reached by remote tools: its sessions are handed over.
- Seven topics recur without a flow. For three of them the sample account's history publishes one on the way
  (`history.PUBLISHED_LATER`): there the gap is found by an earlier measurement, and closes.

A weak spot lifts the wider groups it belongs to: `lifts` names those that a detector may rightly flag
along with it.
"""

from dataclasses import dataclass
from typing import Literal

from flowpilot.sample.cast import HARD_CLIENT
from flowpilot.sample.topics import TOPICS, mfa, password, slow_pc, vpn

GapKind = Literal["weak_option", "high_escalation", "missing_flow", "dead_end", "stale_flow", "script_no_help"]
ProposalType = Literal["new_flow", "enhancement", "branch_addition", "auto_reinforced"]

#: Key of the library's template that stands behind the script of `slow_pc`.
IDLE_TEMPLATE = "windows-clean-temporary-files"


@dataclass(frozen=True, slots=True)
class PlantedGap:
    """One weak spot: where it is, and how much worse it is there.

    `rate` against `base` is, by kind:
    - weak_option: escalated, with this answer (`node` is the question's text) / others of the flow
    - high_escalation: escalated, in this `domain` or for this `client` / elsewhere
    - stale_flow: escalated, in the flow's sessions of the last `since_days` / before
    - dead_end: sessions at `node` that leave the flow there / at other nodes of published flows
    - script_no_help: escalated, where `script` ran (made from the library's `template`) / the rest of the topic
    - missing_flow: worked without a flow, in this topic / in topics that have one
    `per_2000` is the number of sessions concerned that 2,000 hold, about.
    """

    kind: GapKind
    rate: float
    base: float
    per_2000: int
    topic: str | None = None
    flow: str | None = None
    node: str | None = None
    option: str | None = None
    script: str | None = None
    template: str | None = None
    domain: str | None = None
    client: str | None = None
    since_days: int | None = None
    lifts: tuple[str, ...] = ()


PLANTED_GAPS: tuple[PlantedGap, ...] = (
    PlantedGap(
        "weak_option",
        rate=0.43,
        base=0.09,
        per_2000=78,
        topic="vpn",
        flow="vpn-connect",
        node=vpn.NODES["message"].texts[0],
        option=vpn.WEAK_OPTION,
        lifts=("topic:vpn", "domain:networking", "node:message", "script:Repair-VpnRoutes.ps1"),
    ),
    PlantedGap(
        "stale_flow",
        rate=0.28,
        base=0.07,
        per_2000=92,
        topic="mfa",
        flow="mfa-prompt",
        since_days=mfa.STALE_DAYS,
        lifts=("topic:mfa", "domain:identity", "node:refresh", "node:reregister_check"),
    ),
    PlantedGap(
        "dead_end",
        rate=0.84,
        base=0.0,
        per_2000=75,
        topic="password",
        flow="password-lockout",
        node=password.DEAD_END,
        lifts=("topic:password", "domain:identity", "option:Several times"),
    ),
    PlantedGap(
        "script_no_help",
        rate=0.42,
        base=0.08,
        per_2000=76,
        topic="slow_pc",
        script=slow_pc.IDLE_SCRIPT,
        template=IDLE_TEMPLATE,
        lifts=("topic:slow_pc", "domain:endpoint"),
    ),
    PlantedGap(
        "high_escalation",
        rate=0.38,
        base=0.13,
        per_2000=88,
        topic="rdp",
        domain="Remote access",
        lifts=("topic:rdp",),
    ),
    PlantedGap("high_escalation", rate=0.37, base=0.13, per_2000=86, client=HARD_CLIENT),
    *(
        PlantedGap("missing_flow", 1.0, 0.12, topic.per_2000, topic.key, domain=topic.domain)
        for topic in TOPICS
        if topic.flow is None
    ),
)

#: What the analysis of each topic's sessions should mostly lead to.
EXPECTED_PROPOSALS: dict[str, ProposalType] = {
    topic.key: "auto_reinforced" if topic.flow else "new_flow" for topic in TOPICS
} | {"printers": "branch_addition", "outlook": "enhancement"}
