"""One step after another: answers at a node, steps off the flow, notes, scripts, back and jump."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from flowpilot.accounts.models import User
from flowpilot.common.errors import Conflict, InvalidInput
from sessions.models import AISession, Handover, SessionStep
from sessions.runner.lock import require_active, session_lock, told, touch

Kind = SessionStep.Kind
FREE_KINDS = (Kind.QUESTION, Kind.ACTION, Kind.HELP)
MOST_STEPS = 500


def node_of(session: AISession) -> dict[str, Any] | None:
    """The node where a guided session stands, as its flow's definition has it; None off the flow."""
    if session.flow_version is None or not session.node_id:
        return None
    return next((node for node in session.flow_version.nodes if node["id"] == session.node_id), None)


@transaction.atomic
def step_answer(
    *, actor: User, session_id: int, revision: int, node_id: str, option_id: str, response: str = ""
) -> AISession:
    """Answer the node where the session stands by one of its options; `response` is what was typed or said.

    Raises NotFound, NotAllowed, Conflict (another tab went on; it stands at another node, or has ended), InvalidInput
    (no such option, a text too long).
    """
    session, node = _at_node(actor, session_id, revision, node_id)
    option = next((option for option in node.get("options", ()) if option["id"] == option_id), None)
    if option is None:
        raise InvalidInput("choose one of the answers that are shown", details={"option": f"unknown: {option_id[:40]}"})
    words = told(session.account, response, "answer", required=False) or None
    _append(session, node, selected_option=option["label"], response=words)
    session.node_id = option["next"]
    return _went_on(session)


@transaction.atomic
def step_none_of_these(*, actor: User, session_id: int, revision: int, node_id: str, response: str) -> AISession:
    """None of the node's answers fits: what was found instead is recorded, and the session goes on free-form.

    That is what new branches are made of. Raises as step_answer does.
    """
    session, node = _at_node(actor, session_id, revision, node_id)
    _append(session, node, response=told(session.account, response, "answer"))
    session.node_id = ""
    return _went_on(session)


@transaction.atomic
def step_free(
    *, actor: User, session_id: int, revision: int, prompt: str, response: str = "", kind: str = Kind.ACTION
) -> AISession:
    """A step that no flow asked for: what was asked or done, and what came of it.

    Raises NotFound, NotAllowed, Conflict, InvalidInput.
    """
    session = session_lock(actor, session_id, revision)
    require_active(session)
    if kind not in FREE_KINDS:
        raise InvalidInput("a step is a question, an action or help", details={"kind": f"unknown: {kind[:40]}"})
    outcome = told(session.account, response, "outcome", required=False) or None
    _add(session, kind=kind, prompt=told(session.account, prompt, "step"), response=outcome)
    return _went_on(session)


@transaction.atomic
def note_add(*, actor: User, session_id: int, revision: int, text: str) -> AISession:
    """A note beside the steps; the session stays where it is. Raises NotFound, NotAllowed, Conflict, InvalidInput."""
    session = session_lock(actor, session_id, revision)
    require_active(session)
    _add(session, kind=Kind.NOTE, prompt=told(session.account, text, "note"))
    touch(session)
    return session


@transaction.atomic
def step_back(*, actor: User, session_id: int, revision: int) -> AISession:
    """Take the last step back; a guided one is asked again. A script that was generated stays: it may have been run.

    Raises NotFound, NotAllowed, Conflict (nothing to take).
    """
    session = session_lock(actor, session_id, revision)
    require_active(session)
    last = session.steps.filter(generated_script=None).order_by("-position").first()
    if last is None:
        raise Conflict("there is no step to take back")
    if last.node_id:
        session.node_id = last.node_id
    last.delete()
    return _went_on(session)


