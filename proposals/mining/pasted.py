"""A chat or call transcript as somebody pastes it: lines of "who: what", with or without times."""

import re
from collections import Counter
from collections.abc import Sequence

from proposals.mining.records import Turn

MOST_NAME = 40
_TIME = r"(?:[\[(]?\d{1,4}[-./:]\d{1,2}(?:[-./: T]\d{1,4})*\s*(?:[ap]m)?[\])]?\s*[-–—,]?\s*)"
_LINE = re.compile(
    rf"^\s*{_TIME}?(?P<who>[^\W\d_][\w .'\u2019@()-]{{0,{MOST_NAME - 1}}}?)\s*{_TIME}?:\s+(?P<what>\S.*)$",
    re.IGNORECASE,
)
_AGENT = re.compile(
    r"\b(?:agent|support|tech(?:nician)?|help ?desk|service ?desk|it|operator|engineer|me)\b", re.IGNORECASE
)
_USER = re.compile(r"\b(?:user|customer|client|caller|visitor|guest|requester)\b", re.IGNORECASE)


def turns_of_pasted(text: str) -> list[Turn]:
    """The turns of a pasted talk; lines without a speaker go on with the one before. Empty where nobody speaks.

    The technician is who is called so (agent, support, …); without such a word, who does not speak first: whoever has
    a problem tells it first.
    """
    said: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        found = _LINE.match(line)
        if found:
            who = " ".join(found["who"].lower().split())
            if said and said[-1][0] == who:
                said[-1][1].append(found["what"].strip())
            else:
                said.append((who, [found["what"].strip()]))
        elif said and line.strip():
            said[-1][1].append(line.strip())
    agents = _agents([who for who, _ in said])
    return [Turn("agent" if who in agents else "user", "\n".join(lines)) for who, lines in said]


def said_in(line: str) -> str:
    """A line of a talk without its time and speaker."""
    found = _LINE.match(line)
    return (found["what"] if found else line).strip()


def are_speakers_told(text: str) -> bool:
    """Whether somebody in the talk is called what they are; where not, who is the technician is guessed."""
    speakers = {found["who"] for line in text.splitlines() if (found := _LINE.match(line))}
    return any(_AGENT.search(who) or _USER.search(who) for who in speakers)


def _agents(speakers: Sequence[str]) -> set[str]:
    names = Counter(speakers)
    called = {who for who in names if _AGENT.search(who) and not _USER.search(who)}
    if called and len(called) < len(names):
        return called
    users = {who for who in names if _USER.search(who)}
    if users and len(users) < len(names):
        return set(names) - users
    return set(names) - {speakers[0]} if speakers else set()
