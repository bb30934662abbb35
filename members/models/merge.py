"""Two members that turned out to be one: who answers for whom, and what it takes to part them again."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models.member import Member


class MergeRecordQuerySet(models.QuerySet["MergeRecord"]):
    def standing(self) -> MergeRecordQuerySet:
        """This function will keep the merges that were not undone."""
        return self.filter(undone_at__isnull=True)


class MergeRecord(models.Model):
    """A member was dropped in favour of another. While it stands, whoever names the dropped one means `member`.

    `kept_id` is whom the dropped one was merged into, `member` who holds everything today: the two differ once the kept one
    was merged into yet another. `dropped` is the profile that was dropped, `moved` what each handler changed, in rounds; an
    undone merge keeps neither. All of it goes when `member` is erased.
    """

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="merges", verbose_name=_("member"))
    kept_id = models.BigIntegerField(editable=False)
    dropped_id = models.BigIntegerField(editable=False)
    dropped_external_id = models.CharField(_("merged id"), max_length=200)
    dropped = models.JSONField(default=dict, editable=False)
    moved = models.JSONField(default=list, editable=False)
    counts = models.JSONField(_("what moved"), default=dict, editable=False)
    merged_at = models.DateTimeField(_("merged at"))
    merged_by = models.CharField(_("merged by"), max_length=150, blank=True)
    undone_at = models.DateTimeField(_("undone at"), null=True)
    undone_by = models.CharField(_("undone by"), max_length=150, blank=True)

    objects = MergeRecordQuerySet.as_manager()

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("duplicates")
        constraints = [
            # An id answers for one member: every way in looks it up here when no member is called so.
            models.UniqueConstraint(
                fields=["dropped_external_id"], condition=Q(undone_at__isnull=True), name="merged_id_answers_for_one_member"
            ),
            models.UniqueConstraint(
                fields=["dropped_id"], condition=Q(undone_at__isnull=True), name="member_is_merged_once"
            ),
            models.CheckConstraint(condition=~Q(kept_id=F("dropped_id")), name="merge_is_of_two_members"),
        ]

    def __str__(self) -> str:
        return self.dropped_external_id
