"""Hostile values, and readers that know nothing of the code under test."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

# Attacks that work where a value is not quoted, or quoted the obvious way.
ATTACKS = [
    "x'; touch hacked; '",
    'x"; touch hacked; "',
    "$(touch hacked)",
    "`touch hacked`",
    "${IFS}touch",
    "x; touch hacked",
    "x && touch hacked",
    "x | touch hacked",
    "x\ntouch hacked",
    "\\'; touch hacked; '",
    "\\",
    "'",
    "''",
    '"',
    "a\\",
    "$'\\x27;touch hacked'",
    "!!",
    "*",
    "~root",
    "{a,b}",
    "a b",
    " ",
    "#x",
    "> hacked",
    "\u2018; Remove-Item x; \u2018",
    "\u2019; Remove-Item x; \u2019",
    "\u201a; Remove-Item x #",
    "\u201b; Remove-Item x #",
    "\u00d1; Remove-Item x #",
    "\u201c$(Remove-Item x)\u201d",
    "x'; Remove-Item x; '",
    "$env:PATH",
    "$($x)",
    "@(1)",
    "%PATH%",
    "x & calc",
    "x ^& calc",
    "{{ value }}",
    "{{ other }}",
    "\U0001f600'",
    "-rf",
]
PIECES = st.sampled_from(
    [*"'\"`$\\;&|<>(){}[]#!*?~%^= \n-_a\u2018\u2019\u201a\u201b\u201c\u00d1\u0422", "$(", "${", "{{", "}}", "''"]
)
# Every character that a value may have at all; what may not is tried by itself.
ANYTHING = st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n")
HOSTILE = st.one_of(
    st.sampled_from(ATTACKS),
    st.lists(PIECES, max_size=12).map("".join),
    st.text(ANYTHING, max_size=30),
    st.tuples(st.sampled_from(ATTACKS), st.text(ANYTHING, max_size=5)).map("".join),
)

HARNESS = 'show() { printf "%s\\0" "$#" "$@"; }\n'


def run_bash(script: str, folder: Path) -> tuple[list[str], str]:
    """What `show` was called with, each call as its count and its words; and what went wrong.

    There is no command but bash's own; a call of any other one is reported, and so is a file that appears.
    """
    done = subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-s"],
        input=(HARNESS + script).encode(),
        capture_output=True,
        cwd=folder,
        env={"PATH": "", "LC_ALL": "C.UTF-8"},
        timeout=20,
        check=False,
    )
    appeared = " ".join(path.name for path in folder.iterdir())
    return done.stdout.decode().split("\0")[:-1], done.stderr.decode() + appeared


QUOTES = "'\u2018\u2019\u201a\u201b"
CHAR = re.compile(r"\[char\]0x([0-9A-F]{4})")


def read_powershell(text: str) -> tuple[str, str]:
    """The value of the literal that `text` begins with, and what follows it, by about_Quoting_Rules.

    Any of five characters opens and closes a single-quoted string, two of them in it stand for the second; a
    parenthesis may join such strings and [char] values with +. Raises ValueError where there is no literal.
    """
    if not text.startswith("("):
        return _single_quoted(text)
    value, rest = _single_quoted(text[1:])
    units = value.encode("utf-16-le")
    while rest.startswith(" + "):
        rest = rest[3:]
        if match := CHAR.match(rest):
            units += int(match[1], 16).to_bytes(2, "little")
            rest = rest[match.end() :]
        else:
            part, rest = _single_quoted(rest)
            units += part.encode("utf-16-le")
    if not rest.startswith(")"):
        raise ValueError(f"not closed: {rest!r}")
    return units.decode("utf-16-le"), rest[1:]


def _single_quoted(text: str) -> tuple[str, str]:
    if not text or text[0] not in QUOTES:
        raise ValueError(f"no string: {text!r}")
    found: list[str] = []
    place = 1
    while place < len(text):
        if text[place] in QUOTES:
            if text[place + 1 : place + 2] not in QUOTES or place + 1 == len(text):
                return "".join(found), text[place + 1 :]
            place += 1
        found.append(text[place])
        place += 1
    raise ValueError("not closed")


def calls(output: Sequence[str]) -> list[list[str]]:
    """`3 a b c 0` → [[a, b, c], []]. Raises ValueError where the counts do not fit."""
    found: list[list[str]] = []
    place = 0
    while place < len(output):
        count = int(output[place])
        words = list(output[place + 1 : place + 1 + count])
        if len(words) != count:
            raise ValueError("words are missing")
        found.append(words)
        place += count + 1
    return found
