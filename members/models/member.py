"""A member: one person as the shop knows them."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b
from secrets import randbelow
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Gender(models.TextChoices):
    FEMALE = "female", _("female")
    MALE = "male", _("male")
    OTHER = "other", _("other")


class BirthCalendar(models.TextChoices):
    """Empty is the solar calendar. `lunar_leap`: born in a leap month, kept in the month itself where a year has no leap."""

    LUNAR = "lunar", _("lunar")
    LUNAR_LEAP = "lunar_leap", _("lunar, in a leap month")


class LeapDay(models.TextChoices):
    """When those born on 29 February have their birthday in common years."""

    FEB_28 = "feb_28", _("on 28 February")
    MAR_1 = "mar_1", _("on 1 March")
    LEAP_YEARS = "leap_years", _("only in leap years")


BUCKETS = 10_000


def random_bucket(external_id: str) -> int:
    """This function will return the bucket of a member, one of 0 to 9999: evenly spread, the same on every machine.

    Its key is its own: who is held out of a campaign has nothing to do with it.
    """
    return int.from_bytes(blake2b(external_id.encode(), key=b"random bucket", digest_size=8).digest()) % BUCKETS


def any_bucket() -> int:
    """This function will draw a bucket for a row that was kept before there were any."""
    return randbelow(BUCKETS)


class RandomBucketField(models.PositiveSmallIntegerField):
    """Filled from the external id when a member is saved for the first time, and never changed."""

    def pre_save(self, member: Any, add: bool) -> Any:
        if add:
            setattr(member, self.attname, random_bucket(member.external_id))
        return super().pre_save(member, add)


ERASED_PREFIX = "erased:"
"""How the ids of members who were erased begin, before letters that nobody can guess."""
PERSONAL_TEXTS = (
    *("name", "gender", "birth_calendar", "phone", "email", "city", "province", "source", "time_zone", "language"),
    *("occupation", "family", "hobbies", "referrer"),
)
PERSONAL_NUMBERS = ("birth_year", "birth_key", "registered_at", "registered_day")

ADDRESS_COLUMNS = {"sms": "phone", "email": "email"}
"""Where each channel finds a member."""
HOME_PREFIX = "+86"
"""What stands before a phone number as people at home write it: numbers are stored in the international form."""


class MemberQuerySet(models.QuerySet["Member"]):
    def erased(self) -> MemberQuerySet:
        return self.filter(erased_at__isnull=False)

    def erased_among(self, member_ids: Collection[int]) -> set[int]:
        """This function will say who of these was erased: what they had has expired, and nobody is there to earn or owe."""
        return set(self.erased().filter(pk__in=member_ids).values_list("pk", flat=True))

    def contactable(self, *, channel: str, purpose: str = "marketing") -> MemberQuerySet:
        """This function will keep the members who have an address on a channel and said that we may use it.

        One word a channel and purpose is a constraint, so the join repeats nobody.
        """
        said_yes = self.filter(consents__channel=channel, consents__purpose=purpose, consents__granted=True)
        return said_yes.exclude(**{ADDRESS_COLUMNS[channel]: ""})


MembersBase = models.Manager.from_queryset(MemberQuerySet)


class Members(MembersBase):
    """Members; those who were erased are nobody any more, and only what points at their row still finds it."""

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(erased_at__isnull=True)


class Member(models.Model):
    """A profile. Empty text means not known; a birthday is a month and a day with an optional year.

    `birth_key` is month * 100 + day (229 for the 29th of February), so that a birthday is one indexed comparison whether or
    not the year is known. The day is checked against a leap year: 29 February is a birthday in every year. By the lunar
    calendar month, day and year are the lunar ones. `referrer` is an id as it was told, of a member who may come later.

    Of a member who was erased the row stays under its number, empty, with an id that stands for nobody: what orders and
    the ledger add up to stays true. `objects` knows only who is there.
    """

    external_id = models.CharField(_("external id"), max_length=200, unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    gender = models.CharField(_("gender"), max_length=10, choices=Gender, blank=True)
    birth_year = models.PositiveSmallIntegerField(_("birth year"), null=True, blank=True)
    birth_key = models.PositiveSmallIntegerField(_("birthday"), null=True, blank=True)
    birth_calendar = models.CharField(
        _("calendar of the birthday"), max_length=12, choices=BirthCalendar, blank=True, db_default=""
    )
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    email = models.CharField(_("e-mail"), max_length=254, blank=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    province = models.CharField(_("province"), max_length=100, blank=True)
    registered_at = models.DateTimeField(_("registered at"), null=True, blank=True)
    registered_day = models.IntegerField(null=True, blank=True, editable=False)
    source = models.CharField(_("source"), max_length=100, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, help_text=_("empty: the shop's"))
    language = models.CharField(_("language"), max_length=16, blank=True)
    occupation = models.CharField(_("occupation"), max_length=100, blank=True, db_default="")
    family = models.CharField(_("family"), max_length=300, blank=True, db_default="")
    hobbies = models.CharField(
        _("hobbies"), max_length=500, blank=True, db_default="", help_text=_("words with a bar between them")
    )
    referrer = models.CharField(
        _("referred by"), max_length=200, blank=True, db_default="", help_text=_("the external id of who brought them")
    )
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    made_up_fields = models.JSONField(
        _("made-up fields"), default=list, blank=True, help_text=_("fields invented for the demonstration")
    )
    created_at = models.DateTimeField(_("first seen at"))
    random_bucket = RandomBucketField(default=any_bucket, editable=False)
    erased_at = models.DateTimeField(_("erased at"), null=True, editable=False)

    objects = Members()
    everybody = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        permissions = [("view_contacts", _("Can see phone numbers and e-mail addresses in full"))]
        constraints = [
            models.CheckConstraint(condition=~Q(external_id=""), name="member_external_id_given"),
            models.CheckConstraint(
                condition=Q(birth_key__isnull=True) | Q(birth_key__gte=101, birth_key__lte=1231),
                name="member_birthday_is_month_and_day",
            ),
            models.CheckConstraint(
                condition=Q(birth_year__isnull=True) | Q(birth_key__isnull=False),
                name="member_birth_year_comes_with_birthday",
            ),
            models.CheckConstraint(
                condition=Q(birth_calendar="") | Q(birth_calendar__in=BirthCalendar.values, birth_key__isnull=False),
                name="member_calendar_comes_with_birthday",
            ),
            models.CheckConstraint(condition=Q(gender__in=["", *Gender.values]), name="member_gender_known"),
            models.CheckConstraint(condition=Q(random_bucket__lt=BUCKETS), name="member_bucket_of_10000"),
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True)
                | Q(
                    external_id__startswith=ERASED_PREFIX,
                    **dict.fromkeys(PERSONAL_TEXTS, ""),
                    **{f"{column}__isnull": True for column in PERSONAL_NUMBERS},
                ),
                name="member_erased_holds_nothing",
            ),
        ]
        indexes = [
            # Whose birthday is it: the date trigger.
            models.Index(fields=["birth_key"], name="member_birthday", condition=Q(birth_key__isnull=False)),
            # Whose lunar birthday is it; and whom did somebody bring.
            models.Index(fields=["birth_calendar", "birth_key"], name="member_lunar", condition=~Q(birth_calendar="")),
            models.Index(fields=["referrer"], name="member_referred", condition=~Q(referrer="")),
            # A sample of so many in ten thousand: estimates, and the field random_bucket in rules.
            models.Index(fields=["random_bucket"], name="member_bucket"),
            # The search box finds a name, phone or e-mail by how it begins (external ids have an index of their own).
            # The operator class serves prefixes on PostgreSQL whatever the database's collation; SQLite needs none.
            models.Index(fields=["name"], name="member_name_prefix", opclasses=["varchar_pattern_ops"]),
            models.Index(
                fields=["phone"], name="member_phone_prefix", opclasses=["varchar_pattern_ops"], condition=~Q(phone="")
            ),
            models.Index(
                fields=["email"], name="member_email_prefix", opclasses=["varchar_pattern_ops"], condition=~Q(email="")
            ),
            # The list's filters, each in the list's order: a value that few have is found as fast as one that many have.
            models.Index(fields=["city", "id"], name="member_in_city", condition=~Q(city="")),
            models.Index(fields=["province", "id"], name="member_in_province", condition=~Q(province="")),
            models.Index(fields=["source", "id"], name="member_from_source", condition=~Q(source="")),
            models.Index(fields=["gender", "id"], name="member_of_gender", condition=~Q(gender="")),
            models.Index(fields=["registered_at"], name="member_registered", condition=Q(registered_at__isnull=False)),
            models.Index(fields=["created_at"], name="member_first_seen"),
        ]

    def __str__(self) -> str:
        return str(_("erased member")) if self.erased_at else self.name or self.external_id

    @property
    def birth_date_text(self) -> str:
        """The contract's form: 1990-02-28, or --02-28 when the year is not known; empty when no birthday is."""
        if self.birth_key is None:
            return ""
        month, day = divmod(self.birth_key, 100)
        return f"{self.birth_year or '-'}-{month:02d}-{day:02d}"


class MemberTag(models.Model):
    """A word somebody put on a member; no tags is the empty set."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="tags", db_index=False)
    tag = models.CharField(_("tag"), max_length=100)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        constraints = [models.UniqueConstraint(fields=["member", "tag"], name="member_tag_once")]
        # Who has this tag: `has_tag` in rules.
        indexes = [models.Index(fields=["tag", "member"], name="member_tag_holders")]

    def __str__(self) -> str:
        return self.tag


class BirthdayPolicy(models.Model):
    """How the shop keeps birthdays; one row, edited by people. A campaign may say otherwise for itself."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    leap_day = models.CharField(
        _("29 February is kept, in common years,"), max_length=12, choices=LeapDay, default=LeapDay.FEB_28
    )

    class Meta:
        verbose_name = _("birthday policy")
        verbose_name_plural = _("birthday policy")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="birthday_policy_one_row"),
            models.CheckConstraint(condition=Q(leap_day__in=LeapDay.values), name="birthday_policy_leap_day_known"),
        ]

    def __str__(self) -> str:
        return str(_("Birthday policy"))
