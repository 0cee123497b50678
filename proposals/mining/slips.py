"""Answers that differ only by a slip of the keyboard."""

from collections.abc import Mapping

SLIP_CHARS = 6  # an answer shorter than that is left alone
SLIP_RARER = 4  # times as often as a slip what was meant must have been said


def corrected(said: Mapping[str, int]) -> dict[str, str]:
    """Answers (with how often each was given) that are a far more frequent one typed in a hurry -> that one.

    A slip is a letter left out, doubled or swapped with its neighbour. Short answers and figures are left alone: there
    a letter makes another answer.
    """
    frequent = [text for text, times in said.items() if times >= SLIP_RARER]
    meant = {}
    for text, times in said.items():
        if len(text) < SLIP_CHARS or any(char.isdigit() for char in text):
            continue
        found = [other for other in frequent if said[other] >= SLIP_RARER * times and _is_slip(text, other)]
        if found:
            meant[text] = max(found, key=lambda other: (said[other], other))
    return meant


def _is_slip(typed: str, meant: str) -> bool:
    if abs(len(typed) - len(meant)) > 1 or typed == meant:
        return False
    at = next((i for i, (a, b) in enumerate(zip(typed, meant, strict=False)) if a != b), min(len(typed), len(meant)))
    if len(typed) < len(meant):
        return typed[at:] == meant[at + 1 :]
    if len(typed) > len(meant):
        return typed[at + 1 :] == meant[at:] and at > 0 and typed[at] == typed[at - 1]
    return typed[at : at + 2] == meant[at : at + 2][::-1] and typed[at + 2 :] == meant[at + 2 :]
