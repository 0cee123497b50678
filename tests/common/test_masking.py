"""What is masked in texts, what is left alone, and that it never fails, whatever the text."""

import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowpilot.common.masking import Kind, Level, NameIndex, TextMask, names_of
from flowpilot.common.masking.personal import luhn

SECRETS = TextMask(Level.SECRETS)
PERSONAL = TextMask(Level.PERSONAL, addresses=True, names=["Petra Novak", "Novak, Petra"])

modest = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("The password is Summer2024! for all", "The password is [secret] for all"),
        ("password: correcthorse", "password: [secret]"),
        ("Passwort: Winter2025, danach neu anmelden", "Passwort: [secret], danach neu anmelden"),
        ("His new password for bob is Hunter22.", "His new password for bob is [secret]."),
        ("PIN is 4711 and stays", "PIN is [secret] and stays"),
        ("Password:\r\nSummer2024", "Password:\r\n[secret]"),
        ("pwd='two words'", "pwd='[secret]'"),
        ('{"client_secret": "ab;c d", "user": "bob"}', '{"client_secret": "[secret]", "user": "bob"}'),
        ("DB_PASSWORD=hunterTwo\nDB_HOST=x", "DB_PASSWORD=[secret]\nDB_HOST=x"),
        ("<password>abc1def</password>", "<password>[secret]</password>"),
        ("Server=db1;Uid=sa;Pwd=s3cr3t!;Encrypt=yes", "Server=db1;Uid=sa;Pwd=[secret];Encrypt=yes"),
        ("postgres://bob:hunter2@db.example/x", "postgres://bob:[secret]@db.example/x"),
        ("net use * \\\\srv\\c /user:corp\\bob Pass1234", "net use * \\\\srv\\c /user:corp\\bob [secret]"),
        ("creds: bob / Pass1234", "creds: bob / [secret]"),
        ("curl -s -u bob:Pass12 https://x", "curl -s -u bob:[secret] https://x"),
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer [secret]"),
        ("the verification code is 482913", "the verification code is [secret]"),
        ("key for the backup AbC123dEf456GhI789", "key for the backup [secret]"),
        ("use ghp_abcdefghijklmnopqrstuvwxyz0123456789 there", "use [secret] there"),
        ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_1", "[secret]"),
        ("123456-123456-123456-123456-123456-123456-123456-123456", "[secret]"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY12", "[secret]"),
        ("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb", "a\n[secret]\nb"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE and cut", "[secret]"),
        ("card 4111 1111 1111 1111, 12/27", "card [card], 12/27"),
        ("1 378282246310005", "1 [card]"),
    ],
)
def test_secrets_are_masked(text: str, masked: str) -> None:
    assert SECRETS.mask(text) == masked
    assert SECRETS.mask(masked) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to ann.lee+x@fabrikam.example.", "Write to [e-mail]."),
        ("tel:+44 20 7946 0958 back", "tel:[phone] back"),
        ("At 0170 1234567 2024 was good", "At [phone] 2024 was good"),
        ("(555) 234-5678 or 555-234-5678", "[phone] or [phone]"),
        ("phone number is 4821345", "phone number is [phone]"),
        ("NOVAK, PETRA and petra novak called", "[person] and [person] called"),
        ("Hello, my name is Jana Nová.", "Hello, my name is [person]."),
        ("ping 10.20.30.40 and fe80::1ff:fe23:4567:890a", "ping [address] and [address]"),
        ("00:1A:2B:3C:4D:5E", "[address]"),
    ],
)
def test_personal_data_is_masked_where_the_policy_says_so(text: str, masked: str) -> None:
    assert PERSONAL.mask(text) == masked
    assert PERSONAL.mask(masked) == masked
    assert SECRETS.mask(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Reset your password in the portal.",
        "Password: expired",
        "The password was wrong, the token is expired.",
        "Pin the app to Start. Pass it on: next.",
        "Version 10.0.19045.3803 of Windows 11, build 22631.2861",
        "Error 0x80070005 at 10:30:15 on 2026-01-31, ticket 1234567890",
        "On 01.02.2024 10 users, 01/02/2024 as well",
        "Order 4111 1111 1111 1112 is no card",
        "Registry key: HKLM\\Software\\Vendor",
        "Is Wi-Fi on? Use port 3389, 3 of 4 attempts.",
        "C:\\Windows\\System32\\DriverStore\\FileRepository",
        "Open https://portal.example.com/AdminPortal/Home/Users/1234",
        "[secret] and [e-mail] stay",
        "",
    ],
)
def test_plain_texts_are_left_alone(text: str) -> None:
    assert PERSONAL.mask(text) == text


def test_off_masks_nothing() -> None:
    assert TextMask(Level.OFF, names=["Bob"]).mask("password: hunter2 of Bob") == "password: hunter2 of Bob"


def test_what_was_found_is_told_with_its_place() -> None:
    text = "mail bob@x.test, password: hunter2"
    assert [(text[f.start : f.end], f.kind) for f in PERSONAL.find(text)] == [
        ("bob@x.test", Kind.EMAIL),
        ("hunter2", Kind.SECRET),
    ]


def test_names_of_one_record_are_added() -> None:
    text = "Jana Nova and Petra Novak"
    assert PERSONAL.with_names(names_of("jana.nova@x.test")).mask(text) == "[person] and [person]"
    assert SECRETS.with_names(["Jana Nova"]).mask(text) == text


