"""How messages leave the building: one file a kind, all of them in one tuple."""

from campaigns.channels.base import Channel, ChannelError, Message, Receipt, channels
from campaigns.channels.email import Email
from campaigns.channels.sms import Sms

KINDS: tuple[Channel, ...] = (Sms(), Email())

__all__ = ["KINDS", "Channel", "ChannelError", "Message", "Receipt", "channels"]
