"""What members reads from the settings, in one place."""

from pathlib import Path

from django.conf import settings


def imports_dir() -> Path:
    """This function will return the folder in which uploaded files wait, and stay for a while after they are in."""
    return Path(settings.IMPORTS_DIR)
