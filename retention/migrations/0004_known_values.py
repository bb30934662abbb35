from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("retention", "0003_builds_and_freshness")]

    operations = [
        migrations.CreateModel(
            name="KnownValue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=40)),
                ("value", models.CharField(max_length=200)),
                ("number", models.BigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["code", "-number", "value"], name="known_value_offered")],
                "constraints": [models.UniqueConstraint(fields=("code", "value"), name="known_value_once")],
            },
        ),
    ]
