"""The assembly: settings, the Celery application and the addresses. It may import everything; nothing imports it."""

import os

# Matrices here are small. With threads of their own, linear algebra and trees wait for themselves wherever more processes
# than cores run: a fit of 8 ms took 90, one with its challengers 3 s instead of 0.8 (two cores, load 5). Before NumPy is
# loaded; whoever sets the variables decides.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Loaded with the settings in every process: without it the web would ring at Celery's default broker, which nobody hears.
from config.celery import app as celery_app

__all__ = ["celery_app"]
