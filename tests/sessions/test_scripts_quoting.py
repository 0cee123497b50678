"""Every value is one literal of its shell, and nothing of it runs: bash itself says so, and two PowerShell readers."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tree_sitter
import tree_sitter_powershell
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sessions.scripts import quoting
from sessions.scripts.parameters import Kind, Parameter, Shell, Value, unreadable
from sessions.scripts.quoting import Unquotable, literal, unquotable
from sessions.scripts.render import RenderError, render
from tests.sessions.scripts_cases import ATTACKS, HOSTILE, calls, read_powershell, run_bash

TEXT = Parameter(name="value", kind=Kind.SECRET, multiline=True, maximum=2000)
BODIES = [
    "show {{ value }}\n",
    'x={{ value }}\nshow "$x"\n',
    "show $(show {{ value }} > /dev/null)\nshow {{ value }}\n",
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def bash_sees(value: str, folder: Path) -> None:
    """Bash, given a rendered template, sees exactly the value and runs nothing else."""
    for body, expected in zip(BODIES, ([[value]], [[value]], [[], [value]]), strict=True):
        script = render(Shell.BASH, body, [TEXT], {"value": value}).text
        output, wrong = run_bash(script, folder)
        assert wrong == ""
        assert calls(output) == expected


def powershell_sees(value: str) -> None:
    """The literal is ASCII, and by the documented rules one string with the value, with nothing after it."""
    script = render(Shell.POWERSHELL, "Show-It -Value {{ value }}\n", [TEXT], {"value": value}).text
    assert script.isascii()
    seen, rest = read_powershell(script.removeprefix("Show-It -Value "))
    assert (seen, rest) == (value, "\n")
    assert shape(script) == shape("Show-It -Value 'x'\n")


PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))


def shape(script: str) -> list[tuple[str, int]]:
    """The commands of a script by another parser, each with its number of arguments."""
    found: list[tuple[str, int]] = []
    tree = PARSER.parse(script.encode())
    assert not tree.root_node.has_error, script

    def walk(node: Any, in_literal: bool) -> None:
        if node.type == "command":
            elements = [child for part in node.children if part.type == "command_elements" for child in part.children]
            named = [child for child in elements if child.type != "command_argument_sep"]
            found.append((node.children[0].text.decode(), len(named)))
            assert not in_literal, f"a command within a literal: {script}"
        for child in node.children:
            walk(child, in_literal or node.type == "parenthesized_expression")

    walk(tree.root_node, False)
    return found


def usable(value: str) -> bool:
    return value != "" and len(value) <= 2000 and not unreadable(value, multiline=True)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=HOSTILE.filter(usable))
def test_bash_sees_one_literal(value: str, folder: Path) -> None:
    bash_sees(value, folder)


@pytest.mark.parametrize("value", [value for value in ATTACKS if usable(value)])
def test_attacks_are_literals(value: str, folder: Path) -> None:
    bash_sees(value, folder)
    powershell_sees(value)


@settings(max_examples=400, deadline=None)
@given(value=HOSTILE.filter(usable))
@example("\u00d1'\u2018\u2019")
def test_powershell_sees_one_literal(value: str) -> None:
    powershell_sees(value)


@settings(max_examples=200, deadline=None)
@given(value=HOSTILE.filter(usable), encoding=st.sampled_from(["cp1252", "cp1251", "cp932", "cp437", "utf-8"]))
def test_powershell_means_the_same_in_whatever_encoding_it_is_read(value: str, encoding: str) -> None:
    """Windows PowerShell reads a file without a byte order mark in the machine's code page."""
    script = literal(Shell.POWERSHELL, Kind.STRING, value)
    assert script.encode("utf-8").decode(encoding) == script


def test_the_obvious_powershell_quoting_breaks_out() -> None:
    """Doubling ' alone: a look-alike quote ends the string, and so does a letter read in the wrong code page."""
    naive = "'" + "\u2018; Remove-Item x; \u2018".replace("'", "''") + "'"
    assert read_powershell(naive)[1] != ""
    misread = "'\u00d1; Remove-Item x'".encode().decode("cp1252", "replace")
    assert read_powershell(misread)[1] != ""


NAIVE_BASH = {"nothing": "{}", "single quotes": "'{}'", "double quotes": '"{}"'}


