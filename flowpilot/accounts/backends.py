"""Authentication by email and password; authorisation by role."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from flowpilot.accounts.models import User
from flowpilot.accounts.roles import PERMISSIONS
from flowpilot.common.tenancy import follow


class RoleBackend(ModelBackend):
    """Permissions come from memberships alone, so that what a role may do stands in one place."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Without `obj`: holds it somewhere. With `obj`: holds it in that row's account (and team)."""
        if not isinstance(user_obj, User) or not user_obj.is_active:
            return False
        grants = user_obj.tenant_grants(perm)
        if grants is None:
            return True
        if obj is None:
            return bool(grants)
        return _covers(grants, obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        if not isinstance(user_obj, User) or not user_obj.is_active:
            return False
        held = (PERMISSIONS.get(m.role_enum, frozenset()) for m in user_obj.active_memberships)
        return user_obj.is_superuser or any(p.startswith(f"{app_label}.") for perms in held for p in perms)

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return set()


def _covers(grants: list[tuple[int, int | None]], obj: Any) -> bool:
    account_id = follow(obj, getattr(obj, "account_lookup", "account"))
    team_lookup = getattr(obj, "team_lookup", None)
    team_id = follow(obj, team_lookup) if team_lookup else None
    return any(
        granted == account_id and (limit is None or team_lookup is None or limit == team_id)
        for granted, limit in grants
    )
