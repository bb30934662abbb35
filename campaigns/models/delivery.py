"""The outbox: messages that were decided, and what became of each."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models import Channel, Purpose


class DeliveryState(models.TextChoices):
    """QUEUED -> SENDING -> SENT | FAILED | UNKNOWN, or QUEUED -> SUPPRESSED when the last look before sending forbids it.

    UNKNOWN is a message caught between hand-over and record at a provider that honours no keys: a person decides.
    """

    QUEUED = "queued", _("queued")
    SENDING = "sending", _("sending")
    SENT = "sent", _("sent")
    FAILED = "failed", _("failed")
    UNKNOWN = "unknown", _("not known")
    SUPPRESSED = "suppressed", _("suppressed")


class Delivery(models.Model):
    """One message to one member over one channel, rendered when it was decided.

    `body` is what the member was to read, with every link as it was written. Of a `tracked` one the links are replaced by
    addresses of ours as it is handed over, and `clicked_at` is the first click on any of them.

    `idempotency_key` goes to the provider. No foreign keys to the enrolment or the campaign: the same transaction made
    the row, and every message would pay for them; `campaign_id` stands here so that a paused campaign's messages are
    passed over without a join.
    """

    campaign_id = models.BigIntegerField()
    enrolment_id = models.BigIntegerField()
    step = models.PositiveSmallIntegerField()
    member_id = models.BigIntegerField()
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    purpose = models.CharField(
        _("purpose"), max_length=20, choices=Purpose, default=Purpose.MARKETING, db_default=Purpose.MARKETING
    )
    address = models.CharField(_("to"), max_length=254)
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    body = models.TextField(_("message"))
    state = models.CharField(_("state"), max_length=10, choices=DeliveryState, default=DeliveryState.QUEUED)
    reason = models.CharField(_("reason"), max_length=60, blank=True)
    error = models.TextField(_("error"), blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    idempotency_key = models.CharField(max_length=64)
    provider_id = models.CharField(_("provider's id"), max_length=200, blank=True)
    queued_at = models.DateTimeField(_("queued at"))
    next_at = models.DateTimeField(null=True)
    sending_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(_("done at"), null=True)
    tracked = models.BooleanField(_("links tracked"), default=False, db_default=False)
    clicked_at = models.DateTimeField(_("clicked at"), null=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["enrolment_id", "step"], name="delivery_once_per_step"),
            models.UniqueConstraint(fields=["idempotency_key"], name="delivery_key_once"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state_known"),
            models.CheckConstraint(
                condition=Q(clicked_at__isnull=True) | Q(tracked=True), name="delivery_clicked_only_where_tracked"
            ),
            models.CheckConstraint(
                condition=~Q(state="queued") | Q(next_at__isnull=False),
                name="delivery_queued_until_an_instant",
            ),
        ]
        indexes = [
            # What to send now, channel by channel.
            models.Index(fields=["channel", "next_at"], name="delivery_queue", condition=Q(state="queued")),
            # What was being handed over when its process died.
            models.Index(fields=["sending_at"], name="delivery_in_flight", condition=Q(state="sending")),
            # What waits for a person.
            models.Index(fields=["done_at"], name="delivery_unknown", condition=Q(state="unknown")),
            # What did this member get.
            models.Index(fields=["member_id", "queued_at"], name="delivery_of_member"),
            # How many of a campaign's were clicked. Campaigns that track nothing pay nothing for it.
            models.Index(fields=["campaign_id", "clicked_at"], name="delivery_tracked", condition=Q(tracked=True)),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.pk}"
