"""What to call an answer."""

from collections import Counter
from collections.abc import Sequence
from itertools import count

import numpy as np

from proposals.mining.masking import Masker
from proposals.mining.polarity import asks_back, plain, says_no
from proposals.mining.records import Step
from proposals.mining.text import stems
from proposals.mining.wording import clearest, shorten

LABEL_CHARS = 80
FITTING = 0.3  # share of its words that the answers use on average, for an option that nobody picked
AGREE = 0.7  # share of answers that makes a yes or a no


def option_labels(groups: Sequence[Sequence[Step]], kind: str, masker: Masker) -> list[str]:
    """One label for each group of answered steps of a node, no two alike (ignoring case)."""
    labels: list[str] = []
    sides = [_side(group) for group in groups]
    offered = _never_picked(groups)
    for place, group in enumerate(groups):
        wishes = _picked(group) or _fitting(group, offered)
        clear = len(groups) == 1 or sides.count(sides[place]) == 1
        if sides[place] and clear:
            wishes.append(_polar_label(sides[place], kind))
        label = _free(wishes, labels, masker) or _free([_spoken(group), "Other"], labels, masker)
        labels.append(label or _numbered([*wishes, _spoken(group)][0], labels, masker))
    return labels


def _side(group: Sequence[Step]) -> str:
    answered = [step for step in group if step.answer]
    if not answered:
        return ""
    negative = float(np.mean([says_no(step) for step in answered]))
    return "no" if negative >= AGREE else "yes" if negative <= 1 - AGREE else ""


def _polar_label(side: str, kind: str) -> str:
    if kind == "question":
        return "Yes" if side == "yes" else "No"
    return "Done" if side == "yes" else "Did not help"


def _picked(group: Sequence[Step]) -> list[str]:
    picked = Counter(step.selected_option for step in group if step.selected_option)
    return [label for label, _ in sorted(picked.items(), key=lambda item: (-item[1], item[0]))]


def _never_picked(groups: Sequence[Sequence[Step]]) -> list[str]:
    """The options that sessions showed but that belong to no group yet."""
    picked = {plain(label) for group in groups for label in _picked(group)}
    shown = Counter(label for group in groups for step in group for label in step.options)
    return sorted((label for label in shown if plain(label) not in picked), key=lambda label: (-shown[label], label))


def _fitting(group: Sequence[Step], offered: Sequence[str]) -> list[str]:
    """Of the options on offer, the one that the group's answers share most words with."""
    answers = [step.answer for step in group if not asks_back(step.answer)]
    said = Counter(stem for answer in answers for stem in set(stems(answer)))
    shares = {
        label: sum(said[stem] for stem in found) / len(found) / max(1, len(answers))
        for label in offered
        if (found := set(stems(label)))
    }
    best = max(shares, key=lambda label: (shares[label], label), default="")
    return [best] if best and shares[best] >= FITTING else []


def _spoken(group: Sequence[Step]) -> str:
    said = Counter(step.response for step in group if step.response and not asks_back(step.response))
    if not said:
        return "Next"
    texts = sorted(said)
    return texts[clearest(texts, [said[text] for text in texts])]


def _free(wishes: Sequence[str], taken: Sequence[str], masker: Masker) -> str | None:
    """The first wish, fit to be shown, that no other option has."""
    used = {plain(label) for label in taken}
    for wish in wishes:
        label = shorten(masker.mask(wish), LABEL_CHARS)
        if label and plain(label) not in used:
            return label
    return None


def _numbered(wish: str, taken: Sequence[str], masker: Masker) -> str:
    used = {plain(label) for label in taken}
    label = shorten(masker.mask(wish), LABEL_CHARS) or "Other"
    return next(name for n in count(2) if plain(name := f"{label} ({n})") not in used)
