"""A large account for benchmarks, made by the database itself: flows, and sessions worked through them."""

from typing import Any

from django.db import connection

from flowpilot.accounts.models import Account
from flowpilot.flows.services import flow_create

FLOWS, NODES, TOPICS, CLIENTS, DOMAINS, STEPS = 40, 25, 400, 200, 12, 5

_FILL = (
    """
    INSERT INTO ai_sessions_client (account_id, name)
    SELECT %(account)s, 'Client ' || n FROM generate_series(1, %(clients)s) n
    """,
    """
    INSERT INTO proposals_topic (account_id, title, mining_due, sketch, created_at, flow_id)
    SELECT %(account)s, 'Topic ' || n, false, '[]', now(), f.ids[n]
    FROM generate_series(1, %(topics)s) n,
      (SELECT array_agg(id ORDER BY id) ids FROM flows_flow WHERE account_id = %(account)s) f
    """,
    """
    INSERT INTO ai_sessions_aisession (account_id, external_id, status, title, problem_summary, problem_domain,
      technician_email, started_at, ended_at, resolution_summary, psa_system, psa_ticket_id, digest, created_at,
      updated_at, is_worked_here, revision, node_id, feedback, client_id, flow_id, flow_version_id)
    SELECT %(account)s, 'BENCH-' || n, CASE WHEN random() < 0.13 THEN 'escalated' WHEN random() < 0.03 THEN 'abandoned'
        ELSE 'resolved' END, 'Session ' || n, repeat('The printer on the second floor does not answer. ', 6),
      'Domain ' || n %% %(domains)s, 'tech@bench.invalid', t.at, t.at + interval '20 minutes', '', 'connectwise',
      'T' || n, '', now(), now(), true, 5, '', '', c.ids[1 + n %% %(clients)s],
      CASE WHEN n %% 10 < 7 THEN f.ids[1 + n %% %(flows)s] END,
      CASE WHEN n %% 10 < 7 THEN f.versions[1 + n %% %(flows)s] END
    FROM generate_series(1, %(sessions)s) n
    CROSS JOIN LATERAL (SELECT now() - (1 + random() * 170) * interval '1 day' AS at WHERE n > 0) t
    CROSS JOIN (SELECT array_agg(id ORDER BY id) ids FROM ai_sessions_client WHERE account_id = %(account)s) c
    CROSS JOIN (SELECT array_agg(id ORDER BY id) ids, array_agg(current_version_id ORDER BY id) versions
                FROM flows_flow WHERE account_id = %(account)s) f
    """,
    """
    INSERT INTO ai_sessions_sessionstep (account_id, session_id, position, kind, prompt, options, selected_option,
      node_id)
    SELECT %(account)s, s.id, k - 1, 'question', 'Question ' || q.node || '?', '["Yes", "No"]',
      CASE WHEN random() < 0.02 THEN NULL WHEN random() < 0.6 THEN 'Yes' ELSE 'No' END,
      CASE WHEN s.flow_id IS NOT NULL AND s.id %% 2 = 0 THEN 'n' || q.node ELSE '' END
    FROM ai_sessions_aisession s CROSS JOIN generate_series(1, %(steps)s) k
    CROSS JOIN LATERAL (SELECT 1 + (s.id / 7 + k) %% %(nodes)s AS node) q
    WHERE s.account_id = %(account)s
    """,
    """
    INSERT INTO proposals_sessionanalysis (account_id, session_id, state, outcome, topic_id, left_at_node, attempts,
      error, analyzed_at)
    SELECT %(account)s, s.id, 'done', CASE WHEN s.flow_id IS NULL THEN 'no_flow' ELSE 'left' END,
      t.ids[1 + s.id %% %(topics)s], '', 1, '', now()
    FROM ai_sessions_aisession s
    CROSS JOIN (SELECT array_agg(id ORDER BY id) ids FROM proposals_topic WHERE account_id = %(account)s) t
    WHERE s.account_id = %(account)s
    """,
    "ANALYZE ai_sessions_aisession",
    "ANALYZE ai_sessions_sessionstep",
    "ANALYZE proposals_sessionanalysis",
)


def sessions_fill(account: Account, sessions: int) -> None:
    """Flows, topics, clients and `sessions` ended sessions of five steps; nothing of it is worse than the rest."""
    for number in range(FLOWS):
        flow_create(actor=None, account=account, title=f"Bench flow {number}", definition=_definition())
    values: dict[str, Any] = {
        "account": account.pk,
        "clients": CLIENTS,
        "topics": TOPICS,
        "domains": DOMAINS,
        "flows": FLOWS,
        "nodes": NODES,
        "steps": STEPS,
        "sessions": sessions,
    }
    with connection.cursor() as cursor:
        for statement in _FILL:
            cursor.execute(statement, values)


def _definition() -> dict[str, Any]:
    """Questions one after the other; each can be left for the end."""
    nodes: list[dict[str, Any]] = [
        {
            "id": f"n{n}",
            "kind": "question",
            "text": f"Question {n}?",
            "options": [
                {"id": "o1", "label": "Yes", "next": f"n{n + 1}" if n < NODES else "end"},
                {"id": "o2", "label": "No", "next": "end"},
            ],
        }
        for n in range(1, NODES + 1)
    ]
    nodes.append({"id": "end", "kind": "resolution", "text": "It works"})
    return {"schema_version": 1, "root": "n1", "nodes": nodes}
