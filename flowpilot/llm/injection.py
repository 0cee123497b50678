"""Texts that read like orders to a model. Pure.

A finding is a warning to people and a reason not to send the text: what keeps a proposal's structure is not this, but
that answers can only hold words. So a text that gets past these patterns gains the wording of its own node at worst.
"""

import re
import unicodedata

# What it is called, and the patterns of which any tells it.
_SIGNS: dict[str, tuple[str, ...]] = {
    "orders to ignore what was said": (
        r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,70}\b(?:instruction|prompt|rule|guideline|context|order)s?\b",
        r"\b(?:ignore|disregard|forget)\b.{0,20}\b(?:everything|all|anything) (?:above|before|you)\b",
    ),
    "orders about the review": (
        r"\b(?:approve|publish|merge|reject)\s+(?:this|the|all|every|my)\s+(?:\w+ )?(?:proposal|flow|review)s?\b",
        r"\b(?:approve|publish) this\b",
    ),
    "a forged role": (
        r"(?:^|\n|[\"'>])\s*(?:system|assistant|developer|tool)\s*(?:message|prompt)?\s*[:>\]]",
        r"<\|?/?(?:im_start|im_end|system|assistant|user|endoftext|inst)\|?>",
        r"\[/?INST\]|<</?SYS>>",
    ),
    "a new role for the model": (
        r"\byou are (?:now|no longer)\b",
        r"\b(?:act|behave|pretend|respond) as (?:if|an?|the)\b.{0,40}\b(?:ai|model|assistant|admin|root|dan|system)\b",
    ),
    "words about the prompt": (
        r"\b(?:system prompt|your (?:instructions|prompt|guidelines)|jailbreak|prompt injection)\b",
    ),
    "words about the answer's form": (
        r"\b(?:respond|reply|answer|output|return|write|print)\b.{0,20}\b(?:only|exactly|verbatim)\b.{0,30}[\"'{:]",
        r"\bas an ai\b|\blanguage model\b",
    ),
    "markup": (
        r"<\s*/?\s*(?:script|iframe|img|svg|object|embed|style|link|meta|form|input|a|div|body|html)\b[^>]*>",
        r"\bjavascript:|\bon(?:error|load|click)\s*=",
    ),
    "a link in markup": (r"!?\[[^\]]{0,200}\]\([^)]{1,500}\)",),
    "code that builds an answer": (r"\"(?:nodes|options|next|root|definition|schema_version|kind)\"\s*:",),
}
_RULES = {name: [re.compile(sign, re.IGNORECASE) for sign in signs] for name, signs in _SIGNS.items()}
# Letters that cannot be seen, or that turn what is read around.
_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]")


def orders_in(text: str) -> list[str]:
    """What in a text reads like an order to a model, in words; empty where nothing does."""
    plain = _HIDDEN.sub("", unicodedata.normalize("NFKC", text))
    found = [name for name, rules in _RULES.items() if any(rule.search(plain) for rule in rules)]
    if _HIDDEN.search(text):
        found.append("letters that cannot be seen")
    return found
