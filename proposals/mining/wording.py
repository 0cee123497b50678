"""The clearest words for what many said: a node's text, a flow's title."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median

from proposals.mining.text import stems, words

COMPARED = 150  # texts compared with each other at most
TITLE_WORDS = 3, 8  # least and most words of a title, if there is a choice
OFTEN = 0.3  # of the uses of the commonest title that one must have

_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
_GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|help|dear|good (?:morning|day|afternoon|evening)|greetings|please help"
    r"|thanks|thank you)\b[^,.!:]{0,20}[,.!:]+\s*|^\W*(?:hi|hello|hey)\s+",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(
    r"^(?:(?:and|so|but|well|actually|now|currently|recently|unfortunately|lately)\b[, ]*)*"
    r"(?:(?:i|we|the user|user|she|he|they)(?:'m|'ve| am| have| has| is| are| was|'re)?\s+"
    r"(?:been |currently |just |really |always )*(?:having|experiencing|facing|getting|reporting|reports"
    r"|got|noticing|seeing|dealing with|calling about|writing about|report)\s+(?:that )?"
    r"|(?:there is|there's|it seems(?: like)?(?: that)?|i think(?: that)?|i (?:need|want|would like) (?:some )?"
    r"help (?:with|fixing)|can you (?:please )?help me (?:with|to)|i have|we have)\s+)",
    re.IGNORECASE,
)
# What somebody would like, as the task it is: "I want to reset my password" is "Reset password".
_WISH = re.compile(
    r"^(?:(?:i|we)(?:'m|'d| am| are| would)?\s+(?:really |just |also )*"
    r"(?:want|wish|need|like|love|hoping|hope|trying|try|looking|planning|plan)\s+(?:to|for)\s+"
    r"|(?:can|could|would|will) (?:you|i|we)\s+(?:please |possibly |kindly )*(?:help (?:me|us)(?: to| with)?\s+)?"
    r"|(?:is it|would it be) possible (?:for me )?to\s+"
    r"|do you know (?:how to|if|whether)\s+|how (?:can|do|could|should) (?:i|we)\s+|any (?:idea|way) (?:how )?to\s+)",
    re.IGNORECASE,
)
_MARK = re.compile(r"\s*[(\[](?:P\d|\w*\d+\w*|urgent|low|medium|high|critical)[)\]]\s*", re.IGNORECASE)
_OWNER = re.compile(r"\b(?:my|our|his|her|their)\s+", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:a|an|the|some|any|this|that)\s+", re.IGNORECASE)
_MASKED = re.compile(r"\[[a-z-]+\]")
_WHEN = re.compile(
    r"\b(?:since|ago|all day|today|yesterday|tonight|(?:this|last|every) (?:morning|afternoon|evening|week|month)"
    r"|for (?:about |almost |over )?(?:an?|\w+|\d+) (?:minutes?|hours?|days?|weeks?|months?)"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b",
    re.IGNORECASE,
)
_MIDWAY = re.compile(
    r"^(?:and|or|but|so|which|that|because|then|makes?|making|causing|causes|is|are|was|has|does|do|to|please"
    r"|not sure|maybe|also|if|when|while|it)\b",
    re.IGNORECASE,
)
_PERSONAL = re.compile(r"\b(?:i|i'm|i've|me|we|us|you|your)\b", re.IGNORECASE)


def clearest(texts: Sequence[str], counts: Sequence[int]) -> int:
    """The place of the text most like the others (each weighing the root of its count), rather
    short than long: cosine of its stems with the weighted mean of all."""
    if len(texts) == 1:
        return 0
    ranked = sorted(range(len(texts)), key=lambda i: (-counts[i], len(texts[i]), texts[i]))
    chosen = ranked[:COMPARED]
    held = [sorted(set(stems(texts[i]))) for i in chosen]
    weights = [math.sqrt(counts[i]) for i in chosen]
    seen = Counter(stem for found in held for stem in found)
    rarity = {stem: math.log((1 + len(held)) / (1 + times)) + 1 for stem, times in seen.items()}
    lengths = [math.sqrt(sum(rarity[stem] ** 2 for stem in found)) or 1.0 for found in held]
    mean: dict[str, float] = defaultdict(float)
    total = sum(weights)
    for found, weight, length in zip(held, weights, lengths, strict=True):
        for stem in found:
            mean[stem] += weight * rarity[stem] / length / total
    usual = max(40.0, median(len(texts[i]) for i in chosen))

    def merit(place: int) -> float:
        text = texts[chosen[place]]
        central = sum(mean[stem] * rarity[stem] for stem in held[place]) / lengths[place]
        too_long = 0.15 * max(0.0, len(text) / usual - 1.2) + 0.02 * text[:1].islower()
        return round(central * weights[place] ** 0.2 - too_long, 9)

    return min((-merit(place), len(texts[i]), texts[i], i) for place, i in enumerate(chosen))[-1]


def title_from(titles: Sequence[str], problems: Sequence[str]) -> str:
    """A title for a topic: its sessions' own title where they agree, else made of the sentence
    about the problem that says best what all of them say."""
    given = Counter(plain for title in titles if (plain := _MARK.sub("", title).strip()))
    if given:
        names = _best_titles(given)
        return _capital(shorten(names[clearest(names, [given[name] for name in names])], 90))
    sentences = Counter(
        plain
        for problem in problems[:400]
        for sentence in _SENTENCE.findall(problem[:1000])
        if (plain := headline(sentence)) and len(stems(plain)) >= 2 and len(words(plain)) <= 14
    )
    if not sentences:
        first = next((problem for problem in problems if problem.strip()), "")
        return shorten(first.strip(), 90) or "Untitled problem"
    names = sorted(sentences)
    return shorten(names[_best_headline(names, problems)], 90)


def _capital(title: str) -> str:
    first = title.split(" ")[0]
    return title[:1].upper() + title[1:] if first.islower() else title


def _best_titles(given: Counter[str]) -> list[str]:
    """The titles with the fewest faults among those that are not rare."""
    often = max(given.values())
    usual = [name for name, times in given.items() if times >= OFTEN * often]
    least = min(map(faults, usual))
    return sorted(name for name in usual if faults(name) == least)


def faults(title: str) -> int:
    """What keeps a text from being a title as a person would file it: something masked in it, a
    time that passes, a start in the middle of a sentence, too few words or too many."""
    length = len(words(title))
    return (
        2 * bool(_MASKED.search(title))
        + 2 * bool(_WHEN.search(title))
        + bool(_MIDWAY.search(title))
        + (not TITLE_WORDS[0] <= length <= TITLE_WORDS[1])
    )


def _best_headline(names: Sequence[str], problems: Sequence[str]) -> int:
    """The candidate whose words the problems share most, per word, favouring impersonal ones."""
    said = Counter(stem for problem in problems for stem in set(stems(problem[:1000])))
    scores = []
    for name in names:
        found = set(stems(name))
        share = sum(said[stem] for stem in found) / max(1, len(problems))
        score = share / (2 + len(found)) ** 0.6 * (0.6 if _PERSONAL.search(name) else 1.0) * 0.7 ** faults(name)
        scores.append((round(score, 9), -len(name), name))
    return max(range(len(names)), key=lambda i: scores[i])


def headline(sentence: str) -> str:
    """A sentence about a problem as a headline: no greeting, no 'I have' or 'I want to', no 'my'."""
    plain = sentence.strip().strip("\"'").replace("\u2019", "'")
    for pattern in (_GREETING, _LEAD_IN, _WISH, _ARTICLE):
        plain = pattern.sub("", plain).strip()
    plain = _ARTICLE.sub("", _OWNER.sub("", plain)).strip(" .,;:!?-")
    return plain[:1].upper() + plain[1:]


def shorten(text: str, limit: int) -> str:
    """One line of at most `limit` characters, cut at a word."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1].rsplit(" ", 1)[0]
    return f"{cut or line[: limit - 1]}\u2026"
