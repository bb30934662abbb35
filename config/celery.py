"""The Celery application: workers do what the clock rings for; the rows in the database are the queue."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("rekindle")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# All that beat holds. Which work is due stands in core's table; a tick that comes late is as good as the next one.
TICK_SECONDS = 5
app.conf.beat_schedule = {"core.tick": {"task": "core.tick", "schedule": TICK_SECONDS, "options": {"expires": TICK_SECONDS}}}
# Without it beat adds an entry of its own that cleans up results, and we keep none.
app.conf.result_expires = None
