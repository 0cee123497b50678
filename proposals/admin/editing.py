"""What the editor's page shows: what is typed, what is wrong with it, what differs, what has moved on meanwhile."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from flowpilot.common.templatetags.flowpilot import graph_marks
from flowpilot.flows.diff import diff_definitions
from flowpilot.flows.edit import Problem, find_problems, told
from flowpilot.flows.fields import NEW_TARGETS, definition_from, fields_of, has_fields, parts_of
from flowpilot.flows.merge import merge_definitions
from flowpilot.flows.outline import outline
from flowpilot.flows.validation import parse_definition
from proposals.admin.forms import PublishForm
from proposals.models import FlowProposal, ReviewDraft

# Up to so many nodes a target is chosen from a list; beyond, lists of all for each answer would make a huge page.
MOST_CHOICES = 120
_NAME = 70


@dataclass(frozen=True, slots=True)
class Comparison:
    """A definition beside the proposal and the version that it was made from.

    The lists are None while the definition is not valid, `from_base` also for a new flow. `marks` colour the graph.
    """

    problems: list[Problem]
    from_proposal: list[str] | None = None
    from_base: list[str] | None = None
    marks: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "problems": [problem.as_json() for problem in self.problems],
            "from_proposal": self.from_proposal,
            "from_base": self.from_base,
            "marks": self.marks,
        }


def compare(definition: object, proposal: FlowProposal, title: str = "") -> Comparison:
    problems = find_problems(definition)
    if problems:
        return Comparison(problems)
    proposed = diff_definitions(proposal.proposed_flow_data, definition)
    base = proposal.base_version
    from_proposal = told(proposed, proposal.proposed_flow_data, definition)
    # A change keeps its flow's title.
    if title.strip() not in ("", proposal.title) and proposal.proposal_type == FlowProposal.Type.NEW_FLOW:
        from_proposal.insert(0, f"The title is “{title.strip()}” now.")
    if base is None:
        return Comparison([], from_proposal, None, graph_marks(proposed))
    based = diff_definitions(base.definition, definition)
    return Comparison([], from_proposal, told(based, base.definition, definition), graph_marks(based))


@dataclass
class Editing:
    """One reviewer's editing of a proposal: what is typed, and what has to be said of it."""

    proposal: FlowProposal
    # The definition, where it is one that fields can show; else None, and `text` holds what was typed.
    value: dict[str, Any] | None
    text: str
    title: str
    notes: str = ""
    # Of the proposal that the reviewer read, and the version that the edit goes on.
    revision: int = 0
    base_version: int | None = None
    # The draft's `saved_at` when this page was made, as ISO text.
    seen: str = ""
    part: int = 0
    # The node that the page opens at; the flow's first where it is empty.
    node: str = ""
    draft: ReviewDraft | None = None
    # A draft that was saved elsewhere meanwhile.
    other: ReviewDraft | None = None
    told: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    @property
    def is_stale(self) -> bool:
        return self.proposal.is_pending and self.revision != self.proposal.revision

    @property
    def moved_to(self) -> Any:
        """The target's current version where it is another than the edit goes on; else None."""
        flow = self.proposal.target_flow
        current = flow.current_version if flow else None
        return current if current and current.number != self.base_number else None

    @property
    def base_number(self) -> int | None:
        base = self.proposal.base_version
        return self.base_version or (base.number if base else None)

    def form_data(self) -> dict[str, Any]:
        return {
            "revision": self.revision,
            "title": self.title,
            "notes": self.notes,
            "definition": self.text,
            "base_version": self.base_version or "",
            "seen": self.seen,
        }

    def keep(self, draft: ReviewDraft) -> None:
        self.draft, self.seen = draft, draft.saved_at.isoformat()

    def take(self, definition: Any, title: str) -> None:
        self.value = definition if has_fields(definition) else None
        self.text, self.title, self.part = _text(definition), title, 0

    def show(self, node_id: str) -> None:
        """Open the page at a node, where the definition has it."""
        ids = [node["id"] for node in self.value["nodes"]] if self.value is not None else []
        if self.value is not None and node_id in ids:
            place = ids.index(node_id)
            self.node = node_id
            self.part = next(n for n, part in enumerate(parts_of(self.value)) if place in part)


