"""Why a coupon is refused: a code for machines, a sentence for people. Each limit says whose it is."""

from __future__ import annotations

from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class Refusal(StrEnum):
    """In the order in which they are looked for: the first that holds is the answer."""

    NOT_FOUND = "not_found"
    PLATFORM_COUPON = "platform_coupon"
    VOIDED = "voided"
    WRONG_MEMBER = "wrong_member"
    ALREADY_REDEEMED = "already_redeemed"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    BELOW_MINIMUM = "below_minimum"
    MEMBER_LIMIT = "member_limit"
    EXHAUSTED = "exhausted"
    MEMBER_NEEDED = "member_needed"
    CONFLICT = "conflict"
    NOT_REDEEMED = "not_redeemed"
    BUSY = "busy"


MESSAGES: dict[Refusal, str | Promise] = {
    Refusal.NOT_FOUND: _("There is no such coupon code."),
    Refusal.PLATFORM_COUPON: _("This coupon belongs to the marketplace and is redeemed at its checkout, not here."),
    Refusal.VOIDED: _("This coupon was withdrawn."),
    Refusal.WRONG_MEMBER: _("This coupon was given to another member; only its holder can use it."),
    Refusal.ALREADY_REDEEMED: _("This coupon has already been used by another order."),
    Refusal.NOT_YET_VALID: _("This coupon is not valid yet."),
    Refusal.EXPIRED: _("This coupon has expired."),
    Refusal.BELOW_MINIMUM: _("The order is below the smallest amount this coupon asks for."),
    Refusal.MEMBER_NEEDED: _("This coupon has a limit per member: say which member the order belongs to."),
    Refusal.MEMBER_LIMIT: _("This member has had this coupon as often as one member may."),
    Refusal.EXHAUSTED: _("This coupon has been given out as often as it may in total."),
    Refusal.CONFLICT: _("This order has already used this code, with another amount or for another member."),
    Refusal.NOT_REDEEMED: _("This order has not used this code, so there is nothing to give back."),
    Refusal.BUSY: _("Too many orders use this code at this moment. Try again."),
}

STATUSES = {Refusal.NOT_FOUND: 404}
RETRYABLE = frozenset({Refusal.BUSY})


class CouponRefused(DomainError):
    """A coupon cannot be issued, used or given back; `code` says why. Nothing has changed."""

    def __init__(self, refusal: Refusal, message: str | Promise | None = None) -> None:
        super().__init__(message or MESSAGES[refusal], code=refusal.value)
        self.refusal = refusal
        self.status = STATUSES.get(refusal, 409)
        self.retryable = refusal in RETRYABLE
