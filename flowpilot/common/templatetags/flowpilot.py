"""What the templates ask for beside Django's own tags."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from flowpilot.common.statistics import Rate, difference_of

register = template.Library()

# Label, URL name, the permission that opens it, what one does there.
PLACES = (
    ("Review", "admin:proposals_flowproposal_changelist", "proposals.view_flowproposal", "Decide what becomes a flow"),
    ("Flows", "admin:flows_flow_changelist", "flows.view_flow", "Read the published flows"),
    ("Work", "work:home", "ai_sessions.add_aisession", "Work a session, guided by a flow or free-form"),
    ("Sessions", "admin:ai_sessions_aisession_changelist", "ai_sessions.view_aisession", "Find and read sessions"),
    ("Analytics", "analytics:overview", "analytics.view_metrics", "See what works and what does not"),
    ("Gaps", "gaps:list", "analytics.view_knowledgegap", "See where the knowledge fails, and mend it"),
    ("Analysis", "admin:proposals_analysisrun_changelist", "proposals.view_analysisrun", "Watch analysis at work"),
    ("Set-up", "admin:index", "accounts.view_account", "Account, teams, members and keys"),
)


@dataclass(frozen=True, slots=True)
class Place:
    label: str
    about: str
    url: str
    is_current: bool


@register.simple_tag(takes_context=True)
def places(context: template.Context) -> list[Place]:
    """The places of the bar that the user's role needs; at most one is current."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if request is None or user is None or not user.is_active:
        return []
    allowed = [(label, about, reverse(name)) for label, name, perm, about in PLACES if user.has_perm(perm)]
    # The longest address that the page stands under: the index is the start of all the others.
    under = [url for _, _, url in allowed if request.path.startswith(url)]
    current = max(under, key=len, default="")
    return [Place(label, about, url, url == current) for label, about, url in allowed]


@register.simple_tag
def account_name(user: Any) -> str:
    """The account a user works in, in words for those of none or several."""
    names = [membership.account.name for membership in getattr(user, "active_memberships", [])]
    if len(names) == 1:
        return str(names[0])
    return f"{len(names)} accounts" if names else "All accounts"


@register.simple_tag
def filter_choices(changelist: Any, parameter: str) -> list[dict[str, Any]]:
    """The choices of one filter of a list page: `selected`, `query_string`, `display`; empty where it is absent."""
    for spec in changelist.filter_specs:
        if getattr(spec, "parameter_name", None) == parameter:
            return list(spec.choices(changelist))
    return []


@register.simple_tag
def own_rows(manager: Any, user: Any) -> Any:
    """The related rows that the viewer may see: a team's member sees a session, not all that it is evidence of."""
    return manager.for_user(user)


@register.filter
def percent(share: float | None, digits: int = 0) -> str:
    """0.8125 → "81 %", with a space that does not break; an en dash where there is no share."""
    return "–" if share is None else f"{share * 100:.{digits}f}\N{NO-BREAK SPACE}%"


@register.filter
def percent_interval(interval: tuple[float, float] | None) -> str:
    """(0.79, 0.83) → "79–83 %"; empty where there is none."""
    if interval is None:
        return ""
    low, high = interval
    return f"{low * 100:.0f}–{high * 100:.0f}\N{NO-BREAK SPACE}%"


@register.filter
def span(value: timedelta | None) -> str:
    """A length of time in its two largest units: "18 min", "2 h 5 min", "3 d 4 h"; an en dash for None."""
    if value is None:
        return "–"
    minutes = round(value.total_seconds() / 60)
    if minutes < 1:
        return "< 1 min"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


@dataclass(frozen=True, slots=True)
class Change:
    """A figure against the one before: `sign` ▲, ▼ or =, and what it means in words."""

    sign: str
    text: str
    is_better: bool | None = None


def change_of(now: Any, before: Any, better: str) -> Change | None:
    """How a figure (a count, a Rate, a length of time or a number) moved; None where one of the two says too little.

    `better` is which way is good: "up", "down" or "". Only a rate whose move is more than chance is called better or
    worse; the other figures carry nothing to tell chance by.
    """
    if now is None or before is None:
        return None
    if isinstance(now, Rate):
        difference = difference_of(now, before) if now.is_enough and before.is_enough else None
        if difference is None:
            return None
        better_when_up = {"up": True, "down": False}.get(better) if difference.is_clear else None
        return _change(difference.share * 100, " point", better_when_up)
    if isinstance(now, timedelta):
        return _moved_by(now - before)
    return _change((now - before) / before * 100, "\N{NO-BREAK SPACE}%", None) if before else None


def _moved_by(difference: timedelta) -> Change:
    if abs(difference) < timedelta(seconds=1):
        return Change("=", "as before")
    up = difference > timedelta()
    return Change("▲" if up else "▼", f"{'up' if up else 'down'} {span(abs(difference))}")


def _change(difference: float, unit: str, better_when_up: bool | None) -> Change:
    size = round(abs(difference))
    if size == 0:
        return Change("=", "as before")
    if unit == " point" and size > 1:
        unit = " points"
    up = difference > 0
    better = None if better_when_up is None else up == better_when_up
    return Change("▲" if up else "▼", f"{'up' if up else 'down'} {size}{unit}", better)


