from django.db import migrations

# One more thing is possible than in 0003: whoever takes a name out of an account may change what an event's texts say,
# and nothing of what happened, when, and to which row. See `audit.audit_texts_erasable`.
HEAD = """
CREATE OR REPLACE FUNCTION common_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('flowpilot.erased_account', true) = OLD.account_id::text THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE'
        AND to_jsonb(NEW) - 'actor_id' - 'team_id' = to_jsonb(OLD) - 'actor_id' - 'team_id'
        AND (NEW.actor_id IS NULL OR NEW.actor_id IS NOT DISTINCT FROM OLD.actor_id)
        AND (NEW.team_id IS NULL OR NEW.team_id IS NOT DISTINCT FROM OLD.team_id)
    THEN
        RETURN NEW;
    END IF;
"""
DOOR = """
    IF TG_OP = 'UPDATE' AND current_setting('flowpilot.rewritten_account', true) = OLD.account_id::text
        AND (NEW.id, NEW.account_id, NEW.created_at, NEW.object_id)
            IS NOT DISTINCT FROM (OLD.id, OLD.account_id, OLD.created_at, OLD.object_id)
        AND NEW.actor_id IS NOT DISTINCT FROM OLD.actor_id AND NEW.team_id IS NOT DISTINCT FROM OLD.team_id
    THEN
        RETURN NEW;
    END IF;
"""
TAIL = """
    RAISE EXCEPTION 'audit events are never changed or removed (% refused)', TG_OP USING ERRCODE = 'check_violation';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("common", "0003_audit_is_append_only")]
    operations = [migrations.RunSQL(HEAD + DOOR + TAIL, HEAD + TAIL)]
