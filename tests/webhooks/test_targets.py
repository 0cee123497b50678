"""Where an event may go: the open internet, by https, to the address that was checked."""

import socket
import ssl
from pathlib import Path
from typing import Any

import httpcore
import pytest

from flowpilot.webhooks.sending import post, url_fault
from tests.sessions.test_psa_http import self_signed
from tests.webhooks.receiver import Receiver, receiving

HEADERS = {"webhook-id": "msg_1"}


def send(url: str) -> Any:
    return post(url, b"{}", HEADERS, seconds=2)


@pytest.fixture
def closed(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = settings.WEBHOOK_ALLOW_HTTP = False


def leads_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Every name leads to the first answer when it is first looked up, then to the next; gives who is connected to."""
    left, called = iter(answers), []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(left)]

    def connect(self: Any, host: str, *_: Any) -> Any:
        called.append(host)
        raise httpcore.ConnectError("no way out of the test")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    return called


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1",
        "fec0::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1",
        "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("closed")
def test_a_name_that_leads_inside_is_not_called(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    called = leads_to(monkeypatch, [address])
    assert "private network: WEBHOOK_ALLOW_PRIVATE is off" in send("https://hooks.example/").error
    assert called == []


@pytest.mark.usefixtures("closed")
def test_one_address_inside_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    called = leads_to(monkeypatch, ["93.184.215.14", "10.0.0.1"])
    assert "private network" in send("https://hooks.example/").error
    assert called == []


@pytest.mark.usefixtures("closed")
def test_the_address_that_was_checked_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads outside when it is checked and inside when it is called (DNS rebinding) is asked once only."""
    called = leads_to(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    assert "no answer" in send("https://rebind.example/").error
    assert called == ["93.184.215.14"]


def test_a_private_network_may_be_allowed(receiver: Receiver, settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False
    for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost")):
        assert "private network" in send(url).error
    assert receiver.messages == []
    settings.WEBHOOK_ALLOW_PRIVATE = True
    assert send(receiver.url).status == 204


def test_http_may_be_allowed(receiver: Receiver, settings: Any) -> None:
    settings.WEBHOOK_ALLOW_HTTP = False
    assert "begins with https://" in send(receiver.url).error
    assert receiver.messages == [], "also where the endpoint was entered while it was allowed"


def test_the_certificate_and_the_host_are_the_names(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes to an address; everything in it is the name's."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    pem = self_signed(tmp_path, "localhost")
    with receiving(certificate=pem) as secure:
        named = secure.url.replace("127.0.0.1", "localhost")
        assert "certificate verify failed" in send(named).error
        assert secure.messages == []
        monkeypatch.setattr("flowpilot.common.transport._tls", lambda: ssl.create_default_context(cafile=str(pem)))
        assert send(named).status == 204
        assert secure.messages[0].headers["host"] == named.removeprefix("https://")
        assert "certificate is not valid for" in send(secure.url).error


def test_a_proxy_of_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    assert send(receiver.url).status == 204


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, code: int) -> None:
    with receiving() as inside:
        receiver.redirect_to, receiver.plan = inside.url, lambda message: str(code)
        answer = send(receiver.url)
        assert (answer.status, bool(answer.error)) == (code, True)
        assert inside.messages == []


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://hooks.example/flowpilot?token=t", ""),
        ("https://93.184.215.14:8443/", ""),
        ("http://hooks.example/", "begins with https"),
        ("ftp://hooks.example/", "begins with https"),
        ("file:///etc/passwd", "not an address"),
        ("https://", "not an address"),
        ("https://hooks.example:port/", "not an address"),
        ("https://user:word@hooks.example/", "no name, password"),
        ("https://hooks.example/#part", "or fragment"),
        ("https://127.0.0.1/", "private network"),
        ("https://[::ffff:127.0.0.1]/", "private network"),
    ],
)
@pytest.mark.usefixtures("closed")
def test_addresses_that_may_be_entered(url: str, fault: str) -> None:
    found = url_fault(url)
    assert fault in found
    assert bool(found) == bool(fault)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1"])
@pytest.mark.usefixtures("closed")
def test_other_spellings_of_an_address_lead_nowhere_either(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are no address pass as names; what they lead to is looked at when they are called."""
    called: list[str] = []
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", lambda self, host, *_: called.append(host))
    error = send(f"https://{host}/").error
    assert any(reason in error for reason in ("private network", "not known", "not an address")), error
    assert called == []
