from random import Random

import pytest
from django.db.models import Q, Sum

from rules.ast import Compare, InSegment, StaticList, leaves
from rules.check import check
from rules.compile import compile_flag, compile_leaves, compile_rule
from rules.days import day_number
from rules.errors import RuleErrors
from rules.fields import FieldCatalogue
from rules.parse import parse
from rules.segments import MOST_LEAVES, inline
from tests.db.rules.generate import AS_OF, random_row, random_rule
from tests.db.rules.given import LEAP_DAYS, denied, leaf
from tests.db.rules.oracle import Oracle


class TestAgainstTheOracle:
    """Many rules over many rows with nulls, both answered by two programs that share no code."""

    @pytest.fixture
    def members(self, rows, taggings):
        random = Random(20_260_226)
        members = [random_row(random, member_id) for member_id in range(1, 201)]
        rows.objects.bulk_create(self.stored(rows, row) for row in members)
        taggings.objects.bulk_create(
            taggings(member_id=row["id"], tag=tag) for row in members for tag in sorted(row["tags"])
        )
        return members

    def stored(self, rows, row):
        plain = ["city", "order_count", "days_since", "overdue_ratio", "revenue_minor", "refund_rate"]
        born = row["birth_date:month_day"]
        return rows(
            member_id=row["id"],
            last_order_day=row["last_order_at"] and day_number(row["last_order_at"]),
            birth_day=row["birth_date"] and day_number(row["birth_date"]),
            birth_month_day=born and born[0] * 100 + born[1],
            **{name: row[name] for name in [*plain, "subscribed", "gender", "level"]},
        )

    def flagged(self, rows, known, rules, **options):
        """This function will give, for each rule, the ids it matches, from one scan over all rules."""
        flags = {
            f"rule_{index}": compile_flag(compile_rule(rule, known, as_of_day=day_number(AS_OF), **options))
            for index, rule in enumerate(rules)
        }
        found = [set() for _ in rules]
        for member_id, *answers in rows.objects.annotate(**flags).values_list("member_id", *flags):
            for index, answer in enumerate(answers):
                if answer:
                    found[index].add(member_id)
        return found

    @pytest.mark.parametrize("leap_day", LEAP_DAYS)
    def test_three_thousand_random_rules_match_the_same_members(self, rows, known, members, leap_day):
        random = Random(f"rules {leap_day}")
        oracle = Oracle(as_of=AS_OF, leap_day=leap_day)
        matched = 0
        for _scan in range(60):
            documents = [random_rule(random) for _ in range(25)]
            rules = [check(parse(document), known, segments=()) for document in documents]
            found = self.flagged(rows, known, rules, leap_day=leap_day)
            for document, ids in zip(documents, found, strict=True):
                assert ids == {row["id"] for row in members if oracle.holds(document, row) is True}, document
                matched += len(ids)
        assert matched > 50_000  # of 300,000: the rules are neither all empty nor all everyone

    def test_leaves_and_whole_rules_are_true_false_or_unknown_alike(self, rows, known, members):
        random = Random("leaves")
        oracle = Oracle(as_of=AS_OF)
        for _rule in range(300):
            document = random_rule(random, depth=0)
            rule = check(parse(document), known, segments=())
            expressions = compile_leaves(rule, known, as_of_day=day_number(AS_OF))
            answers = rows.objects.annotate(answer=expressions[""]).values_list("member_id", "answer")
            expected = {row["id"]: oracle.holds(document, row) for row in members}
            assert {key: None if value is None else bool(value) for key, value in answers} == expected, document

    def test_segments_inside_segments_match_the_same_members(self, rows, known, members):
        random = Random("segments")
        documents = {"none": random_rule(random)}
        for name in ("b", "c", "d"):
            documents[name] = random_rule(random, segments=list(documents))
        static = {row["id"] for row in members if random.random() < 0.4}
        compiled = {name: check(parse(document), known, segments=documents) for name, document in documents.items()}
        compiled["static"] = StaticList("static", rows.objects.filter(member_id__in=static).values("member_id"))
        documents["static"] = static
        oracle = Oracle(as_of=AS_OF, segments=documents)
        for _rule in range(200):
            document = random_rule(random, segments=list(documents))
            rule = inline(check(parse(document), known, segments=documents), rule_of=compiled)
            (ids,) = self.flagged(rows, known, [rule])
            assert ids == {row["id"] for row in members if oracle.holds(document, row) is True}, document


