"""Every report, whatever the data and the question: an answer in a sentence, kept for its day, the same over REST."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.errors import InvalidInput
from core.models import Job
from core.periods import date_of
from core.services.jobs import run_jobs
from members.models import Shop
from retention.models import ModelPolicy, ReportAnswer
from retention.reports.base import GROUPS, Report
from retention.reports.charts import Heat
from retention.reports.registry import REPORTS
from retention.reports.svg import draw
from retention.services import reports as service
from retention.services.refresh import refresh
from retention.services.reports import Answer, answer, find_report, forget_reports, read_question
from retention.services.scoring import fit_models
from retention.services.targets import set_target
from tests.db.retention.reports.every import EVERY
from tests.db.retention.reports.shop import make_shop
from tests.factories import NOW, make_member, make_order, shop_time
from tests.rest import caller, paths_of

pytestmark = pytest.mark.django_db


def told(report: Report, **given: str) -> list[str]:
    """This function will ask for an answer and return its sentences, having seen that it can be kept and shown."""
    answered = answer(question=read_question(report=report, given=given, now=NOW), now=NOW)
    assert isinstance(answered, Answer)
    json.dumps([answered.result.values, [table.rows for table in answered.result.tables]], allow_nan=False)
    for table in answered.result.tables:
        assert {len(row) for row in table.rows} <= {len(table.columns)}
    assert set(answered.result.values) <= {figure.code for figure in report.figures}
    for chart in answered.result.charts:
        assert isinstance(chart, Heat) or not re.search(r'[="\s,](nan|-?inf)\b', draw(chart))
    return [str(sentence) for sentence in answered.result.sentences]


class TestEveryReport:
    def test_has_a_name_of_its_own_and_a_group_that_exists(self) -> None:
        assert len({report.code for report in REPORTS}) == len(REPORTS)
        assert {report.group for report in REPORTS} <= set(GROUPS)

    @EVERY
    def test_says_what_it_means(self, report: Report) -> None:
        assert all([report.question, report.term, report.definition, report.formula])
        assert str(report.question).endswith("?")

    @EVERY
    def test_answers_a_sentence_of_an_empty_shop(self, report: Report) -> None:
        assert all(told(report, compare="previous"))

    @EVERY
    def test_answers_a_sentence_of_orders_before_any_refresh(self, report: Report) -> None:
        make_order(make_member(), placed_at=NOW - timedelta(days=3))
        assert all(told(report))

    @EVERY
    def test_answers_a_sentence_of_one_member_with_one_order(self, report: Report) -> None:
        make_order(make_member(), placed_at=NOW - timedelta(days=3))
        refresh(as_of=NOW)
        fit_models(as_of=NOW, now=NOW)
        assert all(told(report, compare="previous"))

    @EVERY
    def test_answers_a_sentence_where_all_bought_once_for_the_same(self, report: Report) -> None:
        for number in range(4):
            make_order(make_member(), placed_at=NOW - timedelta(days=30 * number), total_minor=5_000)
        refresh(as_of=NOW)
        fit_models(as_of=NOW, now=NOW)
        assert all(told(report, compare="previous"))

    @EVERY
    def test_answers_a_sentence_of_a_year_of_silence(self, report: Report) -> None:
        member = make_member()
        for days in (400, 420, 460):
            make_order(member, placed_at=NOW - timedelta(days=days))
        refresh(as_of=NOW)
        assert all(told(report, compare="previous"))

    @EVERY
    def test_answers_a_sentence_where_all_was_refunded_or_cancelled(self, report: Report) -> None:
        for number in range(40):
            make_order(make_member(), placed_at=NOW - timedelta(days=number), total_minor=900, refunded_minor=900)
            make_order(make_member(), placed_at=NOW - timedelta(days=number), status="cancelled")
        refresh(as_of=NOW)
        fit_models(as_of=NOW, now=NOW)
        assert all(told(report, compare="previous"))

    @EVERY
    def test_answers_a_sentence_of_a_time_yet_to_come(self, report: Report) -> None:
        make_order(make_member(), placed_at=NOW + timedelta(days=9))
        refresh(as_of=NOW)
        if report.standing:
            pytest.skip("tells how things stand, whatever the period")
        (sentence,) = told(report, **{"from": "2027-01-01", "to": "2027-03-01"})
        assert "15 June 2026" in sentence or "June 15, 2026" in sentence

    @EVERY
    def test_answers_each_of_its_choices_on_a_shop_of_all_kinds(self, report: Report) -> None:
        make_shop(11)
        fit_models(as_of=NOW, now=NOW)
        for option in report.options:
            for code, _label in option.choices:
                assert all(told(report, **{option.code: code}))
        if report.by_shop:
            assert all(told(report, shop="south"))
            Shop.objects.create(slug="new", name="New")
            assert all(told(report, shop="new", compare="previous"))

    @EVERY
    def test_costs_as_many_queries_for_many_members_as_for_few(self, report: Report) -> None:
        def cost() -> int:
            question = read_question(report=report, given={}, now=NOW)
            with CaptureQueriesContext(connection) as captured:
                report.count(question.asked)
            return len(captured)

        make_shop(12, members=6, orders=20)
        fit_models(as_of=NOW, now=NOW)
        few = cost()
        make_order(make_member("more"))
        for number in range(25):
            make_order(make_member(f"more{number}"), placed_at=NOW - timedelta(days=number))
        refresh(as_of=NOW, full=True)
        assert cost() <= few


class TestTheQuestion:
    @pytest.mark.parametrize(
        ("given", "path", "code"),
        [
            ({"from": "2026-02-02", "to": "2026-02-01"}, "from", "from_after_to"),
            ({"from": "yesterday"}, "from", "invalid_date"),
            ({"from": "2026-02-01T00:00:00"}, "from", "invalid_date"),
            ({"to": "9999-12-31T23:59:59-12:00"}, "to", "invalid_date"),
            ({"to": "2026-02-30"}, "to", "invalid_date"),
            ({"to": "9999-01-01"}, "to", "invalid_date"),
            ({"from": "1950-01-01"}, "from", "too_long"),
            ({"shop": "nowhere"}, "shop", "unknown_shop"),
            ({"shop": "a\0"}, "shop", "unknown_shop"),
            ({"horizon": "7"}, "horizon", "invalid_choice"),
            ({"compare": "everything"}, "compare", "invalid_choice"),
        ],
    )
    def test_is_refused_where_it_makes_no_sense(self, given: dict[str, str], path: str, code: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            read_question(report=find_report("churn"), given=given, now=NOW)
        assert [(problem.path, problem.code) for problem in refused.value.problems] == [(path, code)]

    def test_ends_no_later_than_what_is_known(self) -> None:
        make_order(make_member())
        refresh(as_of=NOW)
        asked = read_question(report=find_report("churn"), given={"to": "2026-12-31"}, now=NOW + timedelta(days=3)).asked
        assert asked.last_day == asked.known_day == asked.first_day + 365 + 14

    def test_takes_times_for_the_shops_days_they_fall_on(self) -> None:
        # Midnight of Shanghai; where a period ends, the day that begins then is not part of it any more.
        given = {"from": "2026-01-31T16:00:00Z", "to": "2026-02-28T16:00:00+00:00"}
        asked = read_question(report=find_report("churn"), given=given, now=NOW).asked
        assert (date_of(asked.first_day), date_of(asked.last_day)) == (date(2026, 2, 1), date(2026, 2, 28))

    def test_takes_the_horizon_that_the_shop_has_set(self) -> None:
        churn = find_report("churn")
        assert read_question(report=churn, given={}, now=NOW).asked.options == {"horizon": "90"}
        ModelPolicy.objects.create(churn_horizon_days=75)
        for given in ({}, {"horizon": "shop"}, {"horizon": "75"}):
            assert read_question(report=churn, given=given, now=NOW).asked.options == {"horizon": "75"}

    def test_before_is_as_long_and_ends_where_it_begins(self) -> None:
        given = {"from": "2026-03-01", "to": "2026-03-31"}
        asked = read_question(report=find_report("churn"), given=given, now=NOW).asked
        assert (asked.before().last_day + 1, asked.before().days) == (asked.first_day, 31)


class TestWhatIsKept:
    def question(self) -> service.Question:
        return read_question(report=find_report("churn"), given={}, now=NOW)

    def test_is_counted_once_for_the_same_state_of_the_data(self) -> None:
        make_shop(13)
        first = answer(question=self.question(), now=NOW)
        again = answer(question=self.question(), now=NOW + timedelta(hours=1))
        assert isinstance(first, Answer)
        assert isinstance(again, Answer)
        assert (again.counted_at, again.result) == (NOW, first.result)
        assert ReportAnswer.objects.count() == 1

    def test_is_counted_anew_after_a_refresh_that_changed_something(self) -> None:
        make_shop(13)
        answer(question=self.question(), now=NOW)
        make_order(make_member(), placed_at=NOW - timedelta(days=1))
        refresh(as_of=NOW + timedelta(minutes=1))
        again = answer(question=self.question(), now=NOW + timedelta(minutes=2))
        assert isinstance(again, Answer)
        assert again.counted_at == NOW + timedelta(minutes=2)
        assert ReportAnswer.objects.count() == 1

    def test_and_took_long_is_good_for_its_day(self) -> None:
        make_shop(13)
        answer(question=self.question(), now=NOW)
        ReportAnswer.objects.update(seconds=service.QUICK_SECONDS + 1)
        make_order(make_member(), placed_at=NOW - timedelta(days=1))
        refresh(as_of=NOW + timedelta(minutes=1))
        kept = answer(question=self.question(), now=NOW + timedelta(minutes=2))
        assert isinstance(kept, Answer)
        assert kept.counted_at == NOW
        refresh(as_of=NOW + timedelta(days=1))
        tomorrow = answer(question=self.question(), now=NOW + timedelta(days=1))
        assert isinstance(tomorrow, Answer)
        assert tomorrow.counted_at == NOW + timedelta(days=1)

    def test_is_counted_by_one_job_where_it_takes_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_shop(13)
        monkeypatch.setattr(service, "MANY_ORDERS", 100)
        asked = read_question(report=find_report("churn"), given={"compare": "previous"}, now=NOW)
        job = answer(question=asked, now=NOW)
        assert isinstance(job, Job)
        assert answer(question=asked, now=NOW) == job
        assert ReportAnswer.objects.count() == 0
        assert run_jobs(now=NOW) == {"done": 1}
        answered = answer(question=asked, now=NOW)
        assert isinstance(answered, Answer)
        assert answered.before.keys() == answered.result.values.keys()
        assert ReportAnswer.objects.count() == 2

    def test_is_forgotten_when_nobody_asked_for_long(self) -> None:
        answer(question=self.question(), now=NOW)
        assert forget_reports(now=NOW + timedelta(days=39)) == {"forgotten": 0}
        assert forget_reports(now=NOW + timedelta(days=41)) == {"forgotten": 1}


class TestOverRest:
    def test_lists_every_report_page_by_page(self) -> None:
        api = caller("reports:read")
        names = [row["name"] for row in api.all("reports/?page_size=3")]
        assert names == sorted(report.code for report in REPORTS)
        assert {"question", "definition", "chinese_term", "options"} <= set(api.all("reports/")[0])

    @EVERY
    def test_answers_figures_and_tables(self, report: Report) -> None:
        make_shop(14, members=12, orders=60)
        fit_models(as_of=NOW, now=NOW)
        response = caller("reports:read").get(f"reports/{report.code}/?from=2026-01-01&to=2026-06-10&compare=previous")
        assert response.status_code == 200
        body = response.json()
        period = ("2026-06-15", "2026-06-15") if report.standing else ("2026-01-01", "2026-06-10")
        assert (body["name"], body["from"], body["to"], body["shop"]) == (report.code, *period, None)
        assert [figure["name"] for figure in body["figures"]] == [figure.code for figure in report.figures]
        assert body["sentences"]
        for table in body["tables"]:
            assert all(set(row) == {column["name"] for column in table["columns"]} for row in table["rows"])

    def test_answers_a_table_as_a_file_that_no_spreadsheet_calculates(self) -> None:
        make_shop(14)
        response = caller("reports:read").call_file("reports/churn/?format=csv&from=2026-05-01&to=2026-06-15")
        rows = list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))
        assert rows[0] == ["month", "active_before", "new", "returned", "lost", "active", "churn_rate"]
        assert [row[0] for row in rows[1:]] == ["2026-05", "2026-06"]

    def test_is_not_asked_what_is_left_empty(self) -> None:
        make_order(make_member())
        refresh(as_of=NOW)
        api = caller("reports:read")
        empty = api.get("reports/churn/?shop=&from=&to=&format=&compare=&table=&horizon=&who=")
        assert (empty.status_code, empty.json()) == (200, api.get("reports/churn/").json())

    def test_tells_targets_and_the_period_before(self) -> None:
        make_shop(14)
        set_target(report=find_report("churn"), values={"lost": 3}, shop_id=None, now=NOW)
        figures = caller("reports:read").get("reports/churn/?compare=previous").json()["figures"]
        lost = next(figure for figure in figures if figure["name"] == "lost")
        assert lost["target"] == 3
        assert all(figure["previous"] is not None for figure in figures if figure["unit"] == "count")

    def test_compares_with_nothing_where_orders_begin_within_the_period_before(self) -> None:
        make_order(make_member(), placed_at=NOW - timedelta(days=60))
        refresh(as_of=NOW)
        for first, known in (("2026-05-17", True), ("2026-05-16", False)):  # the periods before begin on 17 and 15 April
            told = caller("reports:read").get(f"reports/churn/?from={first}&compare=previous").json()
            previous = next(figure["previous"] for figure in told["figures"] if figure["name"] == "active")
            assert (previous is not None, any("nothing is compared" in note for note in told["notes"])) == (known, not known)

    def test_refuses_what_makes_no_sense_by_its_name(self) -> None:
        api = caller("reports:read")
        wrong = api.get("reports/churn/?from=2026-02-02&to=2026-02-01")
        assert (wrong.status_code, paths_of(wrong)) == (422, ["from"])
        wrong = api.get("reports/churn/?from=x&shop=nowhere&horizon=1")
        assert (wrong.status_code, sorted(paths_of(wrong))) == (422, ["from", "horizon", "shop"])
        wrong = api.get("reports/churn/?format=csv&table=nothing")
        assert (wrong.status_code, paths_of(wrong)) == (422, ["table"])
        assert api.get("reports/churn/?until=2026-02-01").status_code == 422
        assert api.get("reports/nothing/").status_code == 404
        assert api.get("reports/data-quality/").status_code == 200
        assert caller("members:read").get("reports/churn/").status_code == 403

    def test_answers_202_while_a_job_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_shop(14)
        monkeypatch.setattr(service, "MANY_ORDERS", 100)
        api = caller("reports:read")
        with time_machine.travel(NOW, tick=False):
            waiting = api.get("reports/churn/")
            assert (waiting.status_code, waiting.headers["Retry-After"]) == (202, "5")
            assert run_jobs(now=NOW) == {"done": 1}
            assert api.get("reports/churn/").status_code == 200


def test_a_day_of_orders_after_the_refresh_is_not_read_yet() -> None:
    """Facts and reports are true for one moment."""
    member = make_member()
    make_order(member, placed_at=shop_time(0))
    refresh(as_of=NOW)
    make_order(member, placed_at=NOW + timedelta(hours=1))
    report = find_report("churn")
    asked = read_question(report=report, given={}, now=NOW + timedelta(hours=2)).asked
    assert report.count(asked)["months"][-1]["active"] == 0
