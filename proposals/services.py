"""What writes around analysis, other than analysis itself."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from flowpilot.common.errors import NotAllowed
from proposals.models import SessionAnalysis
from sessions.models import AISession


@transaction.atomic
def sessions_requeue(*, actor: Any, session_ids: Sequence[int]) -> int:
    """Make sessions due for analysis again, with all attempts before them; gives how many.

    Sessions outside the actor's scope are passed over. Raises NotAllowed where the actor may queue nowhere.
    """
    if not actor.has_perm("proposals.requeue_sessionanalysis"):
        raise NotAllowed("only team admins and owners queue sessions for analysis")
    analyses = SessionAnalysis.objects.for_user(actor, "requeue").filter(session__in=session_ids)
    sessions = AISession.objects.filter(pk__in=analyses.values("session"), status__in=AISession.ANALYZED)
    analyses.update(attempts=0)
    return sessions.update(analysis_due_at=timezone.now())
