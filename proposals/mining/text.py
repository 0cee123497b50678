"""Texts as sparse vectors: words, word pairs and character pieces, weighted by how rare they are."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

T = TypeVar("T")

MAX_CHARS = 5000  # a longer text costs time and adds nothing
KEPT_TEXTS = 8_192  # stages look at the same texts again and again

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_SUFFIX = re.compile(r"(?:ingly|edly|ings|ing|ies|ied|ed|es|s|ly|er|ers|ation|ations|tion|ment)$")
STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "but",
        "if",
        "then",
        "so",
        "to",
        "of",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "with",
        "about",
        "into",
        "over",
        "as",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "do",
        "does",
        "did",
        "doing",
        "done",
        "have",
        "has",
        "had",
        "having",
        "it",
        "its",
        "it's",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "i",
        "i'm",
        "i've",
        "i'd",
        "i'll",
        "you",
        "you're",
        "you've",
        "your",
        "yours",
        "my",
        "me",
        "mine",
        "we",
        "we're",
        "our",
        "us",
        "they",
        "them",
        "their",
        "he",
        "she",
        "his",
        "her",
        "will",
        "would",
        "can",
        "could",
        "should",
        "may",
        "might",
        "must",
        "shall",
        "please",
        "just",
        "now",
        "also",
        "very",
        "too",
        "really",
        "some",
        "any",
        "what",
        "which",
        "when",
        "where",
        "who",
        "how",
        "why",
        "than",
        "such",
        "same",
        "let",
        "lets",
        "up",
        "out",
        "down",
        "off",
        "get",
        "got",
        "go",
        "sure",
        "okay",
        "ok",
        "yes",
        "no",
        "not",
    ]
)
_NEGATION = re.compile(
    r"\b(?:no|not|never|none|nothing|nor|neither|cannot|without|unable|fail(?:s|ed|ing)?|nope|nah"
    r"|isnt|dont|doesnt|didnt|cant|wont|wasnt|arent|hasnt|havent|couldnt)\b|n['\u2019]t\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """A rough stem of an English word; other languages' words mostly pass unchanged."""
    if len(word) <= 4:
        return word[:-1] if len(word) == 4 and word.endswith("s") and word[-2] not in "su" else word
    cut = _SUFFIX.sub("", word)
    if len(cut) < 3:
        return word
    if len(cut) > 3 and cut[-1] == cut[-2] and cut[-1] not in "sl":
        cut = cut[:-1]
    return cut[:-1] if len(cut) > 3 and cut[-1] in "ei" else cut


def words(text: str) -> list[str]:
    """Lower-case words in order."""
    return list(_words(text))


@lru_cache(maxsize=KEPT_TEXTS)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text[:MAX_CHARS].lower().replace("\u2019", "'")))


def stems(text: str) -> list[str]:
    """Stems of the words that are not mere glue."""
    return [stem(word) for word in _words(text) if word not in STOP_WORDS and "'" not in word]


def all_stems(text: str) -> list[str]:
    """Stems of all words, glue included: an answer may hold nothing else."""
    return [stem(word) for word in _words(text)]


def word_features(text: str) -> list[str]:
    """Stems and pairs of neighbouring stems."""
    found = stems(text)
    return found + [f"{a} {b}" for a, b in pairwise(found)]


def piece_features(text: str) -> list[str]:
    """Character pieces of 3 and 4 letters within words: near spellings look alike."""
    return [piece for word in _words(text) for piece in _pieces(word)]


@lru_cache(maxsize=KEPT_TEXTS)
def _pieces(word: str) -> tuple[str, ...]:
    padded = f" {word} "
    return tuple(padded[i : i + size] for size in (3, 4) for i in range(max(1, len(padded) - size + 1)))


@lru_cache(maxsize=KEPT_TEXTS)
def negations(text: str) -> int:
    """How many negations a text holds."""
    return len(_NEGATION.findall(text[:MAX_CHARS]))


def tfidf(texts: Sequence[T], features: Callable[[T], list[str]], min_df: int = 1) -> sparse.csr_matrix:
    """Rows of unit length, one a text (an empty text is a row of zeros); terms weigh
    (1 + ln tf) * (ln((1 + n) / (1 + df)) + 1), as usual for short texts."""
    vectorizer = CountVectorizer(analyzer=features, dtype=np.float32)
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError:  # no text holds a single term
        return sparse.csr_matrix((len(texts), 1), dtype=np.float32)
    return weigh(counts, min_df)


def weigh(counts: sparse.csr_matrix, min_df: int = 1) -> sparse.csr_matrix:
    """Term counts -> tf-idf rows of unit length."""
    df = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log((1 + counts.shape[0]) / (1 + df)) + 1
    idf[df < min_df] = 0
    weighted = counts.astype(np.float32)
    weighted.data = (1 + np.log(weighted.data)) * idf[weighted.indices].astype(np.float32)
    return unit_rows(weighted)


def unit_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Each row scaled to length 1; rows of zeros stay so."""
    # On the arrays themselves: mining makes thousands of small matrices, for which scipy's operators are slow.
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    lengths = np.sqrt(np.bincount(row, weights=matrix.data.astype(np.float64) ** 2, minlength=matrix.shape[0]))
    scale = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0).astype(np.float32)
    return sparse.csr_matrix((matrix.data * scale[row], matrix.indices, matrix.indptr), shape=matrix.shape)
