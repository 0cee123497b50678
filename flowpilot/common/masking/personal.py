"""Personal data: addresses of mail and machines, phone numbers, payment cards, and people who say their name."""

import ipaddress
import re

from flowpilot.common.masking.kinds import Spans, spans_of

_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]++@(?=\w)(?:[\w-]++(?:\.[\w-]++)+|[A-Za-z][\w-]++)")
_INTRODUCED = re.compile(r"(?<!\w)[Mm]y name is (?P<value>[A-Z][^\W\d_]++(?:[ -][A-Z][^\W\d_]++){0,2})")

_APART = r"[ ()./-]{0,2}"
_CALL = (
    r"(?:(?:tele|cell)?phone(?: number| no\.?)?|tel|mobile|cell|fax|whatsapp"
    r"|(?:call|reach(?:ed)?)(?: me| him| her| us)?(?: back)?(?: at| on| under)?)(?: is)?[ .:#]{1,3}"
)
_PHONES = (
    re.compile(rf"(?:\+|(?<![\w.-])00(?=[1-9])){_APART}\d(?:{_APART}\d){{6,14}}"),
    re.compile(rf"(?<![\w.-])\(?0[1-9](?:{_APART}\d){{7,10}}(?!\d)"),
    re.compile(r"(?<![\w.-])(?:1[ .-]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?!\d)"),
    re.compile(rf"(?<!\w){_CALL}(?P<value>\(?\d(?:{_APART}\d){{6,14}})(?!\d)", re.IGNORECASE),
)
_DATE = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{2,4}(?!\d)")

_DIGITS = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,}")
_GROUP = re.compile(r"\d+")
# Issuers and how long their numbers are (ISO/IEC 7812-1; the networks' published ranges).
_ISSUER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|(?:30[0-5]\d|3[689]\d\d)\d{10,15}|35(?:2[89]|[3-8]\d)\d{12,15}|6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12,15}"
    r"|(?:50|5[6-8]|6[0137])\d{11,17}"
)
LONGEST_CARD = 19

_IPV4 = re.compile(r"(?<![\w.])(?P<host>\d{1,3}(?:\.\d{1,3}){3})(?!\w|\.\d)(?:/\d{1,2}|:\d{2,5})?")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9a-f:]{0,6}:[0-9a-f:])[0-9a-f:]{3,39}(?![\w:])", re.IGNORECASE)
_MAC = re.compile(r"(?<![\w:-])[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}(?![\w:-])", re.IGNORECASE)

emails, introduced, macs = map(spans_of, (_EMAIL, _INTRODUCED, _MAC))
_phones = [spans_of(pattern) for pattern in _PHONES]


def phones(text: str) -> Spans:
    """E.164 with + or 00, national numbers with their trunk 0, North American ones, and any after a word like tel."""
    for rule in _phones:
        for start, end in rule(text):
            if not _DATE.match(text, start):
                yield start, end


def cards(text: str) -> Spans:
    """Payment card numbers: an issuer's digits and length, and the right check digit."""
    for run in _DIGITS.finditer(text):
        groups = [match.span() for match in _GROUP.finditer(text, run.start(), run.end())]
        at = 0
        while at < len(groups):
            last = _card_end(text, groups, at)
            if last is not None:
                yield groups[at][0], groups[last][1]
            at = at + 1 if last is None else last + 1


def _card_end(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """The last of the groups of digits that make a card's number together, from `first` on."""
    digits, found = "", None
    for place in range(first, len(groups)):
        start, end = groups[place]
        if len(digits) + end - start > LONGEST_CARD:
            break
        digits += text[start:end]
        if _ISSUER.fullmatch(digits) and luhn(digits):
            found = place
    return found


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (Luhn's formula, ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def addresses(text: str) -> Spans:
    """IPv4 and IPv6 (RFC 4291), with a port or a prefix, and MAC addresses."""
    for match in _IPV4.finditer(text):
        if all(int(part) < 256 for part in match["host"].split(".")):
            yield match.span()
    for match in _IPV6.finditer(text):
        if _is_ipv6(match[0]):
            yield match.span()
    yield from macs(text)


def _is_ipv6(value: str) -> bool:
    try:
        ipaddress.IPv6Address(value)
    except ValueError:
        return False
    return True
