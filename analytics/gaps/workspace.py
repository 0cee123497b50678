"""What a detection counts, gathered once: an account's ended sessions, their visits of flow nodes, their scripts.

Temporary tables that live until the transaction ends. Every kind of gap is one aggregate over them, so that a
count and the sessions behind it are of the same moment. All work is the database's: no session is read into Python.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from analytics.facts import REOPENED_WITHIN

#: Sessions that end in the window have begun at most so long before it, for their tickets to be followed.
LONGEST = timedelta(days=60)

# Sorts and hashes of a large account fit into memory; compiling statements that run once costs more than it gives.
_TUNING = "SET LOCAL work_mem = '128MB'; SET LOCAL temp_buffers = '64MB'; SET LOCAL jit = off"
_ENDED = """
    CREATE TEMPORARY TABLE gap_ended ON COMMIT DROP AS
    WITH ticket AS MATERIALIZED (
      SELECT id, psa_system, psa_ticket_id, started_at, ended_at,
        count(*) OVER (PARTITION BY psa_system, psa_ticket_id) AS times
      FROM ai_sessions_aisession
      WHERE account_id = %(account)s AND psa_ticket_id <> '' AND started_at >= %(earliest)s
    ), twice AS MATERIALIZED (SELECT * FROM ticket WHERE times > 1),
    reopened AS MATERIALIZED (
      SELECT DISTINCT ended.id
      FROM twice ended JOIN twice again USING (psa_system, psa_ticket_id)
      WHERE again.started_at > ended.ended_at AND again.started_at <= ended.ended_at + %(reopened)s
    )
    SELECT s.id, s.team_id, s.client_id, s.problem_domain AS domain, s.flow_id, s.flow_version_id, s.ended_at,
      s.node_id, s.is_worked_here, s.status <> 'resolved' AS unresolved, s.status = 'escalated' AS escalated,
      s.status <> 'resolved' OR r.id IS NOT NULL AS bad, a.topic_id, a.outcome AS analysed,
      s.flow_id IS NULL AND coalesce(a.outcome, '') NOT IN ('followed', 'left') AS unexplained
    FROM ai_sessions_aisession s
    LEFT JOIN reopened r ON r.id = s.id
    LEFT JOIN proposals_sessionanalysis a ON a.session_id = s.id AND a.state = 'done'
    WHERE s.account_id = %(account)s AND s.status IN ('resolved', 'escalated', 'abandoned')
      AND s.ended_at >= %(start)s AND s.ended_at < %(end)s
"""
# Only nodes that stand in the current version word for word: what was changed since is measured anew. A step names its
# node by id where the runner wrote it, by its text and answers where it was imported; a text that two nodes share names
# neither. `place` numbers a flow's nodes across versions: numbers group quicker than names.
_NODES = """
    CREATE TEMPORARY TABLE gap_node ON COMMIT DROP AS
    WITH used AS (SELECT DISTINCT flow_version_id FROM gap_ended WHERE flow_version_id IS NOT NULL),
    current AS (
      SELECT DISTINCT f.id AS flow_id, n.node
      FROM flows_flow f JOIN flows_flowversion c ON c.id = f.current_version_id
      CROSS JOIN LATERAL jsonb_array_elements(c.definition -> 'nodes') n(node)
      WHERE f.account_id = %(account)s AND f.status = 'published'
    ), node AS (
      SELECT v.id AS version_id, v.flow_id, n.node, n.node ->> 'id' AS node_id,
        dense_rank() OVER (ORDER BY v.flow_id, n.node ->> 'id')::int AS place,
        (SELECT jsonb_agg(o.option -> 'label' ORDER BY o.rank)
         FROM jsonb_array_elements(n.node -> 'options') WITH ORDINALITY o(option, rank)) AS labels
      FROM used JOIN flows_flowversion v ON v.id = used.flow_version_id
      CROSS JOIN LATERAL jsonb_array_elements(v.definition -> 'nodes') n(node)
      JOIN current ON current.flow_id = v.flow_id AND current.node = n.node
      WHERE jsonb_array_length(coalesce(n.node -> 'options', '[]')) > 0
    )
    SELECT version_id, flow_id, node, node_id, place, 'n:' || node_id AS key FROM node
    UNION ALL
    SELECT version_id, min(flow_id), (array_agg(node))[1], min(node_id), min(place), 't:' || (node ->> 'text') || labels
    FROM node GROUP BY version_id, node ->> 'text', labels HAVING count(*) = 1
