from django.conf import settings
from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import ExtractHour, ExtractMinute, ExtractSecond
from zoneinfo import ZoneInfo


def tell_hours(apps, schema_editor):
    """The hours of the orders there are, in one statement; a day's first second stands for a date without a time."""
    zone = ZoneInfo(settings.SHOP_TIME_ZONE)
    clock = {
        "hour": ExtractHour("placed_at", tzinfo=zone),
        "minute": ExtractMinute("placed_at", tzinfo=zone),
        "second": ExtractSecond("placed_at", tzinfo=zone),
    }
    orders = apps.get_model("members", "Order").objects.annotate(**clock)
    orders.exclude(hour=0, minute=0, second=0).update(placed_hour=F("hour"))


class Migration(migrations.Migration):

    dependencies = [
        ("members", "0003_column_mappings"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="placed_hour",
            field=models.PositiveSmallIntegerField(editable=False, null=True),
        ),
        migrations.RunPython(tell_hours, migrations.RunPython.noop, elidable=True),
    ]
