"""E-mail through Django. Without a server configured each message becomes a file under its key."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings
from django.core.mail import BadHeaderError, EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.translation import gettext_lazy as _

from campaigns.channels.base import Channel, ChannelError, Message, Receipt
from campaigns.channels.files import put_once
from campaigns.conf import outbox

FILES = "django.core.mail.backends.filebased.EmailBackend"

# Raised before the server is offered the message, so another attempt cannot make two of it.
NEVER_HANDED_OVER = (smtplib.SMTPHeloError, smtplib.SMTPNotSupportedError)
NO_SUCH_MAILBOX = re.compile(r"5\.1\.[0-3]\b")
"""The enhanced codes of RFC 3463 for an address that does not exist. The bare number 550 says no more than «refused»."""

FAILURES = (smtplib.SMTPException, BadHeaderError, OSError, ValueError)


class Email(Channel):
    code = "email"
    label = _("e-mail")
    address_field = "email"
    has_subject = True

    @property
    def honours_keys(self) -> bool:
        """SMTP takes a message as often as it is given."""
        return _to_files()

    def send(self, *, message: Message) -> Receipt:
        mail = EmailMessage(
            subject=message.subject,
            body=message.body,
            to=[message.to],
            headers=_one_click(message),
        )
        return hand_over(mail, key=message.key)


def hand_over(mail: EmailMessage, *, key: str) -> Receipt:
    """This function will give a letter to the mail server under a key of its own, or raise ChannelError."""
    message_id = f"<{key}@{_domain()}>"
    mail.extra_headers["Message-ID"] = message_id
    try:
        if _to_files():
            return put_once(outbox() / "email", f"{key}.eml", mail.message().as_bytes())
        with _server() as mail.connection:
            mail.send()
    except FAILURES as error:
        raise _refusal(error) from error
    return Receipt(provider_id=message_id)


def _one_click(message: Message) -> dict[str, str]:
    """RFC 8058: a mail program shows a button of its own, and posts to the address without opening it."""
    if not message.unsubscribe_url:
        return {}
    return {"List-Unsubscribe": f"<{message.unsubscribe_url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


@contextmanager
def _server() -> Iterator[BaseEmailBackend]:
    """Opened apart from sending: a server that is not reached never had the message, so another attempt cannot make two.

    Once it took the message, nothing that goes wrong at parting makes that doubtful.
    """
    server = get_connection()
    try:
        server.open()
    except FAILURES as error:
        raise ChannelError(f"{type(error).__name__}: {error}") from error
    try:
        yield server
    finally:
        with suppress(smtplib.SMTPException, OSError):
            server.close()


def _to_files() -> bool:
    return bool(settings.EMAIL_BACKEND == FILES)


def _domain() -> str:
    return str(settings.DEFAULT_FROM_EMAIL).rpartition("@")[2].rstrip(">")


def _refusal(error: Exception) -> ChannelError:
    """This function will say what an error means for another attempt; what is not known for sure may have been sent."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, BadHeaderError | ValueError):
        return ChannelError(text, permanent=True)
    if _to_files() or isinstance(error, NEVER_HANDED_OVER):
        return ChannelError(text)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = list(error.recipients.values())
        permanent = all(code >= 500 for code, _answer in answers)
        unknown = permanent and all(NO_SUCH_MAILBOX.match(_text(answer)) for _code, answer in answers)
        return ChannelError(text, permanent=permanent, no_such_address=unknown)
    if isinstance(error, smtplib.SMTPResponseException):
        return ChannelError(text, permanent=error.smtp_code >= 500)
    return ChannelError(text, handed_over=True)
