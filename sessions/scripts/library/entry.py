"""One template of the library, as it is written down."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """`parameters` are objects as `parameters.Parameter` reads them."""

    key: str
    title: str
    shell: str
    domain: str
    keywords: str
    risk: str
    what_it_does: str
    body: str
    parameters: list[dict[str, Any]] = field(default_factory=list)
    minimum_role: str = "technician"


def host(name: str = "computer", label: str = "Computer", **more: Any) -> dict[str, Any]:
    return {"name": name, "label": label, "kind": "host_name", **more}


def user(name: str = "user", label: str = "User", **more: Any) -> dict[str, Any]:
    return {"name": name, "label": label, "kind": "user_name", **more}


def number(name: str, label: str, default: int, minimum: int, maximum: int) -> dict[str, Any]:
    limits = {"minimum": minimum, "maximum": maximum, "default": str(default)}
    return {"name": name, "label": label, "kind": "integer", **limits}
