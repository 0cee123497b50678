"""A session as a conversation: the same lines whether it was worked in steps or is a raw transcript."""

from dataclasses import dataclass, field
from datetime import datetime

from sessions.models import AISession, SessionStep


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """One utterance. `index` is its place in the record, which evidence points to."""

    index: int
    speaker: str
    kind: str
    text: str
    options: list[str] = field(default_factory=list)
    at: datetime | None = None

    @property
    def is_user(self) -> bool:
        return self.speaker == "user"


def conversation(session: AISession) -> list[SpokenLine]:
    """The lines in order; a step's prompt and its answer share their index."""
    if session.transcript is not None:
        return [SpokenLine(index, turn["role"], "turn", turn["text"]) for index, turn in enumerate(session.transcript)]
    lines: list[SpokenLine] = []
    for step in session.steps.all():
        said = SpokenLine(step.position, "agent", step.kind, step.prompt, step.options, step.at)
        answers = [
            SpokenLine(step.position, "user", "answer", text)
            for text in dict.fromkeys((step.selected_option, step.response))
            if text
        ]
        # Help answers what the user asked back: the question comes before it.
        lines += [*answers, said] if step.kind == SessionStep.Kind.HELP else [said, *answers]
    return lines
