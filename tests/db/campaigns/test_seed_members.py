"""Synthetic load: as many as asked for, the same for the same seed, and as the product itself would have written it."""

from datetime import datetime
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F, Q, Sum

from core.periods import day_number, hour_of_day
from members.ingest import ingest_orders
from members.models import BehaviourEvent, Consent, DirtyMark, Member, Order, OrderLine, Refund
from retention.models import MemberFacts
from retention.services.checks import facts_are_exact
from retention.services.refresh import refresh

pytestmark = pytest.mark.django_db

LAST_DAY = "2026-06-30"
AS_OF = datetime(2026, 6, 30, 23, 59, tzinfo=ZoneInfo("Asia/Shanghai"))


def seed(members=150, **options):
    out = StringIO()
    given = {"orders": 1_200, "seed": 5, "until": LAST_DAY, **options}
    call_command("seed_members", members, stdout=out, **given)
    return out.getvalue()


class TestTheLoad:
    def test_holds_as_many_as_asked_for_all_marked_for_the_next_refresh(self):
        seed(events=300, lines=1.5)
        counts = [model.objects.count() for model in (Member, Order, BehaviourEvent, DirtyMark)]
        assert counts == [150, 1_200, 300, 150]
        assert Consent.objects.filter(channel="sms", granted=True).exists()

    def test_is_the_same_for_the_same_seed(self):
        seed(lines=1.5)
        first = [list(model.objects.order_by("pk").values_list()[:2000]) for model in (Member, Order, OrderLine, Refund)]
        for model in (OrderLine, Refund, Consent, Order, BehaviourEvent, Member):
            model.objects.all().delete()
        connection.check_constraints()  # what was deleted is waited for by the tables' keys
        seed(lines=1.5)
        second = [list(model.objects.order_by("pk").values_list()[:2000]) for model in (Member, Order, OrderLine, Refund)]
        assert [_without_ids(rows) for rows in second] == [_without_ids(rows) for rows in first]

    def test_stands_beside_that_of_another_seed(self):
        seed()
        assert "here already" in seed()
        seed(members=20, orders=50, seed=6)
        assert (Member.objects.count(), Order.objects.count()) == (170, 1_250)

    def test_is_refused_where_another_of_the_seed_is(self):
        seed()
        with pytest.raises(CommandError, match="150 members of seed 5 are here already"):
            seed(members=151)

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"members": 0}, "nobody placed those orders"),
            ({"members": -1}, "N is -1"),
            ({"refunds": 1.5}, "--refunds is 1.5"),
            ({"until": "yesterday"}, "--until yesterday"),
        ],
    )
    def test_that_cannot_be_is_refused_in_a_sentence(self, options, says):
        with pytest.raises(CommandError, match=says):
            seed(**options)
        assert Order.objects.count() == 0


class TestItsRows:
    def test_have_the_days_and_hours_that_the_ingest_would_give_them(self):
        seed(events=300)
        zone = ZoneInfo("Asia/Shanghai")
        assert [o.pk for o in Order.objects.all() if o.placed_day != day_number(o.placed_at, zone)] == []
        assert [o.pk for o in Order.objects.all() if o.placed_hour != hour_of_day(o.placed_at, zone)] == []
        assert [e.pk for e in BehaviourEvent.objects.all() if e.day != day_number(e.occurred_at, zone)] == []

    def test_keep_lines_and_refunds_in_step_with_their_orders(self):
        seed(lines=2, refunds=0.2)
        other_lines = Order.objects.annotate(sum=Sum("lines__amount_minor")).filter(~Q(sum=F("total_minor")))
        other_refunds = Order.objects.annotate(sum=Sum("refunds__amount_minor")).filter(~Q(sum=F("refunded_minor")))
        assert OrderLine.objects.count() > 1_500
        assert Refund.objects.count() > 150
        assert (other_lines.count(), other_refunds.count()) == (0, 0)

    def test_are_counted_and_go_on_as_any_others(self):
        seed()
        refresh(as_of=AS_OF)
        item = {"external_id": "1", "member": "s5-m00000000", "placed_at": LAST_DAY, "status": "paid", "total_minor": 100}
        assert ingest_orders([item], now=AS_OF).accepted == 1
        refresh(as_of=AS_OF)
        assert list(facts_are_exact()) == []
        assert MemberFacts.objects.aggregate(orders=Sum("order_count"))["orders"] > 1_100


def _without_ids(rows):
    """Numbers that the database gives: a sequence goes on where it was."""
    first = rows[0][0] if rows else 0
    return [(row[0] - first, *[each for each in row[1:] if not isinstance(each, int) or each < 100]) for row in rows]
