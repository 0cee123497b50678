from django.db import migrations

# A version stays which it is; whoever takes a name out of its account may change its texts. See
# `flowpilot.common.audit.audit_texts_erasable`.
HEAD = """
CREATE OR REPLACE FUNCTION ai_sessions_script_version_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
"""
DOOR = """
    IF current_setting('flowpilot.rewritten_account', true) = OLD.account_id::text
        AND (NEW.account_id, NEW.template_id, NEW.number, NEW.risk, NEW.minimum_role)
            IS NOT DISTINCT FROM (OLD.account_id, OLD.template_id, OLD.number, OLD.risk, OLD.minimum_role)
    THEN
        RETURN NEW;
    END IF;
"""
TAIL = """
    RAISE EXCEPTION 'a script template version never changes: publish a new one' USING ERRCODE = 'check_violation';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("ai_sessions", "0002_script_version_is_immutable")]
    operations = [migrations.RunSQL(HEAD + DOOR + TAIL, HEAD + TAIL)]
