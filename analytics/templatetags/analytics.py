"""Figures in words, for the dashboards."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.pages.parts import Bar, Card
from flowpilot.common.statistics import Difference, Rate
from flowpilot.common.templatetags.flowpilot import Change, change_of, percent, percent_interval, span
from proposals.templatetags.flow_health import points

register = template.Library()

TOO_LITTLE = "not enough data"


@register.filter
def figure(value: Any) -> str | SafeString:
    """A value as people read it: 1,284 · 81.3 % · 18 min · 3.9 · 4 Nov 2026; an en dash for None."""
    if value is None:
        return "–"
    if isinstance(value, Rate):
        return percent(value.share, 1) if value.is_enough else TOO_LITTLE
    if isinstance(value, Difference):
        return points(value)
    if isinstance(value, timedelta):
        return _length(value)
    if isinstance(value, datetime):
        return _whole(formats.date_format(timezone.localtime(value), "j M Y, H:i"))
    if isinstance(value, date):
        return _whole(formats.date_format(value, "j M Y"))
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int | Decimal) else str(value)


def _length(value: timedelta) -> str:
    """What is measured in seconds is told in seconds; what is measured in minutes and took none of them is not."""
    seconds = round(value.total_seconds())
    return f"{seconds} s" if 0 < seconds < 60 else span(value)


@register.filter
def cell(value: Any) -> str | SafeString:
    """The same in a table: a rate in whole per cent with its interval and n."""
    if not isinstance(value, Rate):
        return figure(value)
    if not value.is_enough:
        return format_html('<span class="fp-quiet">{}, {}</span>', TOO_LITTLE, _of(value.n))
    aside = f"{percent_interval(value.interval)}, {_of(value.n)}"
    return format_html('{} <span class="fp-sub">{}</span>', percent(value.share), aside)


@register.filter
def plain(value: Any) -> str:
    """The bare number behind a cell, for the chart: per cent for a rate, minutes for a length of time; "" for none."""
    if isinstance(value, Rate):
        return "" if value.share is None else f"{value.share * 100:.2f}"
    if isinstance(value, timedelta):
        return f"{value.total_seconds() / 60:.2f}"
    return "" if value is None else str(value)


@register.filter
def basis(card: Card) -> str:
    """What a card's figure rests on, in a line: its interval and n, or its note."""
    if isinstance(card.value, Rate):
        n = _of(card.value.n)
        return f"{percent_interval(card.value.interval)} · {n}" if card.value.is_enough else n
    if isinstance(card.value, int) and isinstance(card.before, int):
        return f"{card.before:,} in the period before"
    return card.note


@register.filter
def change(card: Card) -> Change | None:
    """How a card moved against the period before; None where one of the two says too little."""
    return change_of(card.value, card.before, card.better)


@register.filter
def drawn(bar: Bar) -> SafeString:
    """A bar, for the eye only: its cell says the same in figures."""
    low, high = (f"{end * 100:.2f}%" for end in bar.interval or (0, 0))
    whisker = format_html('<line class="fp-share-range" x1="{}" x2="{}" y1="6" y2="6"/>', low, high)
    return format_html(
        '<svg class="fp-share" aria-hidden="true"><rect class="fp-share-all" width="100%" height="8" y="2" rx="4"/>'
        '<rect class="fp-share-part" width="{}" height="8" y="2" rx="4"/>{}</svg>',
        f"{bar.share * 100:.2f}%",
        whisker if bar.interval else "",
    )


@register.filter
def at(items: Any, index: int) -> Any:
    """The item at a place of a sequence."""
    return items[index]


def _of(n: int) -> str:
    """What a rate rests on, on one line."""
    return _whole(f"n = {n:,}")


def _whole(text: str) -> str:
    """A text on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")
