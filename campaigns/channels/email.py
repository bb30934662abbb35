"""E-mail through Django. Without a server configured each message becomes a file under its key."""

from __future__ import annotations

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
        codes = [code for code, _answer in error.recipients.values()]
        return ChannelError(text, permanent=all(code >= 500 for code in codes))
    if isinstance(error, smtplib.SMTPResponseException):
        return ChannelError(text, permanent=error.smtp_code >= 500)
    return ChannelError(text, handed_over=True)
