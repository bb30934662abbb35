import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from core.api.pages import CursorPages
from core.errors import InvalidInput
from core.models import Job
from tests.rest import Caller, caller

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def _jobs(*minutes: int) -> list[int]:
    jobs = Job.objects.bulk_create(Job(kind=f"k{at}", created_at=START + timedelta(minutes=at)) for at in minutes)
    return [job.pk for job in jobs]


def _page(address: str, order: tuple[str, ...]) -> tuple[list[int], str | None, str | None]:
    pages = CursorPages()
    rows = pages.page(Job.objects.all(), request=Request(APIRequestFactory().get(address)), order=order)
    shown = pages.get_paginated_response([row.pk for row in rows]).data
    return shown["results"], shown["next"], shown["previous"]


def _walk(address: str | None, order: tuple[str, ...], way: int) -> list[list[int]]:
    walked = []
    while address:
        results, *links = _page(address, order)
        walked.append(results)
        address = links[way]
    return walked


NEXT, PREVIOUS = 0, 1
NEWEST = ("-created_at", "-id")


class TestAWalkThroughTheList:
    def test_meets_every_row_once_although_many_share_their_place(self) -> None:
        ids = _jobs(0, 5, 5, 5, 5, 9, 9)

        walked = _walk("/?page_size=2", NEWEST, NEXT)

        assert walked == [[ids[6], ids[5]], [ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]

    def test_comes_back_the_same_way(self) -> None:
        ids = _jobs(0, 5, 5, 5, 5, 9, 9)
        _results, _next, previous = _page("/?page_size=2", NEWEST)
        assert previous is None
        last = "/?page_size=2"
        while (following := _page(last, NEWEST)[1]) is not None:
            last = following

        walked = _walk(last, NEWEST, PREVIOUS)

        assert walked == [[ids[0]], [ids[2], ids[1]], [ids[4], ids[3]], [ids[6], ids[5]]]

    def test_neither_repeats_nor_misses_a_row_when_rows_come_in_between(self) -> None:
        ids = _jobs(1, 2, 3, 4)
        first, following, _previous = _page("/?page_size=2", NEWEST)
        _jobs(5, 6)

        second, *_links = _page(following or "", NEWEST)

        assert (first, second) == ([ids[3], ids[2]], [ids[1], ids[0]])

    def test_ends_on_a_full_page_without_an_empty_one(self) -> None:
        _jobs(1, 2, 3, 4)

        assert [len(results) for results in _walk("/?page_size=2", ("id",), NEXT)] == [2, 2]

    def test_of_nothing_is_one_empty_page(self) -> None:
        assert _page("/", ("id",)) == ([], None, None)

    def test_costs_one_statement_a_page_and_never_counts(self, django_assert_num_queries) -> None:
        _jobs(*range(5))

        with django_assert_num_queries(1) as captured:
            _page("/?page_size=2", NEWEST)

        assert "COUNT" not in captured.captured_queries[0]["sql"].upper()


class TestTheAddressOfANeighbour:
    def test_is_absolute_and_keeps_every_parameter(self) -> None:
        _jobs(1, 2)

        _results, following, _previous = _page("/a%2Fb/%3F/?page_size=1&tag=%E8%8C%B6&tag=b&blank=", ("id",))

        address, _mark, parameters = str(following).partition("?")
        assert address == "http://testserver/a/b/%3F/"
        kept = QueryDict(parameters)
        assert kept.getlist("tag") == ["茶", "b"]
        assert (kept["page_size"], kept["blank"]) == ("1", "")


class TestThePageSize:
    def test_is_a_hundred_unless_asked_for(self) -> None:
        _jobs(*range(101))

        assert len(_page("/", ("id",))[0]) == 100
        assert len(_page("/?page_size=1000", ("id",))[0]) == 101

    @pytest.mark.parametrize("size", ["0", "-1", "1001", "ten", "", "1.5", "٣", "9" * 5_000])
    def test_is_refused_outside_one_to_a_thousand(self, size: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            _page(f"/?page_size={size}", ("id",))

        assert [(problem.path, problem.code) for problem in refused.value.problems] == [("page_size", "out_of_range")]


def _forged(document: Any) -> str:
    return urlsafe_b64encode(document if isinstance(document, bytes) else json.dumps(document).encode()).decode()


class TestAForgedCursor:
    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "!",
            "💥",
            "AAAA",
            "a" * 5_000,
            _forged([]),
            _forged(None),
            _forged([False]),
            _forged([False, "2026-03-02T04:00:00+00:00"]),
            _forged([False, "2026-03-02T04:00:00", 1]),
            _forged([False, "yesterday", 1]),
            _forged([False, 1, 1]),
            _forged([False, "0001-01-01T00:00:00+14:00", 1]),
            _forged([False, "2026-03-02T04:00:00+00:00", True]),
            _forged([False, "2026-03-02T04:00:00+00:00", 2**63]),
            _forged([False, "2026-03-02T04:00:00+00:00", 1.5]),
            _forged([False, "2026-03-02T04:00:00+00:00", None]),
            _forged([False, "2026-03-02T04:00:00+00:00", [1]]),
            _forged([False, "2026-03-02T04:00:00+00:00", 1, 1]),
            _forged(b"[" * 5_000),
        ],
    )
    def test_is_an_invalid_parameter(self, cursor: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            _page(f"/?cursor={cursor}", NEWEST)

        assert [(problem.path, problem.code) for problem in refused.value.problems] == [("cursor", "invalid_cursor")]

    def test_is_422_over_rest(self) -> None:
        response = caller().get("members/?cursor=AAAA")

        assert response.status_code == 422
        assert response.json()["errors"][0]["path"] == "cursor"

    def test_whose_numbers_no_row_has_ends_in_an_empty_page(self) -> None:
        _jobs(1)

        assert _page(f"/?cursor={_forged([False, 2**63 - 1])}", ("id",)) == ([], None, None)


class TestAListOverRest:
    def test_is_walked_by_its_links_alone(self) -> None:
        client: Caller = caller()
        items = [{"external_id": f"m{n}", "city": "成都"} for n in range(5)]
        client.post("members/bulk/", {"items": [*items, {"external_id": "elsewhere", "city": "Xi'an"}]})

        pages = list(client.pages("members/?page_size=2&city=成都"))

        assert [[member["external_id"] for member in page["results"]] for page in pages] == [
            ["m0", "m1"],
            ["m2", "m3"],
            ["m4"],
        ]
        assert pages[0]["next"].startswith("http://testserver/api/v1/members/?")
        assert [sorted(page) for page in pages] == [["next", "previous", "results"]] * 3
