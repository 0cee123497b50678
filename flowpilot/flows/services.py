"""What writes flows. Every version passes validation here, whichever door it comes through."""

from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.text import slugify

from flowpilot.accounts.models import Account, Team, User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.validation import DefinitionError, validate_definition
from flowpilot.webhooks.events import event_emit, links
from flowpilot.webhooks.models import EventType

# Who may change flows; `accounts.roles` says which roles hold it.
CHANGE = "flows.change_flow"


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
    """Publish a new flow with version 1. `actor` None is the system.

    Without `key` one is made from the title, made unique by a number. Raises NotAllowed, InvalidFlow, InvalidInput,
    Conflict (the key is taken).
    """
    if actor is not None and not actor.has_perm(CHANGE, account):
        raise NotAllowed("only team admins and owners publish flows")
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
        actor=actor, flow=flow, definition=definition, examples=examples, score=confidence_score, note=note
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

    Raises InvalidFlow; Conflict where the flow has moved on since that version, or is archived; NotFound where it is
    gone or not the actor's to see; NotAllowed.
    """
    _require_valid(definition)
    locked = lock_flow(actor, flow.pk)
    require_published(locked)
    _require_current(locked, base_number)
    return _add_version(
        actor=actor, flow=locked, definition=definition, examples=examples, score=confidence_score, note=note
    )


@transaction.atomic
def flow_roll_back(
    *, actor: User | None, flow_id: int, version_number: int, base_number: int, reason: str
) -> FlowVersion:
    """Publish what version `version_number` held as the next version; `base_number` is the current one, as it was read.

    Its examples and confidence come along. Raises NotFound, NotAllowed, InvalidInput (no reason; nothing would change),
    Conflict (the flow has moved on, or is archived).
    """
    reason = required_reason(reason, "say why: whoever reads the list of versions wants to know")
    flow = lock_flow(actor, flow_id)
    require_published(flow)
    former = FlowVersion.objects.filter(flow=flow, number=version_number).first()
    if former is None:
        raise NotFound(f"{flow.title} has no version {version_number}")
    _require_current(flow, base_number)
    if flow.current_version and flow.current_version.definition == former.definition:
        raise InvalidInput(f"version {base_number} says what version {version_number} said: nothing would change")
    _require_valid(former.definition)
    return _add_version(
        actor=actor,
        flow=flow,
        definition=former.definition,
        examples=former.examples,
        score=former.confidence_score,
        note=f"Back to version {version_number}: {reason}",
        reason=reason,
        back_to=version_number,
    )


@transaction.atomic
def flow_publish_again(
    *,
    actor: User | None,
    flow_id: int,
    title: str,
    definition: dict[str, Any],
    description: str = "",
    problem_domain: str = "",
    team: Team | None = None,
    examples: dict[str, Any] | None = None,
    confidence_score: float | None = None,
    note: str = "",
) -> FlowVersion:
    """Publish the next version of an archived flow, which guides again under this title.

    Raises NotFound, NotAllowed, InvalidFlow, InvalidInput without a title, Conflict where it is not archived.
    """
    _require_valid(definition)
    if not title.strip():
        raise InvalidInput("a flow needs a title", details={"title": "This field may not be blank."})
    flow = lock_flow(actor, flow_id)
    if not flow.is_archived:
        raise Conflict(f"{flow.title} is published already", details={"status": flow.status})
    flow.status, flow.title = Flow.Status.PUBLISHED, title.strip()[:200]
    flow.description, flow.problem_domain, flow.team = description, problem_domain, team
    flow.save()
    return _add_version(
        actor=actor, flow=flow, definition=definition, examples=examples, score=confidence_score, note=note
    )


@transaction.atomic
def flow_version_withdraw(*, actor: User | None, flow_id: int, number: int, back_to: int | None, reason: str) -> Flow:
    """Take back the current version that has just been published: version `back_to` is current again, or, where there
    was none before, the flow is archived. The version's row stays, and its number is never given again.

    Whether anything has used the version is the caller's to know. Raises NotFound, NotAllowed, Conflict (the flow has
    moved on).
    """
    flow = lock_flow(actor, flow_id)
    _require_current(flow, number)
    if back_to is None:
        flow.status = Flow.Status.ARCHIVED
    else:
        former = FlowVersion.objects.filter(flow=flow, number=back_to).first()
        if former is None:
            raise NotFound(f"{flow.title} has no version {back_to}")
        flow.current_version = former
    flow.save(update_fields=["status", "current_version", "updated_at"])
    audit_record(
        actor=actor,
        action="flow.withdrawn",
        target=flow,
        reason=reason,
        before={"version": number},
        after={"version": back_to, "status": flow.status},
    )
    return flow


def lock_flow(actor: User | None, flow_id: int) -> Flow:
    """The flow, its row locked until the transaction ends, if `actor` may change it (None is the system).

    Raises NotFound for one that is gone or not the actor's to see, NotAllowed.
    """
    flows = Flow.objects.for_user(actor) if actor is not None else Flow.objects.all()
    locked = flows.select_for_update(of=("self",)).select_related("current_version", "team", "owner")
    flow = locked.filter(pk=flow_id).first()
    if flow is None:
        raise NotFound("this flow no longer exists")
    if actor is not None and not actor.has_perm(CHANGE, flow):
        raise NotAllowed("only team admins and owners change flows")
    return flow


def require_published(flow: Flow) -> None:
    if flow.status == Flow.Status.ARCHIVED:
        raise Conflict(f"{flow.title} is archived; restore it first", details={"status": flow.status})


def required_reason(reason: str, why: str) -> str:
    """The reason without the spaces around it. Raises InvalidInput, in the words of `why`, where none is given."""
    if not reason.strip():
        raise InvalidInput(why, details={"reason": "This field may not be blank."})
    return reason.strip()


def _require_current(flow: Flow, base_number: int) -> None:
    current = flow.current_version.number if flow.current_version else 0
    if current != base_number:
        raise Conflict(
            f"{flow.title} is at version {current} now; this change was made from version {base_number}",
            details={"current_version": current, "base_version": base_number},
        )


def _add_version(
    *,
    actor: User | None,
    flow: Flow,
    definition: dict[str, Any],
    examples: dict[str, Any] | None,
    score: float | None,
    note: str,
    reason: str = "",
    back_to: int | None = None,
) -> FlowVersion:
    """The next version, current at once. A number that was given is never given again, even if it was taken back."""
    last = FlowVersion.objects.filter(flow=flow).aggregate(last=Max("number"))["last"] or 0
    before = flow.current_version.number if flow.current_version else 0
    version = FlowVersion.objects.create(
        account_id=flow.account_id,
        flow=flow,
        number=last + 1,
        definition=definition,
        examples=examples or {},
        confidence_score=score,
        note=note,
        created_by=actor,
    )
    flow.current_version = version
    flow.save(update_fields=["current_version", "updated_at"])
    after = {"version": version.number}
    audit_record(
        actor=actor,
        action="flow.published" if back_to is None else "flow.rolled_back",
        target=flow,
        reason=reason,
        before={"version": before},
        after=after if back_to is None else {**after, "back_to": back_to},
    )
    _tell_published(version)
    return version


def _tell_published(version: FlowVersion) -> None:
    where = links("admin:flows_flow_change", "api:flow-detail", version.flow_id)
    data = {"flow_id": version.flow_id, "version": version.number, **where}
    event_emit(account_id=version.account_id, type=EventType.FLOW_PUBLISHED, data=data)


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
