from django.db import migrations, models

import members.models.member


class Migration(migrations.Migration):
    """The column comes empty; the next migration fills it without holding the table, the one after closes it."""

    dependencies = [
        ("members", "0004_data_quality"),
    ]

    operations = [
        migrations.CreateModel(
            name="AttributeDefinition",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                ("label", models.CharField(blank=True, max_length=200, verbose_name="label")),
                (
                    "type",
                    models.CharField(
                        choices=[("text", "text"), ("number", "number"), ("boolean", "yes or no"), ("date", "date")],
                        max_length=10,
                        verbose_name="type",
                    ),
                ),
                ("inferred", models.BooleanField(default=True, verbose_name="by its first value")),
                ("created_at", models.DateTimeField(verbose_name="first seen at")),
            ],
            options={
                "verbose_name": "custom attribute",
                "verbose_name_plural": "custom attributes",
                "constraints": [
                    models.UniqueConstraint(fields=("name",), name="attribute_name_once"),
                    models.CheckConstraint(condition=models.Q(("name", ""), _negated=True), name="attribute_name_given"),
                    models.CheckConstraint(
                        condition=models.Q(("type__in", ["text", "number", "boolean", "date"])), name="attribute_type_known"
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="member",
            name="random_bucket",
            field=members.models.member.RandomBucketField(default=None, editable=False, null=True),
        ),
    ]
