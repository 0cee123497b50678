from django.db import migrations, models
from django.utils import timezone

# Whoever has the application's connection (an error in the code, an injected statement) can add to the log, not rewrite
# it. Two things stay possible. A reference to a person or a team that is deleted is emptied, and nothing else of the row;
# the names are kept as text beside it. And all events of one account go with the account: see `audit.audit_erasable`.
GUARD = """
CREATE FUNCTION common_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
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
    RAISE EXCEPTION 'audit events are never changed or removed (% refused)', TG_OP USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON common_auditevent
FOR EACH ROW EXECUTE FUNCTION common_audit_is_append_only();
CREATE TRIGGER audit_is_never_truncated BEFORE TRUNCATE ON common_auditevent
FOR EACH STATEMENT EXECUTE FUNCTION common_audit_is_append_only();
"""
UNGUARD = """
DROP TRIGGER audit_is_append_only ON common_auditevent;
DROP TRIGGER audit_is_never_truncated ON common_auditevent;
DROP FUNCTION common_audit_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("common", "0002_idempotent_requests")]
    operations = [
        migrations.AlterField(
            "auditevent", "created_at", models.DateTimeField(default=timezone.now, editable=False)
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
