"""What is inferred about a member: handed out as it stands, and gone with the member."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from core.registry import Called, Holding, Kept
from core.sql import rows_as_json
from members.services.holdings import rows_of
from retention.models import BuildAnswer, MemberFacts, MemberForecast, Membership, StaticMember, Transition, UploadedId
from retention.selectors.sections import scores_rows
from retention.services import ties

HOLDS = (
    Holding("facts", _("facts"), ("retention.MemberFacts",)),
    Holding("scores", _("scores"), ("retention.MemberForecast",)),
    Holding(
        "segments",
        _("segments"),
        ("retention.Membership", "retention.MemberMask", "retention.StaticMember", "retention.BuildAnswer"),
    ),
    Holding("list_uploads", _("ids in uploaded lists"), ("retention.UploadedId",)),
    Holding(
        "transitions",
        _("segments entered and left"),
        ("retention.Transition",),
        _("Statistics: how many came and went; a number stands there, and it stands for nobody."),
    ),
)


def export(*, member_id: int) -> Kept:
    """This function will hand out facts, scores, the segments the member is in, and those entered and left."""
    inside = Membership.objects.filter(member_id=member_id).order_by("segment_id")
    listed = StaticMember.objects.filter(member_id=member_id).order_by("segment_id")
    moves = Transition.objects.filter(member_id=member_id).order_by("pk")
    facts = rows_as_json(MemberFacts.objects.filter(pk=member_id))
    forecasts = rows_as_json(MemberForecast.objects.filter(pk=member_id))
    scores = [dict(each) for each in scores_rows(member_ids=[member_id]).values()] if facts else []
    return {
        "facts": [{name: value for name, value in row.items() if name != "member_id"} for row in facts],
        "scores": scores,
        "forecasts": [{name: value for name, value in row.items() if name != "member_id"} for row in forecasts],
        "segments": [
            *rows_of(inside.values("segment__slug", "segment__name", "entered_at")),
            *rows_of(listed.exclude(segment__in=inside.values("segment")).values("segment__slug", "segment__name")),
        ],
        "list_uploads": rows_of(UploadedId.objects.filter(member_id=member_id).order_by("pk").values("value")),
        "transitions": rows_of(moves.values("segment__slug", "entered", "at")),
    }


def erase(*, called: Called, now: datetime) -> None:
    """This function will take the member off every segment and list, without a transition: nobody left."""
    ties.clear([called.member_id])
    StaticMember.objects.filter(member_id=called.member_id).delete()
    MemberForecast.objects.filter(pk=called.member_id).delete()
    BuildAnswer.objects.filter(member_id=called.member_id).delete()
    UploadedId.objects.filter(member_id=called.member_id).delete()
    UploadedId.objects.filter(value__in=called.external_ids | called.addresses).delete()
