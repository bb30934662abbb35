from django.db import migrations, models

import members.models.member


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0006_fill_random_buckets"),
    ]

    operations = [
        migrations.AlterField(
            model_name="member",
            name="random_bucket",
            field=members.models.member.RandomBucketField(default=members.models.member.any_bucket, editable=False),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(("random_bucket__lt", 10000)), name="member_bucket_of_10000"
            ),
        ),
        migrations.AddIndex(
            model_name="member",
            index=models.Index(fields=["random_bucket"], name="member_bucket"),
        ),
    ]
