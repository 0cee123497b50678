"""Which templates help with a problem. Pure.

A template is relevant by words of its title and keywords that the problem has too, rare words counting more, and by
its domain; without any such word it is not shown. Among the relevant ones past success decides: the lower Wilson bound
of "it worked" among the outcomes that were reported, so that one lucky report does not win.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flowpilot.common.statistics import Rate

SHOWN = 6
WORD = re.compile(r"[a-z0-9]{2,}")
SAYING_NOTHING = (
    "the and for with from that this are was were has have had not does did can cannot could will would you your our "
    "its his her their they them then than when where what which who how why but all any some one two out off into "
    "after before again still also just only about over under is it in on at to of an as be by do if no or so up we my "
    "user users please check ask client clients problem issue error says said new get got see "
    "der die das und ist nicht"
)
STOP = frozenset(SAYING_NOTHING.split())
TITLE, KEYWORD, TOLD = 2.0, 3.0, 0.5
# How much of a rare word a template must share: with its domain at the problem's, without one, and against it.
SAME_DOMAIN, NO_DOMAIN, OTHER_DOMAIN = 0.5, 0.9, 1.6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A template as it is compared. `reports` are the outcomes that were reported in the account."""

    key: int
    title: str
    keywords: str
    told: str
    domain: str
    reports: Rate


@dataclass(frozen=True, slots=True)
class Problem:
    """What is worked on. `node` is the text of the step at hand; with a `query` somebody looks for a script."""

    text: str
    domain: str = ""
    node: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A template, why it is shown, and its score; scores compare within one list only."""

    key: int
    score: float
    why: str


def words_of(text: str) -> list[str]:
    """Words without their plural s, and without those that say nothing."""
    found = (word for word in WORD.findall(text.lower()) if word not in STOP)
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in found]


def suggest(problem: Problem, candidates: Sequence[Candidate], *, shown: int = SHOWN) -> list[Suggestion]:
    """The relevant templates, the best first, at most `shown`; none where none is relevant."""
    rarity = _rarity(candidates)
    weights = dict.fromkeys(words_of(problem.text), 1.0)
    for word in set(words_of(problem.node)):
        weights[word] = 1.5
    asked = set(words_of(problem.query))
    found = [_judge(problem, candidate, weights, asked, rarity) for candidate in candidates]
    kept = [suggestion for suggestion in found if suggestion is not None]
    return sorted(kept, key=lambda suggestion: (-suggestion.score, suggestion.key))[:shown]


def _judge(
    problem: Problem, candidate: Candidate, weights: dict[str, float], asked: set[str], rarity: dict[str, float]
) -> Suggestion | None:
    fields = _fields(candidate)
    strong = {word for word, weight in fields.items() if weight >= TITLE}
    shared = sorted(strong & set(weights), key=lambda word: (-rarity[word], word))
    wanted = {word for word in asked if any(own.startswith(word) for own in fields)}
    same_domain = bool(problem.domain) and problem.domain.lower() == candidate.domain.lower()
    if asked:
        if not wanted:
            return None
    elif sum(rarity[word] * weights[word] for word in shared) < _needed(problem, candidate):
        return None
    score = sum(weights[word] * fields[word] * rarity[word] for word in fields if word in weights)
    score = math.log1p(score) + 0.5 * same_domain + 2.0 * len(wanted)
    return Suggestion(candidate.key, score * _success(candidate.reports), _why(same_domain, candidate, shared, wanted))


def _needed(problem: Problem, candidate: Candidate) -> float:
    if not problem.domain or not candidate.domain:
        return NO_DOMAIN
    return SAME_DOMAIN if problem.domain.lower() == candidate.domain.lower() else OTHER_DOMAIN


def _success(reports: Rate) -> float:
    """From 0.7 to 1.3; without reports 1, so that a new template has its chance."""
    return 1.0 if reports.interval is None else 0.7 + 0.6 * reports.interval[0]


def _fields(candidate: Candidate) -> dict[str, float]:
    weights: dict[str, float] = {}
    for text, weight in ((candidate.told, TOLD), (candidate.title, TITLE), (candidate.keywords, KEYWORD)):
        for word in words_of(text):
            weights[word] = max(weight, weights.get(word, 0.0))
    return weights


def _rarity(candidates: Iterable[Candidate]) -> dict[str, float]:
    """1 for a word of one template only, falling towards 0 for a word of all."""
    counts: Counter[str] = Counter()
    n = 0
    for candidate in candidates:
        n += 1
        counts.update(_fields(candidate).keys())
    whole = math.log(1 + n)
    return {word: math.log(1 + n / count) / whole if n > 1 else 1.0 for word, count in counts.items()}


def _why(same_domain: bool, candidate: Candidate, shared: Sequence[str], wanted: set[str]) -> str:
    parts = [f"about {candidate.domain.replace('_', ' ')}"] if same_domain else []
    if words := [*sorted(wanted), *(word for word in shared if word not in wanted)][:3]:
        parts.append(f"has {', '.join(words)}")
    if candidate.reports.n:
        parts.append(f"worked {candidate.reports.count} of {candidate.reports.n} times")
    return "; ".join(parts)
