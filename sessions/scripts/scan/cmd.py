"""Follows a batch file line by line: cmd's quotes end with their line (`help cmd`, Microsoft's cmd reference)."""

import re
from typing import ClassVar

from sessions.scripts.scan.reader import Reader

COMMENT = re.compile(r"(?:^|[&|(])[ \t]*@?[ \t]*(?:rem(?![\w])|:)", re.IGNORECASE)
TERM = r"(?:\"[^\"]*\"|\{\{[^{}]*\}\}|[^\s\"=]+)"
CONDITION = (
    rf"if[ \t]+(?:/i[ \t]+)?(?:not[ \t]+)?(?:(?:exist|defined|errorlevel)[ \t]+{TERM}"
    rf"|{TERM}[ \t]*==[ \t]*{TERM}|{TERM}[ \t]+(?:equ|neq|lss|leq|gtr|geq)[ \t]+{TERM})"
)
FIRST_WORD = re.compile(rf"(?:^|[&|()])[ \t]*@?[ \t]*(?:(?:start|do|else|{CONDITION})[ \t]+)*$", re.IGNORECASE)
COMMENT_LINE = re.compile(r"^[ \t@]*(?:rem\b|::).*$", re.IGNORECASE | re.MULTILINE)
# Windows sets these itself, and names of files hold no quote.
PLAIN_VARIABLE = re.compile(r"%(?:SystemRoot|SystemDrive|windir|COMPUTERNAME)%|%%[a-z]\b", re.IGNORECASE)
READ_AGAIN = {
    r"\b(?:enabledelayedexpansion\b|cmd(?:\.exe)?[ \t]+/v)": "delayed expansion reads values once more",
    r"\bcmd(?:\.exe)?[ \t]+/": "a second cmd reads its line as code: write the command here",
    r"\bcall[ \t]": "call reads its line twice: use goto, or write the command here",
    r"\bfor[ \t]+/f\b": "for /f reads a text as a command line: use a PowerShell script",
    r"\b(?:powershell|pwsh)\b": "use a PowerShell script",
}


class CmdReader(Reader):
    before: ClassVar[re.Pattern[str]] = re.compile(r"(?:\A|[ \t\n=]|[ \t]/[A-Za-z]+:)\Z")
    after: ClassVar[str] = " \t\n)&|"

    def follow(self) -> None:
        start = 0
        for line in self.body.split("\n"):
            self._line(start, line)
            start += len(line) + 1
        if not self.faults:
            self.refuse_patterns(READ_AGAIN, COMMENT_LINE.sub(lambda match: " " * len(match[0]), self.body))

    def _line(self, start: int, line: str) -> None:
        if line.endswith("^"):
            self.fault(start + len(line) - 1, "a line that goes on in the next one cannot be followed: write one line")
        for use in (use for place, use in self.placeholders.items() if start <= place < start + len(line)):
            before = line[: use.start - start]
            if COMMENT.search(before):
                self.refuse(use, "in a comment or a label")
            elif self._quotes(before) % 2:
                self.refuse(use, "in double quotes")
            elif "%" in PLAIN_VARIABLE.sub("", before):
                self.fault(use.start, f"{use.name} must stand before %…% on its line: what that holds may be a quote")
            elif FIRST_WORD.search(before):
                self.fault(use.start, f"{use.name} stands where the name of a command does: a value must not be run")
            else:
                self.place_in_code(use)

    @staticmethod
    def _quotes(text: str) -> int:
        """Quotes that count: outside of quotes ^ takes the next character's meaning away."""
        quotes, place = 0, 0
        while place < len(text):
            if text[place] == "^" and quotes % 2 == 0:
                place += 1
            elif text[place] == '"':
                quotes += 1
            place += 1
        return quotes
