import ast
import datetime
import gettext
import re
from pathlib import Path

import pytest

import rules
from rules.ast import InlinedSegment, StaticList
from rules.check import check
from rules.fields import Field, FieldCatalogue, FieldType
from rules.parse import parse
from rules.words import Writer, words
from tests.unit.rules.catalogue import catalogue

HERE = Path(rules.__file__).parent
CHINESE = gettext.translation("django", HERE / "locale", languages=["zh_Hans"]).gettext
CHINESE_LABELS = {
    "city": "城市",
    "order_count": "订单数",
    "days_since": "距上次下单天数",
    "overdue_ratio": "逾期倍数",
    "revenue_minor": "消费金额",
    "refund_rate": "退款率",
    "birth_date": "生日",
    "last_order_at": "末次下单日期",
    "subscribed": "已订阅",
    "gender": "性别",
    "level": "等级",
    "tags": "标签",
}


def chinese_catalogue():
    return FieldCatalogue(
        Field(**{**{name: getattr(field, name) for name in field.__dataclass_fields__}, "label": CHINESE_LABELS[field.name]})
        for field in catalogue()
    )


def leaf(field, operator, *value):
    return {"field": field, "operator": operator, **({"value": value[0]} if value else {})}


def group(combinator, *rules, **more):
    return {"combinator": combinator, "rules": list(rules), **more}


def english(document, **options):
    rule = check(parse(document), catalogue(), segments={"at-risk"})
    return words(rule, catalogue(), **options)


def chinese(document, **options):
    rule = check(parse(document), catalogue(), segments={"at-risk"})
    return words(rule, chinese_catalogue(), translate=CHINESE, **options)


SENTENCES = [
    (leaf("city", "=", "Wuhan"), "city is Wuhan", "城市是Wuhan"),
    (leaf("city", "!=", "Wuhan"), "city is not Wuhan", "城市不是Wuhan"),
    (leaf("city", "in", ["Wuhan"]), "city is one of Wuhan", "城市是Wuhan之一"),
    (leaf("city", "not_in", ["a", "b"]), "city is none of a, b", "城市不是a、b中的任何一个"),
    (leaf("city", "contains", "汉"), "city contains “汉”", "城市包含“汉”"),
    (leaf("city", "starts_with", "武"), "city starts with “武”", "城市以“武”开头"),
    (leaf("city", "is_null"), "city is not known", "城市未知"),
    (leaf("city", "is_not_null"), "city is known", "城市已知"),
    (leaf("order_count", "=", 1), "order count equals 1 order", "订单数等于1单"),
    (leaf("order_count", "!=", 2), "order count does not equal 2 orders", "订单数不等于2单"),
    (leaf("order_count", ">=", 1_240), "order count is at least 1,240 orders", "订单数至少1,240单"),
    (leaf("days_since", ">", 60), "days since last order is more than 60 days", "距上次下单天数超过60天"),
    (leaf("days_since", "<", 60), "days since last order is less than 60 days", "距上次下单天数低于60天"),
    (leaf("days_since", "<=", 60), "days since last order is at most 60 days", "距上次下单天数最多60天"),
    (
        leaf("days_since", "between", [30, 60]),
        "days since last order is between 30 days and 60 days",
        "距上次下单天数在30天到60天之间",
    ),
    (leaf("overdue_ratio", ">", 2.5), "overdue ratio is more than 2.5", "逾期倍数超过2.5"),
    (leaf("revenue_minor", ">=", 2_000_000), "revenue is at least ¥20,000", "消费金额至少¥20,000"),
    (leaf("revenue_minor", "<", 1_995), "revenue is less than ¥19.95", "消费金额低于¥19.95"),
    (leaf("refund_rate", ">=", 0.25), "refund rate is at least 25%", "退款率至少25%"),
    (leaf("refund_rate", "=", 0.07), "refund rate equals 7%", "退款率等于7%"),
    (leaf("last_order_at", "before", "2026-01-31"), "last order is before 2026-01-31", "末次下单日期早于2026年01月31日"),
    (leaf("last_order_at", "after", "2026-01-31"), "last order is after 2026-01-31", "末次下单日期晚于2026年01月31日"),
    (leaf("last_order_at", ">=", "2026-01-31"), "last order is on or after 2026-01-31", "末次下单日期不早于2026年01月31日"),
    (leaf("last_order_at", "<=", "2026-01-31"), "last order is on or before 2026-01-31", "末次下单日期不晚于2026年01月31日"),
    (leaf("last_order_at", "=", "2026-01-31"), "last order is 2026-01-31", "末次下单日期是2026年01月31日"),
    (
        leaf("last_order_at", "between", ["2026-01-01", "2026-01-31"]),
        "last order is from 2026-01-01 to 2026-01-31",
        "末次下单日期在2026年01月01日至2026年01月31日期间",
    ),
    (leaf("last_order_at", "within_last_days", 90), "last order is within the last 90 days", "末次下单日期在最近90天内"),
    (leaf("last_order_at", "within_next_days", 2), "last order is within the next 2 days", "末次下单日期在未来2天内"),
    (leaf("last_order_at", "within_last_days", 1), "last order is today", "末次下单日期就是今天"),
    (
        leaf("birth_date", "is_anniversary_within_days", 7),
        "the anniversary of birth date is within the next 7 days",
        "生日的周年日在未来7天内",
    ),
    (leaf("birth_date", "is_anniversary_within_days", 1), "the anniversary of birth date is today", "今天是生日的周年日"),
    (leaf("subscribed", "=", True), "subscribed: yes", "已订阅：是"),
    (leaf("subscribed", "!=", True), "subscribed: no", "已订阅：否"),
    (leaf("gender", "=", "female"), "gender is Female", "性别是Female"),
    (leaf("level", "in", [1, 3]), "RFM level is one of Low, High", "等级是Low、High之一"),
    (leaf("tags", "has_tag", "VIP"), "tagged “VIP”", "带有标签“VIP”"),
    ({"in_segment": "at-risk"}, "in segment at-risk", "属于人群“at-risk”"),
    ({"everyone": True}, "everyone", "所有会员"),
]

