"""Constants and settings of this app."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.conf import settings

# Members planned by one statement: enough to be fast, little enough to hold in memory.
PLANNED_AT_ONCE = 10_000

# Enrolments decided in one transaction: what is done again when the process dies in the middle of it.
STEPPED_AT_ONCE = 5_000

# Birthdays missed while nothing ran are made up for this far back; older greetings embarrass.
MISSED_DAYS_MADE_UP_FOR = 7

# Messages claimed at once from a provider that honours keys, and from one that does not: after a crash the latter's
# claims wait for a person, so they are few.
CLAIMED_AT_ONCE = 200
CLAIMED_AT_ONCE_WITHOUT_KEYS = 16

# Hand-overs under way at once in one process.
SENDING_THREADS = 8

# A message still being handed over after this long was left by a process that died. Far longer than any provider's
# timeout, and than a pass may take: a living process must never be taken for a dead one.
STUCK_AFTER = timedelta(minutes=10)
LONGEST_DISPATCH_SECONDS = 240

# Attempts to hand a message over, and the wait before the second; each further wait is four times as long.
MOST_ATTEMPTS = 5
FIRST_WAIT = timedelta(seconds=30)


def outbox() -> Path:
    """This function will return the folder in which messages become files when no provider is configured."""
    return Path(settings.OUTBOX_DIR)


def sms_sender() -> str:
    """This function will return who stands for the SMS provider: files, or the console."""
    return str(settings.SMS_SENDER)