def opened(proposal: FlowProposal, draft: ReviewDraft | None, part: int) -> Editing:
    """As the page opens: the reviewer's draft, else the proposal, brought onto the flow's current version."""
    if draft is not None:
        editing = Editing(proposal, None, "", draft.title, revision=draft.revision, part=part)
        editing.take(draft.definition, draft.title)
        editing.keep(draft)
    else:
        editing = Editing(proposal, None, "", proposal.title, revision=proposal.revision)
        editing.take(proposal.proposed_flow_data, proposal.title)
        if editing.moved_to is not None:
            merge(editing)
    editing.part = part
    return editing


def posted(request: HttpRequest, proposal: FlowProposal, draft: ReviewDraft | None) -> Editing:
    """As a form was sent: by the script as one text, without it as fields beside the whole."""
    post = request.POST
    editing = Editing(
        proposal,
        None,
        post.get("definition", ""),
        post.get("title", ""),
        notes=post.get("notes", ""),
        revision=_number(post.get("revision")) or 0,
        base_version=_number(post.get("base_version")),
        seen=post.get("seen", ""),
        part=_number(post.get("part")) or 0,
        draft=draft,
    )
    whole, _ = parse_definition(post["whole"]) if "whole" in post else (None, [])
    if isinstance(whole, dict) and has_fields(whole) and "use_text" not in post:
        editing.value = definition_from(post, whole)
        if _plain(editing.text) == _plain(post["whole"]):
            editing.text = _text(editing.value)
        else:
            editing.refused.append(
                "You changed the fields and the text for experts: tick “Use this text, not the fields”, or undo the "
                "change of the text. Both are kept below"
            )
    else:
        value, _ = parse_definition(editing.text)
        editing.value = value if isinstance(value, dict) and has_fields(value) else None
    return editing


def merge(editing: Editing) -> None:
    """Bring the edit onto the target's current version; what cannot be had both ways is told, with ours kept."""
    base, current = editing.proposal.base_version, editing.moved_to
    if current is None or base is None:
        return
    if editing.value is None or find_problems(editing.value):
        editing.refused.append(f"Mend what is listed first; then it can be brought onto version {current.number}")
        return
    result = merge_definitions(base.definition, editing.value, current.definition)
    editing.take(result.draft, editing.title)
    editing.base_version = current.number
    editing.told.append(f"This is your text with what version {current.number} changed. Read it once more.")
    editing.changes += [f"Both changed {conflict.what}; yours is kept." for conflict in result.conflicts]


def page_context(request: HttpRequest, editing: Editing, form: PublishForm) -> dict[str, Any]:
    proposal, value = editing.proposal, editing.value
    comparison = compare(value if value is not None else parse_definition(editing.text)[0], proposal, editing.title)
    parts = parts_of(value) if value is not None else []
    part = min(editing.part, len(parts) - 1)
    nodes = value["nodes"] if value is not None else []
    return {
        "proposal": proposal,
        "editing": editing,
        "form": form,
        "comparison": comparison,
        "part": part,
        "parts": [{"number": n, "first": p.start + 1, "last": p.stop} for n, p in enumerate(parts)],
        "nodes": fields_of(value, parts[part]) if value is not None else [],
        "whole": _text(value) if value is not None else "",
        "choices": [(node["id"], _name(node)) for node in nodes],
        "targets": {node["id"] for node in nodes} | NEW_TARGETS.keys(),
        "new_targets": NEW_TARGETS.items(),
        "has_lists": len(nodes) <= MOST_CHOICES,
        "kinds": ("question", "action", "resolution", "escalation"),
        "outline": outline(value) if value is not None and not comparison.problems else [],
        "new_revision": outline(proposal.proposed_flow_data) if editing.is_stale else [],
        "editor_data": _script_data(request, editing, comparison),
    }


def _script_data(request: HttpRequest, editing: Editing, comparison: Comparison) -> dict[str, Any]:
    """What the script starts from: a definition and the addresses to check, keep and publish it at."""
    proposal = editing.proposal
    return {
        "definition": editing.value,
        # What stands in for a text that cannot be shown as nodes.
        "fallback": proposal.proposed_flow_data,
        "title": editing.title,
        "revision": editing.revision,
        "seen": editing.seen,
        "node": editing.node,
        "isDraft": editing.draft is not None,
        "isSaved": request.method != "POST",
        "comparison": comparison.as_json(),
        "urls": {
            "check": reverse("admin:proposals_flowproposal_check", args=[proposal.pk]),
            "save": reverse("admin:proposals_flowproposal_draft", args=[proposal.pk]),
        },
    }


def _name(node: dict[str, Any]) -> str:
    text = " ".join(node["text"].split()) or "(no text yet)"
    return f"{text if len(text) <= _NAME else text[: _NAME - 1] + '…'} ({node['kind']})"


def _text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 10 else None
