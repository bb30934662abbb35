"""What core reads from the settings, in one place."""

from zoneinfo import ZoneInfo

from django.conf import settings


def shop_zone() -> ZoneInfo:
    """This function will return the zone whose calendar the shop's days follow."""
    return ZoneInfo(settings.SHOP_TIME_ZONE)


def shop_currency() -> str:
    return str(settings.SHOP_CURRENCY)


def has_broker() -> bool:
    return bool(settings.REDIS_URL)
