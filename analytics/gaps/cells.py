"""The cells of each kind, counted in the workspace: one aggregate a kind, and the sessions behind those that matter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection

from analytics.gaps.models import KnowledgeGap
from flowpilot.common.statistics import Rate

Kind = KnowledgeGap.Kind

# Every kind's cells: a subject, the surroundings that it is compared with, bad sessions, sessions.
_COUNTS: dict[str, str] = {
    Kind.WEAK_OPTION: """
        SELECT p.flow_id || ':' || p.node_id || ':' || c.option_id, 'flow:' || p.flow_id, c.bad, c.n
        FROM (SELECT place, option_id, count(*) FILTER (WHERE bad) AS bad, count(*) AS n
              FROM gap_visit WHERE option_id IS NOT NULL GROUP BY 1, 2) c
        JOIN gap_place p USING (place)
    """,
    Kind.HIGH_ESCALATION: """
        SELECT 'domain:' || domain, 'domain', count(*) FILTER (WHERE escalated), count(*)
        FROM gap_ended WHERE domain <> '' GROUP BY domain
        UNION ALL
        SELECT 'topic:' || topic_id, 'topic', count(*) FILTER (WHERE escalated), count(*)
        FROM gap_ended WHERE topic_id IS NOT NULL GROUP BY topic_id
        UNION ALL
        SELECT 'client:' || client_id, 'client', count(*) FILTER (WHERE escalated), count(*)
        FROM gap_ended WHERE client_id IS NOT NULL GROUP BY client_id
        UNION ALL
        SELECT 'node:' || p.flow_id || ':' || p.node_id, 'flow:' || p.flow_id, c.bad, c.n
        FROM (SELECT place, count(*) FILTER (WHERE escalated) AS bad, count(*) AS n FROM gap_stop GROUP BY 1) c
        JOIN gap_place p USING (place)
    """,
    Kind.DEAD_END: """
        SELECT p.flow_id || ':' || p.node_id, 'nodes', c.bad, c.n
        FROM (SELECT place, count(*) FILTER (WHERE leaving) AS bad, count(*) AS n FROM gap_stop GROUP BY 1) c
        JOIN gap_place p USING (place)
    """,
    Kind.STALE_FLOW: """
        SELECT flow_id::text, 'flow:' || flow_id, count(*) FILTER (WHERE bad), count(*)
        FROM gap_ended WHERE flow_id IS NOT NULL GROUP BY flow_id
    """,
    Kind.SCRIPT_NO_HELP: """
        SELECT template_id::text, 'scripts', count(*) FILTER (WHERE bad), count(*) FROM gap_script GROUP BY template_id
    """,
    Kind.MISSING_FLOW: """
        SELECT topic_id::text, 'topics', count(*) FILTER (WHERE unexplained), count(*)
        FROM gap_ended WHERE topic_id IS NOT NULL GROUP BY topic_id
    """,
}
# The sessions of the cells that are asked for, each once: their subject, their id, whether they are bad.
_MEMBERS: dict[str, str] = {
    Kind.WEAK_OPTION: """
        SELECT w.subject, v.id, v.bad FROM wanted w
        JOIN gap_place p
          ON p.flow_id::text = split_part(w.subject, ':', 1) AND p.node_id = split_part(w.subject, ':', 2)
        JOIN gap_visit v ON v.place = p.place AND v.option_id = split_part(w.subject, ':', 3)
    """,
    Kind.HIGH_ESCALATION: """
        SELECT w.subject, e.id, e.escalated AS bad FROM wanted w JOIN gap_ended e
          ON split_part(w.subject, ':', 1) = 'domain' AND e.domain = substr(w.subject, 8)
        UNION ALL
        SELECT w.subject, e.id, e.escalated FROM wanted w JOIN gap_ended e
          ON split_part(w.subject, ':', 1) = 'topic' AND e.topic_id::text = split_part(w.subject, ':', 2)
        UNION ALL
        SELECT w.subject, e.id, e.escalated FROM wanted w JOIN gap_ended e
          ON split_part(w.subject, ':', 1) = 'client' AND e.client_id::text = split_part(w.subject, ':', 2)
        UNION ALL
        SELECT w.subject, s.id, s.escalated FROM wanted w
        JOIN gap_place p ON split_part(w.subject, ':', 1) = 'node' AND p.flow_id::text = split_part(w.subject, ':', 2)
          AND p.node_id = split_part(w.subject, ':', 3)
        JOIN gap_stop s ON s.place = p.place
    """,
    Kind.DEAD_END: """
        SELECT w.subject, s.id, s.leaving AS bad FROM wanted w
        JOIN gap_place p
          ON p.flow_id::text = split_part(w.subject, ':', 1) AND p.node_id = split_part(w.subject, ':', 2)
        JOIN gap_stop s ON s.place = p.place
    """,
    Kind.STALE_FLOW: "SELECT w.subject, e.id, e.bad FROM wanted w JOIN gap_ended e ON e.flow_id = w.subject::bigint",
    Kind.SCRIPT_NO_HELP: """
        SELECT w.subject, s.id, s.bad FROM wanted w JOIN gap_script s ON s.template_id = w.subject::bigint
    """,
    Kind.MISSING_FLOW: """
        SELECT w.subject, e.id, e.unexplained AS bad FROM wanted w
        JOIN gap_ended e ON e.topic_id = w.subject::bigint
    """,
}
# What a cell's rest is taken from, by surroundings; where it is not said, from the sum of the kind's own cells.
_SURROUNDINGS = """
    SELECT 'flow:' || flow_id AS surroundings, count(*), count(*) FILTER (WHERE bad), count(*) FILTER (WHERE escalated)
    FROM gap_ended WHERE flow_id IS NOT NULL GROUP BY flow_id
    UNION ALL
    SELECT unnest(ARRAY['domain', 'topic', 'client']), count(*), count(*) FILTER (WHERE bad),
      count(*) FILTER (WHERE escalated)
    FROM gap_ended
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """A cell as it was counted in the whole window."""

    subject: str
    surroundings: str
    rate: Rate


