"""Follows bash far enough to know code from quotes, comments and here-documents (Bash Reference Manual, 3.1 to 3.6)."""

import re
from dataclasses import dataclass
from typing import ClassVar

from sessions.scripts.parameters import Kind
from sessions.scripts.scan.reader import Reader, Use

SEPARATORS = ";&|()"
EXPANSION = re.compile(r"\$\{[^'\"`\\{}\n(]*\}")
ARITHMETIC = re.compile(r"(?:[^'\"`\\{}#()\n]|\([^'\"`\\{}#()\n]*\))*\)\)")
HEREDOC = re.compile(r"<<(-?)[ \t]*(?:'([A-Za-z_]\w*)'|\"([A-Za-z_]\w*)\"|([A-Za-z_]\w*))(?=[\s;&|()<>]|\Z)")
# Bash expands what follows these twice: a plain name or number only.
TWICE = re.compile(r"(?:[<>]&|&>>?)(?![ \t]*(?:\d*-|[\w./-]+)(?:[\s;&|()<>]|\Z))")
# Words before a command's own name: assignments, keywords, and commands that run the word after them.
LEADING = re.compile(
    r"[A-Za-z_]\w*(?:\[[^]\s]*\])?\+?=|\d+(?=[<>])|\{\w+\}(?=[<>])"
    r"|(?:if|then|elif|else|do|while|until|time|!|\{|exec|command|builtin|source|\.|sudo|nohup|env|xargs)(?=[ \t\n])"
)
ASSIGNS = re.compile(r"(?:^|[\s;&|(])[A-Za-z_]\w*\+?=\($")
PLAIN = (Kind.INTEGER, Kind.BOOLEAN)
READ_AGAIN = {
    r"(?<![\w-])eval(?![\w-])": "eval reads its words as code once more: a value would not stay one literal",
    r"(?<![\w-])(?:ba|da|k|z)?sh[ \t]+(?:-\w+[ \t]+)*-\w*c\b": "-c reads a text as code: write the command here",
}


@dataclass(slots=True)
class Heredoc:
    end: str
    strips_tabs: bool
    depth: int
    place: int