def test_names_are_found_by_all_their_spellings() -> None:
    assert names_of("Petra Novak") == {"Petra Novak", "Novak, Petra", "Novak Petra"}
    assert names_of("petra.novak@x.test") == {"petra.novak@x.test", "petra novak", "novak, petra", "novak petra"}
    assert names_of("root@x.test") == {"root@x.test"}
    assert names_of(" ") == set()


# --- Properties -------------------------------------------------------------------------------------------------------

_SAFE = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\"'`<>[],;:.?)}&/")
passwords = st.text(_SAFE, min_size=6, max_size=24).filter(
    lambda text: any(c in "0123456789!@#$%^*_+=~|" for c in text) and not text.startswith("(")
)
_ALNUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_HEX = "0123456789abcdef"


def _token(start: str, letters: str, size: int) -> st.SearchStrategy[str]:
    return st.text(letters, min_size=size, max_size=size).map(lambda rest: start + rest)


tokens = st.one_of(
    _token("ghp_", _ALNUM, 36),
    _token("AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
    _token("xoxb-", _ALNUM + "-", 40),
    _token("sk_live_", _ALNUM, 24),
    _token("glpat-", _ALNUM + "_-", 20),
    _token("fp_12_0a1b2c3d_", _HEX, 64),
    st.lists(_token("eyJ", _ALNUM + "_-", 20), min_size=3, max_size=3).map(".".join),
)
cards = st.text("0123456789", min_size=14, max_size=14).map(
    lambda body: next(f"4{body}{check}" for check in range(10) if luhn(f"4{body}{check}"))
)
local_parts = st.text(_ALNUM + "._+-", min_size=1, max_size=20)
emails = st.tuples(local_parts, st.text(_ALNUM, min_size=1, max_size=10)).map(lambda two: f"{two[0]}@{two[1]}.example")
prose = st.text(max_size=60)
cue_words = st.sampled_from(
    ["password: ", "Password is ", "pwd=", "the new passphrase was ", "PASSCODE -> ", "db_password=", "passwort: "]
)


@modest
@given(prose, cue_words, passwords, prose)
def test_no_password_after_a_cue_survives(before: str, cue: str, password: str, after: str) -> None:
    assert password not in SECRETS.mask(f"{before}\n{cue}{password}\n").removeprefix(SECRETS.mask(before))
    assert password not in SECRETS.mask(f"{cue}{password} {after}")[: len(cue) + len(password)]


@modest
@given(prose, st.one_of(tokens, cards), prose)
def test_no_token_and_no_card_survives(before: str, secret: str, after: str) -> None:
    assert secret not in SECRETS.mask(f"{before} {secret} {after}")


@modest
@given(prose, emails, prose)
def test_no_address_survives(before: str, email: str, after: str) -> None:
    assert email not in PERSONAL.mask(f"{before} {email} {after}")


_PARTS = st.sampled_from(
    ["password", ": ", "=", " is ", "pin", "[secret]", "[e-mail]", "x1", "4111111111111111", "@", "a.b", "://", '"',
     "\n", "+49 170 1234567", "token", " for ", "Bearer ", "-----BEGIN PRIVATE KEY-----", "abcDEF123456ghiJKL7890mn",
     "/user:", "curl -u ", ";", "::1", "10.0.0.1", "Petra Novak", " ", "é", "\x00"]
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(prose, st.lists(_PARTS, max_size=14).map("".join)))
def test_masked_again_nothing_changes(text: str) -> None:
    for mask in (SECRETS, PERSONAL):
        once = mask.mask(text)
        assert mask.mask(once) == once


HOSTILE: list[Callable[[int], str]] = [
    lambda n: "a" * n,
    lambda n: "a@" * (n // 2),
    lambda n: "1" * n,
    lambda n: "1 " * (n // 2),
    lambda n: "4111 1111 1111 1112 " * (n // 20),
    lambda n: "pass:" * (n // 5) + "a b",
    lambda n: "password for " * (n // 13),
    lambda n: "password is " * (n // 12),
    lambda n: 'password:"' * (n // 10),
    lambda n: "a://b:c@" * (n // 8),
    lambda n: "a://b:" * (n // 6),
    lambda n: "eyJaaaaa." * (n // 9),
    lambda n: "-----BEGIN PRIVATE KEY-----" * (n // 27),
    lambda n: "key " + "aB1" * (n // 3),
    lambda n: "aB1/" * (n // 4),
    lambda n: "0:" * (n // 2),
    lambda n: "+1 " * (n // 3),
    lambda n: "0170/" * (n // 5),
    lambda n: "curl " * (n // 5),
    lambda n: "creds: " * (n // 7),
    lambda n: ";a" * (n // 2),
    lambda n: "password=" + ";a" * (n // 2),
    lambda n: "Petra " * (n // 6),
    lambda n: " \t" * (n // 2),
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_time_grows_with_the_length_only(hostile: Callable[[int], str]) -> None:
    """Ten times the text in about ten times the time: quadratic rules would take a hundred times."""

    def seconds(size: int) -> float:
        text = hostile(size)
        best = 9.0
        for _ in range(2):
            began = time.process_time()
            PERSONAL.mask(text)
            best = min(best, time.process_time() - began)
        return best

    short = max(seconds(4_000), 0.002)
    assert seconds(40_000) < 35 * short


def test_thousands_of_names_cost_little() -> None:
    index = NameIndex(f"Client{n} Limited" for n in range(20_000))
    text = "Is the network cable of Client77 Limited plugged in? " * 20
    began = time.process_time()
    for _ in range(200):
        assert len(list(index.spans(text))) == 20
    assert time.process_time() - began < 2
