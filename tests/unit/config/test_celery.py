from celery import current_app
from django.conf import settings


class TestTheCeleryApplication:
    def test_is_the_one_that_a_doorbell_of_any_process_rings(self):
        assert current_app.main == "rekindle"
        assert current_app.conf.broker_url == settings.REDIS_URL != ""