class BashReader(Reader):
    before: ClassVar[re.Pattern[str]] = re.compile(r"(?:\A|[\s=]|=\()\Z")
    after: ClassVar[str] = " \t\n;)|&"

    def follow(self) -> None:
        self.at = 0
        # What the place stands in: code, sub for ( ), dollar for $( ), quote for double quotes, test for [[ ]].
        self.stack: list[str] = ["code"]
        self.opened: list[int] = [0]
        # Whether the place is within a word, and whether the command's own name has gone by; kept for what is around.
        self.in_word = self.named = self.redirects = False
        self.around: list[tuple[bool, bool]] = []
        self.heredocs: list[Heredoc] = []
        self.code = list(self.body)
        while self.at < len(self.body) and not self.faults:
            if self.stack[-1] == "quote":
                self._quoted()
            else:
                self._code()
        if not self.faults:
            self._finish()

    def _finish(self) -> None:
        if len(self.stack) > 1:
            self.fault(self.opened[-1], "what begins here is never closed")
        if self.heredocs:
            self.fault(self.heredocs[0].place, f"this here-document has no line {self.heredocs[0].end} at its end")
        self.refuse_patterns(READ_AGAIN, "".join(self.code))

    # --- Code --------------------------------------------------------------------------------------------------

    def _code(self) -> None:
        char, starts_word = self.body[self.at], not self.in_word
        if char.isspace() or char in SEPARATORS or char in "<>":
            self._between(char)
            return
        if starts_word and self._begins(char):
            return
        self.in_word = True
        if self.at in self.placeholders:
            self._placeholder(self.placeholders[self.at], starts_word)
        elif char == "\\":
            self.at += 2
        elif char == "`":
            self.fault(self.at, "backquotes read their text twice: write $( )")
        elif char in "'\"" or self.body.startswith(("$'", '$"'), self.at):
            self._open_quote(char)
        elif char == "$":
            self._dollar()
        else:
            self.at += 1

    def _begins(self, char: str) -> bool:
        """What can stand at the beginning of a word only; otherwise notes whether the word names the command."""
        if char == "#":
            self._skip_to(self._line_end(), "in a comment")
            return True
        if re.compile(r"\[\[\s").match(self.body, self.at):
            self._push("test", 2)
            return True
        if self.stack[-1] == "test" and self.body.startswith("]]", self.at):
            self._pop(2)
            return True
        if len(self.stack) > 1 and re.compile(r"case\s").match(self.body, self.at):
            self.fault(self.at, "case within parentheses cannot be followed: move it into a function")
        if self.redirects:
            self.redirects = False
        elif self.at not in self.placeholders and not LEADING.match(self.body, self.at):
            if not self.named and self.body.startswith(("$", '"$'), self.at):
                self.fault(self.at, "write the name of a command out: what a variable holds could be a value, and run")
            self.named = True
        return False

    def _between(self, char: str) -> None:
        """What stands between words: spaces, operators and redirections."""
        starts_word, self.in_word = not self.in_word, False
        if TWICE.match(self.body, self.at):
            self.fault(self.at, "bash reads what follows this twice: write > file 2>&1, with a plain name after &")
        if char == "\n":
            self.named = False
            self._newline()
        elif self.body.startswith("<<", self.at) and not self.body.startswith("<<<", self.at):
            self._heredoc()
        elif char in "<>":
            self.redirects = True
            self.at += 3 if self.body.startswith("<<<", self.at) else 1
        elif self.body.startswith("((", self.at) and starts_word:
            self._arithmetic(2)
        elif char == "(":
            # After a process substitution or a pattern the word goes on; after a subshell a command may begin.
            self.redirects = False
            self._push("dollar" if self.at and self.body[self.at - 1] in "<>?*+@!" else "sub", 1)
        elif char == ")" and len(self.stack) > 1:
            self._close_paren()
        else:
            if char in SEPARATORS and not (char == "&" and self.body[self.at - 1] in "<>"):
                self.named = self.redirects = False
            self.at += 1

    def _close_paren(self) -> None:
        if self.stack[-1] not in ("sub", "dollar"):
            self.fault(self.at, "this ) closes nothing")
            return
        is_word = self.stack[-1] == "dollar"
        self._pop(1)
        self.in_word = is_word
        self.named = self.named and is_word

    def _placeholder(self, use: Use, starts_word: bool) -> None:
        names_command = starts_word and not self.named and not ASSIGNS.search(self.body[: use.start])
        redirected = starts_word and re.search(r"[<>][ \t]*\Z", self.body[: use.start])
        if self.stack[-1] == "test":
            self.refuse(use, "in [[ ]], which reads some values as code (use [ ])")
        elif names_command and not redirected and self.kinds[use.name] not in PLAIN:
            self.fault(use.start, f"{use.name} stands where the name of a command does: a value must not be run")
        else:
            self.place_in_code(use)
        self.named = self.named or (starts_word and not redirected)
        self.at = use.end

    def _newline(self) -> None:
        self.at += 1
        if not self.heredocs:
            return
        if any(heredoc.depth != len(self.stack) for heredoc in self.heredocs):
            self.fault(self.heredocs[0].place, "a here-document begins at the end of the line that names it")
            return
        while self.heredocs:
            if not self._skip_heredoc(self.heredocs[0]):
                return
            self.heredocs.pop(0)

    def _skip_heredoc(self, heredoc: Heredoc) -> bool:
        start = self.at
        while self.at < len(self.body):
            line = self.body[self.at : self._line_end()]
            self.at = self._line_end() + 1
            if (line.lstrip("\t") if heredoc.strips_tabs else line) == heredoc.end:
                self._blank(start, self.at, "in a here-document")
                return True
        return False

    def _heredoc(self) -> None:
        match = HEREDOC.match(self.body, self.at)
        if match is None:
            self.fault(self.at, "write a here-document's end as one word, such as << 'END'")
            return
        end = match[2] or match[3] or match[4]
        self.heredocs.append(Heredoc(end, bool(match[1]), len(self.stack), self.at))
        self.at = match.end()

    # --- Quotes and expansions -----------------------------------------------------------------------------------

    def _open_quote(self, char: str) -> None:
        if self.body.startswith("$'", self.at):
            end = re.compile(r"\$'(?:[^'\\]|\\.)*'", re.DOTALL).match(self.body, self.at)
            self._skip_quote(end.end() if end else -1)
        elif char == "'":
            found = self.body.find("'", self.at + 1)
            self._skip_quote(found + 1 if found >= 0 else -1)
        else:
            self._push("quote", 2 if char == "$" else 1)

    def _skip_quote(self, end: int) -> None:
        if end < 0:
            self.fault(self.at, "this quote is never closed")
            return
        if self.heredocs and "\n" in self.body[self.at : end]:
            self.fault(self.at, "a quote must not run into the here-document that this line names")
        self._skip_to(end, "in single quotes")

    def _quoted(self) -> None:
        char = self.body[self.at]
        if self.at in self.placeholders:
            use = self.placeholders[self.at]
            self.refuse(use, "in double quotes")
            self.at = use.end
        elif char == "\\":
            self.at += 2
        elif char == '"':
            self._pop(1)
        elif char == "`":
            self.fault(self.at, "backquotes read their text twice: write $( )")
        elif char == "$":
            self._dollar()
        elif char == "\n" and self.heredocs:
            self.fault(self.at, "a quote must not run into the here-document that this line names")
        else:
            self.code[self.at] = char if char == "\n" else " "
            self.at += 1

    def _dollar(self) -> None:
        if self.body.startswith("$((", self.at):
            self._arithmetic(3)
        elif self.body.startswith("$(", self.at):
            self._push("dollar", 2)
        elif self.body.startswith("${", self.at) and self.at + 1 not in self.placeholders:
            match = EXPANSION.match(self.body, self.at)
            if match is None:
                self.fault(self.at, "keep ${ } simple: no quotes, backslashes, parentheses or braces in it")
                return
            self.at = match.end()
        else:
            # $$ is a variable of its own: what follows it is no $( ).
            self.at += 2 if self.body.startswith("$$", self.at) else 1

    def _arithmetic(self, opening: int) -> None:
        match = ARITHMETIC.match(self.body, self.at + opening)
        if match is None:
            self.fault(self.at, "keep (( )) simple: numbers and variables; a parameter goes into a variable first")
            return
        self.at = match.end()

    # --- The stack -------------------------------------------------------------------------------------------------

    def _push(self, kind: str, length: int) -> None:
        self.stack.append(kind)
        self.opened.append(self.at)
        self.around.append((self.in_word, self.named))
        self.in_word = False
        if kind != "quote":
            self.named = kind == "test"
        self.at += length

    def _pop(self, length: int) -> None:
        self.stack.pop()
        self.opened.pop()
        _, self.named = self.around.pop()
        self.in_word = True
        self.at += length

    def _skip_to(self, end: int, where: str) -> None:
        self._blank(self.at, end, where)
        self.at = end

    def _blank(self, start: int, end: int, where: str) -> None:
        self.refuse_within(start, end, where)
        for place in range(start, min(end, len(self.code))):
            if self.code[place] != "\n":
                self.code[place] = " "

    def _line_end(self) -> int:
        found = self.body.find("\n", self.at)
        return len(self.body) if found < 0 else found
