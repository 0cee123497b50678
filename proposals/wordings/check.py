"""Whether new words may stand for a miner's text: all that is a fact in them has to stand in the evidence. Pure.

A wording is refused rather too often than too seldom: then the miner's words stay, and nothing is lost.
"""

import re
from collections.abc import Iterable
from functools import cached_property

from proposals.mining.polarity import says_yes_or_no
from proposals.mining.text import STOP_WORDS, negations, stem
from proposals.wordings.vocabulary import NUMBER_WORDS, is_plain

MOST_GROWTH = 3.0  # times the miner's text, or LEAST_ROOM characters
LEAST_ROOM = 200

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_BRACKETED = re.compile(r"\[[^\]\n]{1,40}\]")
_MARKUP = re.compile(r"<[^<>]*>|\]\(|`|&#?\w{1,10};|\*\*|__|^\s*#{1,6}\s")
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")
_EDGES = "\"'\u201c\u201d\u2018\u2019()[]{}.,;:!?\u2026"
_SPECIAL = re.compile(r"[\\/@_=%$*|~#+<>:{}^&]|^-|\w\.\w")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_SLASHED = re.compile(r"[^\W\d_]+(?:/[^\W\d_]+)+")
_SENTENCE_ENDS = re.compile(r"[.!?:\u2026]['\")\u201d]*$")
# Pairs of which a text may not swap one for the other.
_OPPOSITES = (
    ("on", "off"), ("enable", "disable"), ("enabled", "disabled"), ("open", "close"), ("opened", "closed"),
    ("connect", "disconnect"), ("connected", "disconnected"), ("lock", "unlock"), ("locked", "unlocked"),
    ("install", "uninstall"), ("installed", "uninstalled"), ("plugged", "unplugged"), ("plug", "unplug"),
    ("same", "different"), ("can", "cannot"), ("before", "after"), ("start", "stop"), ("started", "stopped"),
    ("allow", "block"), ("allowed", "blocked"), ("up", "down"), ("all", "none"), ("valid", "invalid"),
    ("correct", "wrong"), ("works", "fails"), ("wired", "wireless"), ("internal", "external"), ("yes", "no"),
    ("able", "unable"), ("available", "unavailable"), ("successful", "unsuccessful"), ("more", "less"),
    ("other", "only"), ("increase", "decrease"), ("add", "remove"), ("online", "offline"), ("in", "out"),
)  # fmt: skip


class Evidence:
    """What the lines behind a text say."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._text = "\n".join(texts)

    @cached_property
    def folded(self) -> str:
        return self._text.casefold()

    @cached_property
    def numbers(self) -> set[str]:
        said = {NUMBER_WORDS[word] for word in _words(self.folded) if word in NUMBER_WORDS}
        return said | {_plain_number(number) for number in _NUMBER.findall(self._text)}

    @cached_property
    def stems(self) -> set[str]:
        return {stem(word) for word in _words(self.folded)}

    @cached_property
    def tokens(self) -> set[str]:
        return {token.strip(_EDGES) for token in self.folded.split()}


def fault_of(new: str, own: str, evidence: Evidence) -> str:
    """Why `new` may not stand for `own`, as a sentence; "" where it may. `evidence` holds the miner's text, too."""
    return claim_fault(new, own, evidence) or _turned(new, own)


def claim_fault(new: str, own: str, evidence: Evidence) -> str:
    """The same for a text that nobody answers, such as a title: it may say "not" where the other did not."""
    if new == own:
        return ""
    if not new.strip():
        return "It says nothing."
    if len(new) > max(LEAST_ROOM, MOST_GROWTH * len(own)):
        return "It is far longer than the text that it stands for."
    if _HIDDEN.search(new) or "\n" in new:
        return "It holds letters that cannot be seen, or a line break."
    if _MARKUP.search(new):
        return "It holds markup."
    for mark in _BRACKETED.findall(new):
        if mark.casefold() not in evidence.folded:
            return f"{mark} does not stand in its evidence."
    if wrong := _unknown(_BRACKETED.sub(" ", new), evidence):
        return wrong
    return "" if is_about(new, own, evidence) else "It is about something else."


