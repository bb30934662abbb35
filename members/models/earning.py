"""Earning: the shop's rules, the days on which more is earned, and what was reckoned of which order and event.

A rule's terms never change once it is in force: whoever edits it ends it and begins another of the same line, so that an
order is always reckoned by the terms under which it was placed, however late it is refunded.
"""

from __future__ import annotations

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models.event import EventKind
from members.models.order import OrderStatus
from members.models.shop import Shop


class EarningCurrency(models.TextChoices):
    """What is earned."""

    POINTS = "points", _("points")
    GROWTH = "growth", _("growth")


EARNING_EVENTS = (
    EventKind.REVIEW,
    EventKind.SHARE,
    EventKind.INVITE,
    EventKind.SURVEY,
    EventKind.SUGGESTION,
    EventKind.FAVOURITE,
    EventKind.VISIT,
)
"""What members do that a shop may thank them for."""

ORDER, BIRTHDAY, PROFILE = "order", "birthday", "profile"
OCCASIONS = (
    (ORDER, _("an order")),
    (EventKind.REVIEW.value, _("a review")),
    (EventKind.SHARE.value, _("sharing")),
    (EventKind.INVITE.value, _("an invitation")),
    (EventKind.SURVEY.value, _("answering a survey")),
    (EventKind.SUGGESTION.value, _("a suggestion")),
    (EventKind.FAVOURITE.value, _("marking a favourite")),
    (EventKind.VISIT.value, _("a visit")),
    (PROFILE, _("completing the profile")),
    (BIRTHDAY, _("each birthday")),
)
ONCE = (BIRTHDAY, PROFILE)
"""Occasions that come once a year, or once at all, by themselves."""

EARNING_STATUSES = (OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.COMPLETED)
"""Orders that earn: who has not paid has nothing to be thanked for."""


class Waiting(models.TextChoices):
    """When points that were earned can be used."""

    NONE = "none", _("at once")
    DAYS = "days", _("after a number of days")
    COMPLETED = "completed", _("when the order is completed")


class EarningRuleQuerySet(models.QuerySet["EarningRule"]):
    def in_state(self, state: str, *, now: datetime) -> EarningRuleQuerySet:
        """This function will keep the rules that hold or will (`standing`), those that `ended`, or `all`."""
        ended = Q(valid_until__isnull=False, valid_until__lte=now)
        if state == "all":
            return self.all()
        return self.filter(ended) if state == "ended" else self.exclude(ended)

    def to_do(self, *, now: datetime, tier: str) -> EarningRuleQuerySet:
        """This function will keep the rules that hold for who is of a tier and does something."""
        held = self.in_state("standing", now=now).filter(valid_from__lte=now, tier__in=["", tier])
        return held.exclude(occasion__in=[ORDER, BIRTHDAY])


