"""Screenshots and logs with a session: what is taken, and how it is told apart from what is not."""

import re
from uuid import uuid4

from django.core.files.base import ContentFile
from django.db import transaction

from flowpilot.accounts.models import User
from flowpilot.accounts.policies import mask_of
from flowpilot.common.errors import InvalidInput
from sessions.models import Attachment
from sessions.runner.lock import require_open, session_lock

MOST_BYTES = 5 * 1024 * 1024
MOST_FILES = 20
LONGEST_NAME = 200
# By what the first bytes say, not by what the name does.
_IMAGES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
)


def content_type_of(data: bytes) -> str | None:
    """`image/…` for a picture, `text/plain` for text in UTF-8; None for anything else."""
    for begins, name in _IMAGES:
        if begins.match(data):
            return name
    if b"\x00" in data:
        return None
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    return "text/plain"


def size_check(size: int) -> None:
    """Raises InvalidInput for more bytes than are taken: ask before they are read."""
    if size > MOST_BYTES:
        told = f"at most {MOST_BYTES // 1024 // 1024} MB, this one has {size / 1024 / 1024:.1f} MB"
        raise InvalidInput(f"the file is too large: {told}", details={"file": told})


@transaction.atomic
def attachment_add(*, actor: User, session_id: int, name: str, data: bytes) -> Attachment:
    """Keep a picture or a text with the session's last step.

    Raises NotFound, NotAllowed, Conflict (it has ended), InvalidInput (empty, too large, neither picture nor text, too
    many).
    """
    session = session_lock(actor, session_id, None)
    require_open(session)
    if not data:
        raise InvalidInput("the file is empty", details={"file": "It is empty."})
    size_check(len(data))
    kind = content_type_of(data)
    if kind is None:
        raise InvalidInput(
            "only pictures (PNG, JPEG, GIF, WebP) and plain text in UTF-8 are taken",
            details={"file": "Neither a picture nor plain text."},
        )
    if session.attachments.count() >= MOST_FILES:
        raise InvalidInput(f"a session keeps at most {MOST_FILES} files")
    mask = mask_of(session.account).mask
    if kind == "text/plain":
        data = mask(data.decode()).encode()
    attachment = Attachment(
        account_id=session.account_id,
        session=session,
        step=session.steps.order_by("-position").first(),
        key=uuid4().hex,
        name=mask(_plain(name))[:LONGEST_NAME],
        content_type=kind,
        size=len(data),
        added_by=actor,
    )
    attachment.file.save(attachment.key, ContentFile(data), save=False)
    attachment.save()
    return attachment


def _plain(name: str) -> str:
    """The last part of what a browser sends as a name, without what no file name holds."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return (
        "".join(char for char in last if char.isprintable() and char not in '"<>:|?*').strip()[:LONGEST_NAME] or "file"
    )
