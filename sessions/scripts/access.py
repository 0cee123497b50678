"""Who may run what: a template names the least role that may."""

from typing import Any

from flowpilot.accounts.roles import Role
from sessions.scripts.models import ROLE_RANKS

GENERATE = "ai_sessions.add_generatedscript"
CHANGE = "ai_sessions.change_scripttemplate"
ADD = "ai_sessions.add_scripttemplate"


def may_run(user: Any, account_id: int, minimum_role: str) -> bool:
    """Whether a membership of the user in the account reaches the role; an unknown role is reached by nobody."""
    if user.is_superuser:
        return True
    needed = _rank(minimum_role)
    return needed is not None and any(
        (_rank(membership.role) or 0) >= needed
        for membership in user.active_memberships
        if membership.account_id == account_id
    )


def _rank(role: str) -> int | None:
    return ROLE_RANKS.get(Role(role)) if role in Role.values else None
