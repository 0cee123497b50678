"""Sample sessions as if they had been worked here: where the flow stood, how long each step took, hand-overs, ratings.

The runner came RUNNER_DAYS before the end of the sample; since then guided sessions are worked in it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import exp
from random import Random
from typing import Any

from flowpilot.accounts.models import Account, Membership, User
from flowpilot.sample import phrases
from flowpilot.sample.bulk import rows_update
from flowpilot.sample.cast import SERVICE_DESK
from flowpilot.sample.wording import pick
from sessions.models import AISession, Handover, SessionStep
from sessions.runner.ending import packet_of

RUNNER_DAYS = 45
#: Open sessions of the demo technician, and escalated ones that wait for somebody to take them up.
OPEN_HERE, WAITING = 3, 2
_MOST_SECONDS = 3600
_RATED = {"resolved": 0.6, "escalated": 0.45, "abandoned": 0.0}
_RATINGS = {"resolved": (5, 5, 5, 4, 4, 4, 3), "escalated": (4, 3, 3, 2, 2, 1)}
_HANDED_OVER_CHANCE = 0.07
_STEP_FIELDS = ["node_id", "seconds", "at"]
_FIELDS = [
    "is_worked_here", "revision", "node_id", "node_since", "match_score", "touched_at", "rating", "flow_was_right",
    "feedback", "ended_at", "status", "technician", "technician_email", "team", "confidence_score",
]  # fmt: skip
Status, Kind = AISession.Status, SessionStep.Kind


def worked_make(*, account: Account, seed: int, until: datetime) -> None:
    """Turn part of the account's sessions into sessions of the runner. Same seed and sessions, same rows."""
    rng = Random(f"{seed} worked")  # noqa: S311
    rows = AISession.objects.filter(account=account, transcript__isnull=True)
    rows = rows.filter(started_at__gte=until - timedelta(days=RUNNER_DAYS)).select_related(
        "flow_version", "client", "team", "technician"
    )
    recent = list(rows.prefetch_related("steps").order_by("started_at", "external_id"))
    open_ones = [session for session in recent if session.is_open]
    escalated = [s for s in recent if s.status == Status.ESCALATED and s.team and s.team.name == SERVICE_DESK]
    waiting = escalated[-WAITING:]
    extra = {session.pk for session in (*open_ones, *waiting)}
    here = [session for session in recent if session.flow_version_id or session.pk in extra]
    for session in here:
        run_here(rng, session, list(session.steps.all()), until)
    _open_now(account, rng, open_ones, until)
    handovers = _handovers(account, rng, here, waiting, until)
    save_here(here)
    Handover.objects.bulk_create(handovers)


def save_here(sessions: Sequence[AISession], *more: str) -> None:
    """Save what `run_here` set; `more` are other fields of the steps that have changed."""
    steps = [step for session in sessions for step in session.steps.all()]
    rows_update(steps, [*_STEP_FIELDS, *more])
    rows_update(sessions, _FIELDS)


def run_here(rng: Random, session: AISession, steps: Sequence[SessionStep], until: datetime) -> None:
    """Give the session and its steps what the runner would have written; nothing is saved."""
    _place(session, steps)
    moments = [*(step.at or session.started_at for step in steps[1:]), session.ended_at or until]
    for step, after in zip(steps, moments, strict=False):
        if step.node_id and step.at:
            step.seconds = max(1, min(_MOST_SECONDS, int((after - step.at).total_seconds())))
    session.is_worked_here, session.revision = True, len(steps) + (session.ended_at is not None)
    last = steps[-1].at if steps else None
    session.touched_at = session.ended_at or last or session.started_at
    session.node_since = session.touched_at if session.node_id else None
    if session.flow_version_id:
        session.match_score = round(min(0.97, max(0.35, rng.gauss(0.74, 0.13))), 3)
    counted = [step for step in steps if step.kind not in (Kind.NOTE, Kind.HELP)]
    guided = sum(bool(step.node_id and step.selected_option) for step in counted)
    session.confidence_score = (session.match_score or 0.0) * (guided / len(counted) if counted else 1.0)
    _say(rng, session)


def _place(session: AISession, steps: Sequence[SessionStep]) -> None:
    """Which node each step asked, and where the flow stands after the last."""
    session.node_id = ""
    version = session.flow_version
    if version is None:
        return
    nodes: dict[str, Any] = {node["text"]: node for node in version.nodes}
    session.node_id = version.definition["root"]
    for step in steps:
        node = nodes.get(step.prompt)
        if node is None or [option["label"] for option in node.get("options", ())] != step.options or not step.options:
            continue  # asked off the flow, if in its words
        step.node_id = node["id"]
        chosen = [option["next"] for option in node["options"] if option["label"] == step.selected_option]
        session.node_id = chosen[0] if chosen else ""


