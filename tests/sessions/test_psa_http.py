"""What an answer means, what time a call may take, and where it may go."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flowpilot.common.backoff import FIRST, LONGEST, pause_after, requested_pause
from flowpilot.common.transport import is_public, safe_addresses
from sessions.psa.errors import PsaError, PsaFailed, PsaRejected, PsaUnclear
from sessions.psa.http import Exchange
from tests.sessions.psa_servers import FakePsa, serving

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PATH = "/v1.0/ThresholdInformation"


def ask(psa: FakePsa, path: str = PATH, **options: Any) -> Any:
    with Exchange(options.pop("base_url", psa.url), secrets=options.pop("secrets", ()), **options) as exchange:
        return exchange.request("GET", path)


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("429", PsaFailed, 429),
        ("401", PsaFailed, 401),
        ("400", PsaRejected, 400),
        ("503", PsaUnclear, 503),
        ("500-before", PsaUnclear, 500),
        ("wrong-json", PsaUnclear, 200),
        ("cut-short", PsaUnclear, None),
        ("drop-before", PsaUnclear, None),
        ("huge", PsaUnclear, 200),
    ],
)
def test_what_an_answer_means(psa: FakePsa, fault: str, error: type[PsaError], code: int | None) -> None:
    psa.plan = lambda request: fault
    with pytest.raises(error) as caught:
        ask(psa)
    assert type(caught.value) is error
    assert caught.value.status_code == code
    assert caught.value.retry_after == ("7" if fault in ("429", "503") else None)


def test_nobody_there_is_a_clear_no(psa: FakePsa) -> None:
    """Nothing was sent: it may be sent again without looking."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(PsaFailed, match="no connection"):
            ask(psa, base_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
    with pytest.raises(PsaFailed, match="not known"):
        ask(psa, base_url="http://nobody.invalid")


def test_a_redirect_is_not_followed(psa: FakePsa) -> None:
    with serving(FakePsa()) as inside:
        psa.plan, psa.redirect_to = (lambda request: "redirect"), f"{inside.url}/v1.0/ThresholdInformation"
        with pytest.raises(PsaFailed, match="points elsewhere"):
            ask(psa)
        assert inside.requests == []


def test_private_addresses_are_refused(psa: FakePsa, settings: Any) -> None:
    settings.PSA_ALLOW_PRIVATE = False
    for url in (psa.url, psa.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(PsaFailed, match="private network: PSA_ALLOW_PRIVATE is off"):
            ask(psa, base_url=url)
    assert psa.requests == []


def test_the_address_that_was_checked_is_the_one_that_is_called(
    psa: FakePsa, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads outside when it is checked and inside when it is called (DNS rebinding) is asked once only."""
    settings.PSA_ALLOW_PRIVATE = False
    answers = iter(["93.184.215.14", "127.0.0.1"])
    called: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(self: Any, host: str, *_: Any) -> Any:
        called.append(host)
        raise httpcore.ConnectError("no way out of the test")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with pytest.raises(PsaFailed):
        ask(psa, base_url="http://rebind.example")
    assert called == ["93.184.215.14"]


def test_each_address_of_a_name_is_tried(psa: FakePsa, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many a name has an IPv6 address that this machine has no way to."""
    resolve, connect = socket.getaddrinfo, httpcore.SyncBackend.connect_tcp

    def two(host: str, port: int, *rest: Any, **options: Any) -> Any:
        if host != "two.example":
            return resolve(host, port, *rest, **options)
        return [(0, 0, 0, "", (ip, port)) for ip in ("127.255.255.254", "127.0.0.1")]

    def first_is_down(self: Any, host: str, *rest: Any) -> Any:
        if host == "127.255.255.254":
            raise httpcore.ConnectError("no way there")
        return connect(self, host, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", two)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", first_is_down)
    with pytest.raises(PsaFailed, match="answered 401"):
        ask(psa, base_url=psa.url.replace("127.0.0.1", "two.example"))


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(0, 0, 0, "", ("93.184.215.14", 443)), (0, 0, 0, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(httpcore.ConnectError, match="private"):
        safe_addresses("mixed.example", 443, allow_private=False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "ff02::1",
        "2002:7f00:1::", "2002:a00:1::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "fec0::1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "100::1", "2001:db8::1", "240.0.0.1", "198.18.0.1", "192.0.2.1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_addresses_inside(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_addresses_of_the_open_internet(address: str) -> None:
    assert is_public(address)


def test_a_proxy_of_the_environment_is_not_used(psa: FakePsa, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    with pytest.raises(PsaFailed) as caught:
        ask(psa)
    assert caught.value.status_code == 401, "the server itself has answered"


def self_signed(folder: Path, name: str) -> Path:
    """A certificate for `name`, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{name}.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*plain))
    return path


def test_certificates_are_verified_and_for_the_name(
    psa: FakePsa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call goes to an address; the certificate must be the name's."""
    pem = self_signed(tmp_path, "localhost")
    with serving(FakePsa(), certificate=pem) as secure:
        named = secure.url.replace("127.0.0.1", "localhost")
        with pytest.raises(PsaFailed, match="certificate verify failed"):
            ask(psa, base_url=named)
        assert secure.requests == []
        monkeypatch.setattr("flowpilot.common.transport._tls", lambda: ssl.create_default_context(cafile=str(pem)))
        with pytest.raises(PsaFailed, match="answered 401"):
            ask(psa, base_url=named)
        with pytest.raises(PsaFailed, match="certificate is not valid for"):
            ask(psa, base_url=secure.url)
        assert len(secure.requests) == 1


def test_what_a_server_repeats_of_the_secrets_is_hidden(psa: FakePsa, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = httpx.Response(400, json={"message": "bad key abc123secret-long and abc123"}, request=None)
    monkeypatch.setattr("httpx.Client.send", lambda *_, **__: answer)
    monkeypatch.setattr("sessions.psa.http._read", lambda answer: answer.content)
    with pytest.raises(PsaRejected) as caught:
        ask(psa, secrets=["abc123", "abc123secret-long"])
    assert caught.value.message == 'answered 400: {"message":"bad key ••• and •••"}'


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("0", 0),
        ("Tue, 24 Nov 2026 12:02:00 GMT", 120),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("99999999999999999999", 86_400),
        ("Wed, 01 Jan 2031 00:00:00 GMT", 86_400),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u0663", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(header: str | None, seconds: int | None) -> None:
    assert requested_pause(header, NOW) == (None if seconds is None else timedelta(seconds=seconds))


def test_pauses_grow_are_spread_and_bounded() -> None:
    for attempt, ceiling in ((1, FIRST), (2, 2 * FIRST), (5, 16 * FIRST), (30, LONGEST), (10_000, LONGEST)):
        drawn = [pause_after(attempt) for _ in range(400)]
        assert all(timedelta() <= pause <= ceiling for pause in drawn)
        assert min(drawn) < ceiling / 10 < ceiling * 0.9 < max(drawn), (
            "full jitter: anything from nothing to the ceiling"
        )
