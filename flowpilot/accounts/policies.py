"""An account's data policy: read, changed by its owner, and applied to texts as they come in."""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction

from flowpilot.accounts.models import Account, DataPolicy, Membership, User
from flowpilot.accounts.roles import Role
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import InvalidInput, NotAllowed
from flowpilot.common.masking import Level, TextMask, names_of

CHANGE = "accounts.change_datapolicy"
FIELDS = ("session_days", "text_days", "keep_steps", "masking", "mask_addresses", "names")


def policy_of(account: Account) -> DataPolicy:
    """The account's policy; one that nobody has set keeps everything as it comes."""
    try:
        policy: DataPolicy = account.data_policy
    except ObjectDoesNotExist:
        return DataPolicy(account=account)
    return policy


def mask_of(account: Account) -> TextMask:
    """What masks a text of this account before it is kept. One query more where personal data is masked."""
    policy = policy_of(account)
    level = Level(policy.masking)
    if level is not Level.PERSONAL:
        return TextMask(level)
    members = Membership.objects.filter(account=account).exclude(role=Role.SERVICE)
    # A single word is a first name at best, and as often an ordinary word.
    people = [name for name in members.values_list("user__full_name", flat=True) if " " in name.strip()]
    names = {spelling for name in (*people, *policy.names.splitlines()) for spelling in names_of(name)}
    return TextMask(level, addresses=policy.mask_addresses, names=names)


@transaction.atomic
def policy_change(*, actor: User, account: Account, **fields: Any) -> DataPolicy:
    """Set the given ones of FIELDS. Raises NotAllowed where `actor` is no owner, InvalidInput."""
    Account.objects.select_for_update().get(pk=account.pk)
    policy = DataPolicy.objects.filter(account=account).first() or DataPolicy()
    policy.account = account  # what the caller has at hand knows its policy from now on
    if not actor.has_perm(CHANGE, policy):
        raise NotAllowed("only an owner of this account may change how its data is kept")
    before = _told(policy)
    for name in FIELDS:
        if name in fields:
            setattr(policy, name, fields[name])
    if faults := policy_faults(policy):
        raise InvalidInput("; ".join(faults.values()), details=faults)
    policy.save()
    audit_record(actor=actor, action="data_policy.changed", target=policy, before=before, after=_told(policy))
    return policy


def policy_faults(policy: DataPolicy) -> dict[str, str]:
    """What is wrong with a policy, by field."""
    faults: dict[str, str] = {}
    try:
        policy.clean_fields(exclude=["account"])
    except ValidationError as error:
        faults |= {name: " ".join(messages) for name, messages in error.message_dict.items()}
    for name in ("session_days", "text_days"):
        days = getattr(policy, name)
        if days is not None and not DataPolicy.LEAST_DAYS <= days <= DataPolicy.MOST_DAYS:
            faults[name] = f"Say {DataPolicy.LEAST_DAYS} to {DataPolicy.MOST_DAYS} days, or nothing."
    if not faults and policy.session_days and policy.text_days and policy.text_days > policy.session_days:
        faults["text_days"] = "Texts go with their session: not later than it."
    return faults


def _told(policy: DataPolicy) -> dict[str, Any]:
    """For the audit log: of the names only how many they are."""
    told = {name: getattr(policy, name) for name in FIELDS if name != "names"}
    return {**told, "names": len(policy.names.split("\n")) if policy.names else 0}
