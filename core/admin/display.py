"""How a value looks on screen: money, instants, shares, counts, states. Missing is «not known», never 0 or None."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django.core.validators import EMPTY_VALUES
from django.template.defaultfilters import date as date_text
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, gettext_lazy, ngettext

from core.conf import shop_currency, shop_zone
from core.masking import masked_email as masked_email
from core.masking import masked_phone as masked_phone
from core.money import money_text

Text = str | Promise

FEW_DAYS = timedelta(days=30)
"""Past it people say the date, not «41 days ago»."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How a state is shown: always a word, with a colour and an icon."""

    word: Text
    colour: str
    icon: str


def unknown() -> SafeString:
    return format_html('<span class="rk-unknown">{}</span>', gettext("not known"))


def known(value: object) -> object:
    """This function will return `value`, or «not known» where there is none."""
    return unknown() if value in EMPTY_VALUES else value


def number(value: int | float | None) -> str:
    if value is None:
        return unknown()
    if isinstance(value, float) and not value.is_integer():
        return formats.number_format(round(value, 1), use_l10n=True, force_grouping=True)
    return f"{int(value):,}"


def signed(value: int) -> str:
    """This function will write a change as on a bank statement: +1,200, −30."""
    return f"+{number(value)}" if value > 0 else f"−{number(-value)}"


def money(amount_minor: int | None) -> str:
    return unknown() if amount_minor is None else money_text(amount_minor, shop_currency())


def share(value: float | None, *, digits: int | None = None) -> str:
    """This function will write 0.214 as 21%; below 10% one decimal still matters."""
    if value is None:
        return unknown()
    percent = value * 100
    if digits is None:
        digits = 1 if 0 < abs(percent) < 10 else 0
    return f"{percent:.{digits}f}%"


def ago(instant: datetime, *, now: datetime) -> str:
    """This function will say an instant as people do: 3 hours ago, in 5 minutes, 12 Mar 2026."""
    distance = now - instant
    if abs(distance) >= FEW_DAYS:
        return date_text(timezone.localtime(instant, shop_zone()), "DATE_FORMAT")
    seconds = int(abs(distance).total_seconds())
    said = _past if distance >= timedelta(0) else _ahead
    return said(seconds)


def _past(seconds: int) -> str:
    if seconds < 60:
        return gettext("just now")
    if seconds < 3600:
        return ngettext("%(count)d minute ago", "%(count)d minutes ago", seconds // 60) % {"count": seconds // 60}
    if seconds < 86400:
        return ngettext("%(count)d hour ago", "%(count)d hours ago", seconds // 3600) % {"count": seconds // 3600}
    return ngettext("%(count)d day ago", "%(count)d days ago", seconds // 86400) % {"count": seconds // 86400}


def _ahead(seconds: int) -> str:
    if seconds < 60:
        return gettext("in a moment")
    if seconds < 3600:
        return ngettext("in %(count)d minute", "in %(count)d minutes", seconds // 60) % {"count": seconds // 60}
    if seconds < 86400:
        return ngettext("in %(count)d hour", "in %(count)d hours", seconds // 3600) % {"count": seconds // 3600}
    return ngettext("in %(count)d day", "in %(count)d days", seconds // 86400) % {"count": seconds // 86400}


def exact(instant: datetime) -> str:
    """This function will write an instant with the shop's zone, as it stands in the hover text."""
    local = timezone.localtime(instant, shop_zone())
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def when(instant: datetime | None, *, now: datetime | None = None) -> SafeString:
    """This function will show an instant the way people say it, and exactly on hover."""
    if instant is None:
        return unknown()
    said = ago(instant, now=now or timezone.now())
    return format_html('<time datetime="{}" title="{}">{}</time>', instant.isoformat(), exact(instant), said)


def day(on: date | None) -> SafeString | str:
    return unknown() if on is None else date_text(on, "DATE_FORMAT")


def badge(mark: Mark, *, href: str = "") -> SafeString:
    """This function will show a state: its word, with a colour and an icon, never a colour alone."""
    inner = format_html('<span class="material-symbols-outlined" aria-hidden="true">{}</span>{}', mark.icon, str(mark.word))
    if href:
        return format_html('<a class="rk-badge rk-{}" href="{}">{}</a>', mark.colour, href, inner)
    return format_html('<span class="rk-badge rk-{}">{}</span>', mark.colour, inner)


def chips(words: Iterable[object]) -> SafeString:
    return format_html_join(" ", '<span class="rk-chip">{}</span>', ((str(word),) for word in words))


def link(text: object, href: str) -> SafeString:
    return format_html('<a class="rk-link" href="{}">{}</a>', href, text)


def change_url(label: str, pk: object) -> str:
    """This function will return the page of one object; `label` is app_model."""
    return reverse(f"admin:{label}_change", args=[pk])


def list_url(label: str, **filters: object) -> str:
    address = reverse(f"admin:{label}_changelist")
    chosen = {name: value for name, value in filters.items() if value not in EMPTY_VALUES}
    return f"{address}?{urlencode(chosen)}" if chosen else address


def bar(parts: Iterable[tuple[str, float]], *, title: str = "") -> SafeString:
    """This function will draw (colour, share) parts as one bar; decoration, so screen readers skip it."""
    inner = format_html_join(
        "", '<i class="rk-{}" style="width:{}%"></i>', ((colour, f"{part * 100:.2f}") for colour, part in parts)
    )
    return format_html('<span class="rk-bar" title="{}" aria-hidden="true">{}</span>', title, inner)


def lines(texts: Iterable[object]) -> SafeString:
    return format_html_join(mark_safe("<br>"), "{}", ((text,) for text in texts))


NOT_KNOWN = gettext_lazy("not known")
