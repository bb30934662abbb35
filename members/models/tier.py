"""Tiers: the shop's scheme, the tiers with what they give, which of them each member holds, and every change of that.

A scheme says what is measured (money spent, orders, growth earned; never a balance, which spending lowers), over which
days, and when a member may lose a tier. Days are shop day numbers.
"""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from members.models.member import Member

MOST_TIERS = 20
LONGEST_DAYS = 3_660
"""Ten years, as rules have it."""


class TierMeasure(models.TextChoices):
    SPEND = "spend", _("money spent, less refunds")
    ORDERS = "orders", _("orders, less those refunded whole")
    GROWTH = "growth", _("growth earned")


class TierWindow(models.TextChoices):
    DAYS = "days", _("the last … days")
    YEAR = "year", _("the calendar year")


class DowngradePolicy(models.TextChoices):
    NEVER = "never", _("never")
    REFUND = "refund", _("by a refund or a cancelled order")
    PERIODIC = "periodic", _("at a review")


class ReviewRule(models.TextChoices):
    DAYS = "days", _("some days after it was reached")
    DATE = "date", _("on a day of the year")


class DowngradeStep(models.TextChoices):
    ONE = "one", _("one tier down")
    MEASURE = "measure", _("to the tier that was earned")


class TierCause(models.TextChoices):
    """Why a member's tier changed."""

    JOINED = "joined", _("counted for the first time")
    REACHED = "reached", _("reached")
    REVIEW = "review", _("not earned again by the review")
    REFUND = "refund", _("refund or cancelled order")
    SCHEME = "scheme", _("the tiers were changed")


