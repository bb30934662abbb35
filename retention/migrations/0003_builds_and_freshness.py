"""Segments filled in chunks; why and when they were last counted, kept as code and parameters; freshness as a table."""

import django.db.models.deletion
from django.db import migrations, models


def keep_errors_as_they_were_said(apps, schema_editor):
    """An error of before is a finished sentence. Segments are few: one statement each is no batch worth having."""
    Segment = apps.get_model("retention", "Segment")
    for segment in Segment.objects.exclude(error=""):
        segment.failure = {"code": "said", "params": {"said": segment.error}}
        segment.save(update_fields=["failure"])


def say_errors(apps, schema_editor):
    Segment = apps.get_model("retention", "Segment")
    for segment in Segment.objects.filter(failure__isnull=False):
        segment.error = segment.failure["params"].get("said", segment.failure["code"])
        segment.save(update_fields=["error"])


def mark_refunds_dated_ahead(apps, schema_editor):
    """Facts counted refunds before their moment: those members are counted again by the next refresh."""
    state = apps.get_model("retention", "RefreshState").objects.first()
    if state is None or state.as_of is None:
        return
    refunds = apps.get_model("members", "Refund").objects.filter(refunded_at__gt=state.as_of)
    members = refunds.values_list("order__member_id", flat=True).distinct()
    DirtyMark = apps.get_model("members", "DirtyMark")
    marks = (DirtyMark(member_id=member_id) for member_id in members.iterator(chunk_size=5_000))
    DirtyMark.objects.bulk_create(marks, batch_size=5_000)


def nothing(apps, schema_editor):
    """A mark too many costs one more look at a member."""


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0001_initial"),
        ("retention", "0002_fixed_lists"),
    ]

    operations = [
        migrations.CreateModel(
            name="SegmentBuild",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rule_key", models.CharField(max_length=64)),
                ("measures", models.CharField(max_length=64)),
                ("day", models.IntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("running", "running"),
                            ("done", "done"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        default="waiting",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("position", models.BigIntegerField(default=0)),
                ("until", models.BigIntegerField()),
                ("chunk", models.PositiveIntegerField()),
                ("scanned", models.PositiveIntegerField(default=0, verbose_name="done")),
                ("total", models.PositiveIntegerField(verbose_name="of")),
                ("lease", models.UUIDField(editable=False, null=True)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("heartbeat_at", models.DateTimeField(null=True, verbose_name="last sign of life")),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("seconds", models.FloatField(default=0, verbose_name="seconds")),
                ("failure", models.JSONField(null=True)),
                ("opened_at", models.DateTimeField(verbose_name="asked for at")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished at")),
                (
                    "segment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="builds", to="retention.segment"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="retention.segmentversion",
                    ),
                ),
            ],
            options={
                "verbose_name": "filling of a segment",
                "verbose_name_plural": "fillings of segments",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ("waiting", "running"))), fields=["id"], name="segment_build_open"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("waiting", "running"))),
                        fields=("segment",),
                        name="segment_build_one_open",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BuildAnswer",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "build_id", "member_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("member_id", models.BigIntegerField()),
                ("entered", models.BooleanField()),
                (
                    "build",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="answers",
                        to="retention.segmentbuild",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BuildTouched",
            fields=[("member_id", models.BigIntegerField(primary_key=True, serialize=False))],
        ),
        migrations.CreateModel(
            name="SampleProof",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("proved_at", models.DateTimeField(verbose_name="proved at")),
                ("as_of", models.DateTimeField(verbose_name="as of")),
                ("members", models.PositiveIntegerField(verbose_name="members")),
                ("findings", models.JSONField(default=list, verbose_name="found")),
                ("repaired_at", models.DateTimeField(null=True, verbose_name="put right at")),
                ("seconds", models.FloatField(default=0, verbose_name="seconds")),
            ],
            options={"verbose_name": "proof on a sample", "verbose_name_plural": "proofs on samples"},
        ),
        migrations.CreateModel(
            name="Upkeep",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "stale_days",
                    models.PositiveSmallIntegerField(
                        default=7,
                        help_text="Campaigns that name a segment which was not counted for so long are paused, and say so.",
                        verbose_name="a segment is too old after … days",
                    ),
                ),
                (
                    "proved_members",
                    models.PositiveIntegerField(
                        default=2000,
                        help_text="So many members, drawn at random, are counted from the beginning and compared with what"
                        " is stored. 0: nobody.",
                        verbose_name="members counted again each night",
                    ),
                ),
            ],
            options={
                "verbose_name": "freshness",
                "verbose_name_plural": "freshness",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="upkeep_one_row"),
                    models.CheckConstraint(
                        condition=models.Q(("stale_days__gte", 1)),
                        name="upkeep_stale_after_a_day",
                        violation_error_message="Segments are counted once a day: one day is the shortest.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("proved_members__lte", 100000)),
                        name="upkeep_proof_is_a_sample",
                        violation_error_message="At most 100,000 members: it is a sample.",
                    ),
                ],
            },
        ),
        migrations.AlterField(
            model_name="refreshrun",
            name="kind",
            field=models.CharField(
                choices=[
                    ("full", "everything counted again"),
                    ("day", "a new day"),
                    ("changes", "what changed"),
                    ("build", "segments filled by new rules"),
                ],
                max_length=10,
                verbose_name="kind",
            ),
        ),
        migrations.AddField("refreshstate", "measures", models.CharField(blank=True, default="", max_length=64), False),
        migrations.AddField("segment", "rule_key", models.CharField(blank=True, default="", editable=False, max_length=64), False),
        migrations.AddField(
            "segment", "seconds", models.FloatField(editable=False, null=True, verbose_name="took … seconds")
        ),
        migrations.AddField(
            "segment", "changed_at", models.DateTimeField(editable=False, null=True, verbose_name="last changed")
        ),
        migrations.AddField(
            "segment", "entered", models.PositiveIntegerField(default=0, editable=False, verbose_name="entered")
        ),
        migrations.AddField("segment", "left", models.PositiveIntegerField(default=0, editable=False, verbose_name="left")),
        migrations.AddField(
            "segment", "failure", models.JSONField(editable=False, null=True, verbose_name="last error")
        ),
        migrations.RunPython(keep_errors_as_they_were_said, say_errors),
        migrations.RemoveField("segment", "error"),
        migrations.RunPython(mark_refunds_dated_ahead, nothing),
    ]