@transaction.atomic
def step_jump(*, actor: User, session_id: int, revision: int, node_id: str) -> AISession:
    """Go on at any node of the session's flow, or return to it. Raises NotFound, NotAllowed, Conflict, InvalidInput."""
    session = session_lock(actor, session_id, revision)
    require_active(session)
    if session.flow_version is None:
        raise Conflict("no flow guides this session")
    if node_id not in {node["id"] for node in session.flow_version.nodes}:
        raise InvalidInput("the flow has no such step", details={"node": f"unknown: {node_id[:40]}"})
    session.node_id = node_id
    return _went_on(session)


def steps_append(session: AISession, drafts: list[dict[str, Any]]) -> None:
    """Add several free steps at once, for a talk that was pasted. Call with the session's row locked."""
    for draft in drafts:
        _add(session, **draft)


def script_step_add(session: AISession, title: str, outcomes: list[str]) -> SessionStep:
    """Record that a script was generated, and which outcomes can be said of it. Call with the session's row locked.

    Beside what the technician does next: the session stands where it stood, no tab falls behind by it.
    """
    step = _add(session, kind=Kind.SCRIPT, prompt=title, options=outcomes)
    _worked_now(session)
    return step


def script_step_answer(session: AISession, step: SessionStep, outcome: str) -> None:
    """Record what came of a script, one of its step's outcomes. Call with the session's row locked.

    After the session's end, too: analysis then reads it again.
    """
    step.selected_option = outcome
    step.save(update_fields=["selected_option"])
    if session.is_open:
        _worked_now(session)
    elif session.status in AISession.ANALYZED:
        session.analysis_due_at = timezone.now()
        session.save(update_fields=["analysis_due_at", "updated_at"])


def score_of(session: AISession) -> float:
    """How far the flow carries this session: its match, times the share of the steps that it asked for.

    It falls with each step off the flow, and is what the tier on the page says; analysis measures it anew afterwards. A
    generated script does what a step asks, and is none of its own here.
    """
    if session.match_score is None:
        return 0.0
    counted = session.steps.filter(generated_script=None).exclude(kind__in=[Kind.NOTE, Kind.HELP])
    total = counted.count()
    guided = counted.exclude(node_id="").exclude(selected_option=None).count()
    return session.match_score * (guided / total if total else 1.0)


def _at_node(actor: User, session_id: int, revision: int, node_id: str) -> tuple[AISession, dict[str, Any]]:
    session = session_lock(actor, session_id, revision)
    require_active(session)
    node = node_of(session)
    if node is None or node["id"] != node_id:
        raise Conflict("the session stands at another step by now; here is which")
    if not node.get("options"):
        raise Conflict("the flow ends here: resolve or escalate the session, or go on free-form")
    return session, node


def _append(session: AISession, node: dict[str, Any], **answer: Any) -> None:
    since = session.node_since or session.started_at
    _add(
        session,
        kind=node["kind"],
        prompt=node["text"],
        options=[option["label"] for option in node["options"]],
        node_id=node["id"],
        seconds=max(0, int((timezone.now() - since).total_seconds())),
        **answer,
    )


def _add(session: AISession, **fields: Any) -> SessionStep:
    last = session.steps.order_by("-position").values_list("position", flat=True).first()
    position = 0 if last is None else last + 1
    if position >= MOST_STEPS:
        raise InvalidInput(f"a session has at most {MOST_STEPS} steps: end it, and begin another")
    now = timezone.now()
    step = SessionStep.objects.create(
        account_id=session.account_id, session=session, position=position, **{"at": now, **fields}
    )
    Handover.objects.filter(session=session, claimed_at__isnull=False, first_step_at=None).update(first_step_at=now)
    return step


def _worked_now(session: AISession) -> None:
    session.touched_at = timezone.now()
    session.save(update_fields=["touched_at", "updated_at"])


def _went_on(session: AISession) -> AISession:
    session.node_since = timezone.now()
    session.confidence_score = score_of(session)
    touch(session, "node_id", "node_since", "confidence_score")
    return session
