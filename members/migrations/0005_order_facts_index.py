from django.db import migrations, models


class Migration(migrations.Migration):
    """Apart from the rows' migration: PostgreSQL changes no table whose rows the same transaction has just written."""

    dependencies = [
        ("members", "0004_order_hours"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="order", name="order_facts"),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["member", "placed_day"],
                include=(
                    "placed_at",
                    "revenue_minor",
                    "total_minor",
                    "discount_minor",
                    "refund_count",
                    "status",
                    "coupon_code",
                    "placed_hour",
                    "channel",
                ),
                name="order_facts",
            ),
        ),
    ]
