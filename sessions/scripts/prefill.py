"""What a session already says that a script asks for: its client, a host name, a user name. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sessions.scripts.parameters import Kind, Parameter, Shell, refusal
from sessions.scripts.quoting import unquotable

# Names as helpdesks give them: PC-0042, LT-ACME-7, SRV01, or a full name with dots.
HOSTS = re.compile(
    r"\b(?:(?:PC|WS|LT|NB|LAPTOP|DESKTOP|NOTEBOOK|CLIENT|SRV|SERVER|DC|TS|RDS|FS|PRN|PRINTER|HOST|VM)"
    r"-?[A-Z0-9]*\d[A-Z0-9]*(?:-[A-Z0-9]+)*|[A-Z]{2,}(?:-[A-Z0-9]+)*-\d{2,}"
    r"|(?:[a-z0-9-]+\.){1,4}(?:local|lan|internal|corp))\b"
)
EMAIL = re.compile(r"\b[A-Za-z0-9][\w.+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\b")
DOMAIN_USER = re.compile(r"\b[A-Z][A-Z0-9-]{1,14}\\[A-Za-z][\w.-]*\b")
CLIENT_NAMES = ("client", "customer", "company")


@dataclass(frozen=True, slots=True)
class Facts:
    """Empty where the session does not say."""

    client: str = ""
    host: str = ""
    user: str = ""
    ticket: str = ""


def facts_of(texts: Iterable[str], *, client: str = "", ticket: str = "") -> Facts:
    """What the session's texts name first; the earlier a text stands, the more it counts."""
    host = user = ""
    for text in texts:
        host = host or (found[0] if (found := HOSTS.search(text)) else "")
        match = EMAIL.search(text) or DOMAIN_USER.search(text)
        user = user or (match[0] if match else "")
    return Facts(client, host, user, ticket)


def prefilled(shell: Shell, parameters: Iterable[Parameter], facts: Facts) -> Mapping[str, str]:
    """Values for the parameters that the session knows, and only those that the parameter and its shell take."""
    found = {}
    for parameter in parameters:
        value = _fact(parameter, facts)
        if value and not refusal(parameter, value) and not unquotable(shell, parameter.kind, value):
            found[parameter.name] = value
    return found


def _fact(parameter: Parameter, facts: Facts) -> str:
    if parameter.kind == Kind.HOST_NAME:
        return facts.host
    if parameter.kind == Kind.USER_NAME:
        return facts.user
    if parameter.kind == Kind.STRING and parameter.name.startswith(CLIENT_NAMES):
        return facts.client
    return facts.ticket if parameter.kind == Kind.STRING and parameter.name.startswith("ticket") else ""
