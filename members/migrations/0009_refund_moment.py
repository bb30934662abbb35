"""Refreshes look every minute whether a refund's moment has come."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("members", "0008_points_ledger")]

    operations = [
        migrations.AddIndex("refund", models.Index(fields=["refunded_at"], name="refund_moment")),
    ]