def _say(rng: Random, session: AISession) -> None:
    """What the technician says at the end: a rating, whether the flow was right, now and then a word on it."""
    if rng.random() >= _RATED.get(session.status, 0.0):
        return
    session.rating = pick(rng, _RATINGS[session.status])
    if session.flow_version_id:
        session.flow_was_right = rng.random() < (0.93 if session.status == Status.RESOLVED else 0.4)
    if rng.random() < 0.3:
        good = session.rating >= 4 and session.flow_was_right is not False
        session.feedback = pick(rng, phrases.FEEDBACK_GOOD if good else phrases.FEEDBACK_BAD)


def _open_now(account: Account, rng: Random, sessions: Sequence[AISession], until: datetime) -> None:
    """What is open was touched within the day, or it would be given up as idle; some of it is the demo technician's."""
    for session in sessions:
        session.touched_at = max(session.touched_at or until, until - timedelta(minutes=rng.randint(30, 600)))
    demo = _demo_technician(account)
    chosen = sorted(sessions, key=lambda s: (s.flow_version_id is None, -s.started_at.timestamp()))[:OPEN_HERE]
    for place, session in enumerate(chosen):
        _give_to(session, demo)
        session.status = Status.PAUSED if place == OPEN_HERE - 1 else Status.ACTIVE
        session.touched_at = until - timedelta(minutes=4 + 21 * place)
        session.node_since = session.touched_at if session.node_id else None


def _give_to(session: AISession, membership: Membership) -> None:
    session.technician, session.technician_email = membership.user, membership.user.email
    session.team = membership.team


def _demo_technician(account: Account) -> Membership:
    rows = Membership.objects.filter(account=account, user__email="bob@northwind.example")
    return rows.select_related("user", "team").get()


def _handovers(
    account: Account, rng: Random, here: Sequence[AISession], waiting: Sequence[AISession], until: datetime
) -> list[Handover]:
    """Of what was escalated the newest waits; the rest was taken up, and ended where it had been handed to."""
    members = list(Membership.objects.filter(account=account, role="technician").select_related("user").order_by("pk"))
    people = [member.user for member in members]
    handovers = []
    for session in waiting:
        handovers.append(_handover(rng, session, session.technician, session.ended_at or until))
        handovers[-1].to_team = session.team
    if waiting:
        handovers[-1].to_user, handovers[-1].to_team = _demo_technician(account).user, None
    for session in here:
        if session.ended_at is None or session in waiting:
            continue
        steps = list(session.steps.all())
        if session.status == Status.ESCALATED or (len(steps) > 3 and rng.random() < _HANDED_OVER_CHANCE):
            handover = _taken_up(rng, session, steps, [p for p in people if p != session.technician], until)
            handovers += [handover] if handover else []
    return handovers


def _taken_up(
    rng: Random, session: AISession, steps: list[SessionStep], people: list[User], until: datetime
) -> Handover | None:
    """Hand the session over before its last steps to who ended it; what came after moves by the time it waited.

    None where it would not have ended by now.
    """
    last = min(2, len(steps) - 1)
    if last < 1 or not session.ended_at or not all(step.at for step in steps):
        return None
    rest = steps[-last:]
    given_at = rest[0].at
    wait = timedelta(minutes=min(600.0, 24 * exp(rng.gauss(0, 0.9))))
    first = timedelta(minutes=min(90.0, 4 * exp(rng.gauss(0, 0.7))))
    if given_at is None or session.ended_at + wait + first > until:
        return None
    handover = _handover(rng, session, pick(rng, people), given_at)
    handover.to_team = session.team if rng.random() < 0.7 else None
    handover.claimed_by, handover.claimed_at = session.technician, given_at + wait
    handover.first_step_at = given_at + wait + first
    for step in rest:
        step.at = (step.at or given_at) + wait + first
    session.ended_at = session.touched_at = session.ended_at + wait + first
    session.revision += 2
    return handover


def _handover(rng: Random, session: AISession, given_by: User | None, at: datetime) -> Handover:
    return Handover(
        account_id=session.account_id,
        session=session,
        reason=pick(rng, phrases.HANDED_OVER),
        given_by=given_by,
        packet=packet_of(session),
        created_at=at,
    )
