"""What is done to a flow beside publishing: who owns it, what it is called, whether it still guides anybody."""

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from flowpilot.accounts.models import Account, Team, User
from flowpilot.accounts.roles import Role, role_grants
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput
from flowpilot.flows.definition import MAX_TITLE
from flowpilot.flows.models import Flow
from flowpilot.flows.services import CHANGE, lock_flow, required_reason

FIELDS = ("title", "description", "problem_domain", "team", "owner", "review_by")


@transaction.atomic
def flow_update(
    *,
    actor: User | None,
    flow_id: int,
    title: str,
    description: str = "",
    problem_domain: str = "",
    team: Team | None = None,
    owner: User | None = None,
    review_by: date | None = None,
    seen: dict[str, Any] | None = None,
) -> Flow:
    """Write what stands beside a flow's versions; they stay as they are.

    `seen` is `flow_facts` as the actor read them. Raises NotFound, NotAllowed, InvalidInput (by field, in details),
    Conflict where somebody has changed one of them since they were read.
    """
    flow = lock_flow(actor, flow_id)
    before = flow_facts(flow)
    if seen is not None and (changed := [name for name in FIELDS if seen.get(name) != before[name]]):
        names = ", ".join(name.replace("_", " ") for name in changed)
        raise Conflict(f"somebody has changed {names} since you opened this", details={"changed": changed})
    _require_fitting(flow, title, team, owner)
    flow.title, flow.problem_domain = title.strip(), problem_domain.strip()
    flow.description = description.strip().replace("\r\n", "\n")
    flow.team, flow.owner, flow.review_by = team, owner, review_by
    after = flow_facts(flow)
    changes = [name for name in FIELDS if before[name] != after[name]]
    if changes:
        flow.save(update_fields=[*FIELDS, "updated_at"])
        audit_record(
            actor=actor,
            action="flow.changed",
            target=flow,
            before={name: before[name] for name in changes},
            after={name: after[name] for name in changes},
        )
    return flow


def flow_facts(flow: Flow) -> dict[str, Any]:
    """What `flow_update` writes, as plain JSON; people and teams by name and id."""
    return {
        "title": flow.title,
        "description": flow.description,
        "problem_domain": flow.problem_domain,
        "team": [flow.team.pk, flow.team.name] if flow.team else None,
        "owner": [flow.owner.pk, str(flow.owner)] if flow.owner else None,
        "review_by": flow.review_by.isoformat() if flow.review_by else None,
    }


def flow_archive(*, actor: User | None, flow_id: int, reason: str) -> Flow:
    """Let the flow guide nobody any more; its versions and sessions stay. Raises as `flow_restore` does."""
    return _set_status(actor, flow_id, Flow.Status.ARCHIVED, reason)


def flow_restore(*, actor: User | None, flow_id: int, reason: str) -> Flow:
    """Let an archived flow guide sessions again, at the version where it stood.

    Raises NotFound, NotAllowed, InvalidInput without a reason, Conflict where it has that status already.
    """
    return _set_status(actor, flow_id, Flow.Status.PUBLISHED, reason)


def possible_owners(account: Account | int) -> QuerySet[User]:
    """The members of the account who may change flows."""
    roles = [role for role in Role.values if role_grants(role, CHANGE)]
    return User.objects.filter(
        Q(memberships__account=account) & Q(memberships__role__in=roles), is_active=True
    ).distinct()


@transaction.atomic
def _set_status(actor: User | None, flow_id: int, status: Flow.Status, reason: str) -> Flow:
    reason = required_reason(reason, "say why: the others find it in the flow's history")
    flow = lock_flow(actor, flow_id)
    if flow.status == status:
        raise Conflict(f"{flow.title} is {status.label.lower()} already", details={"status": status.value})
    before, flow.status = flow.status, status
    flow.save(update_fields=["status", "updated_at"])
    audit_record(
        actor=actor,
        action="flow.archived" if status == Flow.Status.ARCHIVED else "flow.restored",
        target=flow,
        reason=reason,
        before={"status": before},
        after={"status": status.value},
    )
    return flow


def _require_fitting(flow: Flow, title: str, team: Team | None, owner: User | None) -> None:
    faults = {}
    if not title.strip():
        faults["title"] = "A flow needs a title."
    if len(title.strip()) > MAX_TITLE:
        faults["title"] = f"At most {MAX_TITLE} characters."
    if team is not None and team.account_id != flow.account_id:
        faults["team"] = "This team belongs to another account."
    # Who owned it before may go on to: a role that was taken away does not stop others from mending the title.
    if owner is not None and owner != flow.owner and not possible_owners(flow.account_id).filter(pk=owner.pk).exists():
        faults["owner"] = "Choose a member of the account who may change flows."
    if faults:
        raise InvalidInput(next(iter(faults.values())), details=faults)
