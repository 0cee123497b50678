"""Rows belong to an account. The scope of a user is asked here and nowhere else."""

from typing import Any, ClassVar, Protocol, Self, TypeVar

from django.db import models
from django.db.models import Q

M = TypeVar("M", bound=models.Model)

# (account id, team id or None for the whole account)
Grant = tuple[int, int | None]


class Actor(Protocol):
    """What the scope needs to know of a user."""

    pk: Any

    @property
    def is_active(self) -> bool: ...

    def tenant_grants(self, permission: str) -> list[Grant] | None:
        """Where the user holds `app.action_model`; None means everywhere."""
        ...


def follow(row: Any, lookup: str) -> Any:
    """The id at the end of a lookup such as `account`, `pk` or `session__team`, read from a row at hand."""
    *path, last = lookup.split("__")
    for name in path:
        row = getattr(row, name)
    return getattr(row, "pk" if last == "pk" else f"{last}_id")


def permission_name(model: type[models.Model], action: str) -> str:
    return f"{model._meta.app_label}.{action}_{model._meta.model_name}"


class TenantQuerySet(models.QuerySet[M]):
    """A queryset that can be narrowed to what a user may see or do."""

    def for_user(self, user: Any, action: str = "view") -> Self:
        """Rows on which `user` (see Actor; an anonymous user has none) holds `action`."""
        grants_of = getattr(user, "tenant_grants", None)
        if grants_of is None:
            return self.none()
        grants: list[Grant] | None = grants_of(self.permission(action))
        if grants is None:
            return self.all()
        return self.filter(self._within(grants))

    def permission(self, action: str) -> str:
        """What `action` asks for, of these rows."""
        return permission_name(self.model, action)

    def _within(self, grants: list[Grant]) -> Q:
        account = getattr(self.model, "account_lookup", "account")
        team: str | None = getattr(self.model, "team_lookup", None)
        whole = [account_id for account_id, team_id in grants if team_id is None or team is None]
        scope = Q(**{f"{account}__in": whole})
        for account_id, team_id in grants:
            if team is not None and team_id is not None:
                scope |= Q(**{account: account_id, team: team_id})
        return scope


class TenantModel(models.Model):
    """A row of one account.

    `team_lookup` names the path to the row's team where the row has one: members of a single team then see that
    team's rows only.
    """

    account_lookup: ClassVar[str] = "account"
    team_lookup: ClassVar[str | None] = None

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+")

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True
