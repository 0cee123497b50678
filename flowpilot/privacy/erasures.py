"""Erasing a person or a client: asked for, counted, confirmed, done. The work itself is `flowpilot.privacy.erasing`."""

from collections.abc import Sequence
from functools import partial

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from flowpilot.accounts.models import Account, Membership, RecoveryCode, SavedView, TotpDevice, User
from flowpilot.accounts.roles import Role
from flowpilot.accounts.services import require_other_owner
from flowpilot.common.audit import audit_record, audit_texts_erasable
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.common.masking import names_of
from flowpilot.common.models import AuditEvent, IdempotentRequest
from flowpilot.privacy.models import Erasure
from flowpilot.privacy.terms import LEAST_TERM
from sessions.models import Attachment, Client

Kind, State = Erasure.Kind, Erasure.State
ADD, CHANGE = "privacy.add_erasure", "privacy.change_erasure"
MOST_TERMS, LONGEST_TERM = 50, 200


@transaction.atomic
def erasure_request(
    *,
    actor: User,
    account: Account,
    kind: str,
    membership: Membership | None = None,
    client: Client | None = None,
    spellings: Sequence[str] = (),
) -> Erasure:
    """Ask for a member, a client, or somebody who is known by `spellings` only; counting starts at once.

    Of a member, their address and full name are looked for, of a client its name; `spellings` come on top. A name of
    one word is looked for only where it is among the spellings, for it may be many people's.
    Raises NotAllowed, NotFound, InvalidInput, Conflict (oneself, the last owner, another one under way).
    """
    erasure = Erasure(account=account, kind=kind, asked_by=actor)
    if not actor.has_perm(ADD, erasure):
        raise NotAllowed("only an owner of this account may erase people and clients")
    Account.objects.select_for_update().get(pk=account.pk)
    if Erasure.objects.filter(account=account, state__in=[*Erasure.UNDER_WAY, State.COUNTED]).exists():
        raise Conflict("another erasure of this account is not finished yet")
    known = _known_names(actor, erasure, membership, client)
    erasure.terms = terms_of([*known, *spellings])
    erasure.save()
    audit_record(actor=actor, action="erasure.requested", target=erasure, after={"kind": kind})
    transaction.on_commit(partial(_start, erasure.pk))
    return erasure


def _known_names(actor: User, erasure: Erasure, membership: Membership | None, client: Client | None) -> list[str]:
    """What the chosen one is called, for sure; keeps whom it is."""
    if erasure.kind == Kind.MEMBER:
        if membership is None or membership.account_id != erasure.account_id:
            raise NotFound("there is no such member")
        _require_erasable(actor, membership)
        erasure.user = membership.user
        name = membership.user.full_name.strip()
        return [membership.user.email, *(sorted(names_of(name)) if " " in name else [])]
    if erasure.kind == Kind.CLIENT:
        if client is None or client.account_id != erasure.account_id:
            raise NotFound("there is no such client")
        erasure.client = client
        return [client.name]
    if erasure.kind != Kind.PERSON:
        raise InvalidInput("say whom to erase: a member, another person, or a client")
    return []


def _require_erasable(actor: User, membership: Membership) -> None:
    if membership.user_id == actor.pk:
        raise Conflict("another owner must erase you: you would lock yourself out")
    if membership.role == Role.SERVICE or hasattr(membership, "api_key"):
        raise InvalidInput("this is a service, not a person: revoke its key")
    require_other_owner(membership)


def terms_of(words: Sequence[str]) -> list[str]:
    """What is looked for, each once and without blanks around it. Raises InvalidInput: none, too many, too short."""
    terms = list(dict.fromkeys(" ".join(word.split()) for word in words if word.strip()))
    faults = [word for word in terms if sum(map(str.isalnum, word)) < LEAST_TERM or len(word) > LONGEST_TERM]
    if faults:
        told = f"a name has {LEAST_TERM} letters to {LONGEST_TERM} characters: {faults[0][:40]!r} has not"
        raise InvalidInput(told, details={"spellings": told})
    if not terms or len(terms) > MOST_TERMS:
        told = f"say 1 to {MOST_TERMS} names or addresses"
        raise InvalidInput(told, details={"spellings": told})
    return terms


