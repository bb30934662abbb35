"""Why members leave: the first rule of the list that is true, unless they said so themselves; with what tells it."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from core.errors import InvalidInput
from core.periods import date_of
from members.models import AttributeDefinition, BehaviourEvent, Member, Refund
from retention.fields import catalogue
from retention.models import ChurnReason, Membership, Reason, Segment
from retention.scored import current_parameters
from retention.scoring.lifecycle import LEAVING
from retention.selectors import scores_rows
from retention.selectors.evidence import counted_by_reason, evidence_for
from retention.selectors.explaining import why
from retention.selectors.matching import matching
from retention.selectors.reasons import rows_asked, rules_of_reasons
from retention.selectors.rules import Rulebook
from retention.selectors.sentences import sentences_by_name
from retention.services.checks import facts_are_exact, segments_are_exact
from retention.services.reasons import DEFAULTS, change_reason, move_reason, switch_reason, use_defaults
from retention.services.refresh import refresh
from retention.services.segments import InUse, change_rule, create_segment, delete_segment
from rules.check import check
from rules.parse import parse
from rules.segments import MOST_BEHAVIOURS, looks_in
from tests.db.retention.behaviour_oracle import BehaviourOracle, attribute_rows
from tests.db.retention.test_random_behaviours import TYPES, make_shop, random_rule
from tests.factories import NOW, TODAY_NUMBER, make_event, make_member, make_order, mark_dirty, shop_time

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _reasons(db: None) -> None:
    """The list that a new shop has, whatever tests before this one emptied."""
    use_defaults(now=NOW)
    ChurnReason.objects.update(changed_at=None, changed_by="")


DAY = timedelta(days=1)
LEFT_FOR_PRICE = {"field": "churn_reason", "operator": "=", "value": "price"}


def ago(days: int) -> datetime:
    return shop_time(TODAY_NUMBER - days)


def leaving(external_id: str = "", *, days: int = 170, **refund: Any) -> Member:
    """This function will save a member whose last order was so long ago; with a refund for a `reason`, if one is given."""
    member = make_member(external_id)
    for before in (20, 10, 0):
        order = make_order(member, placed_at=ago(days + before))
    if refund:
        Refund.objects.create(order=order, position=1, amount_minor=1, refunded_at=order.placed_at, **refund)
        order.refunded_minor, order.refund_count = 1, 1
        order.save(update_fields=["refunded_minor", "refund_count"])
    return member


def reason_of(member: Member, as_of: datetime | None = None) -> str | None:
    reason: str | None = scores_rows([member.pk], as_of)[member.pk]["churn_reason"]
    return reason


def inside(slug: str) -> set[str]:
    ids = Membership.objects.filter(segment__slug=slug).values_list("member_id", flat=True)
    return set(Member.objects.filter(pk__in=ids).values_list("external_id", flat=True))


class TestTheList:
    def test_begins_with_rules_that_can_all_be_asked_and_said(self) -> None:
        begun = list(ChurnReason.objects.order_by("position").values_list("reason", flat=True))
        assert begun == [str(reason) for reason in DEFAULTS]
        assert set(begun) == set(Reason.values)
        said = sentences_by_name({line.reason: line.rule for line in ChurnReason.objects.all()})
        assert all(said.values())
        assert said["fatigue"] == "messages in 30 days is at least 8 messages"
        leaving("m")
        refresh(as_of=NOW)
        assert counted_by_reason() == {"natural": 1}

    def test_gives_the_first_reason_whose_rule_is_true(self) -> None:
        member = leaving(reason="logistics")
        make_event(member, "complaint", topic="quality", occurred_at=ago(100))
        refresh(as_of=NOW)
        assert reason_of(member) == "quality"
        move_reason(reason="logistics", up=True)
        assert reason_of(member) == "quality"
        move_reason(reason="logistics", up=True)
        assert reason_of(member) == "logistics"
        switch_reason(reason="logistics", active=False, now=NOW)
        assert reason_of(member) == "quality"
        use_defaults(now=NOW)
        switch_reason(reason="quality", active=False, now=NOW)
        assert reason_of(member) == "logistics"

    def test_stays_as_it_is_at_its_ends(self) -> None:
        before = list(ChurnReason.objects.order_by("position").values_list("reason", flat=True))
        move_reason(reason=before[0], up=True)
        move_reason(reason=before[-1], up=False)
        assert list(ChurnReason.objects.order_by("position").values_list("reason", flat=True)) == before

    def test_says_nothing_of_who_is_not_leaving(self) -> None:
        member, gone, nobody = leaving(days=3, reason="quality"), leaving(reason="quality"), make_member()
        refresh(as_of=NOW)
        assert [reason_of(each) for each in (member, gone, nobody)] == [None, "quality", None]
        assert counted_by_reason() == {"quality": 1}

    def test_ages_with_the_day_that_is_asked_about(self) -> None:
        member = leaving(days=3, reason="price")
        refresh(as_of=NOW)
        assert reason_of(member, NOW + 100 * DAY) == "price"
        assert reason_of(member, NOW + 500 * DAY) == "natural"

    def test_of_which_a_rule_is_broken_tells_no_reason_and_hides_nothing_else(self) -> None:
        member = leaving(reason="quality")
        create_segment(slug="price", name="P", rule=LEFT_FOR_PRICE, now=NOW)
        create_segment(slug="all", name="A", rule={"everyone": True}, now=NOW)
        ChurnReason.objects.filter(reason="service").update(rule={"field": "gone", "operator": "=", "value": 1})
        refresh(as_of=NOW)
        assert reason_of(member) is None
        assert scores_rows([member.pk])[member.pk]["lifecycle_stage"] == "lost"
        assert Segment.objects.get(slug="price").error
        assert Segment.objects.get(slug="all").member_count == 1


class TestASurvey:
    @pytest.mark.parametrize("told", [{"topic": "price"}, {"properties": {"reason": "price"}, "topic": "leaving"}])
    def test_answered_since_the_last_order_goes_before_every_rule(self, told: dict[str, Any]) -> None:
        member = leaving(reason="quality")
        make_event(member, "survey", occurred_at=ago(100), **told)
        refresh(as_of=NOW)
        assert reason_of(member) == "price"

    def test_answered_before_the_last_order_speaks_of_another_silence(self) -> None:
        member = leaving(reason="quality")
        make_event(member, "survey", topic="price", occurred_at=ago(171))
        refresh(as_of=NOW)
        assert reason_of(member) == "quality"
        make_event(member, "survey", topic="price", occurred_at=ago(170))
        assert reason_of(member) == "price"

    def test_counts_by_its_last_answer_that_names_a_reason(self) -> None:
        member = leaving()
        for days, topic in ((50, "price"), (40, "service"), (30, "the weather"), (-1, "quality")):
            make_event(member, "survey", topic=topic, occurred_at=ago(days))
        refresh(as_of=NOW)
        assert reason_of(member) == "service"
        assert reason_of(member, NOW + DAY) == "quality"

    def test_is_followed_by_segments_at_the_next_refresh(self) -> None:
        create_segment(slug="price", name="P", rule=LEFT_FOR_PRICE, now=NOW)
        member = leaving("m")
        refresh(as_of=NOW)
        assert inside("price") == set()
        make_event(member, "survey", topic="price", occurred_at=NOW + timedelta(minutes=1))
        refresh(as_of=NOW + timedelta(minutes=2))
        assert inside("price") == {"m"}
        assert list(segments_are_exact()) == []


class TestSegmentsThatReadTheReason:
    def test_follow_the_list(self) -> None:
        create_segment(slug="price", name="P", rule=LEFT_FOR_PRICE, now=NOW)
        leaving("m", reason="unwanted")
        refresh(as_of=NOW)
        assert inside("price") == set()
        change_reason(reason="price", rule={"did": "refund", "operator": ">=", "times": 1}, now=NOW)
        assert refresh(as_of=NOW).kind == "changes"
        assert inside("price") == {"m"}
        switch_reason(reason="price", active=False, now=NOW)
        refresh(as_of=NOW)
        assert inside("price") == set()
        assert refresh(as_of=NOW).kind == "nothing"

    def test_follow_a_segment_that_a_rule_of_the_list_names(self) -> None:
        create_segment(slug="wuhan", name="W", rule={"field": "city", "operator": "=", "value": "Wuhan"}, now=NOW)
        create_segment(slug="price", name="P", rule=LEFT_FOR_PRICE, now=NOW)
        change_reason(reason="price", rule={"in_segment": "wuhan"}, now=NOW)
        member = leaving("m")
        refresh(as_of=NOW)
        assert inside("price") == set()
        change_rule(segment=Segment.objects.get(slug="wuhan"), rule={"everyone": True}, now=NOW)
        refresh(as_of=NOW)
        assert (inside("price"), reason_of(member)) == ({"m"}, "price")

    def test_follow_a_window_s_edge_that_night(self) -> None:
        create_segment(slug="price", name="P", rule=LEFT_FOR_PRICE, now=NOW)
        leaving("m", days=364, reason="price")
        for days, expected in ((0, {"m"}), (1, set[str]())):
            refresh(as_of=NOW + days * DAY)
            assert inside("price") == expected
            assert list(segments_are_exact()) == list(facts_are_exact()) == []

    def test_cost_a_refresh_nothing_while_there_are_none(self) -> None:
        leaving()
        refresh(as_of=NOW)
        switch_reason(reason="quality", active=False, now=NOW)
        assert refresh(as_of=NOW).kind == "nothing"

    def test_are_explained_with_the_member_s_reason(self) -> None:
        member = leaving(reason="quality")
        refresh(as_of=NOW)
        found = why(rule=LEFT_FOR_PRICE, member_id=member.pk)
        assert [(each.held, each.value, each.value_text) for each in found.conditions] == [(False, "quality", "quality")]
        both = {
            "combinator": "or",
            "rules": [LEFT_FOR_PRICE, {"field": "churn_reason", "operator": "=", "value": "quality"}],
        }
        assert list(matching(rule=both).values_list("member_id", flat=True)) == [member.pk]


class TestACircle:
    def refusal(self, rule: object, reason: str = "price") -> list[tuple[str, str]]:
        with pytest.raises(InvalidInput) as refused:
            change_reason(reason=reason, rule=rule, now=NOW)
        assert ChurnReason.objects.get(reason=reason).rule == DEFAULTS[Reason(reason)]
        return [(each.path, each.code) for each in refused.value.problems]

    def test_of_a_reason_with_itself_is_refused_at_its_field(self) -> None:
        rule = {"combinator": "and", "rules": [{"everyone": True}, LEFT_FOR_PRICE]}
        assert self.refusal(rule) == [("rule.rules[1].field", "reason_circle")]

    def test_through_segments_is_refused_where_the_segment_is_named(self) -> None:
        create_segment(slug="price", name="P", rule=LEFT_FOR_PRICE, now=NOW)
        create_segment(slug="outer", name="O", rule={"in_segment": "price"}, now=NOW)
        rule = {"combinator": "or", "rules": [{"in_segment": "outer"}]}
        assert self.refusal(rule) == [("rule.rules[0].in_segment", "reason_circle")]

    def test_closed_by_a_segment_is_refused_with_the_reason_it_breaks(self) -> None:
        create_segment(slug="inner", name="I", rule={"everyone": True}, now=NOW)
        create_segment(slug="outer", name="O", rule={"in_segment": "inner"}, now=NOW)
        change_reason(reason="price", rule={"in_segment": "outer"}, now=NOW)
        with pytest.raises(InvalidInput, match="churn reason “price” mentions this segment") as refused:
            change_rule(segment=Segment.objects.get(slug="inner"), rule=LEFT_FOR_PRICE, now=NOW)
        assert [(each.path, each.code) for each in refused.value.problems] == [("rule", "breaks_reason")]
        assert Segment.objects.get(slug="inner").version.rule == {"everyone": True}

    def test_cannot_lose_a_segment_that_a_reason_names(self) -> None:
        segment = create_segment(slug="inner", name="I", rule={"everyone": True}, now=NOW)
        change_reason(reason="price", rule={"in_segment": "inner"}, now=NOW)
        with pytest.raises(InUse):
            delete_segment(segment=segment)
        assert Segment.objects.filter(slug="inner").exists()


class TestAListThatAsksTooMuch:
    """All rules in use are one question; SQLite joins no more tables than 64."""

    def looks(self, first: int, many: int) -> dict[str, Any]:
        return {
            "combinator": "or",
            "rules": [
                {"did": "order", "operator": ">", "times": 9, "within_days": days} for days in range(first, first + many)
            ],
        }

    def test_is_refused_when_a_rule_is_saved_or_switched_on(self) -> None:
        member = leaving()
        refresh(as_of=NOW)
        change_reason(reason="price", rule=self.looks(1_001, 20), now=NOW)
        change_reason(reason="quality", rule=self.looks(1_021, 20), now=NOW)
        left = MOST_BEHAVIOURS - len(looks_in_use())
        change_reason(reason="natural", rule=self.looks(1_041, left), now=NOW)
        assert (left, len(looks_in_use()), reason_of(member)) == (3, MOST_BEHAVIOURS, None)
        with pytest.raises(InvalidInput) as refused:
            change_reason(reason="natural", rule=self.looks(1_041, left + 1), now=NOW)
        assert [(each.path, each.code) for each in refused.value.problems] == [("rule", "too_many_behaviours")]
        assert ChurnReason.objects.get(reason="natural").rule == self.looks(1_041, left)

        switch_reason(reason="natural", active=False, now=NOW)
        change_reason(reason="natural", rule=self.looks(1_041, 20), now=NOW)
        with pytest.raises(InvalidInput):
            switch_reason(reason="natural", active=True, now=NOW)
        assert not ChurnReason.objects.get(reason="natural").active

    def test_is_refused_to_a_segment_that_a_rule_names(self) -> None:
        create_segment(slug="inner", name="I", rule={"everyone": True}, now=NOW)
        change_reason(reason="price", rule={"in_segment": "inner"}, now=NOW)
        change_reason(reason="quality", rule=self.looks(1_001, 20), now=NOW)
        change_reason(reason="service", rule=self.looks(1_021, 20), now=NOW)
        with pytest.raises(InvalidInput) as refused:
            change_rule(segment=Segment.objects.get(slug="inner"), rule=self.looks(1_041, 20), now=NOW)
        assert [(each.path, each.code) for each in refused.value.problems] == [("rule", "breaks_reason")]


def looks_in_use() -> set[Any]:
    return set().union(*(looks_in(rule) for _reason, rule in rules_of_reasons(Rulebook())))


class TestTheEvidence:
    def test_is_what_held_with_its_values(self) -> None:
        member = leaving(reason="quality")
        make_event(member, "review", rating=1, occurred_at=ago(100))
        refresh(as_of=NOW)
        found = evidence_for(member_id=member.pk)
        assert found is not None
        assert (found.reason, found.answered_on) == ("quality", None)
        assert [(each.sentence, each.value) for each in found.conditions] == [
            ("was given money back for quality at least once in the last 365 days", 1),
            ("wrote a review (rating is at most 2) at least once in the last 180 days", 1),
        ]

    def test_is_the_member_s_own_answer(self) -> None:
        member = leaving(reason="quality")
        make_event(member, "survey", topic="price", occurred_at=ago(9))
        refresh(as_of=NOW)
        found = evidence_for(member_id=member.pk)
        assert found is not None
        assert (found.reason, found.answered_on, found.conditions) == ("price", date_of(TODAY_NUMBER - 9), ())

    def test_is_none_of_who_does_not_leave(self) -> None:
        member = leaving(days=1)
        refresh(as_of=NOW)
        assert evidence_for(member_id=member.pk) is None


@pytest.mark.parametrize("seed", [6, 8])
def test_random_lists_tell_the_reason_that_the_oracle_tells(seed: int) -> None:
    AttributeDefinition.objects.bulk_create(
        AttributeDefinition(name=name, type=type_, created_at=NOW) for name, type_ in TYPES.items()
    )
    random = Random(300 + seed)
    make_shop(random, 30)
    for member in Member.objects.all():
        for _answer in range(random.choice([0, 0, 1, 3])):
            topic = random.choice(["price", "service", "the weather", ""])
            make_event(member, "survey", topic=topic, occurred_at=shop_time(TODAY_NUMBER - random.choice([0, 1, 40, 400])))
    for reason in Reason.values:
        change_reason(reason=reason, rule=random_rule(random), now=NOW)
    create_segment(slug="price", name="P", rule=LEFT_FOR_PRICE, now=NOW)
    told: set[str | None] = set()
    for as_of in (NOW, NOW + timedelta(hours=3), NOW + DAY):
        refresh(as_of=as_of)
        oracle, rows = BehaviourOracle(as_of), {row["id"]: row for row in attribute_rows(TYPES)}
        lines = [(line.reason, line.rule) for line in ChurnReason.objects.order_by("position") if line.active]
        found = rows_asked(
            rulebook=Rulebook(),
            parameters=current_parameters(),
            day=TODAY_NUMBER + int(as_of >= NOW + DAY),
            as_of=as_of,
            with_reason=True,
        )
        stored = set(Membership.objects.filter(segment__slug="price").values_list("member_id", flat=True))
        for row in found.values("member_id", "lifecycle_stage", "last_order_day", "churn_reason"):
            expected = expected_reason(oracle, lines, rows[row["member_id"]], row, as_of)
            told.add(expected)
            assert row["churn_reason"] == expected, (lines, row)
            assert (row["member_id"] in stored) == (expected == "price")
        gone = random.choice(list(BehaviourEvent.objects.select_related("member")))
        gone.delete()
        mark_dirty(gone.member)
    assert len(told) > 1, "some left for a reason, and some did not leave"


def expected_reason(oracle: BehaviourOracle, lines: Any, row: Any, score: Any, as_of: datetime) -> str | None:
    if score["lifecycle_stage"] not in LEAVING:
        return None
    answers = BehaviourEvent.objects.filter(member_id=row["id"], kind="survey").order_by("occurred_at", "pk")
    said = [(each.day, each.topic) for each in answers if each.occurred_at <= as_of and each.topic in Reason.values]
    if said and said[-1][0] >= score["last_order_day"]:
        return str(said[-1][1])
    return next((reason for reason, rule in lines if oracle.holds(rule, row) is True), None)


def test_the_rules_a_shop_begins_with_read_nothing_that_is_not_there() -> None:
    for rule in DEFAULTS.values():
        check(parse(rule), catalogue(), segments=())
