from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from core.sql import find_rows, insert_from_select, insert_rows, update_rows
from members.models import Category, DirtyMark, Gender, Member, MemberTag, Order, Product
from tests.factories import NOW, default_shop, make_member, make_order

pytestmark = pytest.mark.django_db

TEXTS = [
    "",
    "王五 😀",
    "quote ' and \" and \\ and %s %%",
    "line\nbreak\ttab",
    "null",
    "[1, 2]",
    "007",
    "1e5",
    "{}",
    "\u2028",
]
PROFILE = ["external_id", "name", "gender", "birth_year", "registered_at", "attributes", "made_up_fields", "created_at"]
BLANK = ["phone", "email", "city", "province", "source", "time_zone", "language"]


def insert_members(*rows: tuple[Any, ...], **options: Any) -> list[tuple[Any, ...]]:
    columns = [*PROFILE, *BLANK, "random_bucket"]
    return insert_rows(Member, columns, [(*row, *[""] * len(BLANK), 0) for row in rows], **options)


def profile(external_id: str = "m", **changes: Any) -> tuple[Any, ...]:
    values = dict(zip(PROFILE, (external_id, "", "", None, None, {}, [], NOW), strict=True)) | changes
    return tuple(values.values())


class TestInsertRows:
    def test_stores_text_as_it_is(self) -> None:
        insert_members(*(profile(f"m{place}", name=text) for place, text in enumerate(TEXTS)))
        assert list(Member.objects.order_by("pk").values_list("name", flat=True)) == TEXTS

    def test_stores_text_by_descent_as_text(self) -> None:
        insert_members(
            profile("a", name=mark_safe("<b>"), gender=Gender.FEMALE), profile("b", name=gettext_lazy("no such msgid"))
        )
        assert list(Member.objects.order_by("pk").values_list("name", "gender")) == [
            ("<b>", "female"),
            ("no such msgid", ""),
        ]

    @pytest.mark.parametrize(
        "instant",
        [
            datetime(2026, 1, 31, 10, 0, tzinfo=UTC),
            datetime(2026, 1, 31, 10, 0, 0, 123_456, tzinfo=UTC),
            datetime(2026, 1, 31, 10, 0, tzinfo=timezone(timedelta(hours=8))),
            datetime(1990, 1, 1, tzinfo=UTC),
        ],
    )
    def test_stores_instants_that_the_orm_finds_again(self, instant: datetime) -> None:
        insert_members(profile(registered_at=instant))
        stored = Member.objects.get(registered_at=instant)
        assert stored.registered_at == instant
        assert Member.objects.filter(registered_at__lte=instant, registered_at__gte=instant).exists()

    @pytest.mark.parametrize("document", [{}, {"a": None, "b": [1, 1.5, True, "王'\\"]}, []])
    def test_stores_documents(self, document: object) -> None:
        insert_members(profile(attributes=document))
        assert Member.objects.get().attributes == document

    def test_stores_null_as_null(self) -> None:
        insert_members(profile(birth_year=None, registered_at=None))
        assert Member.objects.filter(birth_year__isnull=True, registered_at__isnull=True).count() == 1

    @pytest.mark.parametrize("amount", [0, 10**12, 2**53 + 1, 2**63 - 1])
    def test_stores_whole_numbers_exactly(self, amount: int) -> None:
        insert_rows(DirtyMark, ["member_id"], [(amount,)])
        assert DirtyMark.objects.get().member_id == amount

    def test_of_nothing_does_nothing(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            assert insert_rows(DirtyMark, ["member_id"], []) == []

    def test_returns_the_rows_it_wrote(self) -> None:
        ((pk, name),) = insert_rows(Category, ["name"], [("tea",)], returning=["pk", "name"])
        assert (pk, name) == (Category.objects.get().pk, "tea")

    def test_raises_on_a_clash_unless_told_otherwise(self) -> None:
        Category.objects.create(name="tea")
        with pytest.raises(IntegrityError), transaction.atomic():
            insert_rows(Category, ["name"], [("tea",)])

    @pytest.mark.parametrize("conflict", [["name"], []])
    def test_skips_a_clash_and_returns_the_rest(self, conflict: list[str]) -> None:
        Category.objects.create(name="tea")
        made = insert_rows(Category, ["name"], [("cup",), ("tea",)], conflict=conflict, returning=["name"])
        assert made == [("cup",)]
        assert Category.objects.count() == 2

    def test_rewrites_a_clash(self) -> None:
        Product.objects.create(code="tea", name="old")
        insert_rows(Product, ["code", "name"], [("tea", "new"), ("cup", "Cup")], conflict=["code"], update=["name"])
        assert dict(Product.objects.values_list("code", "name")) == {"tea": "new", "cup": "Cup"}

    def test_is_one_statement_for_many_rows(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            insert_rows(DirtyMark, ["member_id"], ((number,) for number in range(50_000)))
        assert DirtyMark.objects.count() == 50_000

    def test_names_a_value_that_is_none_of_a_column(self) -> None:
        with pytest.raises(TypeError, match="object is not a value of a column"):
            insert_rows(Category, ["name"], [(object(),)])

    @pytest.mark.postgresql
    def test_lets_the_column_refuse_what_is_too_long(self) -> None:
        with pytest.raises(Exception, match="too long"), transaction.atomic():
            insert_rows(Category, ["name"], [("x" * 201,)])


class TestUpdateRows:
    def test_changes_the_named_columns_of_the_named_rows(self) -> None:
        first, second, third = (make_member(name=name) for name in "abc")
        rows = [(first.pk, "x", None, {"k": True}), (third.pk, "z", NOW, {})]
        assert update_rows(Member, "pk", ["name", "registered_at", "attributes"], rows) == 2
        assert list(Member.objects.order_by("pk").values_list("name", "registered_at", "attributes")) == [
            ("x", None, {"k": True}),
            ("b", None, {}),
            ("z", NOW, {}),
        ]
        assert second.name == "b"

    def test_finds_rows_by_any_key(self) -> None:
        make_member("m1")
        assert update_rows(Member, "external_id", ["birth_key", "birth_year"], [("m1", 229, 1990), ("none", 101, None)]) == 1
        assert Member.objects.get().birth_date_text == "1990-02-29"

    def test_changes_foreign_keys(self) -> None:
        order = make_order(make_member("from"))
        to = make_member("to")
        update_rows(Order, "pk", ["member", "total_minor"], [(order.pk, to.pk, 7)])
        order.refresh_from_db()
        assert (order.member, order.revenue_minor) == (to, 7)

    def test_of_nothing_does_nothing(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            assert update_rows(Member, "pk", ["name"], []) == 0


class TestFindRows:
    def test_returns_those_that_are_there(self) -> None:
        order = make_order(make_member(), external_id="o1")
        keys = [(default_shop().pk, "o1"), (default_shop().pk, "none"), (0, "o1")]
        assert find_rows(Order, ["shop", "external_id"], keys, returning=["pk", "external_id"]) == [(order.pk, "o1")]

    def test_has_room_for_more_keys_than_an_in_list(self) -> None:
        member = make_member("m40000")
        keys = [(f"m{number}",) for number in range(50_000)]
        assert find_rows(Member, ["external_id"], keys, returning=["pk"]) == [(member.pk,)]

    def test_compares_text_exactly(self) -> None:
        make_member("Tea")
        assert find_rows(Member, ["external_id"], [("tea",), ("TEA",), ("Tea ",)], returning=["pk"]) == []

    def test_of_nothing_does_nothing(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            assert find_rows(Member, ["external_id"], [], returning=["pk"]) == []


class TestInsertFromSelect:
    def test_writes_what_a_queryset_selects(self) -> None:
        members = [make_member(), make_member()]
        DirtyMark.objects.all().delete()
        assert insert_from_select(DirtyMark, Member.objects.order_by("pk").values_list("pk"), ["member_id"]) == 2
        assert list(DirtyMark.objects.order_by("pk").values_list("member_id", flat=True)) == [each.pk for each in members]

    def test_skips_or_rewrites_a_clash(self) -> None:
        member = make_member(name="tea", city="cup")
        MemberTag.objects.create(member=member, tag="tea")
        Product.objects.create(code="tea", name="old")
        tags = Member.objects.values_list("pk", "name")
        assert insert_from_select(MemberTag, tags, ["member", "tag"], conflict=["member", "tag"]) == 0
        names = Member.objects.values_list("name", "city")
        assert insert_from_select(Product, names, ["code", "name"], conflict=["code"], update=["name"]) == 1
        assert Product.objects.get().name == "cup"

    def test_of_an_empty_queryset_writes_nothing(self) -> None:
        assert insert_from_select(DirtyMark, Member.objects.values_list("pk"), ["member_id"]) == 0
