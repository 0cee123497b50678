"""Follows PowerShell far enough to know code from strings and comments (about_Quoting_Rules, about_Comments).

The body is ASCII: the quotes of other alphabets, which PowerShell takes for its own, cannot stand in it.
"""

import re
from typing import ClassVar

from sessions.scripts.scan.reader import Reader, Use

BEFORE_COMMENT = " \t\n;(){}|,=&"
VARIABLE = re.compile(r"\$\{[A-Za-z_][\w:]*\}")
READ_AGAIN = {
    r"\b(?:Invoke-Expression|iex)\b": "Invoke-Expression reads a text as code: call the command itself",
    r"scriptblock\][ \t]*::": "[scriptblock]::Create reads a text as code: write the block here",
    r"\bExpandString\b|\bInvokeScript\b": "this reads a text as code: call the command itself",
    r"\b(?:powershell|pwsh)(?:\.exe)?\b[^\n]*[ \t]-(?:c|e)\w*": "a second one reads a text as code: write it here",
    r"\bcmd(?:\.exe)?[ \t]+/": "cmd reads its line as code: call the program itself",
    r"--%": "--% turns quoting off",
}


class PowerShellReader(Reader):
    before: ClassVar[re.Pattern[str]] = re.compile(r"(?:(?:\A|[\s({;])(?:\$[\w:.]+=)?|\(|;|\s-[A-Za-z]+:)\Z")
    after: ClassVar[str] = " \t\n;),}|]"

    def follow(self) -> None:
        self.at = 0
        # What the place stands in: code, sub for $( ) in a string, group for other parentheses, string for " ".
        self.stack: list[str] = ["code"]
        self.opened: list[int] = [0]
        self.code = list(self.body)
        while self.at < len(self.body) and not self.faults:
            if self.stack[-1] == "string":
                self._string()
            else:
                self._code()
        if not self.faults and len(self.stack) > 1:
            self.fault(self.opened[-1], "what begins here is never closed")
        if not self.faults:
            self.refuse_patterns(READ_AGAIN, "".join(self.code))

    def _code(self) -> None:
        char, two = self.body[self.at], self.body[self.at : self.at + 2]
        if self.at in self.placeholders:
            self._placeholder(self.placeholders[self.at])
        elif char == "`" or two == "$$":
            self.at += 2
        elif two in ("@'", '@"'):
            self._here_string(two[1])
        elif char == "'":
            self._single_quoted()
        elif char == '"':
            self._push("string", 1)
        elif two == "<#":
            end = self.body.find("#>", self.at + 2)
            self._skip_to(end + 2 if end >= 0 else -1, "in a comment")
        elif char == "#":
            self._comment()
        elif two == "${" and self.at + 1 not in self.placeholders:
            self._variable()
        else:
            self._bracket(char, two)

    def _bracket(self, char: str, two: str) -> None:
        if two in ("$(", "@("):
            self._push("group", 2)
        elif char == "(":
            self._push("group", 1)
        elif char == ")":
            if self.stack[-1] not in ("group", "sub"):
                self.fault(self.at, "this ) closes nothing")
                return
            self._pop(1)
        else:
            self.at += 1

    def _placeholder(self, use: Use) -> None:
        called = re.search(r"(?:^|[\s;|(){}=])[&.][\s(]*$", self.body[: use.start])
        if called:
            self.fault(use.start, f"{use.name} stands where the name of a command does: a value must not be run")
        else:
            self.place_in_code(use)
        self.at = use.end

    def _comment(self) -> None:
        if self.at and self.body[self.at - 1] not in BEFORE_COMMENT:
            self.fault(self.at, "put a space before # for a comment, and quotes around a text with # in it")
            return
        end = self.body.find("\n", self.at)
        self._skip_to(len(self.body) if end < 0 else end, "in a comment")

    def _single_quoted(self) -> None:
        place = self.body.find("'", self.at + 1)
        while place >= 0 and self.body[place + 1 : place + 2] == "'":
            place = self.body.find("'", place + 2)
        self._skip_to(place + 1 if place >= 0 else -1, "in single quotes")

    def _here_string(self, quote: str) -> None:
        opening = re.compile(r"@['\"][ \t]*\n").match(self.body, self.at)
        if opening is None:
            self.fault(self.at, f"a here-string's text begins on the line after @{quote}")
            return
        # The end may stand on the line right after the beginning.
        place = self.body.find(f"\n{quote}@", opening.end() - 1)
        if quote == '"' and place >= 0 and "$(" in self.body[self.at : place]:
            self.fault(self.at, '$( ) within @" "@ cannot be followed: put its result into a variable first')
            return
        self._skip_to(place + 3 if place >= 0 else -1, "in a here-string")

    def _string(self) -> None:
        char, two = self.body[self.at], self.body[self.at : self.at + 2]
        if self.at in self.placeholders:
            use = self.placeholders[self.at]
            self.refuse(use, "in double quotes")
            self.at = use.end
        elif char == "`" or two in ('""', "$$"):
            self.at += 2  # $$ is a variable of its own: what follows it is no $( )
        elif char == '"':
            self._pop(1)
        elif two == "$(":
            self._push("sub", 2)
        elif two == "${" and self.at + 1 not in self.placeholders:
            self._variable()
        else:
            self.code[self.at] = char if char == "\n" else " "
            self.at += 1

    def _variable(self) -> None:
        match = VARIABLE.match(self.body, self.at)
        if match is None:
            self.fault(self.at, "keep ${ } simple: a variable's name and nothing else")
            return
        self.at = match.end()

    def _push(self, kind: str, length: int) -> None:
        self.stack.append(kind)
        self.opened.append(self.at)
        self.at += length

    def _pop(self, length: int) -> None:
        self.stack.pop()
        self.opened.pop()
        self.at += length

    def _skip_to(self, end: int, where: str) -> None:
        if end < 0:
            self.fault(self.at, "what begins here is never closed")
            return
        self.refuse_within(self.at, end, where)
        for place in range(self.at, end):
            if self.code[place] != "\n":
                self.code[place] = " "
        self.at = end
