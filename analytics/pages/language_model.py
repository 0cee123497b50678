"""The language model's page: what it was asked, what came back, what that took, and what reviewers kept."""

from datetime import timedelta
from decimal import Decimal

from django.conf import settings

from analytics.metrics.language_model import Calls, Kept, Use, kept, use
from analytics.pages.frame import Page, dashboard
from analytics.pages.parts import Block, Card, Cell, Column
from analytics.rows.calls import CALLS
from analytics.rows.registry import rows_url
from analytics.scope import Scope
from flowpilot.llm.models import Fallback, LanguageModel, Purpose


def build(scope: Scope) -> Page:
    now, before = use(scope), use(scope.before())
    words, words_before = kept(scope), kept(scope.before())
    return Page(
        title="Language model",
        cards=_cards(scope, now, before, words, words_before),
        blocks=[_purposes(scope, now), _fallbacks(scope, now.total), _models(now), _words(words)],
        has_data=bool(now.total.asked or before.total.asked or words.share.n or words_before.share.n),
        filled_by="An owner may allow one under Set-up, Language models; everything works without.",
    )


language_model = dashboard(build)


def _url(scope: Scope, *parts: str) -> str:
    """The calls behind a figure, for those who may read them."""
    return rows_url(scope, "-".join(parts), CALLS.name) if scope.user.has_perm(CALLS.permission) else ""


def _dollars(cost: Decimal | None) -> Decimal | None:
    return None if cost is None else cost.quantize(Decimal("0.0001"))


def _seconds(wait: timedelta | None) -> float | None:
    """Most waits are a few seconds: they are told to the tenth."""
    return None if wait is None else wait.total_seconds()


def _cards(scope: Scope, now: Use, before: Use, words: Kept, words_before: Kept) -> list[Card]:
    total, earlier = now.total, before.total
    return [
        Card("Questions", total.asked, earlier.asked, _url(scope, "asked"), better=""),
        Card("Answered", total.answered, earlier.answered, _url(scope, "answered")),
        Card("Tokens", total.tokens, earlier.tokens, better=""),
        Card("Cost, USD", _dollars(total.cost), _dollars(earlier.cost), better="", note=_unpriced(total)),
        Card("Median wait, s", _seconds(now.latency.median), _seconds(before.latency.median), better="down"),
        Card("Model's words kept", words.share, words_before.share),
    ]


def _unpriced(calls: Calls) -> str:
    return f"{calls.unpriced:,} calls without a known price" if calls.unpriced else ""


def _purposes(scope: Scope, now: Use) -> Block:
    labels = dict(Purpose.choices)
    rows = [
        [
            Cell(labels[name]),
            Cell(calls.asked, _url(scope, "asked", "purpose", name)),
            Cell(calls.answered, _url(scope, "answered", "purpose", name)),
            Cell(calls.input_tokens),
            Cell(calls.output_tokens),
            Cell(_dollars(calls.cost)),
            Cell(_seconds(latency.median)),
            Cell(_seconds(latency.p90)),
        ]
        for name, (calls, latency) in now.purposes.items()
    ]
    columns = [
        Column("Purpose", is_number=False), Column("Questions"), Column("Answered", is_rate=True),
        Column("Tokens sent"), Column("Tokens received"), Column("Cost, USD"), Column("Median wait, s"),
        Column("90 % within, s"),
    ]  # fmt: skip
    told = (
        "Calls are the account's: only the period narrows them. A wait is from the question to its answer, or to "
        f"giving up, all tries together. Calls are kept for {settings.LLM_KEEP.days} days."
    )
    return Block("purposes", "By purpose", columns, rows, summary=told if rows else "", is_wide=True)


def _fallbacks(scope: Scope, total: Calls) -> Block:
    labels = dict(Fallback.choices)
    rows = [
        [Cell(labels[reason]), Cell(count, _url(scope, "unanswered", "reason", reason))]
        for reason, count in total.fallbacks.most_common()
    ]
    columns = [Column("Reason", is_number=False), Column("Questions", "--fp-chart-exploring")]
    return Block(
        "fallbacks",
        "Why FlowPilot's own words stood",
        columns,
        rows,
        summary=f"Most often: {rows[0][0].value.lower()}, {rows[0][1].value:,} of {total.asked:,}." if rows else "",
        chart="bars" if len(rows) > 1 else "",
        empty="Every question was answered." if total.asked else "Nothing in this period.",
    )


def _models(now: Use) -> Block:
    providers = dict(LanguageModel.Provider.choices)
    rows = [
        [
            Cell(f"{providers[provider].partition(' (')[0]}: {model}"),
            Cell(calls.asked),
            Cell(calls.answered),
            Cell(calls.tokens),
            Cell(_dollars(calls.cost)),
        ]
        for (provider, model), calls in now.models.items()
    ]
    columns = [
        Column("Model", is_number=False), Column("Questions"), Column("Answered", is_rate=True), Column("Tokens"),
        Column("Cost, USD"),
    ]  # fmt: skip
    return Block("models", "By model", columns, rows, is_wide=True)


def _words(words: Kept) -> Block:
    rows = [
        [Cell("The model's"), Cell(words.model)],
        [Cell("The miner's"), Cell(words.own)],
        [Cell("Other words, by the reviewer"), Cell(words.other)],
    ]
    told = "Of the texts that the model worded otherwise, in proposals published in the period."
    return Block(
        "words",
        "Whose words were published",
        [Column("Words", is_number=False), Column("Texts")],
        rows if words.share.n else [],
        summary=told if words.share.n else "",
        empty="No proposal that the model worded otherwise was published in this period.",
    )
