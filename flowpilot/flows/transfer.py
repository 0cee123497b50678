"""Flows from files: as a new flow, or as the next version of one that is there."""

from django.db import transaction

from flowpilot.accounts.models import Account, User
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.portable import PortableFlow, examples_of_same
from flowpilot.flows.services import flow_create, flow_version_publish, lock_flow


def portable_of(flow: Flow, version: FlowVersion) -> PortableFlow:
    """What an export of the flow at `version` says."""
    return PortableFlow(
        key=flow.key,
        title=flow.title,
        description=flow.description,
        problem_domain=flow.problem_domain,
        version=version.number,
        definition=version.definition,
    )


@transaction.atomic
def flow_import_new(*, actor: User | None, account: Account, portable: PortableFlow, note: str = "") -> FlowVersion:
    """Publish an imported flow as a new one of `account`, under its own key or, where that is taken, a free one.

    Raises InvalidFlow, InvalidInput, NotAllowed.
    """
    is_free = not Flow.objects.filter(account=account, key=portable.key).exists()
    return flow_create(
        actor=actor,
        account=account,
        title=portable.title,
        definition=portable.definition,
        key=portable.key if is_free else "",
        description=portable.description,
        problem_domain=portable.problem_domain,
        note=note or "Imported",
    )


@transaction.atomic
def flow_import_version(
    *, actor: User | None, flow_id: int, base_number: int, portable: PortableFlow, note: str = ""
) -> FlowVersion:
    """Publish an imported flow's definition as the next version of a flow that is there.

    Its title and what else stands beside it stay as they are. What was learned of how people answer stays where a node
    and its answers do. Raises NotFound, NotAllowed, InvalidFlow, Conflict (the flow has moved on from `base_number`, or
    is archived).
    """
    flow = lock_flow(actor, flow_id)
    current = flow.current_version
    examples = examples_of_same(current.examples, current.definition, portable.definition) if current else {}
    return flow_version_publish(
        actor=actor,
        flow=flow,
        base_number=base_number,
        definition=portable.definition,
        examples=examples,
        note=note or "Imported",
    )