class EarningRule(models.Model):
    """So many points, or so much growth, for money spent or for something done. In force from `valid_from` to `valid_until`.

    Orders earn `amount` for every whole `per_minor`: rounding is down, once for the order. Everything else earns `amount`
    each time, at most `daily_limit` times a shop day and `lifetime_limit` times at all. `line` is the first rule of those
    that followed one another; limits count all of them.
    """

    name = models.CharField(_("name"), max_length=100)
    currency = models.CharField(_("what is earned"), max_length=10, choices=EarningCurrency, default=EarningCurrency.POINTS)
    occasion = models.CharField(_("for"), max_length=20, choices=OCCASIONS)
    amount = models.PositiveIntegerField(_("how much"))
    per_minor = models.BigIntegerField(_("for every"), null=True, blank=True)
    shop = models.ForeignKey(
        Shop, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False, verbose_name=_("shop")
    )
    category = models.CharField(_("category"), max_length=200, blank=True)
    payment_method = models.CharField(_("payment method"), max_length=60, blank=True)
    tier = models.CharField(_("tier"), max_length=60, blank=True)
    property_name = models.CharField(_("property"), max_length=100, blank=True)
    property_value = models.CharField(_("value"), max_length=200, blank=True)
    daily_limit = models.PositiveIntegerField(_("times a day"), null=True, blank=True)
    lifetime_limit = models.PositiveIntegerField(_("times altogether"), null=True, blank=True)
    waiting = models.CharField(_("can be used"), max_length=10, choices=Waiting, default=Waiting.NONE)
    wait_days = models.PositiveSmallIntegerField(_("how many days"), null=True, blank=True)
    valid_from = models.DateTimeField(_("from"))
    valid_until = models.DateTimeField(_("until"), null=True, blank=True)
    line = models.BigIntegerField(null=True, editable=False)

    objects = EarningRuleQuerySet.as_manager()

    class Meta:
        verbose_name = _("earning rule")
        verbose_name_plural = _("earning rules")
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="earning_rule_named"),
            models.CheckConstraint(condition=Q(currency__in=EarningCurrency.values), name="earning_rule_currency_known"),
            models.CheckConstraint(
                condition=Q(occasion__in=[code for code, _label in OCCASIONS]), name="earning_rule_occasion_known"
            ),
            models.CheckConstraint(condition=Q(amount__gte=1), name="earning_rule_gives_something"),
            models.CheckConstraint(
                condition=Q(occasion=ORDER, per_minor__gte=1) | (~Q(occasion=ORDER) & Q(per_minor__isnull=True)),
                name="earning_rule_has_its_rate",
            ),
            models.CheckConstraint(
                condition=Q(occasion=ORDER) | Q(shop__isnull=True, category="", payment_method=""),
                name="earning_rule_conditions_of_orders",
            ),
            models.CheckConstraint(
                condition=(Q(daily_limit__isnull=True) | Q(daily_limit__gte=1))
                & (Q(lifetime_limit__isnull=True) | Q(lifetime_limit__gte=1)),
                name="earning_rule_limits_at_least_one",
            ),
            models.CheckConstraint(
                condition=~Q(occasion__in=[ORDER, *ONCE]) | Q(daily_limit__isnull=True, lifetime_limit__isnull=True),
                name="earning_rule_limits_of_events",
            ),
            models.CheckConstraint(
                condition=Q(waiting=Waiting.DAYS, wait_days__gte=1)
                | Q(waiting=Waiting.NONE, wait_days__isnull=True)
                | Q(waiting=Waiting.COMPLETED, wait_days__isnull=True, occasion=ORDER),
                name="earning_rule_waiting_known",
            ),
            models.CheckConstraint(
                condition=~Q(currency=EarningCurrency.GROWTH) | Q(waiting=Waiting.NONE),
                name="earning_rule_growth_never_waits",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="earning_rule_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def root(self) -> int:
        """The line whose limits this rule counts in."""
        return self.line or self.pk


class EarningDays(models.Model):
    """Days on which what is earned is multiplied: between two instants, there perhaps on a weekday or a day of the month.

    Where several hold at once the largest factor wins; they do not multiply one another.
    """

    name = models.CharField(_("name"), max_length=100)
    currency = models.CharField(
        _("what is multiplied"), max_length=10, choices=EarningCurrency, default=EarningCurrency.POINTS
    )
    factor = models.DecimalField(
        _("times"),
        max_digits=4,
        decimal_places=2,
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(99)],
        help_text=_("2 doubles what is earned; where several hold at once the largest wins"),
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    weekday = models.PositiveSmallIntegerField(_("only on the weekday"), null=True, blank=True)
    month_day = models.PositiveSmallIntegerField(_("only on the day of the month"), null=True, blank=True)

    class Meta:
        verbose_name = _("multiplied days")
        verbose_name_plural = _("multiplied days")
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="earning_days_named"),
            models.CheckConstraint(condition=Q(currency__in=EarningCurrency.values), name="earning_days_currency_known"),
            models.CheckConstraint(condition=Q(factor__gt=1, factor__lte=99), name="earning_days_multiply"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")), name="earning_days_end_after_they_begin"
            ),
            models.CheckConstraint(condition=Q(weekday__isnull=True) | Q(weekday__lte=6), name="earning_days_weekday"),
            models.CheckConstraint(
                condition=Q(month_day__isnull=True) | Q(month_day__range=(1, 31)), name="earning_days_day_of_month"
            ),
            models.CheckConstraint(
                condition=Q(weekday__isnull=True) | Q(month_day__isnull=True), name="earning_days_one_kind_of_day"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MarkedSource(models.TextChoices):
    ORDER = "o", _("order")
    EVENT = "e", _("event")
    PROFILE = "p", _("profile")


class EarningMark(models.Model):
    """An order, an event or a profile that may earn, or earned and changed: appended in the transaction that wrote it.

    Like DirtyMark: duplicates are free, and no index but the key's own, because ingested rows pay for it.
    """

    source = models.CharField(max_length=1, choices=MarkedSource)
    row_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.source}{self.row_id}"


class EarnedOrder(models.Model):
    """Under which circumstances an order was first reckoned: whatever becomes of it later, they hold for it.

    The tier the member held then and the factors of that tier and of the order's day.
    """

    # No foreign keys: what an order earned outlives it, and is taken back by what stands here.
    order_id = models.BigIntegerField(primary_key=True)
    member_id = models.BigIntegerField()
    tier = models.CharField(max_length=60, blank=True)
    tier_factor = models.DecimalField(max_digits=4, decimal_places=2, default=1)
    points_factor = models.DecimalField(max_digits=4, decimal_places=2, default=1)
    growth_factor = models.DecimalField(max_digits=4, decimal_places=2, default=1)

    class Meta:
        # What moves with a merge.
        indexes = [models.Index(fields=["member_id"], name="earned_orders_of_member")]

    def __str__(self) -> str:
        return f"{self.order_id}"


class EarnedEvent(models.Model):
    """What a rule gave a member for one thing done: what limits count, and what is taken back when the event is removed.

    `occurrence` names the thing within the rule's line: an event, the birthday of a year, the profile. `entry_id` is the
    entry of the rule's currency.
    """

    member_id = models.BigIntegerField()
    line = models.BigIntegerField()
    occurrence = models.CharField(max_length=60)
    rule = models.ForeignKey(EarningRule, on_delete=models.PROTECT, related_name="+", db_index=False)
    event_id = models.BigIntegerField(null=True)
    day = models.IntegerField()
    entry_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member_id", "line", "occurrence"], name="earned_once_for_each_thing"),
        ]
        indexes = [
            # How often today: the daily limit.
            models.Index(fields=["member_id", "line", "day"], name="earned_by_day"),
            # What an event that is gone earned.
            models.Index(fields=["event_id"], name="earned_of_event", condition=Q(event_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.occurrence
