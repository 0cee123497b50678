"""Secrets that tell themselves: tokens by their prefix, keys, passwords in addresses, runs that look drawn by lot."""

import math
import re
from collections import Counter

from flowpilot.common.masking.kinds import Spans, spans_of

_TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{20,}+|github_pat_[A-Za-z0-9_]{20,}+|glpat-[\w-]{16,}+"
    r"|xox[a-z]-[\w-]{10,}+|xapp-[\w-]{10,}+|(?:sk|pk|rk)_(?:live|test)_\w{10,}+|whsec_[\w+/=]{16,}+"
    r"|sk-[\w-]{16,}+|AIza[\w-]{30,}+|ya29\.[\w-]{10,}+|SG\.[\w-]{10,}+\.[\w-]{10,}+|npm_[A-Za-z0-9]{30,}+"
    r"|pypi-[\w-]{30,}+|do[opr]_v1_[0-9a-f]{32,}+|hv[sb]\.[\w-]{20,}+|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"
    r"|dapi[0-9a-f]{32}|\d{8,10}:AA[\w-]{30,}+|fp_\d{1,18}_[0-9a-f]{8}_[0-9a-f]{64}"
    r"|eyJ[\w-]{5,}+\.[\w-]{5,}+(?:\.[\w-]*+)?"
    r"|(?:\d{6}-){5,7}\d{6}|(?:[A-Z0-9]{5}-){3,5}[A-Z0-9]{5}"
    r")(?![A-Za-z0-9])"
)
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----)[\s\S])*(?:-----END [A-Z0-9 ]{0,60}-----)?"
)
_USERINFO = re.compile(
    r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,20}://[^\s:/@\[\]]{0,100}:(?P<value>[^\s/]+)@", re.IGNORECASE
)
_SCHEME = re.compile(r"(?<!\w)(?:bearer|basic)[ \t]{1,3}(?=[\w+/.~=-]{8})(?P<value>[\w+/.~=-]++)", re.IGNORECASE)
_RUN = re.compile(r"(?<![A-Za-z0-9+/_=.~-])[A-Za-z0-9+/_=.~-]{16,}+")
_RUN_CUE = re.compile(
    r"(?<![^\W_])(?:key|token|secret|credential|bearer|authorization|signature|sig)s?(?![^\W_])", re.IGNORECASE
)
_BASE64 = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d\D*\d)[A-Za-z0-9+/]{24,}={0,2}")
_CUE_BEFORE = 60  # characters
_LOOK = 400
BITS_ALONE, BITS_AFTER_CUE = 3.5, 3.0

tokens, private_keys, passwords_in_urls, schemes = map(spans_of, (_TOKENS, _PEM, _USERINFO, _SCHEME))


def drawn_runs(text: str) -> Spans:
    """Long runs of letters and digits that look drawn by lot: as mixed as base64, or after a cue on the same line."""
    for run in _RUN.finditer(text):
        value = run[0].rstrip(".-")
        if is_drawn(value, BITS_ALONE) and _BASE64.fullmatch(value):
            yield run.start(), run.start() + len(value)
        elif is_drawn(value, BITS_AFTER_CUE):
            before = text[max(0, run.start() - _CUE_BEFORE) : run.start()].rpartition("\n")[2]
            if _RUN_CUE.search(before):
                yield run.start(), run.start() + len(value)


def is_drawn(value: str, bits: float) -> bool:
    """Whether a run has letters and digits, fewer slashes than a path, and `bits` of entropy a character.

    Shannon's, of the characters' frequencies in the run: words have about 3 in 16 characters, base64 4 and more.
    """
    value = value[:_LOOK]
    size = len(value)
    if size < 16 or value.count("/") > 2 or value.isalpha() or not any(map(str.isdigit, value)):
        return False
    if not any(map(str.isalpha, value)):
        return False
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values()) >= bits
