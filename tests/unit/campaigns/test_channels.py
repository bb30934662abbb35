"""Messages as files and as e-mail."""

from __future__ import annotations

import json
import smtplib
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.core import mail

from campaigns.channels import ChannelError, Message
from campaigns.channels.email import FILES, Email
from campaigns.channels.sms import Sms
from campaigns.conf import STUCK_AFTER

MESSAGE = Message(key="k1", to="+8613800000001", subject="", body="你好")
MAIL = Message(key="k2", to="anna@example.com", subject="Hello", body="We miss you.")


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.OUTBOX_DIR = tmp_path


class TestSms:
    def test_leaves_one_file_under_the_key(self, tmp_path):
        receipt = Sms().send(message=MESSAGE)

        assert receipt.provider_id == "k1.json"
        written = json.loads((tmp_path / "sms" / "k1.json").read_text())
        assert written == {"key": "k1", "to": "+8613800000001", "body": "你好"}

    def test_takes_two_messages_with_one_key_as_one(self, tmp_path):
        with ThreadPoolExecutor(8) as pool:
            receipts = list(pool.map(lambda _n: Sms().send(message=MESSAGE), range(40)))

        assert {receipt.provider_id for receipt in receipts} == {"k1.json"}
        assert [path.name for path in (tmp_path / "sms").iterdir()] == ["k1.json"]

    def test_shows_the_file_to_its_owner_only(self, tmp_path):
        Sms().send(message=MESSAGE)

        assert (tmp_path / "sms" / "k1.json").stat().st_mode & 0o777 == 0o600

    def test_goes_to_the_console_where_so_configured(self, settings, capsys):
        settings.SMS_SENDER = "console"
        Sms().send(message=MESSAGE)

        assert "你好" in capsys.readouterr().out
        assert not Sms().honours_keys

    def test_says_that_asking_again_is_safe_when_the_disk_refuses(self, settings, tmp_path):
        (tmp_path / "sms").write_text("a file where the folder should be")
        with pytest.raises(ChannelError) as caught:
            Sms().send(message=MESSAGE)

        assert (caught.value.permanent, caught.value.handed_over) == (False, False)


class TestEmail:
    def test_goes_out_through_django(self):
        Email().send(message=MAIL)

        assert [(each.subject, each.to, each.body) for each in mail.outbox] == [
            ("Hello", ["anna@example.com"], "We miss you.")
        ]
        assert mail.outbox[0].extra_headers["Message-ID"] == "<k2@rekindle.example>"
        assert not Email().honours_keys

    def test_carries_the_way_out_for_mail_programs(self):
        Email().send(message=replace(MAIL, unsubscribe_url="https://shop.example/u/x/"))

        headers = mail.outbox[0].message()
        assert headers["List-Unsubscribe"] == "<https://shop.example/u/x/>"
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    @pytest.mark.parametrize(
        ("code", "answer", "gone"),
        [(550, b"5.1.1 no such user", True), (550, b"5.7.1 blocked", False), (550, b"no", False), (450, b"5.1.1 x", False)],
    )
    def test_knows_an_address_that_does_not_exist_from_a_refusal(self, monkeypatch, code, answer, gone):
        def refuse(*_args, **_kwargs):
            raise smtplib.SMTPRecipientsRefused({"anna@example.com": (code, answer)})

        monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
        with pytest.raises(ChannelError) as refused:
            Email().send(message=MAIL)
        assert refused.value.no_such_address is gone

    def test_is_a_file_under_its_key_when_no_server_is_configured(self, settings, tmp_path):
        settings.EMAIL_BACKEND = FILES
        Email().send(message=MAIL)
        Email().send(message=MAIL)

        assert Email().honours_keys
        assert [path.name for path in (tmp_path / "email").iterdir()] == ["k2.eml"]
        assert "We miss you." in (tmp_path / "email" / "k2.eml").read_text()

    @pytest.mark.parametrize(
        ("error", "permanent", "handed_over"),
        [
            (smtplib.SMTPHeloError(501, "no"), False, False),
            (smtplib.SMTPRecipientsRefused({"anna@example.com": (550, b"no such user")}), True, False),
            (smtplib.SMTPRecipientsRefused({"anna@example.com": (450, b"later")}), False, False),
            (smtplib.SMTPDataError(451, b"later"), False, False),
            (smtplib.SMTPDataError(554, b"spam"), True, False),
            (smtplib.SMTPServerDisconnected("lost"), False, True),
            (TimeoutError(), False, True),
        ],
    )
    def test_knows_what_an_error_means_for_another_attempt(self, monkeypatch, error, permanent, handed_over):
        def refuse(*_args, **_kwargs):
            raise error

        monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
        with pytest.raises(ChannelError) as caught:
            Email().send(message=MAIL)

        assert (caught.value.permanent, caught.value.handed_over) == (permanent, handed_over)

    @pytest.mark.parametrize(
        "error", [ConnectionRefusedError(), TimeoutError(), smtplib.SMTPAuthenticationError(535, b"no")]
    )
    def test_may_be_tried_again_when_the_server_was_not_reached(self, monkeypatch, error):
        def refuse(*_args, **_kwargs):
            raise error

        monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.open", refuse)
        with pytest.raises(ChannelError) as caught:
            Email().send(message=MAIL)

        assert (caught.value.permanent, caught.value.handed_over) == (False, False)
        assert mail.outbox == []

    def test_gives_a_server_up_that_says_nothing(self, settings):
        """A listening socket nobody accepts from: the connection stands, and no greeting ever comes."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
            settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()
            settings.EMAIL_TIMEOUT = 0.1
            with pytest.raises(ChannelError) as caught:
                Email().send(message=MAIL)

        assert (caught.value.permanent, caught.value.handed_over) == (False, False)

    def test_waits_for_a_server_far_shorter_than_a_dead_process_is_waited_for(self, settings):
        assert 0 < 10 * settings.EMAIL_TIMEOUT < STUCK_AFTER.total_seconds()

    def test_is_sent_although_parting_goes_wrong(self, monkeypatch):
        def break_off(_backend):
            raise TimeoutError

        monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.close", break_off)
        assert Email().send(message=MAIL).provider_id == "<k2@rekindle.example>"

    def test_refuses_a_header_with_a_line_break_for_good(self):
        with pytest.raises(ChannelError) as caught:
            Email().send(message=Message(key="k3", to="a@example.com", subject="x\nBcc: all@example.com", body="x"))

        assert caught.value.permanent
        assert mail.outbox == []
