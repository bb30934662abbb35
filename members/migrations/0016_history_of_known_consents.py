from django.db import migrations

COPY = """
INSERT INTO members_consentrecord
    (member_id, channel, purpose, said, source, proof, text_version, stated_by, note, said_at, recorded_at)
SELECT member_id, channel, purpose, CASE WHEN granted THEN 'granted' ELSE 'refused' END, 'earlier', proof, '', '', '',
    NULL, changed_at
FROM members_consent
ORDER BY id
"""


class Migration(migrations.Migration):
    """Every consent known so far begins its history with the word that stands."""

    dependencies = [('members', '0015_consent_history')]

    operations = [migrations.RunSQL(COPY, migrations.RunSQL.noop)]
