"""An account whose outcomes tell nothing: how often the test of gaps cries wolf there."""

from django.db import connection, transaction

from analytics.gaps.detect import gaps_read
from analytics.gaps.judge import Window
from analytics.gaps.models import KnowledgeGap
from sessions.models import AISession

# The same outcomes as before, each given to some other session.
_SESSIONS = """
    WITH ended AS (
      SELECT id, status FROM ai_sessions_aisession
      WHERE account_id = %(account)s AND status IN ('resolved', 'escalated', 'abandoned')
    ),
    mine AS (SELECT id, row_number() OVER (ORDER BY id) AS place FROM ended),
    theirs AS (SELECT status, row_number() OVER (ORDER BY random()) AS place FROM ended)
    UPDATE ai_sessions_aisession s SET status = theirs.status
    FROM mine JOIN theirs USING (place) WHERE mine.id = s.id
"""
_SCRIPTS = """
    WITH told AS (
      SELECT id, outcome FROM ai_sessions_generatedscript WHERE account_id = %(account)s AND outcome IS NOT NULL
    ),
    mine AS (SELECT id, row_number() OVER (ORDER BY id) AS place FROM told),
    theirs AS (SELECT outcome, row_number() OVER (ORDER BY random()) AS place FROM told)
    UPDATE ai_sessions_generatedscript s SET outcome = theirs.outcome
    FROM mine JOIN theirs USING (place) WHERE mine.id = s.id
"""
# Nobody left a flow: every step has an answer that it offers.
_ANSWERS = """
    UPDATE ai_sessions_sessionstep SET selected_option = options ->> 0
    WHERE account_id = %(account)s AND options <> '[]' AND NOT options ? coalesce(selected_option, '')
"""


def false_alarms(window: Window, runs: int, seed: float = 0.42) -> int:
    """In how many of `runs` shuffles of the window's account the test flagged something; nothing of it is kept.

    A missing flow is a rule and no test: it does not count. `seed` is PostgreSQL's, -1 to 1. The account's sessions are
    locked meanwhile.
    """
    account = {"account": window.account_id}
    alarms = 0
    with transaction.atomic(), connection.cursor() as cursor:
        KnowledgeGap.objects.filter(account=window.account_id).delete()
        AISession.objects.filter(account=window.account_id).exclude(node_id="").update(node_id="")
        cursor.execute(_ANSWERS, account)
        cursor.execute("SELECT setseed(%s)", [seed])
        for _ in range(runs):
            cursor.execute(_SESSIONS, account)
            cursor.execute(_SCRIPTS, account)
            _, measured = gaps_read(window)
            alarms += any(one.flagged and one.kind != KnowledgeGap.Kind.MISSING_FLOW for one in measured)
        transaction.set_rollback(True)
    return alarms
