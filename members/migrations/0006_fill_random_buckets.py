import datetime

from django.db import migrations, transaction

from members.models.member import random_bucket

CHUNK = 5_000


def fill(apps, schema_editor):
    """Gives every member a bucket and declares the attributes that members carry, in transactions of a chunk each.

    What an interrupted run left is taken up again: only members without a bucket are looked at.
    """
    Member = apps.get_model("members", "Member")
    AttributeDefinition = apps.get_model("members", "AttributeDefinition")
    known = set(AttributeDefinition.objects.values_list("name", flat=True))
    waiting = Member.objects.filter(random_bucket__isnull=True).order_by("pk")
    while chunk := list(waiting.only("external_id", "attributes", "created_at")[:CHUNK]):
        declared = {}
        for member in chunk:
            member.random_bucket = random_bucket(member.external_id)
            for name, value in (member.attributes or {}).items():
                if name not in known and name not in declared and value is not None:
                    declared[name] = AttributeDefinition(name=name, type=type_of(value), created_at=member.created_at)
        with transaction.atomic():
            Member.objects.bulk_update(chunk, ["random_bucket"], batch_size=500)
            AttributeDefinition.objects.bulk_create(declared.values(), ignore_conflicts=True)
        known |= declared.keys()


def type_of(value):
    """As ingest infers it: a date is a text that the calendar has, written YYYY-MM-DD."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    try:
        return "date" if isinstance(value, str) and datetime.date.fromisoformat(value).isoformat() == value else "text"
    except ValueError:
        return "text"


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("members", "0005_custom_attributes_and_random_bucket"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