"""
_PLACES = """
    CREATE TEMPORARY TABLE gap_place ON COMMIT DROP AS SELECT DISTINCT place, flow_id, node_id FROM gap_node
"""
# A node is left where its answer is none of those offered and analysis did not read it as one of them either, or where
# the session ended unresolved as it stood there.
_VISITS = """
    CREATE TEMPORARY TABLE gap_visit ON COMMIT DROP AS
    WITH option AS (
      SELECT DISTINCT n.version_id, n.place, o.option ->> 'id' AS option_id, o.option ->> 'label' AS label
      FROM gap_node n CROSS JOIN LATERAL jsonb_array_elements(n.node -> 'options') o(option)
    ), step AS (
      SELECT e.id, e.bad, e.escalated, e.analysed, e.flow_version_id AS version_id, s.selected_option,
        CASE WHEN s.node_id <> '' THEN 'n:' || s.node_id ELSE 't:' || s.prompt || s.options::text END AS key
      FROM gap_ended e JOIN ai_sessions_sessionstep s ON s.session_id = e.id
      WHERE e.flow_version_id IS NOT NULL AND (s.node_id <> '' OR s.options <> '[]')
    ), visit AS (
      SELECT step.id, step.bad, step.escalated, n.place, option.option_id,
        option.option_id IS NULL AND step.analysed IS DISTINCT FROM 'followed' AS leaving
      FROM step JOIN gap_node n ON n.version_id = step.version_id AND n.key = step.key
      LEFT JOIN option ON option.version_id = n.version_id AND option.place = n.place
        AND option.label = step.selected_option
      UNION ALL
      SELECT e.id, e.bad, e.escalated, n.place, NULL, true
      FROM gap_ended e JOIN gap_node n ON n.version_id = e.flow_version_id AND n.key = 'n:' || e.node_id
      WHERE e.is_worked_here AND e.unresolved
    )
    SELECT id, bad, escalated, place, option_id, bool_or(leaving) AS leaving
    FROM visit GROUP BY id, bad, escalated, place, option_id
"""
_STOPS = """
    CREATE TEMPORARY TABLE gap_stop ON COMMIT DROP AS
    SELECT id, escalated, place, bool_or(leaving) AS leaving FROM gap_visit GROUP BY id, escalated, place
"""
_SCRIPTS = """
    CREATE TEMPORARY TABLE gap_script ON COMMIT DROP AS
    SELECT e.id, t.template_id, NOT bool_or(g.outcome = 'worked') AS bad
    FROM ai_sessions_generatedscript g
    JOIN ai_sessions_scripttemplateversion t ON t.id = g.template_version_id
    JOIN gap_ended e ON e.id = g.session_id
    WHERE g.account_id = %(account)s AND g.outcome IS NOT NULL
    GROUP BY t.template_id, e.id
"""


# Two detections in one transaction, as tests make them.
_CLEAR = "DROP TABLE IF EXISTS " + ", ".join(
    f"pg_temp.gap_{name}" for name in ("ended", "node", "place", "visit", "stop", "script")
)
_STATEMENTS = (
    _ENDED, "ANALYZE gap_ended", _NODES, "ANALYZE gap_node", _PLACES, _VISITS, "ANALYZE gap_visit", _STOPS, _SCRIPTS,
)  # fmt: skip


def workspace_fill(account_id: int, start: datetime, end: datetime) -> None:
    """Make and fill the tables, inside the caller's transaction, with what ended from `start` to before `end`."""
    values: dict[str, Any] = {
        "account": account_id,
        "start": start,
        "end": end,
        "reopened": REOPENED_WITHIN,
        "earliest": start - LONGEST,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TUNING)
        cursor.execute(_CLEAR)
        for statement in _STATEMENTS:
            cursor.execute(statement, values)
