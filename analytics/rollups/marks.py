"""Marks as times: where what is kept of an account does not hold. One fragment each, for the reader and the task."""

# Of the rows (account_id, zone) of a table expression `rolled`, in their zone. A mark of a session, a ticket or a
# proposal is looked up here and now, in the snapshot that also counts.
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
    UNION
    SELECT s.account_id, date_bin('15 minutes', s.ended_at, '2000-01-01 00:00+00'),
      (s.ended_at AT TIME ZONE r.zone)::date
    FROM rolled r JOIN analytics_sessionmark m ON m.account_id = r.account_id
    JOIN proposals_proposalevidence e ON e.proposal_id = m.proposal_id
    JOIN ai_sessions_aisession s ON s.account_id = m.account_id AND s.id = e.session_id
    WHERE s.ended_at IS NOT NULL AND m.proposal_id IS NOT NULL
"""
# The marked quarters of an hour that follow one another, as spans (account_id, starts, ends); `of` are those to join.
JOINED = """
    SELECT account_id, min(quarter) AS starts, max(quarter) + interval '15 minutes' AS ends
    FROM (
        SELECT account_id, quarter,
          quarter - row_number() OVER (PARTITION BY account_id ORDER BY quarter) * interval '15 minutes' AS run
        FROM (SELECT DISTINCT account_id, quarter FROM {of}) one
    ) each
    GROUP BY account_id, run
"""