class TestMissingValues:
    """A comparison with a missing value is unknown, and so is its contrary: neither matches."""

    COMPARISONS = [
        leaf("city", "=", "a"),
        leaf("city", "!=", "a"),
        leaf("city", "in", ["a"]),
        leaf("city", "not_in", ["a"]),
        leaf("city", "contains", "a"),
        leaf("city", "starts_with", "a"),
        leaf("order_count", "<", 5),
        leaf("order_count", "<=", 5),
        leaf("order_count", ">", 5),
        leaf("order_count", ">=", 5),
        leaf("order_count", "between", [1, 9]),
        leaf("last_order_at", "before", "2026-01-01"),
        leaf("last_order_at", "after", "2026-01-01"),
        leaf("last_order_at", "within_last_days", 30),
        leaf("last_order_at", "within_next_days", 30),
        leaf("birth_date", "is_anniversary_within_days", 366),
        leaf("subscribed", "=", True),
        leaf("subscribed", "!=", True),
        leaf("gender", "=", "female"),
    ]

    @pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda leaf: f"{leaf['field']} {leaf['operator']}")
    def test_match_neither_a_comparison_nor_its_contrary(self, ask, add, comparison):
        add(1)
        assert ask(comparison) == []
        assert ask(denied(comparison)) == []
        assert ask(denied(denied(comparison))) == []
        assert ask(denied(comparison, {"everyone": True})) == []

    def test_do_not_stop_what_another_condition_settles(self, ask, add):
        add(1, order_count=3)
        unknown, true, false = leaf("city", "=", "a"), leaf("order_count", "=", 3), leaf("order_count", "=", 4)
        assert ask({"combinator": "or", "rules": [unknown, true]}) == [1]
        assert ask(denied(unknown, false)) == [1]
        assert ask({"combinator": "and", "rules": [unknown, true]}) == []
        assert ask(denied(unknown, true)) == []

    def test_are_found_by_is_null(self, ask, add):
        add(1)
        add(2, city="Wuhan", birth_month_day=229)
        assert ask(leaf("city", "is_null")) == [1]
        assert ask(leaf("city", "is_not_null")) == [2]
        assert ask(denied(leaf("city", "is_null"))) == [2]
        assert ask(leaf("birth_date", "is_null")) == [1, 2]  # a birthday without a year is no full date

    def test_would_match_the_contrary_of_a_keyword_lookup(self, rows, ask, add):
        """Why leaves are lookup objects: Django's own negation lets the unknown member in."""
        add(1)
        assert [row.member_id for row in rows.objects.filter(~Q(order_count__gt=5))] == [1]
        assert ask(denied(leaf("order_count", ">", 5))) == []

    def test_of_tags_is_the_empty_set(self, ask, add):
        add(1)
        add(2, tags=["VIP"])
        assert ask(leaf("tags", "has_tag", "VIP")) == [2]
        assert ask(denied(leaf("tags", "has_tag", "VIP"))) == [1]


class TestEveryone:
    def test_matches_everyone_only_when_written(self, ask, add):
        add(1)
        add(2)
        assert ask({"everyone": True}) == [1, 2]
        assert ask(denied({"everyone": True})) == []

    def test_is_never_left_to_an_empty_condition(self, rows, ask, add):
        """Why groups are never empty: Django's empty condition is everyone, its contrary too, and it vanishes in an OR."""
        add(1)
        assert rows.objects.filter(Q()).count() == rows.objects.filter(~Q()).count() == 1
        assert rows.objects.filter(Q() | Q(order_count=5)).count() == 0
        for empty in ({"combinator": "and", "rules": []}, {"combinator": "or", "rules": [], "not": True}):
            with pytest.raises(RuleErrors):
                ask(empty)

    def test_survives_an_or(self, ask, add):
        add(1, order_count=5)
        add(2)
        five = leaf("order_count", "=", 5)
        assert ask({"combinator": "or", "rules": [five, {"everyone": True}]}) == [1, 2]
        assert ask({"combinator": "and", "rules": [five, {"everyone": True}]}) == [1]

    def test_is_a_condition_that_shows_in_the_statement(self, rows, known):
        condition = compile_rule(parse({"everyone": True}), known, as_of_day=0)
        assert condition != Q()
        assert " WHERE " in str(rows.objects.filter(condition).query)


