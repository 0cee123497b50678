"""Secrets that a word before them gives away: `password: x`, `PIN is 4711`, `"client_secret": "x"`, `DB_PASSWORD=x`."""

import re

from flowpilot.common.masking.kinds import PLACEHOLDER, Spans

# Long enough to be meant wherever they stand, in names such as dbPassword, too.
_LONG_CUES = (
    r"pass(?:word|wort|wd|phrase|code)s?|kennwort|wachtwoord|mot de passe|contrase(?:ñ|n)a|senha|has(?:ł|l)o"
    r"|(?:client|shared|app|api)?[_ -]?secret(?:[_ -]?(?:access[_ -]?)?key)?"
    r"|(?:access|auth|api|bearer|refresh)?[_ -]?token"
    r"|(?:api|access|account|recovery|bitlocker|licen[cs]e|product|encryption|private|pre-?shared)[_ -]?key"
    r"|(?:verification|security|access|one[ -]?time|otp|mfa|2fa|auth(?:entication|enticator)?|recovery|backup|unlock"
    r"|activation|sms|login|door)[ -]code"
)
_SHORT_CUES = r"(?<![^\W_])(?:pwd|pw|pass|pin|psk|otp)"
_OF = r"(?:[ \t]{1,2}(?:for|of|to|on)(?:[ \t]{1,2}[\w@.\\-]{1,60}){1,3})?"
_CUE = re.compile(
    rf"(?:{_LONG_CUES}|{_SHORT_CUES})[0-9]?(?![^\W\d_])[\"'\u201d]?{_OF}"
    r"(?:(?P<strong>[ \t]{0,3}(?::=|[:=]|->|=>)[ \t]{0,3})(?P<line>\r?\n[ \t]{0,3})?"
    r"|(?P<weak>[ \t]{0,3}>[ \t]{0,3}|[ \t]{1,3}(?:is|was|to|are|lautet|ist|est|es)[: \t][ \t]{0,2})"
    r"|(?P<bare>[ \t]{1,3}))",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"(?:(?<!\w)(?:credentials?|creds|log-?in)[ \t]{0,2}(?:are|is|:|=)[ \t]{0,2}[^\s/]{1,80}[ \t]{0,2}[/|][ \t]{0,2}"
    r"|/user:[^\s]{1,80}[ \t]{1,3}|(?<!\w)curl\b[^\n]{0,60}?[ ]-u[ ]?[\"']?[^\s:\"']{1,80}:"
    r"|ConvertTo-SecureString[ \t]{1,3}(?:-String[ \t]{1,3})?)",
    re.IGNORECASE,
)
_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb", "\u201e": "\u201c"}
# A bare value goes to the next space, or to what begins the next setting of a connection string or a query.
_BARE = re.compile(r"(?:[^\s;,&\"<>]|[;,&](?![\w .-]{1,40}=)(?=\S))+")
_TAIL = ".,;:?)]}'\"\u201d\u2019"
_LOOK = 400  # characters that decide; what goes on without a space behind them belongs to it
_SYMBOL = re.compile(r"[\d!@#$%^&*_+=~|]")
_INNER_CAPITAL = re.compile(r"[a-z][A-Z]")
_HOW_THINGS_STAND = """
again asks asked blank change changed correct default disabled does empty enabled enter entered expired expires failed
false field forgotten from hidden incorrect invalid known list locked long lost missing must never none null okay
optional options please prompt rejected required reset same saved sent short some stored that then there this true
unchanged unknown updated valid weak what when with works wrong yes your
"""
_STATES = frozenset(_HOW_THINGS_STAND.split())


def after_cues(text: str) -> Spans:
    """What follows a cue word."""
    at = 0
    while cue := _CUE.search(text, at):
        start, end = _value(text, cue.end())
        if end == start or _is_masked(text, start, end) or not _is_secret(text, cue, start, end):
            # The space before it may be the next cue's own.
            at = max(cue.start() + 1, cue.end() - 1)
            continue
        at = _whole_run(text, start, end)
        yield start, at


def after_pairs(text: str) -> Spans:
    """The second of a pair of a name and a password: `credentials: bob / x`, `/user:bob x`, `curl -u bob:x`."""
    at = 0
    while pair := _PAIR.search(text, at):
        start, end = _value(text, pair.end())
        at = pair.end()
        told = _quoted(text, start) or _SYMBOL.search(text, start, end)
        if end > start and told and not _is_masked(text, start, end):
            at = _whole_run(text, start, end)
            yield start, at


def _value(text: str, at: int) -> tuple[int, int]:
    """Where the value that begins at `at` lies, without its quotes and without a sentence's end behind it."""
    closing = _QUOTES.get(text[at : at + 1])
    if closing is not None:
        end = text.find(closing, at + 1, at + _LOOK)
        if end > at + 1 and "\n" not in text[at + 1 : end]:
            return at + 1, end
        at += 1
    placed = PLACEHOLDER.match(text, at)
    if placed and (placed.end() == len(text) or text[placed.end()].isspace() or text[placed.end()] in _TAIL):
        return placed.span()
    run = _BARE.match(text, at, at + _LOOK)
    end = run.end() if run else at
    while end > at and text[end - 1] in _TAIL:
        end -= 1
    return at, end


def _whole_run(text: str, start: int, end: int) -> int:
    """The end of a value that was longer than was looked at."""
    if end - start < _LOOK - len(_TAIL):
        return end
    more = _BARE.match(text, end)
    return more.end() if more else end


def _is_masked(text: str, start: int, end: int) -> bool:
    return PLACEHOLDER.fullmatch(text, start, end) is not None


def _quoted(text: str, start: int) -> bool:
    return start > 0 and text[start - 1] in _QUOTES


def _is_secret(text: str, cue: re.Match[str], start: int, end: int) -> bool:
    """Whether what follows a cue is a secret and not the sentence's next word.

    In quotes or with a digit or a symbol it is one. Behind a colon or an equals sign, an inner capital tells it, or
    that it is the last word of the line and does not say how things stand ("password: expired").
    """
    value = text[start:end]
    if len(value) < 4:
        return False
    if cue["bare"]:
        return 4 <= len(value) <= 8 if value.isdigit() else len(value) > 5 and bool(_SYMBOL.search(value))
    if _quoted(text, start) or _SYMBOL.search(value):
        return True
    if cue["weak"] or cue["line"]:
        return False
    after = text[end : end + 4].strip(_TAIL + " \t\r")
    return bool(_INNER_CAPITAL.search(value)) or (after[:1] in ("", "\n") and value.lower() not in _STATES)
