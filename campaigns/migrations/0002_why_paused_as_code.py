"""Why a campaign paused is kept as a code and parameters, and said in the language of whoever reads it."""

from django.db import migrations, models


def keep_reasons_as_they_were_said(apps, schema_editor):
    """Campaigns are few: one statement each is no batch worth having."""
    Campaign = apps.get_model("campaigns", "Campaign")
    for campaign in Campaign.objects.exclude(paused_reason=""):
        campaign.paused_because = {"code": "said", "params": {"said": campaign.paused_reason}}
        campaign.save(update_fields=["paused_because"])


def say_reasons(apps, schema_editor):
    Campaign = apps.get_model("campaigns", "Campaign")
    for campaign in Campaign.objects.filter(paused_because__isnull=False):
        said = campaign.paused_because["params"].get("said", campaign.paused_because["code"])
        campaign.paused_reason = str(next(iter(said.values()), "") if isinstance(said, dict) else said)[:500]
        campaign.save(update_fields=["paused_reason"])


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial")]

    operations = [
        migrations.AddField(
            "campaign", "paused_because", models.JSONField(editable=False, null=True, verbose_name="why paused")
        ),
        migrations.RunPython(keep_reasons_as_they_were_said, say_reasons),
        migrations.RemoveField("campaign", "paused_reason"),
    ]
