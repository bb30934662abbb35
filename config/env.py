"""The only place that reads the environment: each variable once, typed, refused with its name when it is wrong."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo, available_timezones

import environ
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("VAR_DIR") or BASE_DIR / "var")

BOOLEANS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
    "": False,
}
SMS_SENDERS = ("file", "console")
NO_PLACES = frozenset({"Factory", "localtime", "posixrules"})
"""Names among the zones that mean whatever this machine is set to, or nothing: days stored under them would shift with the
machine."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What the surroundings decide. What a marketer tunes is a table, not a variable."""

    database: dict[str, object]
    redis_url: str
    cache_url: str
    secret_key: str
    debug: bool
    allowed_hosts: tuple[str, ...]
    https_only: bool
    email: dict[str, object]
    email_from: str
    sms_sender: str
    public_url: str
    callback_secret: str
    shop_time_zone: str
    shop_currency: str
    churn_horizon_days: int


def read_environment() -> Environment:
    """This function will read every variable, or raise ImproperlyConfigured naming the one that is wrong."""
    return Environment(
        database=_database(),
        redis_url=_text("REDIS_URL", default=""),
        cache_url=_cache_url(_text("REDIS_URL", default="")),
        secret_key=_secret_key(),
        debug=_boolean("DEBUG"),
        allowed_hosts=tuple(
            host.strip() for host in _text("ALLOWED_HOSTS", default="localhost,127.0.0.1,[::1]").split(",") if host.strip()
        ),
        https_only=_boolean("HTTPS_ONLY"),
        email=_email(),
        email_from=_address("EMAIL_FROM", default="shop@rekindle.example"),
        sms_sender=_one_of("SMS_SENDER", SMS_SENDERS, default="file"),
        public_url=_web_address("PUBLIC_URL", default="http://127.0.0.1:8000"),
        callback_secret=_text("CALLBACK_SECRET", default=""),
        shop_time_zone=_time_zone("SHOP_TIME_ZONE", default="Asia/Shanghai"),
        shop_currency=_currency("SHOP_CURRENCY", default="CNY"),
        churn_horizon_days=_whole_number("CHURN_HORIZON_DAYS", default=90, low=7, high=730),
    )


def _text(name: str, *, default: str) -> str:
    """Secrets may also stand in a file named by NAME_FILE, as container platforms hand them over."""
    from_file = os.environ.get(f"{name}_FILE")
    if from_file:
        return Path(from_file).read_text().strip()
    return os.environ.get(name, default)


def _wrong(name: str, value: str, allowed: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} is {value!r}; it must be {allowed}.")


def _boolean(name: str) -> bool:
    value = _text(name, default="0")
    if value.lower() not in BOOLEANS:
        raise _wrong(name, value, "1 or 0")
    return BOOLEANS[value.lower()]


def _whole_number(name: str, *, default: int, low: int, high: int) -> int:
    value = _text(name, default=str(default))
    if not value.isdecimal() or not low <= int(value) <= high:
        raise _wrong(name, value, f"a whole number from {low} to {high}")
    return int(value)


def _one_of(name: str, allowed: tuple[str, ...], *, default: str) -> str:
    value = _text(name, default=default)
    if value not in allowed:
        raise _wrong(name, value, " or ".join(allowed))
    return value


def _address(name: str, *, default: str) -> str:
    """An address, or a name with the address in angle brackets."""
    value = _text(name, default=default)
    try:
        validate_email(parseaddr(value)[1])
    except ValidationError:
        raise _wrong(name, value, "an address such as shop@example.com or Shop <shop@example.com>") from None
    return value


def _web_address(name: str, *, default: str) -> str:
    value = _text(name, default=default)
    address = urlsplit(value)
    if address.scheme not in {"http", "https"} or not address.netloc or address.query or address.fragment:
        raise _wrong(name, value, "an address such as https://members.example.com")
    return value.rstrip("/")


def _time_zone(name: str, *, default: str) -> str:
    value = _text(name, default=default)
    if value not in available_timezones() - NO_PLACES:
        raise _wrong(name, value, "a time zone such as Asia/Shanghai")
    return ZoneInfo(value).key


def _currency(name: str, *, default: str) -> str:
    value = _text(name, default=default)
    if len(value) != 3 or not value.isascii() or not value.isupper():
        raise _wrong(name, value, "three capital letters such as CNY")
    return value


def _secret_key() -> str:
    """Unset: a key made once and kept in var/, so that sessions survive a restart and no secret is in the repository."""
    given = _text("SECRET_KEY", default="")
    if given:
        return given
    path = VAR_DIR / "secret_key"
    if not path.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        _keep_first(draft, path)
    return path.read_text()


def _keep_first(draft: Path, path: Path) -> None:
    """Two processes may start at once: a hard link fails where the other was first, and both read the same key."""
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _cache_url(redis_url: str) -> str:
    """The database after the broker's: emptying a cache empties its whole database, and must not take the queue along."""
    if not redis_url:
        return ""
    address = urlsplit(redis_url)
    if address.scheme not in {"redis", "rediss"}:  # a socket's file has no form that both broker and cache read
        raise _wrong("REDIS_URL", address.scheme, "an address such as redis://host:6379/0")
    number = address.path.strip("/") or "0"
    if not number.isdecimal():
        raise _wrong("REDIS_URL", address.path, "an address such as redis://host:6379/0, with a number at its end")
    return urlunsplit(address._replace(path=f"/{int(number) + 1}"))


def _database() -> dict[str, object]:
    value = _text("DATABASE_URL", default="")
    if not value:
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(VAR_DIR / "rekindle.sqlite3")}
    try:
        parsed = environ.Env.db_url_config(value)
    except (ValueError, ImproperlyConfigured) as error:
        raise _wrong("DATABASE_URL", value.split("@")[-1], "an address such as postgres://user@host/name") from error
    if parsed.get("ENGINE") not in {"django.db.backends.postgresql", "django.db.backends.sqlite3"}:
        raise _wrong("DATABASE_URL", value.split(":")[0], "postgres://… or sqlite:///…")
    return dict(parsed)


def _email() -> dict[str, object]:
    """Unset: e-mails are files under var/outbox/email and count as sent."""
    value = _text("EMAIL_URL", default="")
    if not value:
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": str(VAR_DIR / "outbox" / "email"),
        }
    try:
        return dict(environ.Env.email_url_config(value))
    except (KeyError, ValueError, ImproperlyConfigured) as error:
        raise _wrong("EMAIL_URL", value.split(":")[0], "an address such as smtp+tls://user:password@host:587") from error
