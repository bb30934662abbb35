"""The assembly: settings, the Celery application and the addresses. It may import everything; nothing imports it."""
