"""The clients of the three systems, behind one interface."""

import contextlib
from collections.abc import Iterator, Mapping

from flowpilot.common.vault import SealBroken, unseal
from sessions.psa.clients.autotask import Autotask
from sessions.psa.clients.base import Note, PsaClient, Ticket, TimeEntry
from sessions.psa.clients.connectwise import ConnectWise
from sessions.psa.clients.halopsa import HaloPsa
from sessions.psa.errors import PsaFailed
from sessions.psa.http import Exchange
from sessions.psa.models import PsaConnection

__all__ = ["CREDENTIALS", "Note", "PsaClient", "Ticket", "TimeEntry", "client_of"]

Kind = PsaConnection.Kind
# What each system wants for a log-in: {kind: {name: (label, required)}}.
CREDENTIALS: Mapping[str, Mapping[str, tuple[str, bool]]] = {
    Kind.CONNECTWISE: {
        "company": ("Company", True),
        "public_key": ("Public key", True),
        "private_key": ("Private key", True),
        "client_id": ("Client ID of the integration", True),
    },
    Kind.HALOPSA: {
        "client_id": ("Client ID", True),
        "client_secret": ("Client secret", True),
        "tenant": ("Tenant, where Halo hosts it", False),
    },
    Kind.AUTOTASK: {
        "integration_code": ("API integration code", True),
        "user_name": ("User name", True),
        "secret": ("Secret", True),
    },
}


@contextlib.contextmanager
def client_of(connection: PsaConnection, *, seconds: float | None = None) -> Iterator[PsaClient]:
    """A client that is logged in as the connection says, for one errand of at most `seconds` (PSA_TIMEOUT).

    Raises PsaFailed where the credentials cannot be opened.
    """
    try:
        credentials = unseal(account_id=connection.account_id, sealed=connection.credentials)
    except SealBroken as error:
        raise PsaFailed(f"{error}") from error
    with Exchange(connection.base_url, secrets=credentials.values(), seconds=seconds) as exchange:
        yield _client(connection, exchange, credentials)


def _client(connection: PsaConnection, exchange: Exchange, credentials: Mapping[str, str]) -> PsaClient:
    if connection.kind == Kind.CONNECTWISE:
        return ConnectWise(exchange, credentials)
    if connection.kind == Kind.HALOPSA:
        return HaloPsa(exchange, credentials, connection.base_url)
    return Autotask(exchange, credentials)
