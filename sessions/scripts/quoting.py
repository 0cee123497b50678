"""A value as one literal of its shell. Pure; the only place that turns values into code.

- bash: single quotes; nothing is special between them, and a single quote is written as '\\''
  (Bash Reference Manual, 3.1.2.2).
- PowerShell: single quotes, a quote doubled (about_Quoting_Rules). PowerShell also takes U+2018, U+2019, U+201A and
  U+201B for single quotes, and Windows PowerShell reads a file without a byte order mark in the code page of the
  machine, where the UTF-8 bytes of many letters hold one of them: so every character beyond ASCII is written as
  [char]0x…, and a script means the same in whatever encoding somebody saves it.
- cmd: it cannot quote everything: %, ! and " act between quotes too, and a called program reads its line once more.
  Only characters without a meaning anywhere are taken, the rest is refused.
"""

import re
from typing import assert_never

from sessions.scripts.parameters import Kind, Shell, Value, unreadable

# What cmd takes in a text; ^ & | < > ( ) % ! " ' ` ; * ? and what is not ASCII stay out.
CMD_CHARACTERS = re.compile(r"[A-Za-z0-9 ._:\\/@+,=#~-]*")
NEVER_AN_OPTION = (Kind.STRING, Kind.CHOICE, Kind.USER_NAME, Kind.HOST_NAME, Kind.PATH)


class Unquotable(ValueError):
    """The shell cannot carry this value; the message says which character."""


def literal(shell: Shell, kind: Kind, value: Value) -> str:
    """The value as code of `shell`: one literal, whatever is in it. Raises Unquotable."""
    if isinstance(value, bool):
        return _boolean(shell, value)
    if isinstance(value, int):
        # In PowerShell a minus before the number could meet another one: `10 --5` is no subtraction.
        return f"({value})" if shell == Shell.POWERSHELL and value < 0 else str(value)
    _require_carried(shell, kind, value)
    match shell:
        case Shell.BASH:
            return _bash(value)
        case Shell.POWERSHELL:
            return _powershell(value)
        case Shell.CMD:
            return f'"{value}"'
    assert_never(shell)


def unquotable(shell: Shell, kind: Kind, value: Value) -> str:
    """Why the shell cannot carry the value; empty where it can."""
    try:
        literal(shell, kind, value)
    except Unquotable as error:
        return str(error)
    return ""


def _require_carried(shell: Shell, kind: Kind, value: str) -> None:
    if problem := unreadable(value, multiline=True):
        raise Unquotable(problem)
    if shell != Shell.POWERSHELL and kind in NEVER_AN_OPTION and value.startswith("-"):
        # Quotes do not help: the command that gets it would still read an option.
        raise Unquotable("it must not begin with -: the command would read it as an option")
    if shell == Shell.CMD:
        _require_cmd(value)


def _require_cmd(value: str) -> None:
    taken = CMD_CHARACTERS.match(value)
    end = taken.end() if taken else 0
    if end < len(value):
        raise Unquotable(f"cmd cannot carry the character {value[end]!r} safely: a PowerShell script can")
    if value.endswith("\\"):
        raise Unquotable("it must not end with \\ in a cmd script: the quote after it would not end the value")
    if value.startswith(("/", "-")):
        raise Unquotable(f"it must not begin with {value[0]} in a cmd script: the command would read it as an option")


def _bash(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _powershell(value: str) -> str:
    if value.isascii():
        return _single_quoted(value)
    parts = re.split(r"([^\x00-\x7f])", value)
    pieces = [_single_quoted(parts[0])]  # a text comes first, so that + joins texts
    for place, part in enumerate(parts[1:], start=1):
        if place % 2:
            units = part.encode("utf-16-be")
            pieces += [f"[char]0x{units[i]:02X}{units[i + 1]:02X}" for i in range(0, len(units), 2)]
        elif part:
            pieces.append(_single_quoted(part))
    return f"({' + '.join(pieces)})"


def _single_quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _boolean(shell: Shell, value: bool) -> str:
    words = {Shell.POWERSHELL: ("$false", "$true"), Shell.BASH: ("false", "true"), Shell.CMD: ("0", "1")}
    return words[shell][value]
