"""Money is integer minor units; this is how people read it."""

from __future__ import annotations

SYMBOLS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "HKD": "HK$"}
DECIMALS = {"JPY": 0, "KRW": 0}


def money_text(amount_minor: int | None, currency: str) -> str:
    """This function will write an amount with symbol and separators: 123456 CNY -> ¥1,234.56; whole units without cents."""
    if amount_minor is None:
        return ""
    decimals = DECIMALS.get(currency, 2)
    scale = 10**decimals
    whole, rest = divmod(abs(amount_minor), scale)
    sign = "-" if amount_minor < 0 else ""
    cents = f".{rest:0{decimals}d}" if rest else ""
    return f"{sign}{SYMBOLS.get(currency, currency + ' ')}{whole:,}{cents}"
