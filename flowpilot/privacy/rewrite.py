"""Going through an account's rows, some thousand at a time, and taking terms out of them."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.db.models import Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from flowpilot.privacy.tables import Table
from flowpilot.privacy.terms import Terms
from proposals.analysis.load import record_of, with_steps
from proposals.mining.topicindex import Exemplar
from proposals.models import FlowProposal, Topic
from proposals.search import search_write
from sessions.ingest.models import IngestPiece
from sessions.models import AISession, Attachment

ROWS = 2_000
FILES = 50


@dataclass(frozen=True, slots=True)
class Chunk:
    """So many rows had a match; `last` is the last row looked at, None at the table's end."""

    matched: int
    last: int | None


def table_chunk(table: Table, account_id: int, terms: Terms, after: int, *, write: bool) -> Chunk:
    """Look at the next rows of a table and, to `write`, take the terms out of them."""
    rows, last = _next_rows(table.of_account(account_id), after, ROWS)
    found = _may_match(rows, table.columns, terms)
    if write:
        found = found.select_for_update(of=("self",))
    matched = 0
    for row in found.values("pk", *table.columns):
        changed = {name: new for name in table.columns if (new := terms.erased_from(row[name])) is not row[name]}
        if changed:
            matched += 1
            if write:
                _update(table.model, row["pk"], changed)
    return Chunk(matched, last)


def _next_rows(rows: QuerySet[Any], after: int, size: int) -> tuple[QuerySet[Any], int | None]:
    rows = rows.filter(pk__gt=after).order_by("pk")
    edge = rows.values_list("pk", flat=True)[size - 1 : size].first()
    return (rows if edge is None else rows.filter(pk__lte=edge)), edge


def _may_match(rows: QuerySet[Any], columns: Sequence[str], terms: Terms) -> QuerySet[Any]:
    texts = {f"text_of_{name}": Cast(name, TextField()) for name in columns}
    return rows.alias(**texts).filter(reduce(or_, (Q(**{f"{name}__iregex": terms.sql}) for name in texts)))


def _update(model: type[Model], pk: Any, values: dict[str, Any]) -> None:
    """Write texts no longer than their columns; two that would be one in a unique column are told apart by the row's
    number."""
    for name, value in values.items():
        most = getattr(model._meta.get_field(name), "max_length", None)
        if most and isinstance(value, str):
            values[name] = value[:most]
    rows = model._base_manager.filter(pk=pk)
    try:
        with transaction.atomic():
            rows.update(**values)
    except IntegrityError:
        rows.update(**{name: _numbered(model, name, value, pk) for name, value in values.items()})


def _numbered(model: type[Model], name: str, value: Any, pk: Any) -> Any:
    if not isinstance(value, str):
        return value
    most = getattr(model._meta.get_field(name), "max_length", None)
    end = f"-{pk}"
    if "@" in value:
        local, _, domain = value.partition("@")
        return f"{local}{end}@{domain}"
    return f"{value[: most - len(end)] if most else value}{end}"


def files_chunk(account_id: int, terms: Terms, after: int, *, write: bool) -> Chunk:
    """The same for what is written in attached text files."""
    rows, last = _next_rows(Attachment.objects.filter(account=account_id, content_type="text/plain"), after, FILES)
    matched = 0
    for attachment in rows:
        try:
            with attachment.file.open("rb") as file:
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            continue
        new = terms.erased_from(text)
        if new is text:
            continue
        matched += 1
        if write:
            data = new.encode()
            storage, name = attachment.file.storage, attachment.file.name
            storage.delete(name)
            kept = storage.save(name, ContentFile(data))
            Attachment.objects.filter(pk=attachment.pk).update(size=len(data), file=kept)
    return Chunk(matched, last)


def pieces_chunk(account_id: int, terms: Terms, after: int, *, write: bool) -> Chunk:
    """The same for what waits in ingest jobs and for their results, which are packed."""
    rows, last = _next_rows(IngestPiece.objects.filter(account=account_id), after, FILES)
    matched = 0
    for piece in rows.select_for_update() if write else rows:
        packed = {"body": piece.body, "results": piece.results}
        changed = {name: _repacked(data, terms) for name, data in packed.items() if data is not None}
        changed = {name: data for name, data in changed.items() if data is not None}
        if changed:
            matched += 1
            if write:
                IngestPiece.objects.filter(pk=piece.pk).update(**changed)
    return Chunk(matched, last)


def _repacked(packed: bytes, terms: Terms) -> bytes | None:
    text = zlib.decompress(packed).decode(errors="replace")
    new = terms.erased_from(text)
    return None if new is text else zlib.compress(new.encode(), 1)


def sketches_chunk(account_id: int, terms: Terms, after: int, *, write: bool) -> Chunk:
    """What topics keep of their sessions' words is made anew of the sessions as they read now."""
    rows, last = _next_rows(Topic.objects.filter(account=account_id), after, ROWS)
    matched = 0
    for topic in rows.exclude(sketch=[]):
        told = [row for row in topic.sketch if terms.may_be_stemmed_in(" ".join(row[1:]))]
        if told:
            matched += 1
            if write:
                _sketch_anew(topic, {row[0] for row in told})
    return Chunk(matched, last)


def _sketch_anew(topic: Topic, keys: set[str]) -> None:
    sessions = with_steps(AISession.objects.filter(account=topic.account_id, pk__in=keys))
    now = {str(session.pk): Exemplar.of(record_of(session)).to_json() for session in sessions}
    kept = [now.get(row[0]) if row[0] in keys else row for row in topic.sketch]
    Topic.objects.filter(pk=topic.pk).update(sketch=[row for row in kept if row])


def searches_chunk(account_id: int, terms: Terms, after: int, *, write: bool) -> Chunk:
    """What proposals are found by is made anew of their texts as they read now."""
    rows, last = _next_rows(FlowProposal.objects.filter(account=account_id), after, ROWS)
    found = rows.alias(words=Cast("search", TextField())).filter(
        reduce(or_, (Q(words__contains=f"'{word}'") for word in sorted(terms.search_words)), Q(pk__in=[]))
    )
    matched = 0
    for proposal in found:
        matched += 1
        if write:
            search_write(proposal)
    return Chunk(matched, last)
