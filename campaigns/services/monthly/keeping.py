"""Making a month's report and sending it, each once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date, datetime

from django.core.mail import EmailMultiAlternatives
from django.db.models import F
from django.template.loader import render_to_string
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from campaigns.channels.base import ChannelError
from campaigns.channels.email import hand_over
from campaigns.models import MonthlyPolicy, MonthlyReport, MonthlyState
from campaigns.services.monthly.content import month_before, month_content
from campaigns.services.monthly.words import month_words
from core.conf import shop_zone
from core.errors import DomainError
from core.sql import insert_rows
from retention.selectors import state

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
COLUMNS = ("month", "content", "made_at", "state", "sent_to", "attempts", "error")


class MonthNotOver(DomainError):
    """A report is about a whole month."""

    code = "month_not_over"

    def __init__(self) -> None:
        super().__init__(_("This month is not over yet."))


def make_monthly(*, month: date, now: datetime) -> MonthlyReport:
    """This function will make the report of a month that is over, or make it anew from what is known now.

    One that was sent keeps what was sent: it is not made anew.
    """
    if month_before(now.astimezone(shop_zone()).date().replace(day=1)) < month:
        raise MonthNotOver
    row = (month, month_content(month=month), now, MonthlyState.MADE.value, 0, 0, "")
    insert_rows(MonthlyReport, COLUMNS, [row], conflict=["month"])
    MonthlyReport.objects.filter(month=month, state__in=(MonthlyState.MADE, MonthlyState.FAILED)).update(
        content=row[1], made_at=now, state=MonthlyState.MADE, attempts=0, error=""
    )
    return MonthlyReport.objects.get(month=month)


def monthly_due(*, now: datetime) -> Mapping[str, int]:
    """This function will make the report of the month before, once it is over and was counted, and send it, each once."""
    month = month_before(now.astimezone(shop_zone()).date().replace(day=1))
    report = MonthlyReport.objects.filter(month=month).first()
    made = 0
    if report is None:
        if state().as_of is None:
            return {"made": 0, "sent": 0}
        report, made = make_monthly(month=month, now=now), 1
    return {"made": made, "sent": int(send_monthly(report=report, now=now))}


def send_monthly(*, report: MonthlyReport, now: datetime) -> bool:
    """This function will send a report to everybody on the list and say whether it did.

    1. It is claimed by one guarded UPDATE: of two that send at once one goes on.
    2. It is handed to the mail server under a key of its own.
    3. What became of it is recorded. What certainly did not leave is tried again, a few times; what may have left is not.
    """
    policy = MonthlyPolicy.objects.first() or MonthlyPolicy()
    if not policy.addresses:
        return False
    waiting = MonthlyReport.objects.filter(pk=report.pk, state=MonthlyState.MADE)
    if waiting.update(state=MonthlyState.SENDING, sending_at=now, attempts=F("attempts") + 1) != 1:
        return False
    mine = MonthlyReport.objects.filter(pk=report.pk, state=MonthlyState.SENDING)
    try:
        hand_over(_mail(report, policy), key=f"monthly-{report.month:%Y-%m}")
    except ChannelError as error:
        report.refresh_from_db(fields=["attempts"])
        again = not error.permanent and not error.handed_over and report.attempts < MOST_ATTEMPTS
        mine.update(state=MonthlyState.MADE if again else MonthlyState.FAILED, error=str(error))
        logger.warning("monthly.not_sent month=%s error=%s", report, type(error).__name__)
        return False
    return mine.update(state=MonthlyState.SENT, sent_at=now, sent_to=len(policy.addresses), error="") == 1


def _mail(report: MonthlyReport, policy: MonthlyPolicy) -> EmailMultiAlternatives:
    with override(policy.language):
        words = month_words(report)
        page = render_to_string("campaigns/monthly/mail.html", {"report": words})
        subject = gettext("%(shop)s: %(month)s in members") % {"shop": words.shop, "month": words.title}
        mail = EmailMultiAlternatives(subject=subject, body="\n".join(words.sentences), to=policy.addresses)
        mail.attach_alternative(page, "text/html")
        return mail
