from django.db import migrations, models


def count_everybody_again(apps, schema_editor):
    """The facts there are do not know the new columns yet: everybody is marked, and the next refresh counts them."""
    mark, member = apps.get_model("members", "DirtyMark"), apps.get_model("members", "Member")
    quote = schema_editor.connection.ops.quote_name
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(mark._meta.db_table)} (member_id) SELECT id FROM {quote(member._meta.db_table)}"
        )


class Migration(migrations.Migration):

    dependencies = [
        ("members", "0005_order_facts_index"),
        ("retention", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="memberfacts",
            name="preferred_hour",
            field=models.PositiveSmallIntegerField(null=True, verbose_name="preferred hour"),
        ),
        migrations.AddField(
            model_name="memberfacts",
            name="preferred_channel",
            field=models.CharField(max_length=60, null=True, verbose_name="preferred channel"),
        ),
        migrations.AddField(
            model_name="memberfacts",
            name="last_visit_day",
            field=models.IntegerField(null=True, verbose_name="last visit"),
        ),
        migrations.AddField(
            model_name="memberfacts",
            name="carts_left_30d",
            field=models.IntegerField(default=0, verbose_name="carts left in 30 days"),
        ),
        migrations.AddField(
            model_name="memberfacts",
            name="complaint_count_90d",
            field=models.IntegerField(default=0, verbose_name="complaints in 90 days"),
        ),
        migrations.AddField(
            model_name="memberfacts",
            name="rating_count",
            field=models.IntegerField(default=0, verbose_name="ratings"),
        ),
        migrations.AddField(
            model_name="memberfacts",
            name="rating_sum",
            field=models.IntegerField(default=0, verbose_name="ratings added up"),
        ),
        migrations.RunPython(count_everybody_again, migrations.RunPython.noop, elidable=True),
    ]
