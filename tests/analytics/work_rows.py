"""What sessions leave behind, at random and the same at every run: pushes, scripts and hand-overs in every state."""

import random
from datetime import datetime, timedelta
from typing import Any

from flowpilot.accounts.models import Account
from sessions.models import (
    AISession,
    GeneratedScript,
    Handover,
    PsaConnection,
    PsaPush,
    ScriptTemplate,
    ScriptTemplateVersion,
)
from tests.factories import make_connection, make_template

State, Kind = PsaPush.State, PsaPush.Kind
CHARGED = (timedelta(minutes=6), timedelta(minutes=95), timedelta(hours=23, seconds=1))


def add_work(account: Account, sessions: list[AISession], now: datetime, seed: int) -> None:
    """Give some of the sessions pushes, scripts and hand-overs that are as old as they are, up to `now`."""
    dice = random.Random(f"{seed} work")
    _add_pushes(account, sessions, now, dice)
    _add_scripts(account, sessions, now, dice)
    _add_handovers(account, sessions, now, dice)


def _after(moment: datetime, now: datetime, dice: random.Random, most: float = 40_000) -> datetime:
    """Some time later, to the microsecond, and not to come."""
    return min(moment + timedelta(seconds=dice.choice([0, 1, 59.5, 3600, dice.random() * most])), now)


def _add_pushes(account: Account, sessions: list[AISession], now: datetime, dice: random.Random) -> None:
    # One of them was there before: the system counts, not the connection.
    named = {"ConnectWise": ("connectwise", True), "Halo": ("halopsa", True), "Halo before": ("halopsa", False)}
    connections = [_connection(account, name, kind, active) for name, (kind, active) in named.items()]
    pushes, created = [], {}
    for session in sessions:
        for kind in Kind.values:
            for end in range(dice.choice([0, 1, 1, 2])):
                at = _after(session.started_at, now, dice)
                push = PsaPush(
                    account=account,
                    session=session,
                    connection=dice.choice(connections),
                    ticket_id=session.psa_ticket_id,
                    kind=kind,
                    occasion=f"end {end}",
                    payload=_payload(kind, at, dice),
                    attempts_allowed=12,
                    **_state(at, now, dice),
                )
                created[push.marker] = at
                pushes.append(push)
    made = PsaPush.objects.bulk_create(pushes)
    for push in made:  # the field takes the time of writing
        push.created_at = created[push.marker]
    PsaPush.objects.bulk_update(made, ["created_at"])


def _connection(account: Account, name: str, kind: str, is_active: bool) -> PsaConnection:
    found = PsaConnection.objects.filter(account=account, kind=kind, is_active=is_active).first()
    return found or make_connection(account, kind, name=name, is_active=is_active)


def _payload(kind: str, at: datetime, dice: random.Random) -> dict[str, Any]:
    if kind == Kind.STATUS:
        return {"status": "9"}
    said = {"text": "It works again"}
    if kind == Kind.TIME and dice.random() < 0.9:  # what came from elsewhere may have no times, or wrong ones
        said |= {"started_at": (at - dice.choice(CHARGED)).isoformat(), "ended_at": at.isoformat()}
        if dice.random() < 0.1:
            said["ended_at"] = "noon"
    return said


def _state(at: datetime, now: datetime, dice: random.Random) -> dict[str, Any]:
    state = dice.choice([State.SUCCEEDED, State.SUCCEEDED, State.SUCCEEDED, *State.values])
    tries = dice.choice([1, 1, 1, 2, 3, 12, 13, 15])
    if state == State.PENDING:
        tries = dice.choice([0, 1, 4])
    waits = state == State.PENDING or (state == State.UNKNOWN and dice.random() < 0.5)
    settled = None if waits else _after(at, now, dice)
    return {"state": state, "attempt_count": tries, "settled_at": settled, "next_attempt_at": now if waits else None}


def _add_scripts(account: Account, sessions: list[AISession], now: datetime, dice: random.Random) -> None:
    """Of three templates of the account, one of them in two versions, and one of everybody's."""
    versions = [
        _version(account, "Ping a computer", risk="read_only"),
        _version(account, "Flush the resolver", risk="changes"),
        _version(account, "Remove a profile", risk="destructive"),
        _version(None, "Restart the spooler", risk="changes"),
    ]
    first = versions[0]
    versions.append(
        ScriptTemplateVersion.objects.get_or_create(
            account=account, template=first.template, number=2, defaults={"risk": "changes", "body": "true"}
        )[0]
    )
    scripts: list[GeneratedScript] = []
    created: dict[int, datetime] = {}
    for session in [*dice.choices(sessions, k=len(sessions) // 2), *[None] * 5]:
        at = _after(session.started_at, now, dice) if session else now - timedelta(days=dice.random() * 80)
        outcome = dice.choice([None, *GeneratedScript.Outcome.values])
        created[len(scripts)] = at
        scripts.append(
            GeneratedScript(
                account=account,
                session=session,
                # The session may have been given to another team since.
                team=session.team if session and dice.random() < 0.9 else None,
                template_version=dice.choice(versions),
                text="true",
                outcome=outcome,
            )
        )
    made = GeneratedScript.objects.bulk_create(
        [script for script in scripts if script.outcome is None]
    ) + GeneratedScript.objects.bulk_create([_reported(script, now) for script in scripts if script.outcome])
    numbers = {id(script): number for number, script in enumerate(scripts)}
    for script in made:
        script.created_at = created[numbers[id(script)]]
    GeneratedScript.objects.bulk_update(made, ["created_at"])


def _reported(script: GeneratedScript, now: datetime) -> GeneratedScript:
    script.outcome_at = now + timedelta(days=1)  # after its writing, which comes first
    return script


def _version(account: Account | None, title: str, risk: str) -> ScriptTemplateVersion:
    found = ScriptTemplate.objects.filter(account=account, title=title).first()
    if found is not None and found.current_version is not None:
        return found.current_version
    return make_template(account, title=title, risk=risk)


def _add_handovers(account: Account, sessions: list[AISession], now: datetime, dice: random.Random) -> None:
    """At most one that nobody has taken up for each session; some of those were never to be: the session went on."""
    handovers = []
    for session in sessions:
        if dice.random() < 0.75:
            continue
        given = _after(session.started_at, now, dice)
        claimed = _after(given, now, dice, 400_000) if dice.random() < 0.6 else None
        stepped = _after(claimed, now, dice, 4_000) if claimed and dice.random() < 0.7 else None
        handovers.append(
            Handover(
                account=account, session=session, reason="Beyond me", created_at=given, claimed_at=claimed,
                first_step_at=stepped,
            )
        )  # fmt: skip
    Handover.objects.bulk_create(handovers)