class TestText:
    """Case counts, % and _ are ordinary characters, on both databases (SQLite's LIKE ignores case)."""

    @pytest.fixture(autouse=True)
    def _cities(self, rows, add):
        for member_id, city in enumerate(["Wuhan", "wuhan", "100%", "100 percent", "a_b", "axb", "武汉"], start=1):
            add(member_id, city=city)

    @pytest.mark.parametrize(
        ("operator", "value", "ids"),
        [
            ("=", "Wuhan", [1]),
            ("=", "WUHAN", []),
            ("in", ["Wuhan", "武汉"], [1, 7]),
            ("not_in", ["Wuhan", "武汉"], [2, 3, 4, 5, 6]),
            ("contains", "uha", [1, 2]),
            ("contains", "W", [1]),
            ("contains", "w", [2]),
            ("contains", "%", [3]),
            ("contains", "_", [5]),
            ("contains", "汉", [7]),
            ("starts_with", "Wu", [1]),
            ("starts_with", "wu", [2]),
            ("starts_with", "uhan", []),
            ("starts_with", "a_", [5]),
            ("starts_with", "100%", [3]),
            ("starts_with", "武", [7]),
        ],
    )
    def test_compares_exactly(self, ask, operator, value, ids):
        assert ask(leaf("city", operator, value)) == ids

    @pytest.mark.parametrize("value", ["'", '"', "\\", "%s", "%(x)s", "{}", "--", "?", ":x", "$1", "[1]", "\n"])
    def test_takes_every_character_as_itself(self, ask, add, value):
        add(99, city=f"<{value}>")
        for operator, written in (("=", f"<{value}>"), ("contains", value), ("starts_with", f"<{value}")):
            assert ask(leaf("city", operator, written)) == [99]
        assert ask(leaf("city", "in", [f"<{value}>"])) == [99]

    @pytest.mark.parametrize("pattern", [".*", "^W", "W.han", "[Ww]uhan", "(a+)+$", "*", "?uhan", "%uhan%"])
    def test_knows_no_patterns(self, ask, pattern):
        """A free pattern is a query of unknown cost: every operator has a known one."""
        assert ask(leaf("city", "contains", pattern)) == []
        assert ask(leaf("city", "starts_with", pattern)) == []

    def test_compares_tags_exactly(self, ask, add):
        add(50, tags=["VIP"])
        add(51, tags=["vip", "VIP"])
        assert ask(leaf("tags", "has_tag", "VIP")) == [50, 51]
        assert ask(leaf("tags", "has_tag", "vip")) == [51]
        assert ask(leaf("tags", "has_tag", "V%")) == []


class TestNumbers:
    def test_between_includes_both_ends(self, ask, add):
        for number in range(1, 6):
            add(number, order_count=number)
        assert ask(leaf("order_count", "between", [2, 4])) == [2, 3, 4]

    def test_hold_the_largest_integer(self, ask, add):
        add(1, revenue_minor=2**63 - 1)
        add(2, revenue_minor=-(2**63))
        assert ask(leaf("revenue_minor", "=", 2**63 - 1)) == [1]
        assert ask(leaf("revenue_minor", "<=", -(2**63))) == [2]
        assert ask(leaf("days_since", "<", 2**63 - 1)) == []  # past the column's own width, and no error

    def test_tell_neighbouring_fractions_apart(self, ask, add):
        add(1, overdue_ratio=0.1 + 0.2)
        add(2, overdue_ratio=0.3)
        assert ask(leaf("overdue_ratio", "=", 0.3)) == [2]
        assert ask(leaf("overdue_ratio", ">", 0.3)) == [1]


