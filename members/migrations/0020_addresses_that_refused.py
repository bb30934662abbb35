"""Addresses that refused outlive their members; what is known of members today begins the list."""

import hashlib
import hmac

from django.conf import settings
from django.db import migrations, models

CHUNK = 5_000


def begin(apps, schema_editor):
    key = hashlib.sha256(b"rekindle.members.address_refusal" + settings.SECRET_KEY.encode()).digest()
    refused = apps.get_model("members", "Consent").objects.filter(suppressed_at__isnull=False, granted=False)
    rows = refused.order_by("pk").values_list("channel", "purpose", "suppressed_at", "member__phone", "member__email")
    latest = {}
    for channel, purpose, at, phone, email in rows.iterator(chunk_size=CHUNK):
        address = {"sms": phone, "email": email}.get(channel)
        if address:
            hashed = hmac.digest(key, f"{channel}:{address}".encode(), "sha256").hex()
            latest[hashed, purpose, channel] = max(latest.get((hashed, purpose, channel), at), at)
    AddressRefusal = apps.get_model("members", "AddressRefusal")
    made = [
        AddressRefusal(hashed=hashed, purpose=purpose, channel=channel, refused_at=at)
        for (hashed, purpose, channel), at in latest.items()
    ]
    AddressRefusal.objects.bulk_create(made, batch_size=CHUNK)


class Migration(migrations.Migration):
    dependencies = [("members", "0019_answers_of_surveys")]

    operations = [
        migrations.AlterField(
            model_name="consentrecord",
            name="source",
            field=models.CharField(choices=[("file", "a file"), ("api", "another system"), ("staff", "staff"), ("opt_in", "a confirmed link"), ("preferences", "the preference page"), ("unsubscribe", "the link to unsubscribe"), ("reply", "a reply to a message"), ("bounce", "the address does not exist"), ("complaint", "reported as spam"), ("merge", "two members made one"), ("undo", "an import undone"), ("address", "the address had refused before"), ("earlier", "known before there was a history")], max_length=20, verbose_name="how"),
        ),
        migrations.CreateModel(
            name="AddressRefusal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("channel", models.CharField(choices=[("sms", "SMS"), ("email", "e-mail")], max_length=20, verbose_name="channel")),
                ("purpose", models.CharField(choices=[("marketing", "marketing"), ("service", "service")], max_length=20, verbose_name="purpose")),
                ("hashed", models.CharField(editable=False, max_length=64)),
                ("refused_at", models.DateTimeField(verbose_name="refused at")),
            ],
            options={
                "verbose_name": "address that refused",
                "verbose_name_plural": "addresses that refused",
                "constraints": [models.UniqueConstraint(fields=("hashed", "purpose", "channel"), name="address_refusal_once")],
            },
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
