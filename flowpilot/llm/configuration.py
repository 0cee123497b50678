"""What writes an account's language model: making and changing it, its key, and trying it once."""

import re
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from flowpilot.accounts.models import Account
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.common.vault import SealBroken, rows_reseal, seal, unseal
from flowpilot.llm.client import base_url_fault, request
from flowpilot.llm.models import Fallback, LanguageModel

FIELDS = (
    "is_active", "provider", "model", "base_url", "words_proposals", "judges", "helps_sessions", "daily_tokens",
    "input_price", "output_price",
)  # fmt: skip
# It goes into a header: nothing that could end one.
KEY = re.compile(r"[\x21-\x7e]{1,500}")
WHERE = ("provider", "base_url")


@transaction.atomic
def language_model_create(*, actor: Any, account: Account, api_key: str = "", **fields: Any) -> LanguageModel:
    """The account's language model; `fields` are those of FIELDS.

    Raises NotAllowed where `actor` is no owner of the account, InvalidInput with the faults by field, Conflict where
    the account has one.
    """
    model = LanguageModel(account=account)
    if not actor.has_perm("llm.add_languagemodel", model):
        raise NotAllowed("only an owner of this account may allow a language model")
    _save(model, fields, api_key)
    audit_record(actor=actor, action="language_model.created", target=model, after=_state(model))
    return model


@transaction.atomic
def language_model_change(*, actor: Any, model_id: int, api_key: str = "", **fields: Any) -> LanguageModel:
    """Change what is given; an empty `api_key` keeps the one that is there.

    Another provider or address needs the key again: a kept one must not be sent to whoever is entered there. Any change
    closes the breaker. Raises NotFound, NotAllowed, InvalidInput.
    """
    model = _locked(actor, model_id)
    before = _state(model)
    _save(model, fields, api_key)
    after = _state(model) | ({"api_key": "entered anew"} if api_key else {})
    audit_record(actor=actor, action="language_model.changed", target=model, before=before, after=after)
    return model


def language_model_test(*, actor: Any, model_id: int) -> str:
    """Ask it for one word; "" where it answers, else what is wrong. Nothing of the account is sent.

    Raises NotFound, NotAllowed. Not in a transaction: it calls the provider.
    """
    with transaction.atomic():
        model = _locked(actor, model_id)
    try:
        key = unseal(account_id=model.account_id, sealed=model.sealed_key)["key"] if model.sealed_key else ""
    except SealBroken as error:
        return str(error)
    words = 'Answer with this JSON object and nothing else: {"ok": true}'
    reply = request(model, key, words, "{}", max_tokens=100, seconds=min(20.0, settings.LLM_TIMEOUT))
    problem = f"{Fallback(reply.fallback).label}: {reply.detail}" if reply.fallback else ""
    with transaction.atomic():
        if not problem:
            LanguageModel.objects.filter(pk=model.pk).update(failures=0, open_until=None)
        audit_record(actor=actor, action="language_model.tested", target=model, after={"problem": problem})
    return problem


def language_models_reseal() -> tuple[int, list[int]]:
    """Seal all keys with the first key of SEAL_KEY; gives how many, and the ids of those that do not open."""
    return rows_reseal(LanguageModel.objects.exclude(sealed_key=None), "sealed_key")


def language_model_faults(model: LanguageModel, *, has_key: bool) -> dict[str, str]:
    """What is wrong with the fields, by their names."""
    faults: dict[str, str] = {}
    try:
        model.clean_fields(exclude=["account", "sealed_key"])
    except ValidationError as error:
        faults = {name: " ".join(messages) for name, messages in error.message_dict.items()}
    if (
        "base_url" not in faults
        and "provider" not in faults
        and (fault := base_url_fault(model.provider, model.base_url))
    ):
        faults["base_url"] = fault
    for name in ("input_price", "output_price"):
        price = getattr(model, name)
        if name not in faults and price is not None and price < 0:
            faults[name] = "A price is 0 or more."
    if not has_key and model.provider != LanguageModel.Provider.COMPATIBLE:
        faults.setdefault("api_key", "This provider needs a key.")
    return faults


def key_fault(api_key: str) -> str:
    """What is wrong with a key as it was entered, never with what it was; "" where nothing is."""
    return "" if not api_key or KEY.fullmatch(api_key) else "Up to 500 plain characters without spaces."


def _save(model: LanguageModel, fields: dict[str, Any], api_key: str) -> None:
    if unknown := sorted(set(fields) - set(FIELDS)):
        raise TypeError(f"a language model has no {', '.join(unknown)}")
    api_key = api_key.strip()
    where = [getattr(model, name) for name in WHERE]
    for name, value in fields.items():
        setattr(model, name, value.strip() if isinstance(value, str) else value)
    model.base_url = model.base_url.rstrip("/")
    moved = model.pk is not None and where != [getattr(model, name) for name in WHERE]
    if moved and not api_key:
        model.sealed_key = None
    faults = language_model_faults(model, has_key=bool(api_key or model.sealed_key))
    if fault := key_fault(api_key):
        faults["api_key"] = fault
    if faults:
        raise InvalidInput("; ".join(f"{name}: {fault}" for name, fault in faults.items()), details=faults)
    if api_key:
        model.sealed_key = seal(account_id=model.account_id, credentials={"key": api_key})
    model.failures, model.open_until = 0, None
    try:
        with transaction.atomic():
            model.save()
    except IntegrityError as error:
        raise Conflict("this account has a language model already") from error


def _locked(actor: Any, model_id: int) -> LanguageModel:
    rows = LanguageModel.objects.for_user(actor).select_for_update(of=("self",)).select_related("account")
    model = rows.filter(pk=model_id).first()
    if model is None:
        raise NotFound("there is no such language model")
    if not actor.has_perm("llm.change_languagemodel", model):
        raise NotAllowed("only an owner of this account may change its language model")
    return model


def _state(model: LanguageModel) -> dict[str, Any]:
    """For audit events: never the key."""
    return {
        name: str(value) if (value := getattr(model, name)) is not None and name.endswith("_price") else value
        for name in FIELDS
    }
