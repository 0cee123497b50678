"""Which columns of which tables hold an account's texts: found in the models, so that no new table is forgotten."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db.models import CharField, FileField, JSONField, Model, QuerySet, TextField

from flowpilot.accounts.models import Membership
from flowpilot.common.tenancy import TenantModel

# Tables without an account column, and how their rows belong to one. What somebody has under their own log-in belongs
# to each account that they are a member of; the log-in itself only where it is the only one.
OF_USER = ("accounts.SavedView", "proposals.NoticeSettings", "analytics.ReportSubscription",
           "common.IdempotentRequest", "admin.LogEntry")  # fmt: skip
OF_LOG_IN = ("axes.AccessAttempt", "axes.AccessFailureLog", "axes.AccessLog", "axes.AccessAttemptExpiration")
# Words of the program and of the platform, and hashes: nobody's.
OF_NOBODY = frozenset(
    ["common.Lease", "contenttypes.ContentType", "auth.Permission", "auth.Group", "sessions.Session",
     "accounts.RecoveryCode"]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """A model's table, those of its columns that hold texts, and the rows of an account."""

    model: type[Model]
    columns: tuple[str, ...]
    of_account: Callable[[int], QuerySet[Any]]

    @property
    def label(self) -> str:
        return self.model._meta.label

    @property
    def name(self) -> str:
        """For people."""
        return str(self.model._meta.verbose_name_plural)


def text_tables() -> list[Table]:
    """All tables with texts of accounts, log-ins last: others are found by them.

    Raises LookupError for a table of which nothing says whose its rows are: say it above.
    """
    return sorted(_tables(), key=lambda table: (table.label == "accounts.User", table.label))


def _tables() -> Iterator[Table]:
    for model in apps.get_models():
        columns = text_columns(model)
        if columns and model._meta.label not in OF_NOBODY:
            yield Table(model, columns, _scope(model))


def text_columns(model: type[Model]) -> tuple[str, ...]:
    """The columns that hold what somebody wrote: texts, JSON and lists of texts, without choices and paths of files."""
    return tuple(field.attname for field in model._meta.concrete_fields if _holds_text(field))


def _holds_text(field: Any) -> bool:
    if isinstance(field, ArrayField):
        return _holds_text(field.base_field)
    if isinstance(field, FileField | SearchVectorField) or field.choices:
        return False
    return isinstance(field, CharField | TextField | JSONField) and not field.primary_key


def _scope(model: type[Model]) -> Callable[[int], QuerySet[Any]]:
    rows: Any = model._base_manager
    label = model._meta.label
    if label == "accounts.Account":
        return lambda account_id: rows.filter(pk=account_id)
    if issubclass(model, TenantModel):
        return lambda account_id: rows.filter(account=account_id)
    if label == "accounts.User":
        return lambda account_id: rows.filter(pk__in=_members(account_id)).exclude(
            pk__in=_members_elsewhere(account_id)
        )
    if label in OF_USER:
        return lambda account_id: rows.filter(user__in=_members(account_id))
    if label in OF_LOG_IN:
        return lambda account_id: rows.filter(username__in=_members(account_id).values("user__email"))
    if any(field.name == "account" for field in model._meta.concrete_fields):
        return lambda account_id: rows.filter(account=account_id)
    raise LookupError(f"{label} holds texts, but nothing says whose: see flowpilot.privacy.tables")


def _members(account_id: int) -> QuerySet[Any]:
    return Membership.objects.filter(account=account_id).values("user")


def _members_elsewhere(account_id: int) -> QuerySet[Any]:
    return Membership.objects.exclude(account=account_id).values("user")
