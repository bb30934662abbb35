"""A message as one real member would read it, before the campaign is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.actions.wording import (
    COUPON_WORDS,
    LINK_WORDS,
    MEMBER_WORDS,
    POINTS_WORDS,
    SHOP_WORDS,
    Unreadable,
    problems_in,
    written,
)
from campaigns.coupons.validity import last_day_of_issue
from campaigns.models import CouponTemplate
from campaigns.selectors.batches import shop_name
from campaigns.selectors.points import NOTHING, points_words
from core.errors import FieldProblem, InvalidInput
from members.conf import public_url
from members.models import Member

EXAMPLE_CODE = "7K3M-9QXF-2W"


@dataclass(frozen=True, slots=True)
class MessagePreview:
    """`reader` is whose words stand in it; `warning` is what will look odd, with a way out."""

    reader: str
    subject: str
    body: str
    warning: str = ""


def preview_message(
    *, subject: str, body: str, campaign_name: str, coupon: str, earlier: Sequence[str], member: Member | None, now: datetime
) -> MessagePreview:
    """This function will write a message for `member`, with an example code for the coupon template called `coupon`
    as if it were given at `now`.

    Raises InvalidInput with what is wrong with the text.
    """
    known = [*MEMBER_WORDS, *SHOP_WORDS, *POINTS_WORDS, *LINK_WORDS, *(COUPON_WORDS if "issue_coupon" in earlier else ())]
    problems = [*problems_in(subject, path="subject", known=known), *problems_in(body, path="body", known=known)]
    if problems:
        raise InvalidInput(_("The message cannot be written."), problems=problems)
    template = CouponTemplate.objects.filter(slug=coupon).first()
    words: dict[str, str | Mapping[str, str]] = {
        **dict.fromkeys(LINK_WORDS, f"{public_url()}/…"),
        "member": {
            "name": member.name if member else "",
            "external_id": member.external_id if member else "",
        },
        "campaign": {"name": campaign_name},
        "shop": {"name": shop_name()},
        "points": points_words(member_ids=[member.pk], now=now)[member.pk] if member else NOTHING,
        "coupon": {
            "code": (template.code if template and template.code else EXAMPLE_CODE),
            "name": template.name if template else "",
            "valid_until": last_day_of_issue(template, now) if template else "",
            "link": template.link if template else "",
        },
    }
    try:
        return MessagePreview(
            str(member or ""), written(subject, words), written(body, words), _warning(f"{subject} {body}", member)
        )
    except Unreadable as error:
        problem = FieldProblem("body", "message_unreadable", str(error))
        raise InvalidInput(_("The message cannot be written."), problems=[problem]) from error


def _warning(text: str, member: Member | None) -> str:
    """Half of the members of a shop may have left no name, and «Dear ,» reads worse than no greeting."""
    if "member.name" not in text or "default" in text or (member is not None and member.name):
        return ""
    return gettext(
        "This member left no name, so nothing stands there. To put a word in its place, write "
        "{{ member.name | default: 'customer' }}."
    )