class TierScheme(models.Model):
    """The rules of all tiers; one row, there from the moment the shop has tiers.

    `version` grows with every change of who holds what; `counted_version` is the one that everybody's tier was worked out
    by. Where the two differ the next refresh works out everybody: with `moves_down` whoever holds more than they earn moves
    down at once, with `restarts` all reviews are reckoned anew. `began_day` is the first day of this measure and window.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    measure = models.CharField(_("tiers are earned by"), max_length=10, choices=TierMeasure, default=TierMeasure.SPEND)
    window = models.CharField(_("counted over"), max_length=10, choices=TierWindow, default=TierWindow.DAYS)
    window_days = models.PositiveSmallIntegerField(_("how many days"), default=365)
    downgrade = models.CharField(
        _("a tier is lost"), max_length=10, choices=DowngradePolicy, default=DowngradePolicy.PERIODIC
    )
    review = models.CharField(pgettext_lazy("tier", "reviewed"), max_length=10, choices=ReviewRule, default=ReviewRule.DAYS)
    review_days = models.PositiveSmallIntegerField(_("after how many days"), default=365)
    review_key = models.PositiveSmallIntegerField(_("on which day of the year"), default=101)
    step = models.CharField(
        _("who did not earn it again falls"), max_length=10, choices=DowngradeStep, default=DowngradeStep.ONE
    )
    grace_days = models.PositiveSmallIntegerField(_("days of grace"), default=0)
    version = models.PositiveIntegerField(default=1, editable=False)
    counted_version = models.PositiveIntegerField(default=0, editable=False)
    moves_down = models.BooleanField(default=False, editable=False)
    restarts = models.BooleanField(default=False, editable=False)
    began_day = models.IntegerField(null=True, editable=False)
    changed_at = models.DateTimeField(_("changed at"))
    changed_by = models.CharField(_("by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("tier scheme")
        verbose_name_plural = _("tiers")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="tier_scheme_one_row"),
            models.CheckConstraint(condition=Q(measure__in=TierMeasure.values), name="tier_scheme_measure_known"),
            models.CheckConstraint(condition=Q(window__in=TierWindow.values), name="tier_scheme_window_known"),
            models.CheckConstraint(condition=Q(downgrade__in=DowngradePolicy.values), name="tier_scheme_downgrade_known"),
            models.CheckConstraint(condition=Q(review__in=ReviewRule.values), name="tier_scheme_review_known"),
            models.CheckConstraint(condition=Q(step__in=DowngradeStep.values), name="tier_scheme_step_known"),
            models.CheckConstraint(
                condition=Q(window_days__gte=1, window_days__lte=LONGEST_DAYS), name="tier_scheme_window_of_days"
            ),
            models.CheckConstraint(
                condition=Q(review_days__gte=1, review_days__lte=LONGEST_DAYS), name="tier_scheme_review_of_days"
            ),
            models.CheckConstraint(condition=Q(grace_days__lte=LONGEST_DAYS), name="tier_scheme_grace_bounded"),
            # A calendar year is judged when it is over.
            models.CheckConstraint(
                condition=~Q(window=TierWindow.YEAR, downgrade=DowngradePolicy.PERIODIC)
                | Q(review=ReviewRule.DATE, review_key=101),
                name="tier_scheme_year_reviewed_when_over",
            ),
        ]

    def __str__(self) -> str:
        return str(_("Tiers"))


class TierQuerySet(models.QuerySet["Tier"]):
    def in_force(self) -> TierQuerySet:
        """This function will keep the tiers that members can hold, lowest first."""
        return self.filter(level__gt=0).order_by("level")


class Tier(models.Model):
    """A tier: from which measure on it is held, and what it gives. Level 1 begins at 0; each ends where the next begins.

    A tier that was taken out has the level 0 and stays for the history of who held it.
    """

    slug = models.SlugField(_("short name"), max_length=60, unique=True, allow_unicode=True)
    name = models.CharField(_("name"), max_length=100)
    level = models.PositiveSmallIntegerField(_("level"))
    threshold = models.BigIntegerField(pgettext_lazy("tier", "from"))
    discount_percent = models.PositiveSmallIntegerField(
        _("discount, percent off"), default=0, help_text=_("10 is what is called 9折.")
    )
    points_multiplier = models.DecimalField(
        _("points times"),
        max_digits=4,
        decimal_places=2,
        default=1,
        validators=[MinValueValidator(0), MaxValueValidator(99)],
    )
    birthday_gift = models.CharField(_("birthday gift"), max_length=200, blank=True)
    birthday_points = models.PositiveIntegerField(_("birthday points"), default=0)
    service_agent = models.CharField(
        _("dedicated service agent"),
        max_length=100,
        blank=True,
        help_text=_("A name or a team; empty: nobody in particular."),
    )
    priority_dispatch = models.BooleanField(_("dispatched first"), default=False)
    early_access_hours = models.PositiveSmallIntegerField(
        _("hours of early access"), default=0, help_text=_("How long before others new things and sales open.")
    )

    objects = TierQuerySet.as_manager()

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")
        constraints = [
            models.UniqueConstraint(fields=["level"], condition=Q(level__gt=0), name="tier_level_once"),
            models.UniqueConstraint(fields=["threshold"], condition=Q(level__gt=0), name="tier_threshold_once"),
            models.CheckConstraint(condition=~Q(slug="") & ~Q(name=""), name="tier_named"),
            models.CheckConstraint(condition=Q(threshold__gte=0), name="tier_threshold_not_negative"),
            # The lowest begins at 0 and nothing else does: no measure is without a tier, and no tier stands under another.
            models.CheckConstraint(
                condition=Q(level=0) | Q(level=1, threshold=0) | Q(level__gt=1, threshold__gt=0),
                name="tier_lowest_begins_at_zero",
            ),
            models.CheckConstraint(condition=Q(discount_percent__lte=99), name="tier_discount_below_all"),
            models.CheckConstraint(
                condition=Q(points_multiplier__gte=0, points_multiplier__lte=99), name="tier_multiplier_bounded"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MemberTier(models.Model):
    """The tier a member holds since `since_day`, and what the member's measure adds up to.

    `best` is the most that it added up to on any day of the scheme, by what is known of orders today: what a refund lowers.
    `review_day` is the day on which it is looked at whether the tier was earned again, `drop_day` the one on which the
    member will fall if nothing else is bought; both NULL where they do not apply.
    """

    member = models.OneToOneField(Member, on_delete=models.CASCADE, primary_key=True, related_name="tier_held")
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="holders", db_index=False, verbose_name=_("tier"))
    since_day = models.IntegerField(_("since"))
    value = models.BigIntegerField(_("measure"))
    best = models.BigIntegerField(null=True)
    review_day = models.IntegerField(null=True)
    drop_day = models.IntegerField(_("will drop on"), null=True)

    class Meta:
        verbose_name = _("member's tier")
        verbose_name_plural = _("members' tiers")
        constraints = [
            models.CheckConstraint(
                condition=Q(drop_day__isnull=True) | Q(review_day__isnull=False, drop_day__gte=F("review_day")),
                name="member_tier_drops_after_review",
            ),
        ]
        indexes = [
            # Who holds a tier: the list, the counts, the first page of a million.
            models.Index(fields=["tier", "member"], name="member_tier_holders"),
            # Whose review has come, and who will drop on a day.
            models.Index(fields=["review_day"], name="member_tier_reviews", condition=Q(review_day__isnull=False)),
            models.Index(fields=["drop_day"], name="member_tier_drops", condition=Q(drop_day__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.tier_id}"


class TierChange(models.Model):
    """A member came to hold another tier; appended, never changed. Nobody's first tier is told where it is the lowest.

    `came_from` is NULL for a member's first tier. `value` is what the measure added up to at that moment. `run_id` is the
    refresh that found it, whose number grows with the order of commits.
    """

    # No foreign key to members: what happened outlives the profile of a member who was erased.
    member_id = models.BigIntegerField()
    came_from = models.ForeignKey(
        Tier, on_delete=models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("from")
    )
    went_to = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("to"))
    upgraded = models.BooleanField()
    cause = models.CharField(_("why"), max_length=10, choices=TierCause)
    value = models.BigIntegerField(_("measure"))
    at = models.DateTimeField(_("at"))
    run_id = models.BigIntegerField()

    class Meta:
        verbose_name = _("change of tier")
        verbose_name_plural = _("changes of tiers")
        constraints = [
            models.CheckConstraint(condition=Q(cause__in=TierCause.values), name="tier_change_cause_known"),
            models.CheckConstraint(
                condition=Q(came_from__isnull=True) | ~Q(came_from=F("went_to")), name="tier_change_is_one"
            ),
        ]
        indexes = [
            # A member's history, newest first.
            models.Index(fields=["member_id", "-id"], name="tier_changes_of_member"),
            # What campaigns have not heard of yet.
            models.Index(fields=["run_id", "member_id"], name="tier_changes_of_refresh"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.came_from_id} > {self.went_to_id}"