@register.filter
def graph_marks(diff: Any) -> dict[str, Any]:
    """A FlowDiff as graph.js colours by it: ids of nodes, "node/option" for answers, and what was taken away."""
    if diff is None:
        return {}
    return {
        "addedNodes": [node.id for node in diff.added_nodes],
        "changedNodes": sorted({change.node_id for change in diff.changed_nodes}),
        "addedEdges": [f"{place.node_id}/{place.option.id}" for place in diff.added_options],
        "changedEdges": [f"{change.node_id}/{change.after.id}" for change in diff.changed_options],
        "removedNodes": [node.model_dump(mode="json") for node in diff.removed_nodes],
        "removedEdges": [
            *({"from": place.node_id, **place.option.model_dump()} for place in diff.removed_options),
            *({"from": change.node_id, **change.before.model_dump()} for change in diff.retargeted_options),
        ],
        "renamed": {renaming.before: renaming.after for renaming in diff.renamed_nodes},
    }


SIGNS = {"resolution": "✓", "escalation": "↗", "action": "▸", "question": "?"}
MARK_SIGNS = {"added": "+", "changed": "~", "removed": "\N{MINUS SIGN}"}


@dataclass(frozen=True, slots=True)
class _Evidence:
    """How many sessions went through each node, of how many, and where the lines themselves are read."""

    counts: dict[str, int]
    total: int
    url: str

    def of(self, line: Any) -> SafeString | str:
        count = self.counts.get(line.node_id, 0)
        if not count or line.is_reference or getattr(line, "mark", "") == "removed":
            return ""
        of_all = f" of {self.total}" if self.total else ""
        words = f"{count}{of_all} session{'' if (self.total or count) == 1 else 's'} went here"
        if not self.url:
            return format_html(' <span class="fp-quiet fp-went">{}</span>', words)
        url = f"{self.url}?{urlencode({'node': line.node_id})}"
        return format_html(' <a class="fp-went" href="{}" data-evidence="{}">{}</a>', url, line.node_id, words)


@register.simple_tag
def outline_list(
    lines: Iterable[Any], diff: Any = None, evidence: Any = None, total: int = 0, evidence_url: str = ""
) -> SafeString:
    """An outline as a nested list.

    `lines` are of `flows.outline` or of `flows.inline`, whose marks it shows; `diff` marks the nodes of the former.
    `evidence` is {node id: [[session id, line], …]} and gives counts, out of `total` sessions where that is given;
    `evidence_url` is the page that shows a node's lines by `?node=`.
    """
    marks: dict[str, str] = {}
    if diff is not None:
        marks |= {change.node_id: "changed" for change in diff.changed_nodes}
        marks |= {node.id: "added" for node in diff.added_nodes}
    counts = {node: len({item[0] for item in places}) for node, places in (evidence or {}).items()}
    items = _nested(lines, marks, _Evidence(counts, total, evidence_url))
    return mark_safe("".join(items))  # noqa: S308 - every text in it is escaped


def _nested(lines: Iterable[Any], marks: dict[str, str], evidence: _Evidence) -> Iterator[str]:
    depth = -1
    for line in lines:
        if line.depth > depth:
            yield '<ul class="fp-outline">'  # the outline never goes down by more than one
        else:
            yield "</li>" + "</ul></li>" * (depth - line.depth)
        depth = line.depth
        yield _outline_item(line, marks, evidence)
    if depth >= 0:
        yield "</li></ul>" * (depth + 1)


def _outline_item(line: Any, marks: dict[str, str], evidence: _Evidence) -> SafeString:
    mark = getattr(line, "mark", "") or marks.get(line.node_id, "")
    return format_html(
        '<li data-node="{}"><span class="fp-node fp-kind-{}{}"><span class="fp-sign" aria-hidden="true">{}</span> '
        "{}{}{}{}{}{}</span>",
        # A removed node's id may be another node's by now; the graph names it so too.
        f"removed {line.node_id}" if mark == "removed" else line.node_id,
        line.kind,
        f" fp-line-{mark}" if mark else "",
        SIGNS.get(line.kind, ""),
        _mark(mark),
        _via(line, mark),
        _was_and_is(getattr(line, "was", ""), line.text, mark == "removed"),
        format_html(' <span class="fp-quiet">({}{})</span>', line.kind, ", see above" if line.is_reference else ""),
        format_html_join("", ' <span class="fp-quiet fp-aside">{}</span>', ((n,) for n in getattr(line, "notes", ()))),
        evidence.of(line),
    )


def _via(line: Any, mark: str) -> SafeString | str:
    """The answer that leads here; what became of it is said where the node's own mark does not say it."""
    if line.via_label is None:
        return ""
    via_mark = getattr(line, "via_mark", "")
    said = _mark(via_mark, "answer ") if via_mark and via_mark != mark else ""
    label = _was_and_is(getattr(line, "via_was", ""), line.via_label, via_mark == "removed")
    return format_html('{}<span class="fp-via">{} → </span>', said, label)


def _mark(mark: str, of: str = "") -> SafeString | str:
    if not mark:
        return ""
    return format_html('<span class="fp-mark fp-mark-{}">{} {}{}</span> ', mark, MARK_SIGNS[mark], of, mark)


def _was_and_is(was: str, text: str, is_removed: bool) -> SafeString | str:
    if is_removed:
        return format_html("<del>{}</del>", text)
    return format_html("<del>{}</del> <ins>{}</ins>", was, text) if was else text


@register.filter
def lines_of(text: str | None) -> SafeString:
    """Text with its line breaks kept, escaped."""
    return mark_safe(escape(text or "").replace("\n", "<br>"))  # noqa: S308 - escaped just here
