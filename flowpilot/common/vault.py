"""Credentials at rest: sealed with the first of the installation's keys, opened with any of them.

Rotation: put a new key before the old one, run `manage.py reseal_credentials`, take the old one away.
"""

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import QuerySet


class SealBroken(Exception):
    """The credentials cannot be opened: another key sealed them, or they are another account's."""


def seal(*, account_id: int, credentials: dict[str, str]) -> bytes:
    """The credentials as they are kept. They name their account: copied to another's row they do not open."""
    return _keys().encrypt(json.dumps({"account": account_id, "credentials": credentials}).encode())


def unseal(*, account_id: int, sealed: bytes | memoryview) -> dict[str, str]:
    """Raises SealBroken."""
    try:
        content = json.loads(_keys().decrypt(bytes(sealed)))
    except InvalidToken as error:
        raise SealBroken("none of the keys in SEAL_KEY opens these credentials; enter them again") from error
    if content["account"] != account_id:
        raise SealBroken("these credentials belong to another account")
    opened: dict[str, str] = content["credentials"]
    return opened


def reseal(sealed: bytes | memoryview) -> bytes:
    """The same content, sealed with the first key. Raises SealBroken."""
    try:
        return _keys().rotate(bytes(sealed))
    except InvalidToken as error:
        raise SealBroken("none of the keys in SEAL_KEY opens these credentials") from error


def rows_reseal(rows: QuerySet[Any], column: str) -> tuple[int, list[int]]:
    """Seal a column of the rows with the first key; gives how many, and the ids of those that do not open."""
    sealed, broken = 0, []
    for pk in rows.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = rows.select_for_update().get(pk=pk)
            try:
                setattr(row, column, reseal(getattr(row, column)))
            except SealBroken:
                broken.append(pk)
                continue
            row.save(update_fields=[column])
            sealed += 1
    return sealed, broken


def _keys() -> MultiFernet:
    keys = []
    for number, key in enumerate(settings.SEAL_KEYS, 1):
        try:
            keys.append(Fernet(key))
        except ValueError as error:
            raise ImproperlyConfigured(
                f"SEAL_KEY: key {number} of {len(settings.SEAL_KEYS)} is not 32 bytes in URL-safe base64"
            ) from error
    return MultiFernet(keys)
