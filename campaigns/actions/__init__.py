"""What campaigns do: one file a kind, all of them in one tuple."""

from campaigns.actions.base import Action, Call, Denial, Step, Words, actions
from campaigns.actions.grant_points import GrantPoints
from campaigns.actions.issue_coupon import IssueCoupon
from campaigns.actions.send_message import SendMessage

KINDS: tuple[Action, ...] = (IssueCoupon(), GrantPoints(), SendMessage())

__all__ = ["KINDS", "Action", "Call", "Denial", "Step", "Words", "actions"]
