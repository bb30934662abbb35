"""The hour of the day at which something happens."""

from __future__ import annotations

from datetime import time
from typing import Annotated

import msgspec

# Kept as text, because a time of day with a zone is not what is meant: whose clock it is depends on the trigger.
Hour = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM")]
DEFAULT_HOUR = "09:00"


def time_of(hour: str) -> time:
    return time.fromisoformat(hour)
