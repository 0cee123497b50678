"""Secrets and personal data in free texts, found by rules and replaced by their kind in brackets, such as `[secret]`.

Pure: no Django, no database, no network. The rules and their sources stand in docs/data-protection.md. Every rule looks
at the text as it came, and spans that overlap are masked as one. The time grows with the text's length only: patterns
begin where a run of letters begins and take the run whole (possessive), or are bounded. Only single characters are
repeated possessively: Python before 3.11.5 matches possessive groups wrongly (python/cpython#106052).
"""

from flowpilot.common.masking.kinds import Found, Kind, Level
from flowpilot.common.masking.mask import TextMask
from flowpilot.common.masking.names import NameIndex, names_of

__all__ = ["Found", "Kind", "Level", "NameIndex", "TextMask", "names_of"]
