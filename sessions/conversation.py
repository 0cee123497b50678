"""A session as a conversation: the same lines whether it was worked in steps or is a raw transcript."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from sessions.models import AISession, Attachment, GeneratedScript, Handover, PsaPush, SessionStep


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """One utterance, or what belongs to the session beside them.

    `index` is its place in the record, which evidence points to; what is beside the record has none. `speaker` is user,
    agent or flowpilot. `url` is where a script, a file or a push is found, `badge` (style, label) how it stands.
    `seconds` is how long a guided step waited for its answer.
    """

    index: int | None
    speaker: str
    kind: str
    text: str
    options: list[str] = field(default_factory=list)
    at: datetime | None = None
    url: str = ""
    badge: tuple[str, str] | None = None
    seconds: int | None = None

    @property
    def waited(self) -> str:
        """Such as "40 s" or "3 min 20 s"; empty where it is not known."""
        if self.seconds is None:
            return ""
        minutes, seconds = divmod(self.seconds, 60)
        parts = (f"{minutes} min" if minutes else "", f"{seconds} s" if seconds or not minutes else "")
        return " ".join(filter(None, parts))

    @property
    def is_user(self) -> bool:
        return self.speaker == "user"

    @property
    def who(self) -> str:
        return {"user": "User", "flowpilot": "FlowPilot"}.get(self.speaker, "Agent")


def conversation(session: AISession) -> list[SpokenLine]:
    """The lines in order; a step's prompt and its answer share their index."""
    return [line for lines in _spoken(session) for line in lines]


def conversation_for(user: Any, session: AISession) -> list[SpokenLine]:
    """The same with what belongs to it, each at its time: scripts and their outcome, files, hand-overs, what the ticket
    was told.

    Scripts and pushes are those that `user` may see. Four queries more than `conversation`.
    """
    own = GeneratedScript.objects.for_user(user).filter(session=session)
    scripts = list(own.select_related("template_version__template", "step").order_by("created_at", "pk"))
    recorded = {script.step.position: script for script in scripts if script.step is not None}
    spoken = [
        [_script_line(recorded[lines[0].index], lines[0])] if lines[0].index in recorded else lines
        for lines in _spoken(session)
    ]
    beside = [_script_line(script) for script in scripts if script.step is None]
    beside += [_file_line(file) for file in session.attachments.all()]
    handovers = session.handovers.select_related("given_by", "to_user", "to_team", "claimed_by")
    beside += [_handover_line(handover) for handover in handovers]
    beside += [_push_line(push) for push in _pushes(user, session)]
    for line in sorted(beside, key=lambda line: line.at or session.started_at):
        _insert(spoken, line)
    return [line for lines in spoken for line in lines]


def _insert(spoken: list[list[SpokenLine]], beside: SpokenLine) -> None:
    """Before the first line that came later; among lines without a time, after them."""
    later = (n for n, (first, *_) in enumerate(spoken) if first.at and beside.at and first.at > beside.at)
    spoken.insert(next(later, len(spoken)), [beside])


def _script_line(script: GeneratedScript, said: SpokenLine | None = None) -> SpokenLine:
    """The script at its step's place; its badge says what the step's answer does."""
    said = said or SpokenLine(None, "agent", "script", script.template_version.template.title, at=script.created_at)
    url = reverse("admin:ai_sessions_generatedscript_change", args=[script.pk])
    badge = (script.outcome or "neutral", script.get_outcome_display() or "Outcome not said")
    return replace(said, options=[], url=url, badge=badge)


def _file_line(file: Attachment) -> SpokenLine:
    text = f"{file.name} ({filesizeformat(file.size)})"
    url = reverse("work:file", args=[file.session_id, file.key])
    return SpokenLine(None, "agent", "picture" if file.is_image else "log", text, at=file.added_at, url=url)


def _handover_line(handover: Handover) -> SpokenLine:
    receiver = handover.to_user or handover.to_team or "whoever takes it"
    text = f"{handover.given_by or 'Somebody who left'} to {receiver}: {handover.reason}"
    if handover.claimed_at is None:
        badge = ("escalated", "Waits to be taken up")
    else:
        badge = ("neutral", f"Taken up by {handover.claimed_by or 'somebody who left'}")
    return SpokenLine(None, "flowpilot", "hand-over", text, at=handover.created_at, badge=badge)


def _pushes(user: Any, session: AISession) -> QuerySet[PsaPush]:
    rows = PsaPush.objects.for_user(user).filter(session=session).select_related("connection")
    return rows.defer("connection__credentials", "payload").order_by("created_at", "pk")


def _push_line(push: PsaPush) -> SpokenLine:
    text = f"{push} in {push.connection.get_kind_display()}"
    url = reverse("admin:ai_sessions_psapush_change", args=[push.pk])
    badge = (push.state, push.get_state_display())
    return SpokenLine(None, "flowpilot", "ticket", text, at=push.created_at, url=url, badge=badge)


def _spoken(session: AISession) -> list[list[SpokenLine]]:
    if session.transcript is not None:
        turns = enumerate(session.transcript)
        return [[SpokenLine(index, turn["role"], "turn", turn["text"])] for index, turn in turns]
    return [_step_lines(step) for step in session.steps.all()]


def _step_lines(step: SessionStep) -> list[SpokenLine]:
    said = SpokenLine(step.position, "agent", step.kind, step.prompt, step.options, step.at, seconds=step.seconds)
    answers = [
        SpokenLine(step.position, "user", "answer", text)
        for text in dict.fromkeys((step.selected_option, step.response))
        if text
    ]
    # Help answers what the user asked back: the question comes before it.
    return [*answers, said] if step.kind == SessionStep.Kind.HELP else [said, *answers]
