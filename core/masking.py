"""How phone numbers and e-mail addresses are shown: enough to recognise, too little to use."""

from __future__ import annotations


def masked_phone(phone: str) -> str:
    """This function will hide the four digits before the last four: +86138****5678."""
    if not phone:
        return ""
    return f"{phone[:-8]}****{phone[-4:]}" if len(phone) > 8 else "****"


def masked_email(email: str) -> str:
    """This function will hide a mailbox but its first letter: a***@example.com."""
    name, at, host = email.partition("@")
    if not at:
        return "***" if email else ""
    return f"{name[:1]}***@{host}"
