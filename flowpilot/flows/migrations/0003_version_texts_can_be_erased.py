from django.db import migrations

# A version stays which it is; whoever takes a name out of its account may change what its definition says. See
# `flowpilot.common.audit.audit_texts_erasable`.
HEAD = """
CREATE OR REPLACE FUNCTION flows_version_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
"""
DOOR = """
    IF current_setting('flowpilot.rewritten_account', true) = OLD.account_id::text
        AND (NEW.account_id, NEW.flow_id, NEW.number) IS NOT DISTINCT FROM (OLD.account_id, OLD.flow_id, OLD.number)
    THEN
        RETURN NEW;
    END IF;
"""
TAIL = """
    RAISE EXCEPTION 'a published flow version never changes: publish a new one' USING ERRCODE = 'check_violation';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("flows", "0002_version_is_immutable")]
    operations = [migrations.RunSQL(HEAD + DOOR + TAIL, HEAD + TAIL)]
