"""Where the placeholders of a template's body stand. Pure.

`{{ name }}` is all the grammar there is. Each shell has a reader that follows quotes, comments and here-documents just
far enough to know that a placeholder is a word of code of its own; what a reader cannot follow it refuses, with line
and column, when the template is saved. So a rendered body is the author's text with one literal in each such place.
"""

from collections.abc import Mapping

from sessions.scripts.parameters import Fault, Kind, Shell, unreadable
from sessions.scripts.scan.bash import BashReader
from sessions.scripts.scan.cmd import CmdReader
from sessions.scripts.scan.powershell import PowerShellReader
from sessions.scripts.scan.reader import PLACEHOLDER, Reader, Use

MAX_BODY = 20_000
READERS: dict[Shell, type[Reader]] = {
    Shell.BASH: BashReader,
    Shell.POWERSHELL: PowerShellReader,
    Shell.CMD: CmdReader,
}

__all__ = ["MAX_BODY", "PLACEHOLDER", "Use", "scan_body", "tidy_body"]


def tidy_body(body: str) -> str:
    """Line ends as \\n, no spaces at the ends, one line end at the last line."""
    return body.replace("\r\n", "\n").strip() + "\n"


def scan_body(shell: Shell, body: str, kinds: Mapping[str, Kind]) -> tuple[list[Use], list[Fault]]:
    """The placeholders of a tidy `body` in order, and every fault; `kinds` are the parameters that there are.

    A body with faults must not be rendered.
    """
    if not body.strip():
        return [], [Fault("body", "a template needs a body")]
    if len(body) > MAX_BODY:
        return [], [Fault("body", f"at most {MAX_BODY} characters, these are {len(body)}")]
    if faults := _strange_characters(shell, body):
        return [], faults
    reader = READERS[shell](body, kinds)
    faults = reader.read()
    if faults:
        return [], faults
    used = {use.name for use in reader.uses}
    unused = [name for name in kinds if name not in used]
    message = "{name} does not stand in the body: write {{{{ {name} }}}} where it belongs, or remove it"
    return reader.uses, [Fault("parameters", message.format(name=name)) for name in unused]


def _strange_characters(shell: Shell, body: str) -> list[Fault]:
    faults = []
    for number, line in enumerate(body.split("\n"), start=1):
        if problem := unreadable(line.replace("\t", " ")):
            faults.append(Fault("body", problem, number))
        elif shell != Shell.BASH and not line.isascii():
            # Windows reads a file in one of several encodings; in the wrong one a letter may turn into a quote.
            column = next(place for place, char in enumerate(line, start=1) if ord(char) > 127)
            message = f"{line[column - 1]!r}: a script for Windows is written in ASCII, it means the same everywhere"
            faults.append(Fault("body", message, number, column))
    return faults[:20]
