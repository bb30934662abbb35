"""Messages sent and uses of coupons of before become events: rules that ask for them look back too."""

from itertools import islice

from django.db import migrations
from django.db.models import Exists, F, OuterRef, Subquery

from core.conf import shop_zone
from core.periods import day_number

CHUNK = 5_000


def write_events(apps, schema_editor):
    event, member, mark = (apps.get_model("members", name) for name in ("BehaviourEvent", "Member", "DirtyMark"))
    zone = shop_zone()
    for kind, rows in _reported(apps):
        known = rows.filter(Exists(member.objects.filter(pk=OuterRef("member_id")))).order_by("pk")
        found = known.values_list("pk", "member_id", "at", "channel_told", "campaign_told", "template_told").iterator(CHUNK)
        while chunk := list(islice(found, CHUNK)):
            event.objects.bulk_create(
                (
                    event(
                        external_id=f"rekindle:{kind}:{pk}",
                        member_id=member_id,
                        kind=kind,
                        occurred_at=at,
                        day=day_number(at, zone),
                        properties={
                            name: value
                            for name, value in zip(("channel", "campaign", "template"), told, strict=True)
                            if value is not None
                        },
                    )
                    for pk, member_id, at, *told in chunk
                ),
                ignore_conflicts=True,
            )
            mark.objects.bulk_create(mark(member_id=member_id) for member_id in sorted({row[1] for row in chunk}))


def _reported(apps):
    delivery, redemption, campaign, enrolment = (
        apps.get_model("campaigns", name) for name in ("Delivery", "Redemption", "Campaign", "Enrolment")
    )
    slug = campaign.objects.filter(pk=OuterRef("campaign_id")).values("slug")
    gave_used = enrolment.objects.filter(pk=OuterRef("coupon__enrolment_id")).values("campaign__slug")
    nothing = Subquery(campaign.objects.none().values("slug"))
    yield (
        "message_sent",
        delivery.objects.filter(state="sent", done_at__isnull=False).annotate(
            at=F("done_at"), channel_told=F("channel"), campaign_told=Subquery(slug), template_told=nothing
        ),
    )
    yield (
        "coupon_redeemed",
        redemption.objects.filter(member_id__isnull=False, rolled_back_at__isnull=True).annotate(
            at=F("redeemed_at"), channel_told=nothing, campaign_told=Subquery(gave_used), template_told=F("template__slug")
        ),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0004_rewards"),
        ("members", "0011_longer_codes_of_findings"),
    ]

    operations = [migrations.RunPython(write_events, migrations.RunPython.noop)]
