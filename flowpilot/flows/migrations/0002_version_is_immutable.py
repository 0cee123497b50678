from django.db import migrations

# Only what a version says is guarded: deleting an account still deletes its rows, and a deleted user leaves NULL.
GUARD = """
CREATE FUNCTION flows_version_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published flow version never changes: publish a new one' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER version_is_immutable
BEFORE UPDATE OF account_id, flow_id, number, definition ON flows_flowversion
FOR EACH ROW EXECUTE FUNCTION flows_version_is_immutable();
"""
UNGUARD = """
DROP TRIGGER version_is_immutable ON flows_flowversion;
DROP FUNCTION flows_version_is_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("flows", "0001_initial")]
    operations = [migrations.RunSQL(GUARD, UNGUARD)]
