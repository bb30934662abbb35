"""The environment: typed, each variable once, refused with its name when it is wrong."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env
from config.env import read_environment
from tests.conftest import VARIABLES


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setattr(env, "VAR_DIR", tmp_path)


class TestNothingSet:
    def test_is_the_embedded_product(self, tmp_path):
        read = read_environment()

        assert read.database == {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "rekindle.sqlite3")}
        assert (read.redis_url, read.cache_url, read.debug, read.https_only) == ("", "", False, False)
        assert read.email["EMAIL_BACKEND"] == "django.core.mail.backends.filebased.EmailBackend"
        assert (read.email_from, read.sms_sender) == ("shop@rekindle.example", "file")
        assert (read.shop_time_zone, read.shop_currency, read.churn_horizon_days) == ("Asia/Shanghai", "CNY", 90)
        assert read.allowed_hosts == ("localhost", "127.0.0.1", "[::1]")

    def test_keeps_one_secret_key_for_its_owner_alone(self, tmp_path):
        first, again = read_environment().secret_key, read_environment().secret_key

        assert first == again
        assert len(first) > 50
        assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]
        assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


class TestWhatIsSet:
    def test_may_stand_in_a_file(self, monkeypatch, tmp_path):
        (tmp_path / "key").write_text("from a file\n")
        monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))

        assert read_environment().secret_key == "from a file"

    @pytest.mark.parametrize(
        ("redis", "cache"),
        [
            ("redis://host:6379/0", "redis://host:6379/1"),
            ("rediss://user:word@host:6379/4", "rediss://user:word@host:6379/5"),
            ("redis://host", "redis://host/1"),
        ],
    )
    def test_gives_the_cache_a_database_of_its_own(self, monkeypatch, redis, cache):
        monkeypatch.setenv("REDIS_URL", redis)

        assert read_environment().cache_url == cache

    @pytest.mark.parametrize("sender", ["shop@example.com", "Shop <shop@example.com>"])
    def test_names_whom_e_mails_are_from(self, monkeypatch, sender):
        monkeypatch.setenv("EMAIL_FROM", sender)

        assert read_environment().email_from == sender

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DATABASE_URL", "mysql://host/name"),
            ("REDIS_URL", "http://host"),
            ("REDIS_URL", "redis://host/zero"),
            ("REDIS_URL", "unix:///run/valkey.sock"),
            ("DEBUG", "maybe"),
            ("HTTPS_ONLY", "2"),
            ("EMAIL_URL", "pigeon://roof"),
            ("EMAIL_FROM", "nobody"),
            ("SMS_SENDER", "pigeon"),
            ("SHOP_TIME_ZONE", "Asia/Shangai"),
            ("SHOP_TIME_ZONE", "localtime"),
            ("SHOP_TIME_ZONE", "Factory"),
            ("SHOP_CURRENCY", "yuan"),
            ("CHURN_HORIZON_DAYS", "6"),
            ("CHURN_HORIZON_DAYS", "ninety"),
        ],
    )
    def test_is_refused_by_name_when_it_is_wrong(self, monkeypatch, name, value):
        monkeypatch.setenv(name, value)

        with pytest.raises(ImproperlyConfigured, match=name):
            read_environment()

    def test_shows_no_password_when_it_is_refused(self, monkeypatch):
        for name, value in (("DATABASE_URL", "mysql://me:secret@host/name"), ("EMAIL_URL", "pigeon://me:secret@roof")):
            monkeypatch.setenv(name, value)
            with pytest.raises(ImproperlyConfigured) as caught:
                read_environment()
            assert "secret" not in str(caught.value)
            monkeypatch.delenv(name)
