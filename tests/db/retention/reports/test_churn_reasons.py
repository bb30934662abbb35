from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from members.models import Member
from retention.models import ChurnReason
from retention.reports.base import Asked
from retention.reports.churn_reasons import ChurnReasons
from retention.selectors import scores_rows
from retention.services.reasons import switch_reason, use_defaults
from retention.services.refresh import refresh
from retention.services.reports import answer, read_question
from tests.db.retention.test_reasons import ago, leaving
from tests.factories import NOW, TODAY_NUMBER, make_event, make_member, make_order

pytestmark = pytest.mark.django_db

YEAR = Asked(TODAY_NUMBER - 364, TODAY_NUMBER, TODAY_NUMBER, NOW)


@pytest.fixture(autouse=True)
def _shop(db: None) -> None:
    """Three who leave for two reasons, one who said why, one of whom nothing is told, one who is there."""
    use_defaults(now=NOW)
    for reason in ("quality", "quality", "price"):
        leaving(reason=reason)
    asked = leaving()
    make_event(asked, "survey", topic="logistics", occurred_at=ago(20))
    leaving()
    make_order(make_member("here"), placed_at=ago(2))
    refresh(as_of=NOW)


class TestChurnReasons:
    def test_count_each_leaving_member_once_by_the_reason_of_their_scores(self) -> None:
        ids = list(Member.objects.exclude(external_id="here").values_list("pk", flat=True))
        expected = Counter(scores["churn_reason"] for scores in scores_rows(ids).values())
        counted: Counter[str | None] = Counter()
        for row in ChurnReasons().count(YEAR)["rows"]:
            counted[row["reason"]] += row["members"]
        assert counted == expected
        assert (counted["quality"], counted["price"], counted["logistics"]) == (2, 1, 1)

    def test_say_the_most_frequent_first(self) -> None:
        result = ChurnReasons().run(request=YEAR)
        [sentence] = result.sentences
        assert sentence == "5 members are leaving; for 4 of them (80.0%) a reason stands out, most often quality (2)."
        assert result.values["leaving"] == 5

    def test_leave_out_whose_last_order_lies_elsewhere(self) -> None:
        [sentence] = ChurnReasons().run(request=Asked(TODAY_NUMBER - 30, TODAY_NUMBER, TODAY_NUMBER, NOW)).sentences
        assert sentence == "Nobody whose last order lies in this time is at risk, dormant or lost."

    def test_are_counted_anew_when_the_list_changes_and_not_otherwise(self) -> None:
        question = read_question(report=ChurnReasons(), given={}, now=NOW)
        before = answer(question=question, now=NOW)
        later = NOW + timedelta(minutes=5)
        assert answer(question=question, now=later).counted_at == before.counted_at
        switch_reason(reason="quality", active=False, now=NOW)
        after = answer(question=question, now=later)
        told = {row[0]: row[4] for row in after.result.tables[0].rows}
        assert (after.counted_at, told.get("quality"), told["no reason known"]) == (later, None, 3)
        assert after.result.notes[0].startswith("Stages and reasons are those of June 15, 2026, the last refresh")

    def test_say_when_the_list_cannot_be_asked(self) -> None:
        ChurnReason.objects.filter(reason="price").update(rule={"field": "gone", "operator": "=", "value": 1})
        [sentence] = ChurnReasons().run(request=YEAR).sentences
        assert sentence == "A rule of the list of churn reasons cannot be asked: mend it there first."
