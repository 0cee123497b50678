from django.db import migrations

# Only what a version says is guarded: deleting an account still deletes its rows, and a deleted user leaves NULL.
GUARD = """
CREATE FUNCTION ai_sessions_script_version_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a script template version never changes: publish a new one' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER script_version_is_immutable
BEFORE UPDATE OF account_id, template_id, number, body, parameters, what_it_does, risk, minimum_role
ON ai_sessions_scripttemplateversion
FOR EACH ROW EXECUTE FUNCTION ai_sessions_script_version_is_immutable();
"""
UNGUARD = """
DROP TRIGGER script_version_is_immutable ON ai_sessions_scripttemplateversion;
DROP FUNCTION ai_sessions_script_version_is_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("ai_sessions", "0001_initial")]
    operations = [migrations.RunSQL(GUARD, UNGUARD)]