DENIED = [
    (leaf("city", "contains", "汉"), "city does not contain “汉”", "城市不包含“汉”"),
    (leaf("city", "not_in", ["a"]), "city is one of a", "城市是a之一"),
    (leaf("order_count", ">", 3), "order count is at most 3 orders", "订单数最多3单"),
    (
        leaf("last_order_at", "before", "2026-01-31"),
        "last order is on or after 2026-01-31",
        "末次下单日期不早于2026年01月31日",
    ),
    (leaf("last_order_at", "within_last_days", 1), "last order is not today", "末次下单日期不是今天"),
    (leaf("subscribed", "=", True), "subscribed: no", "已订阅：否"),
    (leaf("tags", "has_tag", "VIP"), "not tagged “VIP”", "没有标签“VIP”"),
    ({"in_segment": "at-risk"}, "not in segment at-risk", "不属于人群“at-risk”"),
    ({"everyone": True}, "nobody", "没有任何会员"),
    (leaf("city", "is_null"), "city is known", "城市已知"),
]


class TestSentences:
    @pytest.mark.parametrize(("document", "said", "said_in_chinese"), SENTENCES)
    def test_say_each_condition(self, document, said, said_in_chinese):
        assert english(document) == said
        assert chinese(document) == said_in_chinese

    @pytest.mark.parametrize(("document", "said", "said_in_chinese"), DENIED)
    def test_say_the_contrary_of_a_condition_without_a_clumsy_not(self, document, said, said_in_chinese):
        denied = group("and", document, **{"not": True})
        assert english(denied) == said
        assert chinese(denied) == said_in_chinese

    def test_join_conditions_with_brackets_where_they_are_needed(self):
        document = group(
            "and",
            leaf("days_since", ">=", 60),
            group(
                "or",
                leaf("city", "in", ["Hangzhou", "Shanghai"]),
                group("and", {"in_segment": "at-risk"}, **{"not": True}),
            ),
        )
        names = {"at-risk": "At risk"}
        assert english(document, segment_names=names) == (
            "days since last order is at least 60 days and (city is one of Hangzhou, Shanghai or not in segment At risk)"
        )
        assert chinese(document, segment_names={"at-risk": "流失预警"}) == (
            "距上次下单天数至少60天，且（城市是Hangzhou、Shanghai之一，或不属于人群“流失预警”）"
        )

    def test_deny_a_group_as_a_whole(self):
        document = group("or", leaf("city", "is_null"), leaf("order_count", "=", 2), **{"not": True})
        assert english(document) == "not (city is not known or order count equals 2 orders)"
        assert english(group("and", {"everyone": True}, document)) == (
            "everyone and not (city is not known or order count equals 2 orders)"
        )
        assert chinese(document) == "不满足（城市未知，或订单数等于2单）"

    def test_cancel_two_denials(self):
        inner = group("and", leaf("city", "=", "a"), leaf("city", "=", "b"), **{"not": True})
        assert english(group("or", inner, **{"not": True})) == "city is a and city is b"

    def test_put_brackets_around_two_denials_that_say_several_things(self):
        inner = group("and", leaf("city", "=", "a"), leaf("city", "=", "b"), **{"not": True})
        twice = group("or", inner, **{"not": True})
        assert english(group("or", {"everyone": True}, twice)) == "everyone or (city is a and city is b)"

    def test_need_no_brackets_around_a_group_of_one(self):
        assert english(group("or", group("and", leaf("city", "is_null")), {"everyone": True})) == (
            "city is not known or everyone"
        )

    def test_spell_out_only_the_beginning_of_a_long_list(self):
        said = english(leaf("order_count", "in", list(range(10_000))))
        assert said.startswith("order count is one of 0 orders, 1 order, 2 orders, ")
        assert said.endswith("7 orders and 9,992 more")

    def test_name_segments_whatever_has_become_of_them(self):
        names = {"a": "Loyal"}
        for node in (InlinedSegment("a", parse({"everyone": True})), StaticList("a", ())):
            assert words(node, catalogue(), segment_names=names) == "in segment Loyal"

    def test_show_the_name_of_a_field_that_has_gone(self):
        rule = parse(group("and", leaf("gone", ">=", 3), leaf("gone_too", "=", "x")))
        assert words(rule, FieldCatalogue([])) == "gone is at least 3 and gone_too is x"

    def test_take_percent_signs_and_braces_as_they_are(self):
        assert english(leaf("city", "=", "100%(x)s {y}")) == "city is 100%(x)s {y}"


