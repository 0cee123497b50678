"""A pasted chat or call: its steps, as the technician corrected them, become the session's."""

from collections.abc import Sequence

from django.db import transaction

from flowpilot.accounts.models import User
from flowpilot.accounts.policies import mask_of
from flowpilot.common.errors import InvalidInput
from sessions.models import AISession
from sessions.runner.guide import StepDraft
from sessions.runner.lock import require_active, said, session_lock, touch
from sessions.runner.steps import FREE_KINDS, MOST_STEPS, steps_append

MOST_TALK = 200_000


@transaction.atomic
def talk_apply(*, actor: User, session_id: int, revision: int, steps: Sequence[StepDraft]) -> AISession:
    """Add the steps of a talk to an active session.

    Raises NotFound, NotAllowed, Conflict, InvalidInput (none left, a kind that is none, a text too long).
    """
    session = session_lock(actor, session_id, revision)
    require_active(session)
    if not steps:
        raise InvalidInput("keep at least one step of the talk")
    if len(steps) > MOST_STEPS:
        raise InvalidInput(f"at most {MOST_STEPS} steps, got {len(steps)}")
    mask = mask_of(session.account).mask
    drafts = []
    for number, step in enumerate(steps, start=1):
        if step.kind not in FREE_KINDS:
            raise InvalidInput(f"step {number}: a step is a question, an action or help")
        drafts.append(
            {
                "kind": step.kind,
                "prompt": mask(said(step.prompt, f"step {number}")),
                "response": mask(said(step.response, f"answer {number}", required=False)) or None,
            }
        )
    steps_append(session, drafts)
    touch(session)
    return session
