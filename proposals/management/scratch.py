"""A large queue in a scratch account, made by the database itself; for benchmarks only."""

from typing import Any

from django.apps import apps
from django.db import connection

from flowpilot.accounts.models import Account, Membership, User
from flowpilot.common.audit import audit_erasable
from flowpilot.common.tenancy import TenantModel

SESSIONS = 20_000
EVIDENCE_EACH = 4
VOCABULARY = """
    printer outlook password network laptop vpn mailbox teams audio screen driver update profile shared folder
    queue toner licence browser proxy certificate account locked reset disk slow start boot bitlocker key dock
    monitor cable wifi access point signal meeting calendar sync archive backup restore server remote desktop
    session
"""
# Three thousand words, used as words are: the second half as often as the first, the tenth a tenth as often (Zipf 1949,
# Human Behavior and the Principle of Least Effort). A trouble's own words come after those that are in every text.
WORDS = [*(f"often{n}" for n in range(20)), *VOCABULARY.split(), *(f"term{n}" for n in range(2_933))]
DOMAINS = ("networking", "email", "printing", "identity", "endpoint", "")

FILL = {
    "sessions": """
        INSERT INTO ai_sessions_aisession (account_id, external_id, status, title, problem_summary, problem_domain,
          technician_email, started_at, resolution_summary, psa_system, psa_ticket_id, digest, created_at, updated_at,
          is_worked_here, revision, node_id, feedback)
        SELECT %(account)s, 'BENCH-' || lpad(n::text, 5, '0'),
          CASE WHEN n %% 7 = 0 THEN 'escalated' ELSE 'resolved' END, 'Session ' || n, '', '',
          'tech' || n %% 50 || '@bench.invalid', now() - n %% 200 * interval '1 day', '', '', '', '', now(), now(),
          false, 0, '', ''
        FROM generate_series(1, %(sessions)s) n
    """,
    "topics": """
        INSERT INTO proposals_topic (account_id, title, mining_due, sketch, created_at)
        SELECT %(account)s, 'Topic ' || n, false, '[]', now() FROM generate_series(1, %(pending)s) n
    """,
    "proposals": """
        INSERT INTO proposals_flowproposal (account_id, topic_id, proposal_type, title, description,
          proposed_flow_data, proposed_diff, node_evidence, examples, masked, confidence_score, replays_tried,
          replays_succeeded, impact, recent_session_count, topic_session_count, topic_escalated_count,
          supporting_session_count, client_count, technician_count, evidence_at, search, problem_domain, status,
          revision, reviewed_by_id, reviewer_notes, claimed_by_id, claimed_until, dismiss_scope, created_at,
          updated_at, reviewed_at)
        SELECT %(account)s, t.ids[1 + (n - 1) %% %(pending)s], d.type, initcap(left(d.text, 60)) || ' ' || n, d.text,
          jsonb_build_object('schema_version', 1, 'root', 'n1', 'nodes', (SELECT jsonb_agg(jsonb_build_object(
            'id', 'n' || k, 'kind', 'question', 'text', md5(n || ':' || k) || ' ' || left(d.text, 80)))
            FROM generate_series(1, 12) k)),
          '{}', '{}', '{}', '[]', d.confidence, 10, 7, 0, 0, 0, 0, %(each)s, 2, 2, now(),
          to_tsvector('simple', d.text), d.domain, d.status, 1,
          CASE WHEN d.status <> 'pending' THEN %(reviewer)s END, '',
          CASE WHEN d.status = 'pending' AND n %% 2000 = 0 THEN %(reviewer)s END,
          CASE WHEN d.status = 'pending' AND n %% 2000 = 0 THEN now() + interval '1 day' END, '',
          now() - random() * interval '20 days', now(),
          CASE WHEN d.status <> 'pending' THEN now() - random() * interval '200 days' END
        FROM generate_series(1, %(proposals)s) n
        CROSS JOIN (SELECT array_agg(id) ids FROM proposals_topic WHERE account_id = %(account)s) t
        CROSS JOIN LATERAL (
          SELECT (
              SELECT string_agg((%(words)s::text[])[floor(exp(random() * ln(%(word_count)s + 1)))::int], ' ')
              FROM generate_series(1, 40) WHERE n > 0
            ) || ' code' || n %% 5000 AS text,
            CASE WHEN n > %(pending)s THEN (ARRAY['approved', 'modified', 'rejected', 'dismissed'])[1 + n %% 4]
              ELSE 'pending' END AS status,
            CASE WHEN n > %(pending)s OR n %% 5 < 3 THEN 'new_flow' WHEN n %% 5 = 3 THEN 'enhancement'
              ELSE 'branch_addition' END AS type,
            round(random()::numeric, 3)::float8 AS confidence,
            (%(domains)s::text[])[1 + n %% %(domain_count)s] AS domain
        ) d
    """,
    "evidence": """
        INSERT INTO proposals_proposalevidence (account_id, proposal_id, session_id, added_at)
        SELECT %(account)s, p.id, s.ids[1 + (p.row * %(each)s + k) %% %(sessions)s], now()
        FROM (SELECT id, row_number() OVER () AS row FROM proposals_flowproposal
              WHERE account_id = %(account)s AND status = 'pending') p
        CROSS JOIN (SELECT array_agg(id ORDER BY id) ids FROM ai_sessions_aisession WHERE account_id = %(account)s) s
        CROSS JOIN generate_series(1, %(each)s) k
    """,
}


def queue_fill(account_id: int, reviewer_id: int, *, proposals: int, pending: int) -> None:
    """Sessions, topics, proposals with search and evidence, by statements that make the rows where they are kept."""
    values: dict[str, Any] = {
        "account": account_id,
        "reviewer": reviewer_id,
        "proposals": proposals,
        "pending": pending,
        "sessions": SESSIONS,
        "each": EVIDENCE_EACH,
        "words": WORDS,
        "word_count": len(WORDS),
        "domains": list(DOMAINS),
        "domain_count": len(DOMAINS),
    }
    with connection.cursor() as cursor:
        for statement in FILL.values():
            cursor.execute(statement, values)


def vacuum() -> None:
    """What autovacuum does a minute later anyway."""
    with connection.cursor() as cursor:
        for model in ("FlowProposal", "ProposalEvidence", "Topic"):
            table = connection.ops.quote_name(apps.get_model("proposals", model)._meta.db_table)
            cursor.execute(f"VACUUM ANALYZE {table}")


def account_remove(account: Account) -> None:
    """The account and all its rows, children first, without loading them."""
    members = list(Membership.objects.filter(account=account).values_list("user", flat=True))
    models = [model for model in apps.get_models() if issubclass(model, TenantModel)]
    # Some tables point at one another: the database looks at the end of it all.
    with audit_erasable(account.pk), connection.cursor() as cursor:
        # One statement for each table, rows that others point to after those that point to them.
        for model in _children_first(models):
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"DELETE FROM {table} WHERE account_id = %s", [account.pk])  # noqa: S608
    account.delete()
    User.objects.filter(pk__in=members, memberships=None, is_superuser=False).delete()


def _children_first(models: list[type[TenantModel]]) -> list[type[TenantModel]]:
    ordered: list[type[TenantModel]] = []

    def visit(model: type[TenantModel]) -> None:
        if model in ordered:
            return
        for relation in model._meta.related_objects:
            child = relation.related_model
            if child in models and child is not model and not child._meta.auto_created:
                visit(child)
        ordered.append(model)

    for model in models:
        visit(model)
    return ordered
