"""`Idempotency-Key`: a write that is sent twice is done once, and answered alike.

After the IETF draft "The Idempotency-Key HTTP Header Field". The key's row is written in the transaction of the write
itself: a second request with it waits at the unique index until the first is through, and then finds its answer, or,
where the first failed, takes its place.
"""

import hashlib
import hmac
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework import status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from flowpilot.common.errors import Conflict, InvalidInput
from flowpilot.common.models import IdempotentRequest
from flowpilot.common.parsers import require_size

HEADER = "Idempotency-Key"
LONGEST_KEY = 255
KEPT = timedelta(hours=24)
# Answers that the same request may get differently a moment later: nothing was done, so the key stays free.
_NOT_KEPT = {
    status.HTTP_401_UNAUTHORIZED,
    status.HTTP_403_FORBIDDEN,
    status.HTTP_412_PRECONDITION_FAILED,
    status.HTTP_429_TOO_MANY_REQUESTS,
}


class KeyReused(Conflict):
    """The key came before with another request."""

    code = "idempotency_key_reused"


class Replay(Exception):
    """Not an error: the request was answered before. `answer` is the row that holds the answer."""

    def __init__(self, answer: IdempotentRequest) -> None:
        super().__init__(answer.key)
        self.answer = answer


def key_of(request: Any) -> str | None:
    """The key of a request, or None. Raises InvalidInput for one that is no key."""
    key: str | None = request.headers.get(HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInput(
            f"{HEADER} is 1 to {LONGEST_KEY} printable ASCII characters.", details={HEADER: "This is no key."}
        )
    return key


def hash_begun(request: Request) -> Any:
    """A hash of what the request asks for; its body is still to come.

    With the installation's key: a body may hold a script's secret, and nobody shall try words against its hash.
    """
    told = "\n".join((request.method or "", request.get_full_path(), ""))
    return hmac.new(settings.SECRET_KEY.encode(), told.encode(), hashlib.sha256)


def digest_of(request: Request) -> str:
    """Of the whole request. Raises TooLarge."""
    require_size(request)
    whole = hash_begun(request)
    whole.update(request._request.body)
    return str(whole.hexdigest())


def claim(request: Request, key: str, digest: str) -> IdempotentRequest:
    """The row of a request that comes for the first time; within the transaction of its write.

    Raises Replay where it was answered before, KeyReused where the key belongs to another request.
    """
    user_id: Any = request.user.pk
    try:
        with transaction.atomic():
            return IdempotentRequest.objects.create(user_id=user_id, key=key, digest=digest)
    except IntegrityError:
        before = IdempotentRequest.objects.get(user_id=user_id, key=key)
    if before.digest != digest:
        raise KeyReused(f"This {HEADER} was sent before with another request: make a new key for each write.")
    raise Replay(before)


def once(response: Response, **hidden: Any) -> Response:
    """The response, with other values of these fields for when its request is sent again: these are not stored."""
    response.kept = {**response.data, **hidden}  # type: ignore[attr-defined]
    return response


def keep(row: IdempotentRequest, response: Response) -> None:
    """Keep the answer with the key, or free the key where the answer says that nothing was done.

    Of an answer that shows a secret once (see `once`) what is kept is without it.
    """
    if response.status_code in _NOT_KEPT:
        row.delete()
        return
    row.status = response.status_code
    row.body = JSONRenderer().render(getattr(response, "kept", response.data)).decode()
    row.content_type = response.content_type or "application/json"
    row.etag = response.get("ETag", "")
    row.save(update_fields=["status", "body", "content_type", "etag"])


def forget_old_requests() -> int:
    """Remove keys that are older than KEPT; how many."""
    return IdempotentRequest.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