def _unknown(new: str, evidence: Evidence) -> str:
    starts = True
    for token in new.split():
        bare = token.strip(_EDGES)
        if bare and (wrong := _unknown_token(bare, starts, evidence)):
            return f"“{wrong}” does not stand in its evidence."
        starts = bool(_SENTENCE_ENDS.search(token))
    return ""


def _unknown_token(token: str, starts: bool, evidence: Evidence) -> str:
    """What of a token is a fact that the evidence does not have; "" where nothing is."""
    folded = token.casefold()
    if folded in evidence.tokens:
        return ""
    if _SPECIAL.search(token) and not _SLASHED.fullmatch(token):
        return token  # a path, an address, a flag, a file: only as it was said
    for number in _NUMBER.findall(token):
        if _plain_number(number) not in evidence.numbers:
            return number
    if any(char.isdigit() for char in token):
        # "11" may come from "Windows 11", "M365" only from itself.
        return token if _WORD.search(token) and not re.fullmatch(r"\d+(?:st|nd|rd|th|s|%)", folded) else ""
    for word in _WORD.findall(token):
        if not _is_known(word, starts, evidence):
            return word
        starts = False
    return ""


def _is_known(word: str, starts: bool, evidence: Evidence) -> bool:
    lower = word.casefold().replace("\u2019", "'")
    if lower in NUMBER_WORDS:
        return NUMBER_WORDS[lower] in evidence.numbers
    if stem(lower) in evidence.stems:
        return True
    # In capitals it is a name, but for the first word of a sentence; "I" is none.
    is_name = word != word.lower() and not (starts and word[1:] == word[1:].lower()) and lower != "i"
    return not is_name and is_plain(lower.removesuffix("'s"))


def _turned(new: str, own: str) -> str:
    """Whether the new words say the opposite: then every answer would lead where it should not."""
    if (negations(new) > 0) != (negations(own) > 0):
        return "One of the two says “not”, the other does not."
    said, before = set(_words(new.casefold())), set(_words(own.casefold()))
    for pair in (*_OPPOSITES, *((b, a) for a, b in _OPPOSITES)):
        if pair[0] in before and pair[1] in said and not (pair[1] in before or pair[0] in said):
            return f"It says “{pair[1]}” where the miner says “{pair[0]}”."
    return ""


def label_fault(new: str, own: str, others: Iterable[tuple[str, Evidence]], evidence: Evidence) -> str:
    """As fault_of, of an option's label; `others` are the labels of its node's other options, with their evidence.

    It must not become one of them, nor use a word that only they have: the answers would lead where they should not.
    """
    if new == own:
        return ""
    if fault := fault_of(new, own, evidence):
        return fault
    if says_yes_or_no(own) != says_yes_or_no(new):
        return "Only one of the two opens with a plain yes or no."
    said = _content(new)
    for label, its_evidence in others:
        if _key(new) == _key(label) or (said & its_evidence.stems) - evidence.stems:
            return "It says what another answer of this step says."
    return ""


def is_about(new: str, own: str, evidence: Evidence) -> bool:
    """Whether new words share any word with the evidence, but for mere glue; where the text itself is glue, too, such
    as a yes, they may be."""
    said, before = _content(new), _content(own)
    return bool(said & _content(evidence.folded)) or not (said or before)


def _content(text: str) -> set[str]:
    return {stem(word) for word in _words(text.casefold()) if word not in STOP_WORDS}


def _key(label: str) -> str:
    return " ".join(_words(label.casefold())) or label.strip().casefold()


def _words(text: str) -> list[str]:
    return [word.replace("\u2019", "'") for word in _WORD.findall(text)]


def _plain_number(number: str) -> str:
    return number.rstrip(".,:").replace(",", "")
