from django.db import migrations, models
from django.db.models import Q
from django.utils import timezone


def note_from_now(apps, schema_editor):
    """What was counted before has no instant of its change."""
    apps.get_model('retention', 'RefreshState').objects.filter(as_of__isnull=False).update(changes_from=timezone.now())


class Migration(migrations.Migration):
    """Columns that may be empty and an index that begins empty: however many members there are, nothing is rewritten."""

    dependencies = [
        ('members', '0020_addresses_that_refused'),
        ('retention', '0011_churn_reasons'),
    ]

    operations = [
        migrations.AddField(
            model_name='memberfacts',
            name='changed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='refreshstate',
            name='changed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='refreshstate',
            name='changes_from',
            field=models.DateTimeField(null=True),
        ),
        migrations.RunPython(note_from_now, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='memberfacts',
            index=models.Index(condition=Q(changed_at__isnull=False), fields=['changed_at', 'member'], name='facts_changed'),
        ),
    ]
