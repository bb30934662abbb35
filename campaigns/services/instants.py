"""Instants in documents that people write: with an offset, within the years that can be reckoned with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from core.periods import FIRST_YEAR, LAST_YEAR

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
OUT_OF_CALENDAR = format_lazy(_("Give a time between the years {first} and {last}."), first=FIRST_YEAR, last=LAST_YEAR)