@dataclass(slots=True)
class Detail:
    """What a gap shows of its cell: the sessions, their weeks, and the count since a moment of its own."""

    sessions: list[int] = field(default_factory=list)
    bad: list[int] = field(default_factory=list)
    since: Rate = field(default_factory=lambda: Rate(0, 0))
    team_id: int | None = None
    # The domain that most of them have.
    domain: str = ""
    trend: list[tuple[date, int, int]] = field(default_factory=list)

    @property
    def rate(self) -> Rate:
        return Rate(len(self.bad), len(self.sessions))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A cell whose details are asked for: its sessions that ended from `first`, and a count of those from `since`."""

    subject: str
    first: datetime
    since: datetime


def cells_count(kind: str) -> list[Counted]:
    """All cells of a kind that have a session."""
    rows = _rows(_COUNTS[kind], {})
    return [Counted(subject, surroundings, Rate(count, n)) for subject, surroundings, count, n in rows]


def surroundings_count() -> dict[str, tuple[int, int, int]]:
    """Sessions, bad ones and escalated ones, by surroundings."""
    return {name: (n, bad, escalated) for name, n, bad, escalated in _rows(_SURROUNDINGS, {})}


def days_count() -> list[tuple[int, date, Rate]]:
    """Sessions and bad ones of each flow on each day (UTC) that it guided any, by flow and day."""
    rows = _rows(
        "SELECT flow_id, (ended_at AT TIME ZONE 'UTC')::date, count(*) FILTER (WHERE bad), count(*) FROM gap_ended "
        "WHERE flow_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2",
        {},
    )
    return [(flow_id, day, Rate(count, n)) for flow_id, day, count, n in rows]


def details_of(kind: str, wanted: Sequence[Wanted], zone: str) -> Mapping[str, Detail]:
    """The details of some cells by subject; weeks begin on Mondays of the time zone `zone`."""
    if not wanted:
        return {}
    values = {
        "subjects": [one.subject for one in wanted],
        "firsts": [one.first for one in wanted],
        "sinces": [one.since for one in wanted],
        "zone": zone,
    }
    # The kinds' statements are constants of this module.
    chosen = f"""
        WITH wanted AS MATERIALIZED (
          SELECT * FROM unnest(%(subjects)s::text[], %(firsts)s::timestamptz[], %(sinces)s::timestamptz[])
            w(subject, first, since)
        ), member AS ({_MEMBERS[kind]}), chosen AS (
          SELECT m.subject, m.id, m.bad, e.ended_at, e.ended_at >= w.since AS is_since, e.team_id, e.domain
          FROM member m JOIN wanted w USING (subject) JOIN gap_ended e ON e.id = m.id AND e.ended_at >= w.first
        )
    """  # noqa: S608
    found = {one.subject: Detail() for one in wanted}
    sessions = f"""
        {chosen} SELECT subject, array_agg(id ORDER BY id), array_agg(id ORDER BY id) FILTER (WHERE bad),
          count(*) FILTER (WHERE bad AND is_since), count(*) FILTER (WHERE is_since),
          CASE WHEN min(team_id) = max(team_id) AND count(team_id) = count(*) THEN min(team_id) END,
          mode() WITHIN GROUP (ORDER BY domain)
        FROM chosen GROUP BY 1
    """  # noqa: S608
    for subject, ids, bad, since_count, since_n, team_id, domain in _rows(sessions, values):
        found[subject] = Detail(ids, bad or [], Rate(since_count, since_n), team_id, domain)
    weeks = f"""
        {chosen} SELECT subject, date_trunc('week', ended_at AT TIME ZONE %(zone)s)::date, count(*) FILTER (WHERE bad),
          count(*) FROM chosen GROUP BY 1, 2 ORDER BY 1, 2
    """  # noqa: S608
    for subject, week, count, n in _rows(weeks, values):
        found[subject].trend.append((week, count, n))
    return found


def _rows(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()