class TestSize:
    def test_a_list_of_ten_thousand_is_one_parameter(self, ask, add, rows, known):
        add(1, city="city 9999", order_count=9_999)
        cities = leaf("city", "in", [f"city {n}" for n in range(10_000)])
        numbers = leaf("order_count", "in", list(range(10_000)))
        assert ask({"combinator": "and", "rules": [cities, numbers]}) == [1]
        condition = compile_rule(check(parse(cities), known, segments=()), known, as_of_day=0)
        _sql, params = rows.objects.filter(condition).query.sql_with_params()
        assert len(params) == 1

    @pytest.mark.parametrize("combinator", ["and", "or"])
    def test_the_widest_rule_runs(self, ask, add, known, combinator):
        add(1, city="x" * 200)
        wide = {"combinator": combinator, "rules": [leaf("city", "contains", "x" * n) for n in range(1, 101)]}
        segments = {"wide": check(parse(wide), known, segments=())}
        five = {"combinator": combinator, "rules": [{"in_segment": "wide"}] * (MOST_LEAVES // 100)}
        assert ask(five, segments=segments) == [1]

    def test_the_deepest_rule_runs(self, ask, add, known):
        add(1, order_count=1)
        add(2, order_count=2)
        deep = leaf("order_count", "=", 1)
        for _level in range(10):
            deep = denied(deep)
        segments = {"s0": check(parse(deep), known, segments=())}
        for level in range(1, 13):
            inner = {"combinator": "or", "not": True, "rules": [{"in_segment": f"s{level - 1}"}]}
            segments[f"s{level}"] = check(parse(inner), known, segments=segments)
        assert ask({"in_segment": "s12"}, segments=segments) == [1]
        assert ask({"in_segment": "s11"}, segments=segments) == [2]

    def test_twenty_rules_answer_in_one_statement(self, rows, known, add, django_assert_num_queries):
        for number in range(20):
            add(number, order_count=number)
        flags = {
            f"rule_{n}": compile_flag(
                compile_rule(check(parse(leaf("order_count", ">=", n)), known, segments=()), known, as_of_day=0)
            )
            for n in range(20)
        }
        with django_assert_num_queries(1):
            counts = rows.objects.annotate(**flags).aggregate(**{f"n_{key}": Sum(key) for key in flags})
        assert counts == {f"n_rule_{n}": 20 - n for n in range(20)}


class TestFailingClosed:
    def refused(self, rule, known):
        with pytest.raises(RuleErrors) as caught:
            compile_rule(rule, known, as_of_day=0)
        return [(error.path, error.code) for error in caught.value.errors]

    def test_a_field_that_has_gone(self):
        rule = Compare("city", "=", "Wuhan", "rules[0]")
        assert self.refused(rule, FieldCatalogue([])) == [("rules[0].field", "unknown_field")]

    def test_an_operator_that_has_gone(self, known):
        assert self.refused(Compare("city", "sounds_like", "Wuhan"), known) == [("operator", "unknown_operator")]

    def test_a_segment_whose_rule_was_not_put_in_place(self, known):
        assert self.refused(InSegment("a", "rules[0]"), known) == [("rules[0].in_segment", "segment_not_inlined")]

    def test_a_static_list_without_members_matches_nobody(self, rows, known, add):
        add(1)
        rule = inline(InSegment("empty"), rule_of={"empty": StaticList("empty", rows.objects.none().values("member_id"))})
        condition = compile_rule(rule, known, as_of_day=0)
        assert list(rows.objects.filter(condition)) == []
        assert rows.objects.filter(~condition).count() == 1
        assert list(rows.objects.annotate(flag=compile_flag(condition)).values_list("flag", flat=True)) == [0]


class TestLeaves:
    def test_answer_each_condition_by_its_path(self, rows, known, add):
        add(1, order_count=3)
        document = {
            "combinator": "and",
            "rules": [leaf("order_count", ">", 1), leaf("order_count", ">", 5), leaf("city", "=", "a"), {"everyone": True}],
        }
        rule = check(parse(document), known, segments=())
        expressions = compile_leaves(rule, known, as_of_day=0)
        assert list(expressions) == [each.path for each in leaves(rule)]
        named = {f"leaf_{n}": expression for n, expression in enumerate(expressions.values())}
        assert list(rows.objects.annotate(**named).values_list(*named)) == [(1, 0, None, 1)]


class TestMemberColumn:
    def test_names_the_column_that_tags_and_lists_are_matched_by(self, rows, known, add):
        add(7, level=1, tags=["VIP"])
        rule = check(parse(leaf("tags", "has_tag", "VIP")), known, segments=())
        assert rows.objects.filter(compile_rule(rule, known, as_of_day=0)).count() == 1
        assert rows.objects.filter(compile_rule(rule, known, as_of_day=0, member_column="level")).count() == 0
