"""Whether an answer says yes or no to its question, or says anything at all."""

import re

from proposals.mining.records import Step
from proposals.mining.text import negations, words

_YES = re.compile(
    r"^\W*(?:yes|yep|yeah|yup|correct|indeed|absolutely|definitely|exactly|certainly|right|true"
    r"|of course|affirmative)\b"
    r"|\b(?:that|it)(?: is|['\u2019]s| would be)(?: indeed| exactly| absolutely| totally)? "
    r"(?:correct|right|true|the case|what|happening|so)\b"
    r"|\byou(?: are|['\u2019]re) (?:correct|right)\b|\bindeed so\b|\bexactly what\b|\byou got it\b",
    re.IGNORECASE,
)
_NO = re.compile(r"^\W*(?:no|nope|nah|never|not|negative|none|neither|incorrect|false)\b", re.IGNORECASE)


_QUESTION_ALONE = re.compile(r"^[^.!?;]*\?+\W*$")


def asks_back(text: str) -> bool:
    """Whether an answer is nothing but a question, so that it answers nothing."""
    return bool(_QUESTION_ALONE.match(text.strip())) and not says_yes_or_no(text)


def answer_key(step: Step) -> str:
    """What tells an answer from others: the option picked, else the words said, without case and
    punctuation; empty where nothing was answered."""
    return plain(step.selected_option or step.response or "")


def plain(text: str) -> str:
    """Texts that differ only in case, spaces and punctuation are one."""
    return " ".join(words(text)) or text.strip().lower()


def says_yes_or_no(text: str) -> bool:
    """Whether a short answer opens with a plain yes or no."""
    return bool(_NO.match(text) or _YES.search(text))


def says_no(step: Step) -> bool:
    """Whether the answer to a step denies what its prompt asks.

    An option that was picked stands for itself. Free text is read against the question: "They
    turn" answers "Do the wheels not turn?" with no, so a negation in both cancels out.
    """
    if step.selected_option:
        return negations(step.selected_option) > 0
    answer = step.response or ""
    if _NO.match(answer):
        return True
    if _YES.search(answer):
        return False
    return (negations(answer) > 0) != (negations(step.prompt) > 0)
