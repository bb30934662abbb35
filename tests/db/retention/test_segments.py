from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F, Q, Value
from django.db.models.lookups import GreaterThan

from core.errors import InvalidInput, NotFound
from members.models import Member
from retention.models import MemberMask, Membership, Segment, SegmentSize, SegmentVersion, StaticMember, Transition
from retention.selectors.rules import Rulebook
from retention.services.refresh import refresh
from retention.services.segments import (
    ChangedMeanwhile,
    InUse,
    change_rule,
    create_segment,
    delete_segment,
    edit_segment,
    edition_of,
)
from rules.parse import LIMITS
from tests.factories import NOW, TODAY_NUMBER, make_member, make_order, mark_dirty, shop_time

pytestmark = pytest.mark.django_db

TOMORROW = NOW + timedelta(days=1)


def leaf(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def make_segment(slug: str, rule: dict[str, Any]) -> Segment:
    return create_segment(slug=slug, name=slug.title(), rule=rule, now=NOW)


def members_of(segment: Segment) -> set[int]:
    return set(Membership.objects.filter(segment=segment).values_list("member_id", flat=True))


def moves(segment: Segment) -> list[tuple[int, bool, int]]:
    rows = Transition.objects.filter(segment=segment).order_by("id")
    return list(rows.values_list("member_id", "entered", "run_id"))


def problems_of(error: pytest.ExceptionInfo[InvalidInput]) -> list[tuple[str, str]]:
    return [(problem.path, problem.code) for problem in error.value.problems]


class TestMakingASegment:
    def test_keeps_the_rule_in_a_frozen_version(self) -> None:
        segment = make_segment("buyers", leaf("order_count", ">=", 1))
        assert (segment.version.number, segment.version.rule) == (1, leaf("order_count", ">=", 1))
        assert (segment.member_count, segment.as_of) == (None, None)

    def test_refuses_bad_slug_name_and_rule_at_once(self) -> None:
        with pytest.raises(InvalidInput) as error:
            create_segment(slug="no spaces", name=" ", rule=leaf("days_since_last_ordr", ">", 3), now=NOW)
        assert problems_of(error) == [("slug", "invalid"), ("name", "required"), ("rule.field", "unknown_field")]
        assert Segment.objects.count() == 0

    def test_refuses_a_name_that_is_taken(self) -> None:
        make_segment("buyers", {"everyone": True})
        with pytest.raises(InvalidInput) as error:
            make_segment("buyers", {"everyone": True})
        assert problems_of(error) == [("slug", "taken")]

    def test_refuses_a_name_that_is_an_address(self) -> None:
        with pytest.raises(InvalidInput) as error:
            make_segment("preview", {"everyone": True})
        assert problems_of(error) == [("slug", "taken")]

    def test_takes_chinese_slugs(self) -> None:
        assert make_segment("流失预警", {"everyone": True}).slug == "流失预警"

    def test_gives_each_its_place_and_a_freed_one_again(self) -> None:
        segments = [make_segment(f"s{number}", {"everyone": True}) for number in range(65)]
        assert [(each.word, each.bit) for each in segments[61:]] == [(0, 61), (0, 62), (1, 0), (1, 1)]
        delete_segment(segment=segments[5])
        assert (make_segment("again", {"everyone": True}).word, Segment.objects.get(slug="again").bit) == (0, 5)

    def test_refuses_circles(self) -> None:
        inner = make_segment("inner", {"everyone": True})
        make_segment("outer", {"in_segment": "inner"})
        with pytest.raises(InvalidInput) as error:
            change_rule(segment=inner, rule={"in_segment": "outer"}, now=NOW)
        assert problems_of(error) == [("rule.in_segment", "segment_circle")]
        with pytest.raises(InvalidInput):
            change_rule(segment=inner, rule={"in_segment": "inner"}, now=NOW)


class TestChangingASegment:
    def test_makes_a_version_when_the_rule_differs(self) -> None:
        segment = make_segment("buyers", leaf("order_count", ">=", 1))
        change_rule(segment=segment, rule=leaf("order_count", ">=", 1), now=NOW)
        assert SegmentVersion.objects.count() == 1
        changed = change_rule(segment=segment, rule=leaf("order_count", ">=", 2), now=NOW, by="mei")
        assert (changed.version.number, changed.version.created_by) == (2, "mei")
        assert list(SegmentVersion.objects.order_by("number").values_list("rule__value", flat=True)) == [1, 2]

    def test_refuses_what_makes_another_segment_impossible(self) -> None:
        conditions = [leaf("order_count", "!=", number) for number in range(90)]
        many = {"combinator": "and", "rules": conditions}
        inner = make_segment("inner", {"everyone": True})
        twice = {"combinator": "and", "rules": [{"in_segment": "inner"}] * 6}
        make_segment("outer", twice)
        with pytest.raises(InvalidInput) as error:
            change_rule(segment=inner, rule=many, now=NOW)
        assert problems_of(error) == [("rule", "breaks_segment")]

    def test_takes_a_name_and_a_description(self) -> None:
        segment = make_segment("buyers", {"everyone": True})
        edit_segment(segment=segment, name=" Buyers ", description="all", now=NOW)
        segment.refresh_from_db()
        assert (segment.name, segment.description, segment.version.number) == ("Buyers", "all", 1)
        with pytest.raises(InvalidInput):
            edit_segment(segment=segment, rule=leaf("order_count", ">=", 1), name="", now=NOW)
        assert SegmentVersion.objects.count() == 1


class TestTwoWhoEditASegment:
    """The second is told what the first wrote, and overwrites it knowingly or not at all."""

    BUYERS, HEAVY = leaf("order_count", ">=", 1), leaf("order_count", ">=", 9)

    @pytest.mark.parametrize(
        "first", [{"rule": BUYERS}, {"name": "Others"}, {"description": "why"}], ids=["rule", "name", "description"]
    )
    def test_the_second_saves_nothing_over_what_the_first_saved(self, first: dict[str, Any]) -> None:
        segment = make_segment("s", {"everyone": True})
        seen = edition_of(segment)
        saved = edit_segment(segment=segment, seen=seen, now=NOW, by="ann", **first)
        with pytest.raises(ChangedMeanwhile) as refused:
            edit_segment(segment=segment, seen=seen, rule=self.HEAVY, name="Mine", description="mine", now=NOW, by="bob")
        segment.refresh_from_db()
        assert (segment.name, segment.description) == (saved.name, saved.description)
        assert segment.version.rule == first.get("rule", {"everyone": True})

        again = edition_of(refused.value.now)
        edit_segment(segment=segment, seen=again, rule=self.HEAVY, name="Mine", now=NOW, by="bob")
        segment.refresh_from_db()
        assert (segment.name, segment.version.rule, segment.version.created_by) == ("Mine", self.HEAVY, "bob")

    def test_saving_the_same_again_is_no_other_edition(self) -> None:
        segment = make_segment("s", self.BUYERS)
        seen = edition_of(segment)
        for _time in range(2):
            segment = edit_segment(segment=segment, seen=seen, rule=self.BUYERS, name="S", now=NOW)
        assert (edition_of(segment), SegmentVersion.objects.count()) == (seen, 1)

    def test_of_a_segment_that_was_deleted_nothing_is_saved(self) -> None:
        segment = make_segment("s", self.BUYERS)
        delete_segment(segment=Segment.objects.get())
        with pytest.raises(NotFound):
            edit_segment(segment=segment, name="Mine", now=NOW)


class TestDeletingASegment:
    def test_clears_its_bits_and_rows(self) -> None:
        make_member()
        kept, gone = make_segment("kept", {"everyone": True}), make_segment("gone", {"everyone": True})
        refresh(as_of=NOW)
        assert MemberMask.objects.get().mask == 0b11
        delete_segment(segment=gone)
        assert MemberMask.objects.get().mask == 0b01
        assert (Membership.objects.count(), Segment.objects.get()) == (1, kept)

    def test_is_refused_while_another_mentions_it(self) -> None:
        inner = make_segment("inner", {"everyone": True})
        make_segment("outer", {"in_segment": "inner"})
        with pytest.raises(InUse, match="in use by Outer") as error:
            delete_segment(segment=inner)
        assert [str(problem.message) for problem in error.value.problems] == ["The segment “Outer” names it."]
        assert Segment.objects.count() == 2


class TestTheScan:
    def test_fills_a_new_segment_without_transitions(self) -> None:
        buyer, _other = make_member(), make_member()
        make_order(buyer)
        segment = make_segment("buyers", leaf("order_count", ">=", 1))
        report = refresh(as_of=NOW)
        segment.refresh_from_db()
        assert members_of(segment) == {buyer.pk}
        assert moves(segment) == []
        assert (segment.member_count, segment.as_of, segment.evaluated_version) == (1, NOW, segment.version)
        assert (report.counts["entered"], report.counts["left"]) == (1, 0)

    def test_writes_who_came_and_who_went(self) -> None:
        first, second = make_member(), make_member()
        order = make_order(first)
        segment = make_segment("buyers", leaf("order_count", ">=", 1))
        refresh(as_of=NOW)
        order.status = "cancelled"
        order.save(update_fields=["status"])
        mark_dirty(first)
        make_order(second)
        report = refresh(as_of=NOW)
        assert members_of(segment) == {second.pk}
        assert moves(segment) == [(first.pk, False, report.run_id), (second.pk, True, report.run_id)]
        assert Segment.objects.get().member_count == 1

    def test_follows_the_days_that_pass(self) -> None:
        member = make_member()
        make_order(member, placed_at=shop_time(TODAY_NUMBER - 59))
        segment = make_segment("silent", leaf("days_since_last_order", ">=", 60))
        refresh(as_of=NOW)
        assert members_of(segment) == set()
        report = refresh(as_of=TOMORROW)
        assert members_of(segment) == {member.pk}
        assert moves(segment) == [(member.pk, True, report.run_id)]
        assert Membership.objects.get().entered_at == TOMORROW

    def test_follows_a_changed_rule_with_transitions(self) -> None:
        buyer, other = make_member(), make_member()
        make_order(buyer)
        segment = make_segment("group", leaf("order_count", ">=", 1))
        refresh(as_of=NOW)
        change_rule(segment=segment, rule=leaf("order_count", "=", 0), now=NOW)
        report = refresh(as_of=NOW)
        assert report.kind == "changes"
        assert members_of(segment) == {other.pk}
        assert moves(segment) == [(buyer.pk, False, report.run_id), (other.pk, True, report.run_id)]

    def test_follows_the_changed_rule_of_an_inner_segment(self) -> None:
        buyer, other = make_member(), make_member()
        make_order(buyer)
        inner = make_segment("inner", leaf("order_count", ">=", 1))
        outer = make_segment("outer", {"combinator": "and", "not": True, "rules": [{"in_segment": "inner"}]})
        refresh(as_of=NOW)
        assert members_of(outer) == {other.pk}
        change_rule(segment=inner, rule=leaf("order_count", "=", 0), now=NOW)
        refresh(as_of=NOW)
        assert (members_of(inner), members_of(outer)) == ({other.pk}, {buyer.pk})

    def test_keeps_more_segments_than_a_word_holds(self) -> None:
        members = [make_member() for _ in range(3)]
        for number, member in enumerate(members):
            for _ in range(number):
                make_order(member)
        segments = [make_segment(f"s{number}", leaf("order_count", ">=", number % 4)) for number in range(130)]
        refresh(as_of=NOW)
        for number, segment in enumerate(segments):
            assert members_of(segment) == {each.pk for index, each in enumerate(members) if index >= number % 4}
        make_order(members[0])
        refresh(as_of=NOW)
        assert members_of(segments[1]) == members_of(segments[129]) == {each.pk for each in members}
        assert Transition.objects.filter(member_id=members[0].pk).count() == sum(n % 4 == 1 for n in range(130))

    def test_takes_unknown_as_no_match_also_under_not(self) -> None:
        known, _unknown = make_member(city="Wuhan"), make_member()
        in_beijing = make_segment("a", leaf("city", "=", "Beijing"))
        not_in_beijing = make_segment("b", {"combinator": "and", "not": True, "rules": [leaf("city", "=", "Beijing")]})
        refresh(as_of=NOW)
        assert (members_of(in_beijing), members_of(not_in_beijing)) == (set(), {known.pk})

    def test_answers_rules_as_deep_and_as_large_as_may_be_saved(self) -> None:
        buyer, _other = make_member(), make_member()
        make_order(buyer)
        deep: dict[str, Any] = leaf("order_count", ">=", 1)
        for _level in range(LIMITS.depth - 1):
            deep = {"combinator": "or", "not": False, "rules": [deep, leaf("order_count", "<", 0)]}
        many = [leaf("order_count", "!=", -number) for number in range(1, LIMITS.leaves)]
        segments = [
            make_segment("s0", deep),
            make_segment("large", {"combinator": "and", "rules": [leaf("order_count", ">=", 1), *many]}),
        ]
        while True:
            inner = segments[0].slug if len(segments) == 2 else segments[-1].slug
            try:
                chained = {"combinator": "and", "rules": [{"in_segment": inner}, leaf("order_count", ">=", 0)]}
                segments.append(make_segment(f"chain{len(segments)}", chained))
            except InvalidInput:
                break
        refresh(as_of=NOW)
        assert [(each.slug, each.error, each.member_count) for each in Segment.objects.order_by("id")] == [
            (each.slug, "", 1) for each in segments
        ]

    def test_reads_tags(self) -> None:
        tagged, _other = make_member(), make_member()
        tagged.tags.create(tag="vip")
        segment = make_segment("vips", leaf("tags", "has_tag", "vip"))
        refresh(as_of=NOW)
        assert members_of(segment) == {tagged.pk}

    def test_answers_a_fixed_list_and_what_mentions_it(self) -> None:
        listed, other = make_member(), make_member()
        fixed = Segment.objects.create(slug="list", name="List", static=True, word=0, bit=0, created_at=NOW)
        StaticMember.objects.create(segment=fixed, member_id=listed.pk)
        rest = make_segment("rest", {"combinator": "and", "not": True, "rules": [{"in_segment": "list"}]})
        refresh(as_of=NOW)
        assert (members_of(fixed), members_of(rest)) == ({listed.pk}, {other.pk})

    def test_keeps_the_size_of_each_day(self) -> None:
        segment = make_segment("all", {"everyone": True})
        make_member()
        refresh(as_of=NOW)
        make_member()
        refresh(as_of=NOW)
        refresh(as_of=TOMORROW)
        sizes = SegmentSize.objects.filter(segment=segment).order_by("day").values_list("day", "members")
        assert list(sizes) == [(TODAY_NUMBER, 2), (TODAY_NUMBER + 1, 2)]


class TestAFailingSegment:
    def break_rule(self, segment: Segment) -> None:
        SegmentVersion.objects.filter(segment=segment).update(rule=leaf("a_field_that_is_gone", "=", 1))

    def test_keeps_its_members_and_stops_no_other(self) -> None:
        member = make_member()
        broken, sound = make_segment("broken", {"everyone": True}), make_segment("sound", leaf("order_count", ">=", 1))
        refresh(as_of=NOW)
        self.break_rule(broken)
        make_order(member)
        refresh(as_of=TOMORROW)
        broken.refresh_from_db()
        sound.refresh_from_db()
        assert (members_of(broken), members_of(sound)) == ({member.pk}, {member.pk})
        assert (broken.as_of, sound.as_of, sound.error) == (NOW, TOMORROW, "")
        assert "a_field_that_is_gone" in broken.error

    def test_takes_what_mentions_it_along(self) -> None:
        make_member()
        broken = make_segment("broken", {"everyone": True})
        outer = make_segment("outer", {"in_segment": "broken"})
        self.break_rule(broken)
        refresh(as_of=NOW)
        outer.refresh_from_db()
        assert "a_field_that_is_gone" in outer.error
        assert members_of(outer) == set()

    def test_is_whole_again_when_it_can_be_evaluated(self) -> None:
        member = make_member()
        segment = make_segment("broken", {"everyone": True})
        self.break_rule(segment)
        refresh(as_of=NOW)
        change_rule(segment=segment, rule={"everyone": True}, now=NOW)
        refresh(as_of=NOW)
        segment.refresh_from_db()
        assert (segment.error, members_of(segment)) == ("", {member.pk})

    def test_is_not_asked_of_single_members_meanwhile(self) -> None:
        first = make_member()
        segment = make_segment("broken", {"everyone": True})
        refresh(as_of=NOW)
        self.break_rule(segment)
        refresh(as_of=TOMORROW)
        SegmentVersion.objects.filter(segment=segment).update(rule={"everyone": True})
        make_member()
        refresh(as_of=TOMORROW)
        assert members_of(segment) == {first.pk}

    @pytest.mark.postgresql
    def test_that_the_database_refuses_is_found_among_the_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        member = make_member()
        broken, sound = make_segment("broken", leaf("order_count", "=", 0)), make_segment("sound", {"everyone": True})
        refresh(as_of=NOW)

        def condition_of(rulebook: Rulebook, slug: str, **_given: Any) -> Q:
            divided = Q(GreaterThan(Value(1) / F("order_count"), 0))
            return divided if slug == "broken" else Q(order_count__gte=0)

        with monkeypatch.context() as patched:
            patched.setattr(Rulebook, "condition_of", condition_of)
            report = refresh(as_of=TOMORROW)
        broken.refresh_from_db()
        sound.refresh_from_db()
        assert broken.error.startswith("The database could not answer its rule (DataError in ")
        assert (broken.as_of, sound.as_of, sound.error) == (NOW, TOMORROW, "")
        assert members_of(broken) == members_of(sound) == {member.pk}
        assert (report.counts["segments"], report.counts["segments_failed"]) == (1, 1)


class TestTheGate:
    def test_lets_nothing_through_when_nothing_changed(self, django_assert_max_num_queries: Any) -> None:
        make_order(make_member())
        make_segment("buyers", leaf("order_count", ">=", 1))
        refresh(as_of=NOW)
        with django_assert_max_num_queries(8) as queries:
            report = refresh(as_of=NOW + timedelta(hours=1))
        assert (report.kind, report.run_id, report.counts) == ("nothing", None, {})
        assert all(query["sql"].lstrip().startswith("SELECT") for query in queries.captured_queries)

    def test_opens_for_a_profile_that_changed(self) -> None:
        member = make_member(city="Wuhan")
        segment = make_segment("wuhan", leaf("city", "=", "Wuhan"))
        refresh(as_of=NOW)
        Member.objects.filter(pk=member.pk).update(city="Beijing")
        mark_dirty(member)
        assert refresh(as_of=NOW).kind == "changes"
        assert members_of(segment) == set()