@pytest.mark.parametrize("way", NAIVE_BASH)
def test_the_proof_fails_without_the_quoting(way: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test of bash would not notice, it could not prove."""
    monkeypatch.setattr(quoting, "_bash", lambda value: NAIVE_BASH[way].format(value))
    caught = 0
    for value in (value for value in ATTACKS if usable(value)):
        try:
            bash_sees(value, folder)
        except (AssertionError, ValueError):
            caught += 1
        for path in folder.iterdir():
            path.unlink()
    assert caught >= 3


def test_the_proof_fails_without_powershells_quoting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quoting, "_powershell", lambda value: f"'{value}'")
    caught = 0
    for value in (value for value in ATTACKS if usable(value)):
        try:
            powershell_sees(value)
        except (AssertionError, ValueError):
            caught += 1
    assert caught >= 5


# --- What no shell gets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("char", ["\0", "\r", "\t", "\x03", "\x1b", "\x7f", "\x85", "\u202e", "\u2066", "\ud800"])
@pytest.mark.parametrize("shell", Shell)
@pytest.mark.parametrize("kind", [Kind.STRING, Kind.SECRET, Kind.PATH, Kind.USER_NAME, Kind.HOST_NAME])
def test_control_characters_and_what_turns_text_around_are_refused(shell: Shell, kind: Kind, char: str) -> None:
    """A terminal acts on them even between quotes: a pasted Ctrl-C ends the line, and the rest of it runs."""
    assert "not allowed" in unquotable(shell, kind, f"a{char}b")
    parameter = Parameter(name="value", kind=kind)
    with pytest.raises(RenderError) as refused:
        render(shell, "show {{ value }}\n", [parameter], {"value": f"a{char}b"})
    assert refused.value.faults[0].field == "value"


@pytest.mark.parametrize("kind", [Kind.STRING, Kind.USER_NAME, Kind.PATH, Kind.CHOICE])
@pytest.mark.parametrize("shell", [Shell.BASH, Shell.CMD])
def test_a_value_is_no_option(shell: Shell, kind: Kind) -> None:
    assert "option" in unquotable(shell, kind, "-rf")


# --- cmd ---------------------------------------------------------------------------------------------------------

# What cmd's documentation gives a meaning ("cmd", "Command shell overview", `help set`, `help for`), in quotes or not.
CMD_SPECIAL = set("&|<>^%!\"'`();*?[]{}$\n\r\0\t\x1a\v\f")


def test_cmd_takes_no_character_with_a_meaning() -> None:
    """Every character there is, at the beginning, within and at the end of a value."""
    taken = {chr(code) for code in range(0x110000) if not unquotable(Shell.CMD, Kind.SECRET, f"a{chr(code)}a")}
    assert not taken & CMD_SPECIAL
    assert all(char.isascii() and char.isprintable() for char in taken)
    letters = {chr(code) for code in range(128) if chr(code).isalnum()}
    assert taken == letters | set(" ._:\\/@+,=#~-")
    for char in CMD_SPECIAL:
        assert unquotable(Shell.CMD, Kind.SECRET, f"{char}a")
        assert unquotable(Shell.CMD, Kind.SECRET, f"a{char}")


@pytest.mark.parametrize("value", ["C:\\Temp\\", "/s", "-x"])
def test_cmd_takes_nothing_that_a_called_program_would_read_otherwise(value: str) -> None:
    assert unquotable(Shell.CMD, Kind.PATH, value)


@given(value=HOSTILE)
def test_what_cmd_takes_stands_between_two_quotes(value: str) -> None:
    try:
        text = literal(Shell.CMD, Kind.STRING, value)
    except Unquotable:
        return
    assert text == f'"{value}"'
    assert not set(value) & CMD_SPECIAL
    assert not value.endswith("\\")


# --- Numbers and booleans ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shell", "value", "text"),
    [
        (Shell.POWERSHELL, True, "$true"),
        (Shell.POWERSHELL, False, "$false"),
        (Shell.POWERSHELL, 5, "5"),
        (Shell.POWERSHELL, -5, "(-5)"),
        (Shell.BASH, True, "true"),
        (Shell.BASH, -5, "-5"),
        (Shell.CMD, False, "0"),
        (Shell.CMD, 12, "12"),
        (Shell.BASH, "it's", "'it'\\''s'"),
        (Shell.POWERSHELL, "it's", "'it''s'"),
        (Shell.POWERSHELL, "M\u00fcller", "('M' + [char]0x00FC + 'ller')"),
        (Shell.POWERSHELL, "\U0001f600", "('' + [char]0xD83D + [char]0xDE00)"),
        (Shell.CMD, "PC-1", '"PC-1"'),
    ],
)
def test_literals(shell: Shell, value: Value, text: str) -> None:
    kind = {bool: Kind.BOOLEAN, int: Kind.INTEGER, str: Kind.STRING}[type(value)]
    assert literal(shell, kind, value) == text
