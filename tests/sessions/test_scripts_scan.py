"""Where a template's placeholders may stand, and that a body which is accepted never runs a value."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
import tree_sitter
import tree_sitter_powershell
from hypothesis import given
from hypothesis import strategies as st

from sessions.scripts.parameters import Kind, Shell
from sessions.scripts.quoting import literal
from sessions.scripts.scan import scan_body, tidy_body

KINDS = {"x": Kind.STRING, "n": Kind.INTEGER, "b": Kind.BOOLEAN}


def faults(shell: Shell, body: str) -> list[str]:
    used = {name: kind for name, kind in KINDS.items() if f"{{{{ {name} }}}}" in body}
    return [str(fault) for fault in scan_body(shell, body, used)[1]]


ACCEPTED = {
    Shell.BASH: [
        "echo {{ x }}",
        "x={{ x }}",
        "x={{ x }}; echo $x",
        "echo --opt={{ x }} {{ x }}",
        "a=({{ x }} {{ x }})",
        "if {{ b }}; then echo {{ n }}; fi",
        "for i in {{ x }} {{ x }}; do echo; done",
        "case {{ x }} in a) echo {{ x }} ;; esac",
        '[ {{ x }} = 1 ] && echo "$(echo {{ x }})"',
        "echo 'it'\\''s' {{ x }}",
        "echo a#b {{ x }}",
        "cat << 'END'\nit's `\nEND\necho {{ x }}",
        "cat <<-END | grep {{ x }}\n\ta\n\tEND\n",
        "echo 2>&1 > {{ x }}",
        "echo $((1 + 2)) ${#a} ${a%%.*} {{ x }}",
        "(cd {{ x }} && ls)",
        "f() {\n  echo {{ x }}\n}",
        "diff <(echo 1) {{ x }}",
    ],
    Shell.POWERSHELL: [
        "Get-It -Name {{ x }}",
        "$a={{ x }}",
        "Get-It {{ x }}, {{ x }}",
        "if ($a -eq {{ x }}) { Get-It {{ x }} }",
        "@{ Name = {{ x }}; N = {{ n }} }",
        "Set-It -Confirm:{{ b }}",
        '"it said ""$(Get-It {{ x }})"" `" "; Get-It {{ x }}',
        "@'\nit's\n'@\nGet-It {{ x }}",
        "<# it's #> Get-It {{ x }} # it's",
        "'it''s' | Get-It {{ x }}",
        "Get-It `\n  -Name {{ x }}",
    ],
    Shell.CMD: [
        "ping {{ x }}",
        "if exist {{ x }} del {{ x }}",
        "net use Z: {{ x }} /persistent:yes",
        'echo "a" {{ x }}',
        "shutdown /t:{{ n }}",
        "for %%i in (a b) do ping {{ x }}",
        "set X={{ x }}",
    ],
}
REFUSED = {
    Shell.BASH: [
        ("echo '{{ x }}'", "line 1, column 7", "single quotes"),
        ('a\necho "a {{ x }}"', "line 2, column 9", "double quotes"),
        ("echo 1 # {{ x }}", "line 1, column 10", "comment"),
        ("cat <<END\n{{ x }}\nEND", "line 2, column 1", "here-document"),
        ("echo $'{{ x }}'", "line 1, column 8", "single quotes"),
        ("echo ${{ x }}", "line 1, column 7", "follow '$'"),
        ("echo {{ x }} \\{{ x }}", "line 1, column 15", "cannot be followed"),
        ("echo {{ x }}a", "line 1, column 13", "word of its own"),
        ("echo a{{ x }}", "line 1, column 7", "word of its own"),
        ("echo `echo {{ x }}`", "line 1, column 6", "backquotes"),
        ("{{ x }} a", "line 1, column 1", "name of a command"),
        ("A=1 B=$(a b) {{ x }}", "line 1, column 14", "name of a command"),
        ("a | sudo {{ x }}", "line 1, column 10", "name of a command"),
        ("if {{ x }}; then a; fi", "line 1, column 4", "name of a command"),
        ("f() { {{ x }}; }", "line 1, column 7", "name of a command"),
        ("[[ {{ x }} -eq 1 ]]", "line 1, column 4", "[ ]"),
        ("echo $((1 + {{ n }}))", "line 1, column 6", "variable first"),
        ('echo "$$(echo {{ x }})"', "line 1, column 15", "double quotes"),
        ("echo >& {{ x }}", "line 1, column 6", "twice"),
        ("echo &> {{ x }}", "line 1, column 6", "twice"),
        ("x={{ x }}\n$x 1", "line 2, column 1", "name of a command"),
        ('"$(echo {{ x }})"', "line 1, column 1", "name of a command"),
        ("eval echo {{ x }}", "line 1, column 1", "eval"),
        ("bash -ec {{ x }}", "line 1, column 1", "-c"),
        ('echo "a', "line 1, column 6", "never closed"),
        ("echo {{ Name }}", "line 1, column 6", "placeholder"),
        ("echo {{ y }}", "line 1, column 6", "no parameter y"),
        ("echo {{ x }} ${a:-'b'}", "line 1, column 14", "simple"),
        ("cat <<END {{ x }}", "line 1, column 5", "no line END"),
    ],
    Shell.POWERSHELL: [
        ("Get-It '{{ x }}'", "line 1, column 9", "single quotes"),
        ('Get-It "{{ x }}"', "line 1, column 9", "double quotes"),
        ("Get-It # {{ x }}", "line 1, column 10", "comment"),
        ("<#\n{{ x }}\n#>", "line 2, column 1", "comment"),
        ("@'\n{{ x }}\n'@", "line 2, column 1", "here-string"),
        ('@"\n{{ x }}\n"@', "line 2, column 1", "here-string"),
        ("& {{ x }}", "line 1, column 3", "name of a command"),
        ('"$$(Get-It {{ x }})"', "line 1, column 12", "double quotes"),
        ("& ({{ x }})", "line 1, column 4", "name of a command"),
        ("=$a={{ x }}", "line 1, column 5", "word of its own"),
        ("Get-It ,{{ x }}", "line 1, column 9", "word of its own"),
        ("={{ x }}", "line 1, column 2", "word of its own"),
        ("$a; . {{ x }}", "line 1, column 7", "name of a command"),
        ("iex {{ x }}", "line 1, column 1", "Invoke-Expression"),
        ("Get-It a#b {{ x }}", "line 1, column 9", "space before #"),
        ("Get-It {{ x }} `{{ x }}", "line 1, column 17", "cannot be followed"),
        ("Get-It {{ x }}.Length", "line 1, column 15", "word of its own"),
        ("Get-It {{ x }} --% a", "line 1, column 16", "quoting off"),
        ("Get-It 'M\u00fcller' {{ x }}", "line 1, column 10", "ASCII"),
        ("Get-It \u2018{{ x }}\u2018", "line 1, column 8", "ASCII"),
    ],
    Shell.CMD: [
        ('ping "{{ x }}"', "line 1, column 7", "double quotes"),
        ("rem {{ x }}", "line 1, column 5", "comment"),
        ("@rem {{ x }}", "line 1, column 6", "comment"),
        (":: {{ x }}", "line 1, column 4", "comment"),
        ("a & rem {{ x }}", "line 1, column 9", "comment"),
        ("{{ x }}", "line 1, column 1", "name of a command"),
        ("if errorlevel 1 {{ x }}", "line 1, column 17", "name of a command"),
        ('if exist "a b" {{ x }}', "line 1, column 16", "name of a command"),
        ("a ) else {{ x }}", "line 1, column 10", "name of a command"),
        ("echo %PATH% {{ x }}", "line 1, column 13", "may be a quote"),
        ("echo a ^\nb {{ x }}", "line 1, column 8", "goes on"),
        ("call a {{ x }}", "line 1, column 1", "call"),
        ('for /f %%i in ("a") do b {{ x }}', "line 1, column 1", "for /f"),
        ("cmd /c a {{ x }}", "line 1, column 1", "second cmd"),
    ],
}


@pytest.mark.parametrize(("shell", "body"), [(shell, body) for shell, bodies in ACCEPTED.items() for body in bodies])
def test_a_word_of_its_own_is_accepted(shell: Shell, body: str) -> None:
    assert faults(shell, body) == []


@pytest.mark.parametrize(
    ("shell", "body", "where", "why"), [(shell, *case) for shell, cases in REFUSED.items() for case in cases]
)
def test_any_other_place_is_refused_with_line_and_column(shell: Shell, body: str, where: str, why: str) -> None:
    found = faults(shell, body)
    assert found
    assert found[0].startswith(f"{where}: ")
    assert why in found[0]


def test_every_fault_is_told() -> None:
    assert len(faults(Shell.CMD, "ping \"{{ x }}\"\nrem {{ x }}\nping '{{ x }}'")) == 3


def test_a_parameter_without_a_place_is_told() -> None:
    _, found = scan_body(Shell.BASH, "echo {{ x }}\n", {"x": Kind.STRING, "y": Kind.STRING})
    assert [fault.message.partition(":")[0] for fault in found] == ["y does not stand in the body"]


@pytest.mark.parametrize("body", ["", "  \n", "a" * 30_000, "echo \x1b[1m", "echo \u202e"])
def test_bodies_of_no_use(body: str) -> None:
    assert scan_body(Shell.BASH, body, {})[1]


@given(body=st.text(max_size=60), shell=st.sampled_from(Shell))
def test_any_text_gets_an_answer(body: str, shell: Shell) -> None:
    _, found = scan_body(shell, body, KINDS)
    assert all(fault.message for fault in found)


# --- Against bash itself -------------------------------------------------------------------------------------------

FRAGMENTS = [
    *(["{{ x }}"] * 3), "echo ", " ", "\n", "show ", "'", "'", '"', '"', "$(", ")", "(", "`", "[", "]", "case ",
    "\\", "#", " # ", "<<E\n", "<<'E'\n", "<<-E ", "\nE\n", "${a", "${a:-", "}", "$((", "((", "))", "$'", '$"', ";",
    "&", "|", "{ ", "; }", "-", "eval ", "if true; then ", "; fi", "case x in x) ", ";; esac", "a=", "a=(", "[[ ",
    " ]]", "[ ", " ]", "<<< ", "<(", "$", "~", "for i in ", "; do ", "; done", "f() ", "!", "=", ",", "{a,b}", "\t",
    "2>&1 ", "$$", "> /dev/null ", "*", "x", ">&", "&> ",
]  # fmt: skip
VALUES = [
    "$(hacked)", "`hacked`", "'; hacked; '", '"; hacked; "', "\nhacked\n", "x\nE\nhacked\n", "a[$(hacked)]", ") hacked",
    "} ; hacked", "hacked", "\\'\nhacked\n#", "'\nhacked\n'", "]] ; hacked", "esac; hacked",
]  # fmt: skip
DRIVER = """
n=-1
hacked() { echo "RAN $n" >&3; }
show() { :; }
for script; do n=$((n + 1)); ( eval "$script" ) > /dev/null 2>&1 < /dev/null; done
"""


def bodies(count: int, seed: int) -> Iterator[str]:
    """Bodies that were accepted, joined and then changed here and there; many are surprising bash, some none at all."""
    random = Random(seed)
    sound = [body for body in ACCEPTED[Shell.BASH] if "{{ x }}" in body and "{{ b }}" not in body]
    for _ in range(count):
        body = random.choice(["\n", "; ", " ", " | "]).join(random.sample(sound, k=random.randint(1, 2)))
        for _ in range(random.randint(1, 4)):
            place = random.randint(0, len(body))
            body = body[:place] + random.choice(FRAGMENTS) + body[place + random.choice([0, 0, 1]) :]
        yield tidy_body(body)


def that_run_a_value(found: list[str], folder: Path, quote: Callable[[str], str]) -> list[str]:
    """Which of the bodies run something of a value."""
    broken = set()
    for start in range(0, len(found), 100):
        batch = found[start : start + 100]
        scripts = [body.replace("{{ x }}", quote(value)) for body in batch for value in VALUES]
        done = subprocess.run(
            ["/bin/bash", "--noprofile", "--norc", "-c", f"exec 3>&1\n{DRIVER}", "bash", *scripts],
            capture_output=True, text=True, cwd=folder, env={"PATH": ""}, timeout=120, check=False,
        )  # fmt: skip
        broken |= {batch[int(line.split()[1]) // len(VALUES)] for line in done.stdout.splitlines()}
    return sorted(broken)


def quoted(value: str) -> str:
    return literal(Shell.BASH, Kind.SECRET, value)


def test_no_body_that_is_accepted_runs_a_value(tmp_path: Path) -> None:
    """Where ours takes quotes for code or the other way round, bash would show it."""
    accepted = [body for body in bodies(4_000, seed=5) if not scan_body(Shell.BASH, body, {"x": Kind.STRING})[1]]
    assert len(accepted) > 400
    assert that_run_a_value(accepted, tmp_path, quoted) == []


def test_bodies_that_are_refused_do_run_values(tmp_path: Path) -> None:
    """The test above would notice: among what is refused there is much that runs a value for all its quotes."""
    refused = [body for body in bodies(300, seed=6) if scan_body(Shell.BASH, body, {"x": Kind.STRING})[1]]
    assert len(that_run_a_value(refused, tmp_path, quoted)) > 10


# --- Against another parser of PowerShell ----------------------------------------------------------------------------

PS_FRAGMENTS = [
    "{{ x }}", " ", "\n", "'", "'", '"', '"', "@'\n", "\n'@", '@"\n', '\n"@', "$(", ")", "(", "@(", "`", "#", " # ",
    "<#", "#>", "{ ", " }", "$a", "${a}", ";", "|", ",", "=", "&", ". ", "-Name ", "Get-It ",
    "''", '""', "[", "]", "$", "$$",
]  # fmt: skip
PS_VALUES = [
    "'; Remove-Item b; '",
    '"; Remove-Item b; "',
    "#>\nRemove-Item b\n",
    "x\n'@\nRemove-Item b\n",
    "$(Remove-Item b)",
]
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))


def tree_of(script: str) -> list[str]:
    """The kinds of all nodes of a script; empty where the parser finds an error."""
    tree = PARSER.parse(script.encode())
    if tree.root_node.has_error:
        return []
    kinds, waiting = [], [tree.root_node]
    while waiting:
        node = waiting.pop()
        kinds.append(node.type)
        waiting += node.children
    return kinds


def test_no_powershell_body_that_is_accepted_changes_its_meaning_by_a_value() -> None:
    """Another parser sees the same script, whether a value is harmless or not: it is one literal wherever it stands."""
    random = Random(7)
    sound = [body for body in ACCEPTED[Shell.POWERSHELL] if "{{ x }}" in body and "{{ n }}" not in body]
    compared = 0
    for _ in range(4_000):
        body = random.choice(["\n", "; ", " "]).join(random.sample(sound, k=random.randint(1, 2)))
        for _ in range(random.randint(0, 3)):
            place = random.randint(0, len(body))
            body = body[:place] + random.choice(PS_FRAGMENTS) + body[place + random.choice([0, 0, 1]) :]
        body = tidy_body(body)
        if scan_body(Shell.POWERSHELL, body, {"x": Kind.STRING})[1]:
            continue
        harmless = tree_of(body.replace("{{ x }}", "'x'"))
        if harmless:
            compared += 1
            for value in PS_VALUES:
                text = literal(Shell.POWERSHELL, Kind.SECRET, value)
                assert tree_of(body.replace("{{ x }}", text)) == harmless, body
    assert compared > 300
