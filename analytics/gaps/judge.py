"""Which cells are gaps now: counts from the workspace, one test over all kinds, details of what matters."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from django.conf import settings

from analytics.gaps.cells import (
    Counted,
    Detail,
    Wanted,
    cells_count,
    days_count,
    details_of,
    surroundings_count,
)
from analytics.gaps.lifecycle import stands_out
from analytics.gaps.models import KnowledgeGap
from analytics.gaps.overlap import Shared, shares_of
from analytics.gaps.stale import Cut, best_cut
from analytics.gaps.statistics import Cell, Verdict, flag
from analytics.gaps.subjects import Place, Subjects, place_of, subjects_load
from flowpilot.common.statistics import ENOUGH, Rate

Kind = KnowledgeGap.Kind

# Cells of these surroundings share no session: what is flagged leaves the rest of the others.
_APART = {"domain", "topic", "client", "nodes", "scripts"}


@dataclass(slots=True)
class Measured:
    """One cell that is a gap now or has a row already, as it stands."""

    kind: str
    subject: str
    place: Place
    flagged: bool
    base: Rate
    # Bad sessions of all that the cell was compared with, itself too.
    all_bad: int
    p: float | None = None
    cut: Cut | None = None
    first: datetime | None = None
    detail: Detail = field(default_factory=Detail)
    # Of a missing flow: how many of its sessions were escalated.
    escalated: Rate | None = None
    # The other gaps that are mostly the same sessions.
    shared: Shared = field(default_factory=list)

    @property
    def key(self) -> str:
        return key_of(self.kind, self.subject)


@dataclass(frozen=True, slots=True)
class Window:
    """What a detection looks at: sessions that ended from `start` to before `end`; weeks are those of `zone`."""

    account_id: int
    start: datetime
    end: datetime
    zone: str


def key_of(kind: str, subject: str) -> str:
    return f"{kind}:{subject}"


class Judge:
    """One detection's reading. Call inside the transaction that filled the workspace."""

    def __init__(self, window: Window, known: Mapping[str, KnowledgeGap]) -> None:
        self.window = window
        self.known = known
        self._counted = {kind: cells_count(kind) for kind in Kind.values}
        self._surroundings = surroundings_count()
        subjects = [(kind, c.subject) for kind, cells in self._counted.items() for c in cells]
        rows = [tuple(key.split(":", 1)) for key in known]
        self.subjects: Subjects = subjects_load(window.account_id, (place_of(*pair) for pair in (*subjects, *rows)))
        self._totals: dict[tuple[str, str], tuple[int, int]] = {}
        # What rows that closed once have had since: only that can bring them back.
        self._anew: dict[str, Rate] = {}

    def judge(self) -> list[Measured]:
        """What is a gap now, and all that has a row, with details."""
        self._count_anew()
        cells = [*self._plain_cells(), *self._stale_cells()]
        verdicts = {str(verdict.cell.key): verdict for verdict in flag([cell for cell, _ in cells])}
        cuts = {str(cell.key): cut for cell, cut in cells}
        found = [m for m in self._from_verdicts(verdicts, cuts) if m.flagged or m.key in self.known]
        seen = {measured.key for measured in found}
        missing = [m for m in self._missing_flows() if m.flagged or m.key in self.known]
        seen |= {measured.key for measured in missing}
        rest = [self._unjudged(key) for key in self.known if key not in seen]
        everything = [*found, *missing, *rest]
        self._add_details(everything)
        self._add_shares(everything)
        return everything

    def _add_shares(self, found: Sequence[Measured]) -> None:
        """Only what is a gap now is seen in others, and others in it."""
        present = [m for m in found if m.flagged or (m.key in self.known and self.known[m.key].is_unsettled)]
        shares = shares_of({measured.key: measured.detail.bad for measured in present})
        for measured in present:
            measured.shared = shares.get(measured.key, [])

    # --- Cells ---------------------------------------------------------------------------------------------------

    def _plain_cells(self) -> Iterable[tuple[Cell, None]]:
        for kind in (Kind.WEAK_OPTION, Kind.HIGH_ESCALATION, Kind.DEAD_END, Kind.SCRIPT_NO_HELP):
            for counted in self._counted[kind]:
                place = place_of(kind, counted.subject)
                key = key_of(kind, counted.subject)
                rate = self._anew.get(key, counted.rate)
                if rate.n < ENOUGH or not self.subjects.stands(place) or not self.subjects.can_end_well(place):
                    continue
                rest = self._rest(kind, counted)
                group = counted.surroundings if counted.surroundings in _APART else None
                yield Cell(key, rate.count, rate.n, rest.count, rest.n, group), None

    def _rest(self, kind: str, counted: Counted) -> Rate:
        """Everything in the surroundings but the cell itself."""
        n, bad = self._total(kind, counted.surroundings)
        return Rate(bad - counted.rate.count, n - counted.rate.n)

    def _total(self, kind: str, surroundings: str) -> tuple[int, int]:
        if (kind, surroundings) not in self._totals:
            self._totals[kind, surroundings] = self._count_total(kind, surroundings)
        return self._totals[kind, surroundings]

    def _count_total(self, kind: str, surroundings: str) -> tuple[int, int]:
        if surroundings in self._surroundings:
            n, bad, escalated = self._surroundings[surroundings]
            return n, escalated if kind == Kind.HIGH_ESCALATION else bad
        cells = [c.rate for c in self._counted[kind] if c.surroundings == surroundings]
        return sum(rate.n for rate in cells), sum(rate.count for rate in cells)

    def _stale_cells(self) -> Iterable[tuple[Cell, Cut]]:
        by_flow: dict[int, list[tuple[date, Rate]]] = defaultdict(list)
        for flow_id, day, rate in days_count():
            by_flow[flow_id].append((day, rate))
        for flow_id, days in by_flow.items():
            flow = self.subjects.flows.get(flow_id)
            if flow is None:
                continue
            key = key_of(Kind.STALE_FLOW, str(flow_id))
            row = self.known.get(key)
            cut = best_cut(days, flow.versions, self.window.end.date(), self.window.start.date())
            if row is not None and (kept := _kept_cut(row)) is not None:
                # A row keeps its date: "worse since" must not wander while somebody works on it.
                after = _after(days, kept.day) if row.counted_from is None else self._anew.get(key, Rate(0, 0))
                cut = Cut(kept.day, after, kept.before, 1, kept.version)
            if cut is not None and cut.after.n >= ENOUGH:
                yield Cell(key, cut.after.count, cut.after.n, cut.before.count, cut.before.n, None, cut.tries), cut

    # --- Verdicts ------------------------------------------------------------------------------------------------

    def _from_verdicts(self, verdicts: Mapping[str, Verdict], cuts: Mapping[str, Cut | None]) -> Iterable[Measured]:
        surroundings = {key_of(k, c.subject): c.surroundings for k, cs in self._counted.items() for c in cs}
        account_bad = self._surroundings["domain"]
        for key, verdict in verdicts.items():
            kind, subject = key.split(":", 1)
            rate = Rate(verdict.cell.count, verdict.cell.n)
            near = surroundings[key]
            # A flow's gap weighs by the account's bad sessions, as those across flows do.
            wide = account_bad[2 if kind == Kind.HIGH_ESCALATION else 1]
            yield Measured(
                kind,
                subject,
                place_of(kind, subject),
                verdict.flagged and stands_out(rate, verdict.base.share or 0.0),
                verdict.base,
                wide if near.startswith("flow:") else self._total(kind, near)[1],
                verdict.p,
                cuts[key],
            )

    def _missing_flows(self) -> Iterable[Measured]:
        """Recurrent topics without a flow: a rule, not a test, for an account without any flow has no base."""
        cells = self._counted[Kind.MISSING_FLOW]
        with_flow = [c.rate for c in cells if int(c.subject) in self.subjects.answered]
        base = Rate(sum(r.count for r in with_flow), sum(r.n for r in with_flow))
        all_unguided = sum(c.rate.count for c in cells)
        escalated = {c.subject: c.rate for c in self._counted[Kind.HIGH_ESCALATION] if c.surroundings == "topic"}
        for cell in cells:
            topic_id = int(cell.subject)
            if topic_id not in self.subjects.topics:
                continue
            rate = self._anew.get(key_of(Kind.MISSING_FLOW, cell.subject), cell.rate)
            missing = topic_id not in self.subjects.answered and rate.count >= settings.GAPS_TOPIC_SESSIONS
            place = place_of(Kind.MISSING_FLOW, cell.subject)
            measured = Measured(Kind.MISSING_FLOW, cell.subject, place, missing, base, all_unguided)
            measured.escalated = escalated.get(f"topic:{cell.subject}")
            yield measured

    def _unjudged(self, key: str) -> Measured:
        """A row whose cell has too few sessions to be tested, or is no more."""
        kind, subject = key.split(":", 1)
        row = self.known[key]
        counted = next((c for c in self._counted[kind] if c.subject == subject), None)
        stale = kind == Kind.STALE_FLOW
        base = row.base if counted is None or stale else self._rest(kind, counted)
        measured = Measured(kind, subject, place_of(kind, subject), False, base, 0)
        measured.cut = _kept_cut(row) if stale else None
        return measured

    # --- Details -------------------------------------------------------------------------------------------------

    def _count_anew(self) -> None:
        for kind, rows in _by_kind(gap for gap in self.known.values() if gap.counted_from is not None).items():
            wanted = [Wanted(subject, gap.counted_from, gap.measured_from) for subject, gap in rows if gap.counted_from]
            for subject, detail in details_of(kind, wanted, self.window.zone).items():
                self._anew[key_of(kind, subject)] = detail.rate

    def _add_details(self, everything: Sequence[Measured]) -> None:
        by_kind: dict[str, list[Measured]] = defaultdict(list)
        for measured in everything:
            row = self.known.get(measured.key)
            cut = _midnight(measured.cut.day) if measured.cut else self.window.start
            measured.first = max(cut, row.counted_from) if row and row.counted_from else cut
            by_kind[measured.kind].append(measured)
        for kind, some in by_kind.items():
            wanted = [Wanted(m.subject, m.first or self.window.start, self._since(m)) for m in some]
            details = details_of(kind, wanted, self.window.zone)
            for measured in some:
                measured.detail = details[measured.subject]

    def _since(self, measured: Measured) -> datetime:
        row = self.known.get(measured.key)
        return row.measured_from if row else self.window.end


def _by_kind(gaps: Iterable[KnowledgeGap]) -> dict[str, list[tuple[str, KnowledgeGap]]]:
    found: dict[str, list[tuple[str, KnowledgeGap]]] = defaultdict(list)
    for gap in gaps:
        kind, subject = gap.key.split(":", 1)
        found[kind].append((subject, gap))
    return found


def _kept_cut(row: KnowledgeGap) -> Cut | None:
    """The cut that a row was opened with."""
    cut = row.evidence.get("cut")
    if not cut:
        return None
    return Cut(date.fromisoformat(cut), Rate(0, 0), row.base, 1, row.evidence.get("version"))


def _after(days: Sequence[tuple[date, Rate]], cut: date) -> Rate:
    after = [rate for day, rate in days if day >= cut]
    return Rate(sum(rate.count for rate in after), sum(rate.n for rate in after))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
