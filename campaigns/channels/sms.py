"""SMS. No provider yet: each message becomes a JSON file, or a line on the console."""

from __future__ import annotations

import json
import sys

from django.utils.translation import gettext_lazy as _

from campaigns.channels.base import Channel, ChannelError, Message, Receipt
from campaigns.channels.files import put_once
from campaigns.conf import outbox, sms_sender


class Sms(Channel):
    code = "sms"
    label = _("SMS")
    address_field = "phone"

    @property
    def honours_keys(self) -> bool:
        return sms_sender() == "file"

    def send(self, *, message: Message) -> Receipt:
        content = json.dumps({"key": message.key, "to": message.to, "body": message.body}, ensure_ascii=False)
        if sms_sender() == "console":
            sys.stdout.write(f"SMS {content}\n")
            return Receipt()
        try:
            return put_once(outbox() / "sms", f"{message.key}.json", content.encode())
        except OSError as error:
            # A file either stands whole under its name or does not: asking again is safe.
            raise ChannelError(str(error)) from error