class TestValues:
    @pytest.fixture
    def writer(self):
        return Writer(catalogue=catalogue())

    def test_missing_is_not_known(self, writer):
        assert writer.value(catalogue()["city"], None) == "not known"

    def test_money_is_shown_in_the_currency_given(self):
        revenue = catalogue()["revenue_minor"]
        assert Writer(catalogue=catalogue(), currency="$").value(revenue, -50) == "-$0.50"
        assert Writer(catalogue=catalogue(), currency="JP¥", minor_digits=0).value(revenue, 1_500) == "JP¥1,500"

    def test_fractions_lose_their_rounding_dust(self, writer):
        assert writer.value(catalogue()["overdue_ratio"], 0.1 + 0.2) == "0.3"
        assert writer.value(catalogue()["refund_rate"], 0.29) == "29%"

    def test_a_unit_of_ones_own_follows_the_number(self, writer):
        field = Field(name="x", type=FieldType.NUMBER, label="X", unit="km")
        assert writer.value(field, 3) == "3 km"

    def test_dates_are_dates(self, writer):
        assert writer.value(catalogue()["last_order_at"], datetime.date(2026, 1, 5)) == "2026-01-05"


class TestChineseCatalogue:
    """Whoever adds a sentence adds its Chinese."""

    def marked(self):
        for path in HERE.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
                    yield ast.literal_eval(node.args[0])

    def test_has_every_sentence_with_the_same_places(self):
        msgids = set(self.marked())
        assert len(msgids) > 140
        for msgid in msgids:
            said = CHINESE(msgid)
            assert said != msgid, msgid
            assert set(re.findall(r"%\(\w+\)[sd]", said)) == set(re.findall(r"%\(\w+\)[sd]", msgid)), msgid
