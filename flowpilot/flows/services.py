"""What writes flows. Every version passes validation here, whichever door it comes through."""

from typing import Any

from django.db import transaction
from django.utils.text import slugify

from flowpilot.accounts.models import Account, Team, User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotFound
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.validation import DefinitionError, validate_definition


class InvalidFlow(InvalidInput):
    """A definition that cannot be published; `errors` holds all of them, each with its JSON pointer."""

    code = "invalid_definition"

    def __init__(self, errors: list[DefinitionError]) -> None:
        first = "; ".join(f"{error.pointer or '/'}: {error.message}" for error in errors[:3])
        more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
        super().__init__(
            f"The definition is not valid: {first}{more}",
            details=[{"pointer": e.pointer, "code": e.code, "message": e.message} for e in errors],
        )
        self.errors = errors


@transaction.atomic
def flow_create(
    *,
    actor: User | None,
    account: Account,
    title: str,
    definition: dict[str, Any],
    key: str = "",
    description: str = "",
    problem_domain: str = "",
    team: Team | None = None,
    examples: dict[str, Any] | None = None,
    confidence_score: float | None = None,
    note: str = "",
) -> FlowVersion:
    """Publish a new flow with version 1. Raises InvalidFlow, InvalidInput, Conflict (the key is taken).

    Without `key` one is made from the title, made unique by a number.
    """
    _require_valid(definition)
    if not title.strip():
        raise InvalidInput("a flow needs a title", details={"title": "This field may not be blank."})
    if key and Flow.objects.filter(account=account, key=key).exists():
        raise Conflict(f"the key {key} belongs to another flow of this account")
    flow = Flow.objects.create(
        account=account,
        key=key or _free_key(account, title),
        title=title.strip()[:200],
        description=description,
        problem_domain=problem_domain,
        team=team,
    )
    return _add_version(
        actor=actor, flow=flow, number=1, definition=definition, examples=examples, score=confidence_score, note=note
    )


@transaction.atomic
def flow_version_publish(
    *,
    actor: User | None,
    flow: Flow,
    base_number: int,
    definition: dict[str, Any],
    examples: dict[str, Any] | None = None,
    confidence_score: float | None = None,
    note: str = "",
) -> FlowVersion:
    """Publish the next version of `flow`, made from version `base_number`.

    Raises InvalidFlow; Conflict where the flow has moved on since that version; NotFound where it is gone.
    """
    _require_valid(definition)
    locked = Flow.objects.select_for_update(of=("self",)).select_related("current_version").filter(pk=flow.pk).first()
    if locked is None:
        raise NotFound("this flow no longer exists")
    current = locked.current_version.number if locked.current_version else 0
    if current != base_number:
        raise Conflict(
            f"{locked.title} is at version {current} now; this change was made from version {base_number}",
            details={"current_version": current, "base_version": base_number},
        )
    return _add_version(
        actor=actor,
        flow=locked,
        number=current + 1,
        definition=definition,
        examples=examples,
        score=confidence_score,
        note=note,
    )


def _add_version(
    *,
    actor: User | None,
    flow: Flow,
    number: int,
    definition: dict[str, Any],
    examples: dict[str, Any] | None,
    score: float | None,
    note: str,
) -> FlowVersion:
    version = FlowVersion.objects.create(
        account_id=flow.account_id,
        flow=flow,
        number=number,
        definition=definition,
        examples=examples or {},
        confidence_score=score,
        note=note,
        created_by=actor,
    )
    flow.current_version = version
    flow.status = Flow.Status.PUBLISHED
    flow.save(update_fields=["current_version", "status", "updated_at"])
    audit_record(
        actor=actor, action="flow.published", target=flow, before={"version": number - 1}, after={"version": number}
    )
    return version


def _require_valid(definition: object) -> None:
    if errors := validate_definition(definition):
        raise InvalidFlow(errors)


def _free_key(account: Account, title: str) -> str:
    stem = slugify(title)[:80] or "flow"
    # Two reviewers may publish flows of one title at once: the account's row serialises the choice of a key. Without
    # `no_key` it would also wait for, and deadlock with, every transaction that inserts a row of this account.
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    taken = set(Flow.objects.filter(account=account, key__startswith=stem).values_list("key", flat=True))
    return next(key for n in range(1, len(taken) + 2) if (key := stem if n == 1 else f"{stem}-{n}") not in taken)
