"""The page of data quality: numbers of the last look, each with its list; nothing is counted when it is opened."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.models import Job
from core.services.jobs import run_jobs
from members.models import Import, Product, QualityLook
from members.services import quality
from members.services.quality import ask_for_look
from tests.campaign_factories import consent
from tests.db.admin.conftest import XSS, staff, text_of
from tests.factories import NOW, make_event, make_member, make_order

pytestmark = pytest.mark.django_db

PAGE = "admin:members_qualitylook_changelist"
LOOK = "admin:members_qualitylook_look"


def looked() -> None:
    ask_for_look(now=NOW)
    run_jobs(now=NOW)


def figures(client: Client, subject: str) -> dict[str, list[object]]:
    """This function will give the numbers of a subject, by field: missing, invalid, duplicates, stale."""
    context = client.get(reverse(PAGE)).context
    found = next(each for each in context["subjects"] if each["code"] == subject)
    return {str(label): [figure for _kind, figure in row] for label, row in found["rows"]}


class TestThePage:
    def test_of_nobody_teaches_and_offers_to_look(self, admin: Client) -> None:
        shown = text_of(admin.get(reverse(PAGE)))
        assert ("Nobody has looked yet" in shown, "Look now" in shown) == (True, True)

    def test_answers_in_a_sentence_with_numbers(self, admin: Client) -> None:
        consent(make_member(phone="+8613812345678"), "sms")
        make_member(phone="12")
        looked()
        context = admin.get(reverse(PAGE)).context
        assert context["headline"] == "Of 2 members 1 can be reached by SMS and 0 by e-mail."
        assert context["wrong"] == "1 entry is invalid or a likely duplicate."

    def test_says_when_nothing_is_wrong(self, admin: Client) -> None:
        make_member()
        looked()
        assert admin.get(reverse(PAGE)).context["wrong"] == "Nothing is invalid, and nothing stands there twice."

    def test_shows_each_channel_as_a_whole(self, admin: Client) -> None:
        for phone in ("+8613812345678", ""):
            consent(make_member(phone=phone), "sms")
        make_member()
        looked()
        sms, email = admin.get(reverse(PAGE)).context["channels"]
        assert [figure.count for _mark, figure in sms["figures"]] == [1, 0, 0, 1, 1]
        assert [figure.count for _mark, figure in email["figures"]] == [0, 0, 0, 0, 3]

    def test_costs_the_same_however_much_there_is(self, admin: Client) -> None:
        def cost() -> int:
            with CaptureQueriesContext(connection) as captured:
                admin.get(reverse(PAGE))
            return len(captured)

        make_order(make_member())
        looked()
        few = cost()
        for _number in range(30):
            make_event(make_order(make_member()).member, "visit")
        looked()
        assert cost() == few

    def test_keeps_to_its_last_look_while_the_next_is_under_way(self, admin: Client) -> None:
        make_member()
        looked()
        job = ask_for_look(now=NOW)
        Job.objects.filter(pk=job.pk).update(total=200, done=50)
        QualityLook.objects.create(started_at=NOW + timedelta(hours=1))
        shown = text_of(admin.get(reverse(PAGE)))
        assert ("Looking at everything: 25%" in shown, "Of 1 member 0" in shown, "Look again" in shown) == (
            True,
            True,
            False,
        )

    def test_tells_what_imports_refused_lately(self, admin: Client) -> None:
        known = {"target": "orders", "state": "imported", "created_at": NOW, "started_at": NOW, "kept_until": NOW}
        for number, (days, shop) in enumerate(((1, "tmall"), (2, "tmall"), (40, "own"))):
            reasons = {"phone: This is not a phone number": 2, "placed_at: required": number}
            Import.objects.create(
                token=f"t{number}", finished_at=NOW - timedelta(days=days), rejected=2 + number, reasons=reasons,
                reading={"shop": shop}, **known,
            )  # fmt: skip
        told = admin.get(reverse(PAGE)).context["refusals"]
        assert (told.imports, told.rows) == (2, 5)
        assert told.by_reason == [("phone: This is not a phone number", 4), ("placed_at: required", 1)]
        assert [(each.shop, NOW - each.at) for each in told.arrived] == [
            ("tmall", timedelta(days=1)), ("own", timedelta(days=40)),
        ]  # fmt: skip

    def test_lets_no_name_speak_as_markup(self, admin: Client) -> None:
        make_member(XSS, source=XSS[:100], attributes={XSS: "x"})
        looked()
        assert XSS not in text_of(admin.get(reverse(PAGE)))


class TestAListBehindANumber:
    def test_holds_the_members_that_were_found(self, admin: Client) -> None:
        bad = make_member(phone="12")
        make_member(phone="+8613812345678")
        looked()
        figure = figures(admin, "members")["phone"][1]
        answer = admin.get(figure.url)  # type: ignore[attr-defined]
        assert [member.pk for member in answer.context["cl"].result_list] == [bad.pk]
        assert [(str(label), str(value)) for label, value in answer.context["chosen"]] == [
            ("data quality", "phone: invalid")
        ]
        assert answer.context["segment_url"] == ""

    def test_can_become_a_segment_where_a_rule_says_the_same(self, admin: Client) -> None:
        make_member(city="上海")
        make_member()
        looked()
        figure = figures(admin, "members")["city"][0]
        rule = {"field": "city", "operator": "is_null"}
        for address in (figure.segment_url, admin.get(figure.url).context["segment_url"]):  # type: ignore[attr-defined]
            assert json.loads(parse_qs(urlsplit(address).query)["rule"][0]) == rule

    @pytest.mark.parametrize(
        ("subject", "field", "place"), [("orders", "lines", 0), ("products", "category", 0), ("events", "session", 0)]
    )
    def test_holds_orders_products_and_events_too(self, subject: str, field: str, place: int, admin: Client) -> None:
        found = {
            "orders": make_order(make_member()),
            "products": Product.objects.create(code="T1"),
            "events": make_event(make_member(), "visit"),
        }
        looked()
        make_order(make_member()), Product.objects.create(code="T2"), make_event(make_member(), "visit")
        answer = admin.get(figures(admin, subject)[field][place].url).context  # type: ignore[attr-defined]
        rows = [row.event for row in answer["rows"]] if subject == "events" else list(answer["cl"].result_list)
        assert rows == [found[subject]]

    def test_of_duplicates_is_the_page_that_merges_them(self, admin: Client) -> None:
        for _time in range(2):
            make_member(phone="+8613812345678")
        looked()
        figure = figures(admin, "members")["phone"][2]
        assert (figure.count, figure.url) == (2, reverse("admin:members_mergerecord_changelist") + "?reason=phone")  # type: ignore[attr-defined]

    def test_is_named_only_to_who_may_see_it(self, admin: Client) -> None:
        make_order(make_member())
        looked()
        looker = staff("members.view_qualitylook", "members.view_order")
        assert figures(looker, "members")["city"][0].url == ""  # type: ignore[attr-defined]
        assert figures(looker, "orders")["lines"][0].url != ""  # type: ignore[attr-defined]

    def test_says_when_it_holds_the_newest_alone(self, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        make_member(), make_member()
        looked()
        monkeypatch.setattr("members.admin.quality_lists.EXAMPLES", 1)
        chosen = admin.get(figures(admin, "members")["city"][0].url).context["chosen"]  # type: ignore[attr-defined]
        assert str(chosen[0][1]) == "city: missing (the newest 1,000)"

    @pytest.mark.parametrize("code", ["nonsense", "members.phone.invalid", "x.y", "reach.sms.unasked"])
    @pytest.mark.parametrize("label", ["member", "order", "product", "behaviourevent"])
    def test_that_there_is_not_shows_everything(self, code: str, label: str, admin: Client) -> None:
        assert admin.get(reverse(f"admin:members_{label}_changelist"), {"quality": code}).status_code == 200


class TestLookingAgain:
    def test_is_a_job_that_is_asked_for_once(self, admin: Client) -> None:
        for _time in range(2):
            assert admin.post(reverse(LOOK)).status_code == 302
        assert Job.objects.filter(kind=quality.JOB).values_list("by", flat=True).get() == "boss"

    def test_is_refused_to_who_may_only_look(self) -> None:
        looker = staff("members.view_qualitylook")
        assert (looker.post(reverse(LOOK)).status_code, Job.objects.count()) == (403, 0)
        assert "Look now" not in text_of(looker.get(reverse(PAGE)))

    def test_needs_a_button(self, admin: Client) -> None:
        assert (admin.get(reverse(LOOK)).status_code, Job.objects.count()) == (405, 0)
