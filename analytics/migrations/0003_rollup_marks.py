from django.db import migrations

# Statement by statement, with the rows that it changed: an import of a thousand sessions leaves a mark for each quarter
# and ticket, not for each row. Marks are only added here, so writers never wait for one another. Of an ended session any
# change counts; of an open one only what decides whether an earlier session of its ticket was reopened.
TRIGGERS = """
CREATE FUNCTION analytics_sessions_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics_rollupmark (account_id, quarter)
    SELECT DISTINCT account_id, date_bin('15 minutes', ended_at, '2000-01-01 00:00+00') FROM after
    WHERE ended_at IS NOT NULL;
    INSERT INTO analytics_sessionmark (account_id, psa_system, psa_ticket_id)
    SELECT DISTINCT account_id, psa_system, psa_ticket_id FROM after WHERE psa_ticket_id <> '';
    RETURN NULL;
END $$;

CREATE FUNCTION analytics_sessions_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics_rollupmark (account_id, quarter)
    SELECT DISTINCT account_id, date_bin('15 minutes', ended_at, '2000-01-01 00:00+00') FROM before
    WHERE ended_at IS NOT NULL;
    INSERT INTO analytics_sessionmark (account_id, psa_system, psa_ticket_id)
    SELECT DISTINCT account_id, psa_system, psa_ticket_id FROM before WHERE psa_ticket_id <> '';
    RETURN NULL;
END $$;

CREATE FUNCTION analytics_sessions_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH changed AS (
        SELECT o AS was, n AS became FROM before o JOIN after n USING (id)
        WHERE ((o.ended_at IS NOT NULL OR n.ended_at IS NOT NULL) AND o IS DISTINCT FROM n)
          OR (o.account_id, o.status, o.started_at, o.psa_system, o.psa_ticket_id, o.client_id, o.problem_domain)
            IS DISTINCT FROM
            (n.account_id, n.status, n.started_at, n.psa_system, n.psa_ticket_id, n.client_id, n.problem_domain)
    ), side AS (
        SELECT (was).account_id, (was).ended_at, (was).psa_system, (was).psa_ticket_id FROM changed
        UNION
        SELECT (became).account_id, (became).ended_at, (became).psa_system, (became).psa_ticket_id FROM changed
    ), marked AS (
        INSERT INTO analytics_rollupmark (account_id, quarter)
        SELECT DISTINCT account_id, date_bin('15 minutes', ended_at, '2000-01-01 00:00+00') FROM side
        WHERE ended_at IS NOT NULL
    )
    INSERT INTO analytics_sessionmark (account_id, psa_system, psa_ticket_id)
    SELECT DISTINCT account_id, psa_system, psa_ticket_id FROM side WHERE psa_ticket_id <> '';
    RETURN NULL;
END $$;

CREATE FUNCTION analytics_beside_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics_sessionmark (account_id, session_id, psa_system, psa_ticket_id)
    SELECT DISTINCT account_id, session_id, '', '' FROM changed WHERE session_id IS NOT NULL;
    RETURN NULL;
END $$;

CREATE FUNCTION analytics_beside_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics_sessionmark (account_id, session_id, psa_system, psa_ticket_id)
    SELECT account_id, session_id, '', '' FROM before WHERE session_id IS NOT NULL
    UNION SELECT account_id, session_id, '', '' FROM after WHERE session_id IS NOT NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER analytics_inserted AFTER INSERT ON ai_sessions_aisession
REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION analytics_sessions_inserted();
CREATE TRIGGER analytics_deleted AFTER DELETE ON ai_sessions_aisession
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION analytics_sessions_deleted();
CREATE TRIGGER analytics_updated AFTER UPDATE ON ai_sessions_aisession
REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION analytics_sessions_updated();

CREATE TRIGGER analytics_inserted AFTER INSERT ON ai_sessions_handover
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics_beside_changed();
CREATE TRIGGER analytics_deleted AFTER DELETE ON ai_sessions_handover
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics_beside_changed();
CREATE TRIGGER analytics_updated AFTER UPDATE ON ai_sessions_handover
REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION analytics_beside_updated();

-- The triggers hold writers off until here: nothing falls between them and this.
INSERT INTO analytics_rollupmark (account_id, quarter)
SELECT DISTINCT account_id, date_bin('15 minutes', ended_at, '2000-01-01 00:00+00') FROM ai_sessions_aisession
WHERE ended_at IS NOT NULL;
"""
NO_TRIGGERS = """
DROP TRIGGER analytics_inserted ON ai_sessions_handover;
DROP TRIGGER analytics_deleted ON ai_sessions_handover;
DROP TRIGGER analytics_updated ON ai_sessions_handover;
DROP TRIGGER analytics_inserted ON ai_sessions_aisession;
DROP TRIGGER analytics_deleted ON ai_sessions_aisession;
DROP TRIGGER analytics_updated ON ai_sessions_aisession;
DROP FUNCTION analytics_beside_updated();
DROP FUNCTION analytics_beside_changed();
DROP FUNCTION analytics_sessions_updated();
DROP FUNCTION analytics_sessions_deleted();
DROP FUNCTION analytics_sessions_inserted();
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0002_rollups"), ("ai_sessions", "0002_script_version_is_immutable")]
    operations = [migrations.RunSQL(TRIGGERS, NO_TRIGGERS)]
