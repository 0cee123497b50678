"""Marks as days: which days of an account what is kept does not hold for. One fragment, for the reader and the task."""

# Of the rows (account_id, zone) of a table expression `rolled`, in their zone. A mark of a session or a ticket is
# looked up here and now, in the snapshot that also counts.
MARKED = """
    SELECT m.account_id, m.quarter, (m.quarter AT TIME ZONE r.zone)::date AS day
    FROM rolled r JOIN analytics_rollupmark m ON m.account_id = r.account_id
    UNION
    SELECT s.account_id, date_bin('15 minutes', s.ended_at, '2000-01-01 00:00+00'),
      (s.ended_at AT TIME ZONE r.zone)::date
    FROM rolled r JOIN analytics_sessionmark m ON m.account_id = r.account_id
    JOIN ai_sessions_aisession s ON s.account_id = m.account_id AND s.id = m.session_id
    WHERE s.ended_at IS NOT NULL
    UNION
    SELECT s.account_id, date_bin('15 minutes', s.ended_at, '2000-01-01 00:00+00'),
      (s.ended_at AT TIME ZONE r.zone)::date
    FROM rolled r JOIN analytics_sessionmark m ON m.account_id = r.account_id
    JOIN ai_sessions_aisession s ON s.account_id = m.account_id AND s.psa_ticket_id <> ''
      AND s.psa_ticket_id = m.psa_ticket_id AND s.psa_system = m.psa_system
    WHERE s.ended_at IS NOT NULL AND m.psa_ticket_id <> ''
"""
