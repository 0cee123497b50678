"""What a service says when it will not do something. Doors (admin, API, commands) turn these into their own words."""

from collections.abc import Mapping, Sequence
from typing import Any


class ServiceError(Exception):
    """A refusal with a sentence for people, a code for programs, and details for both."""

    code = "error"
    status = 400

    def __init__(self, message: str, *, details: Mapping[str, Any] | Sequence[Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidInput(ServiceError):
    """The input breaks a rule that its sender can mend."""

    code = "invalid"


class InvalidQuery(InvalidInput):
    """What breaks the rule is a parameter of the address, also where the request has a body; details go by its name."""


class NotAllowed(ServiceError):
    """The actor may see the thing but not do this to it."""

    code = "not_allowed"
    status = 403


class NotFound(ServiceError):
    """No such thing, or none that the actor may know of."""

    code = "not_found"
    status = 404


class Conflict(ServiceError):
    """The thing has changed, or was decided, since the actor looked."""

    code = "conflict"
    status = 409


class Stale(Conflict):
    """The thing has another revision by now than the one that the actor saw."""