@transaction.atomic
def erasure_confirm(*, actor: User, erasure_id: int, typed: str) -> Erasure:
    """Erase what was counted; `typed` is the first of its names. A member is locked out in this moment.

    Raises NotFound, NotAllowed, InvalidInput (typed otherwise), Conflict (not counted yet, confirmed already).
    """
    erasure = _lock(actor, erasure_id)
    if erasure.state != State.COUNTED:
        raise Conflict(f"this erasure is {erasure.get_state_display().lower()}")
    if " ".join(typed.split()).casefold() != erasure.terms[0].casefold():
        raise InvalidInput("type the name exactly as it is shown", details={"typed": "This is not the name."})
    if erasure.user is not None:
        _member_forget(actor, erasure, erasure.user)
    erasure.state, erasure.confirmed_by, erasure.confirmed_at = State.ERASING, actor, timezone.now()
    erasure.at_table, erasure.at_pk, erasure.rounds = "", 0, 0
    erasure.save()
    audit_record(actor=actor, action="erasure.confirmed", target=erasure, after={"rows": erasure.found_total})
    transaction.on_commit(partial(_start, erasure.pk))
    return erasure


@transaction.atomic
def erasure_cancel(*, actor: User, erasure_id: int) -> Erasure:
    """Leave everything as it is, and forget what was looked for. Raises NotFound, NotAllowed, Conflict."""
    erasure = _lock(actor, erasure_id)
    if erasure.state not in (State.COUNTING, State.COUNTED):
        raise Conflict(f"this erasure is {erasure.get_state_display().lower()}")
    erasure.state, erasure.terms, erasure.finished_at = State.CANCELLED, [], timezone.now()
    erasure.user = erasure.client = None
    erasure.save()
    audit_record(actor=actor, action="erasure.cancelled", target=erasure)
    return erasure


def _lock(actor: User, erasure_id: int) -> Erasure:
    rows = Erasure.objects.for_user(actor).select_for_update(of=("self",)).select_related("user", "account")
    erasure = rows.filter(pk=erasure_id).first()
    if erasure is None:
        raise NotFound("there is no such erasure")
    if not actor.has_perm(CHANGE, erasure):
        raise NotAllowed("only an owner of this account may erase people and clients")
    return erasure


def _member_forget(actor: User, erasure: Erasure, user: User) -> None:
    """End the membership. A log-in that is no other account's either loses its name, and what is under it goes."""
    membership = Membership.objects.filter(account=erasure.account, user=user).first()
    if membership is not None:
        _require_erasable(actor, membership)
        with audit_texts_erasable(erasure.account_id):
            AuditEvent.objects.filter(
                account=erasure.account, object_type=membership._meta.label_lower, object_id=membership.pk
            ).update(object_label=erasure.label)
        membership.delete()
    if Membership.objects.filter(user=user).exists() or user.is_superuser:
        return
    for seen in (AccessAttempt, AccessFailureLog, AccessLog):
        seen.objects.filter(username=user.email).delete()
    user.email, user.full_name = f"erased-{erasure.mark}@erased.invalid", erasure.label
    user.is_active, user.last_login, user.two_factor_at = False, None, None
    user.set_unusable_password()
    user.save()
    for model in (SavedView, IdempotentRequest, TotpDevice, RecoveryCode):
        model._default_manager.filter(user=user).delete()
    for related in ("notice_settings", "report_subscriptions"):
        rows = getattr(user, related, None)
        if rows is not None:
            (rows.all() if hasattr(rows, "all") else rows).delete()
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()


def pictures_of(erasure: Erasure) -> list[list[object]]:
    """Pictures that somebody has to look at: of a client's sessions, or that a member attached. [session id, key]."""
    rows = Attachment.objects.filter(account=erasure.account_id).exclude(content_type="text/plain")
    if erasure.client_id:
        rows = rows.filter(session__client=erasure.client_id)
    elif erasure.user_id:
        rows = rows.filter(added_by=erasure.user_id)
    else:
        return []
    return [list(row) for row in rows.order_by("session", "pk").values_list("session", "key")[:200]]


def _start(erasure_id: int) -> None:
    from flowpilot.privacy.tasks import erase

    erase.delay(erasure_id)
