"""Segments: rules in frozen versions, who is in them, who came and who went."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from retention.models.failures import failure_sentence

BITS_PER_WORD = 63


class Segment(models.Model):
    """A named group of members: by a rule (`version`) or by a list (`static`).

    `word` and `bit` are its place in the members' masks: one scan answers all segments as bits. A freed place is given out
    again only after its bits are cleared.

    `rule_key` names what its rule was when it was last counted, or could not be (`failure`): its own version and those of
    the segments inside. `as_of`, `seconds` and `member_count` are the last count's; `entered` and `left` what changed at
    `changed_at`.
    """

    slug = models.SlugField(_("short name"), max_length=100, db_index=False, allow_unicode=True)
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("what it is for"), blank=True)
    static = models.BooleanField(_("a fixed list"), default=False)
    version = models.ForeignKey("SegmentVersion", on_delete=models.PROTECT, null=True, related_name="+", editable=False)
    word = models.PositiveSmallIntegerField(editable=False)
    bit = models.PositiveSmallIntegerField(editable=False)
    member_count = models.PositiveIntegerField(_("members"), null=True, editable=False)
    evaluated_version = models.ForeignKey(
        "SegmentVersion", on_delete=models.SET_NULL, null=True, related_name="+", editable=False
    )
    rule_key = models.CharField(max_length=64, blank=True, editable=False)
    as_of = models.DateTimeField(_("as of"), null=True, editable=False)
    seconds = models.FloatField(_("took … seconds"), null=True, editable=False)
    changed_at = models.DateTimeField(_("last changed"), null=True, editable=False)
    entered = models.PositiveIntegerField(_("entered"), default=0, editable=False)
    left = models.PositiveIntegerField(_("left"), default=0, editable=False)
    failure = models.JSONField(_("last error"), null=True, editable=False)
    created_at = models.DateTimeField(_("made at"), editable=False)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        permissions = [
            ("export_segment", _("Can export the members of a segment")),
            ("export_contacts", _("Can export phone numbers and e-mail addresses")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["slug"],
                name="segment_slug_once",
                violation_error_message=_("Another segment has this short name."),
            ),
            models.UniqueConstraint(fields=["word", "bit"], name="segment_place_in_mask_once"),
            models.CheckConstraint(condition=Q(bit__lt=BITS_PER_WORD), name="segment_bit_within_word"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def error(self) -> str:
        """Why it could not be counted, in the active language; empty when it was."""
        return failure_sentence(self.failure)


class SegmentVersion(models.Model):
    """A rule as it was saved; never changed afterwards."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    rule = models.JSONField(_("rule"))
    created_at = models.DateTimeField(_("made at"))
    created_by = models.CharField(_("made by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("segment version")
        verbose_name_plural = _("segment versions")
        constraints = [models.UniqueConstraint(fields=["segment", "number"], name="segment_version_number_once")]

    def __str__(self) -> str:
        return f"{self.segment_id} v{self.number}"


class StaticMember(models.Model):
    """A member put on a fixed list by hand or by upload."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="static_members", db_index=False)
    member_id = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segment", "member_id"], name="static_member_once")]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.member_id}"


class MemberMask(models.Model):
    """A member's answers to 63 segments as bits: bit b of word w is the segment placed at (w, b)."""

    member_id = models.BigIntegerField()
    word = models.PositiveSmallIntegerField()
    mask = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["member_id", "word"], name="member_mask_once_per_word")]

    def __str__(self) -> str:
        return f"{self.member_id}/{self.word}"


class Membership(models.Model):
    """A member is in a segment, since when."""

    # No foreign key in the database: it would cost a third of filling a segment. Refreshes alone write here, under the lock
    # that deleting a segment takes too.
    segment = models.ForeignKey(
        Segment, on_delete=models.CASCADE, related_name="memberships", db_index=False, db_constraint=False
    )
    member_id = models.BigIntegerField()
    entered_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["segment", "member_id"], name="membership_once")]
        # Which segments is this member in.
        indexes = [models.Index(fields=["member_id"], name="membership_of_member")]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.member_id}"


class Transition(models.Model):
    """A member entered or left a segment in a refresh run; appended, never changed."""

    segment = models.ForeignKey(
        Segment, on_delete=models.CASCADE, related_name="transitions", db_index=False, db_constraint=False
    )
    member_id = models.BigIntegerField()
    entered = models.BooleanField(_("entered"))
    at = models.DateTimeField(_("at"))
    run_id = models.BigIntegerField()

    class Meta:
        verbose_name = _("transition")
        verbose_name_plural = _("transitions")
        # Who came or went in these runs (the segment triggers); who came and went between two dates.
        indexes = [
            models.Index(fields=["segment", "run_id"], name="transition_in_run"),
            models.Index(fields=["segment", "at"], name="transition_at"),
        ]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.member_id} {'entered' if self.entered else 'left'}"


class SegmentSize(models.Model):
    """How many members a segment had at the end of a shop day."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="sizes", db_index=False)
    day = models.IntegerField()
    members = models.PositiveIntegerField(_("members"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segment", "day"], name="segment_size_once_a_day")]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.day}: {self.members}"
