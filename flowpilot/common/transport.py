"""Connections that go where they may, and end when they must.

The address that was checked is the address that is connected to, so a name that answers differently the second time
gains nothing. The deadline holds for the whole exchange: a server that sends a byte a second keeps nobody.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

NAT64 = ipaddress.ip_network("64:ff9b::/96")
# All that has been given out of IPv6 for the open internet.
UNICAST = ipaddress.ip_network("2000::/3")


class AddressRefused(httpcore.ConnectError):
    """The name leads to an address inside a private network."""


class Transport(httpx.BaseTransport):
    """httpx over an httpcore pool of our own; raises httpcore's errors. `deadline` is on time.monotonic()'s clock."""

    def __init__(self, *, deadline: float, allow_private: bool) -> None:
        backend = _Backend(deadline, allow_private)
        self._pool = httpcore.ConnectionPool(ssl_context=_tls(), network_backend=backend, max_connections=1)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        )
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=url,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer.stream), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class _Backend(httpcore.NetworkBackend):
    def __init__(self, deadline: float, allow_private: bool) -> None:
        self._real = httpcore.SyncBackend()
        self._deadline, self._allow_private = deadline, allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        problem: httpcore.ConnectError | None = None
        # One after the other: a name often has an IPv6 address that this machine has no way to.
        for address in safe_addresses(host, port, allow_private=self._allow_private):
            limit = _left(self._deadline, timeout, httpcore.ConnectTimeout)
            try:
                stream = self._real.connect_tcp(address, port, limit, local_address, socket_options)
            except httpcore.ConnectError as error:
                problem = error
            else:
                return _Stream(stream, self._deadline)
        raise problem or httpcore.ConnectError(f"the name {host} has no address")


class _Stream(httpcore.NetworkStream):
    """A connection on which no step outlasts the deadline."""

    def __init__(self, real: httpcore.NetworkStream, deadline: float) -> None:
        self._real, self._deadline = real, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._real.read(max_bytes, _left(self._deadline, timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._real.write(buffer, _left(self._deadline, timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._real.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limit = _left(self._deadline, timeout, httpcore.ConnectTimeout)
        return _Stream(self._real.start_tls(ssl_context, server_hostname, limit), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._real.get_extra_info(info)


def safe_addresses(host: str, port: int, *, allow_private: bool) -> list[str]:
    """The addresses of `host` to connect to. Raises AddressRefused where any of them is not a public one."""
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host} is not known") from error
    if not allow_private and not all(is_public(address) for address in found):
        raise AddressRefused(f"{host} leads into a private network")
    return found


def is_public(address: str) -> bool:
    """Whether `address` is one of the open internet, also where it stands inside an IPv6 one."""
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is None and ip not in UNICAST:
            return False  # among them ::a.b.c.d, the site's own fec0::/10, and a network's own NAT64
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


def address_fault(address: str, *, allow_private: bool, allow_http: bool, allow_query: bool = False) -> str:
    """What is wrong with an address that is to be called; "" where nothing is.

    A name is not looked up: what it leads to is looked at whenever it is called.
    """
    try:
        parts = urlsplit(address)
        _ = parts.port, httpx.URL(address)
    except (ValueError, httpx.InvalidURL):
        return "This is not an address."
    if not parts.hostname:
        return "This is not an address."
    if parts.username or parts.password or parts.fragment or (parts.query and not allow_query):
        rest = (
            "path and query: no name, password or fragment."
            if allow_query
            else ("path: no name, password, query or fragment.")
        )
        return f"Only scheme, host, {rest}"
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        return "It begins with https://."
    try:
        ipaddress.ip_address(parts.hostname)
    except ValueError:
        return ""
    return "" if allow_private or is_public(parts.hostname) else "This address is inside a private network."


def _left(deadline: float, timeout: float | None, late: type[Exception]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise late("out of time")
    return left if timeout is None else min(left, timeout)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than a request."""
    return httpx.create_ssl_context()
