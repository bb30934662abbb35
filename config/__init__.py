"""The assembly: settings, the Celery application and the addresses. It may import everything; nothing imports it."""

# Loaded with the settings in every process: without it the web would ring at Celery's default broker, which nobody hears.
from config.celery import app as celery_app

__all__ = ["celery_app"]
