"""What members reads from the settings, in one place."""

from pathlib import Path

from django.conf import settings


def imports_dir() -> Path:
    """This function will return the folder in which uploaded files wait, and stay for a while after they are in."""
    return Path(settings.IMPORTS_DIR)


def public_url() -> str:
    """This function will return where the product is reached from outside, without a slash at its end."""
    return str(settings.PUBLIC_URL).rstrip("/")


def callback_secret() -> str:
    """This function will return what a provider shows when it calls; empty: nobody may call."""
    return str(settings.CALLBACK_SECRET)
