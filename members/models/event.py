"""What members do besides ordering: one row an event, written once and never changed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models.member import Member
from members.models.product import Product


class EventKind(models.TextChoices):
    VIEW = "view", _("viewed a product")
    SEARCH = "search", _("searched")
    FAVOURITE = "favourite", _("marked a favourite")
    CART_ADD = "cart_add", _("put into the cart")
    CART_REMOVE = "cart_remove", _("took out of the cart")
    CHECKOUT = "checkout", _("went to the checkout")
    REVIEW = "review", _("reviewed")
    SHARE = "share", _("shared")
    INVITE = "invite", _("invited somebody")
    SERVICE = "service", _("asked the service")
    COMPLAINT = "complaint", _("complained")
    SUGGESTION = "suggestion", _("suggested")
    SURVEY = "survey", _("answered a survey")
    VISIT = "visit", _("visited")
    MESSAGE_SENT = "message_sent", _("was sent a message")
    MESSAGE_OPENED = "message_opened", _("opened a message")
    MESSAGE_CLICKED = "message_clicked", _("clicked in a message")
    COUPON_ISSUED = "coupon_issued", _("was given a coupon")
    COUPON_REDEEMED = "coupon_redeemed", _("redeemed a coupon")


OWN_KINDS = (
    EventKind.MESSAGE_SENT,
    EventKind.MESSAGE_OPENED,
    EventKind.MESSAGE_CLICKED,
    EventKind.COUPON_ISSUED,
    EventKind.COUPON_REDEEMED,
)
"""What the product itself does or sees happen, and therefore nobody else may report."""

OWN_ID_PREFIX = "rekindle:"
"""What ids of these begin with, and nobody else's may: an id that somebody sent first would keep them from being written."""

REPORTED_KINDS = tuple(kind for kind in EventKind if kind not in OWN_KINDS)


class BehaviourEvent(models.Model):
    """One thing that one member did. `day` is the shop day number of `occurred_at`.

    `external_id` is the sender's own id of the event: the same id again is the same event, whatever else it says. Empty text
    and NULL are «not told».
    """

    external_id = models.CharField(_("event id"), max_length=200)
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="events", db_index=False, verbose_name=_("member")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=EventKind)
    occurred_at = models.DateTimeField(_("at"))
    day = models.IntegerField(editable=False)
    session_id = models.CharField(_("session"), max_length=100, blank=True)
    page = models.CharField(_("page"), max_length=2000, blank=True)
    dwell_seconds = models.FloatField(_("seconds on the page"), null=True, blank=True)
    product = models.ForeignKey(
        Product,
        on_delete=models.PROTECT,
        related_name="events",
        db_index=False,
        null=True,
        blank=True,
        verbose_name=_("product"),
    )
    category = models.CharField(_("category"), max_length=200, blank=True)
    keyword = models.CharField(_("keyword"), max_length=200, blank=True)
    rating = models.PositiveSmallIntegerField(_("rating"), null=True, blank=True)
    topic = models.CharField(_("topic"), max_length=100, blank=True)
    response_seconds = models.FloatField(_("seconds until answered"), null=True, blank=True)
    value = models.FloatField(_("value"), null=True, blank=True)
    properties = models.JSONField(_("properties"), default=dict, blank=True)

    class Meta:
        verbose_name = _("behaviour event")
        verbose_name_plural = _("behaviour events")
        constraints = [
            models.UniqueConstraint(fields=["external_id"], name="event_id_once"),
            models.CheckConstraint(condition=~Q(external_id=""), name="event_id_given"),
            models.CheckConstraint(condition=Q(kind__in=EventKind.values), name="event_kind_known"),
            models.CheckConstraint(condition=Q(rating__isnull=True) | Q(rating__range=(1, 5)), name="event_rating_1_to_5"),
            models.CheckConstraint(
                condition=(Q(dwell_seconds__isnull=True) | Q(dwell_seconds__gte=0))
                & (Q(response_seconds__isnull=True) | Q(response_seconds__gte=0)),
                name="event_durations_not_negative",
            ),
        ]
        indexes = [
            # Facts of a member in one index-only scan (PostgreSQL); erasing a member finds the events here too.
            models.Index(fields=["member", "kind", "day"], include=["occurred_at", "rating"], name="event_facts"),
            # Whose moment has come, whose events cross a window's edge, and reports by dates. Events arrive nearly in this
            # order, so that it grows at one end.
            models.Index(fields=["occurred_at"], name="event_moments"),
            # What members say why they leave: the latest answer of each.
            models.Index(fields=["member", "occurred_at"], name="event_answers", condition=Q(kind="survey")),
            # Who looked at this product; and a product cannot be deleted without looking here.
            models.Index(fields=["product", "day"], name="event_by_product", condition=Q(product__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.external_id}"
