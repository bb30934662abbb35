from typing import Any

import pytest

from members.models import BehaviourEvent, DirtyMark, Member
from tests.rest import caller, paths_of

pytestmark = pytest.mark.django_db


def _event(name: str, **changes: Any) -> dict[str, Any]:
    return {"id": name, "member": "m1", "kind": "view", "at": "2026-03-01T10:00:00+08:00", **changes}


class TestBulk:
    def test_takes_the_good_events_and_names_the_bad_ones(self) -> None:
        items = [
            _event("1", session_id="s", product="P1", dwell_seconds=3.5, properties={"platform": "ios"}),
            _event("2", kind="message_opened"),
            _event("3", at="2099-01-01T00:00:00Z"),
            _event("4", kind="review", rating=6),
            {},
        ]

        answer = caller("events:write").post("events/bulk/", {"items": items}).json()

        assert answer["accepted"] == 1
        assert [(row["index"], row["errors"][0]["path"], row["errors"][0]["code"]) for row in answer["rejected"]] == [
            (1, "kind", "written_by_the_product"),
            (2, "at", "in_the_future"),
            (3, "rating", "out_of_range"),
            (4, "id", "required"),
        ]
        assert list(BehaviourEvent.objects.values_list("external_id", "product__code")) == [("1", "P1")]
        assert list(DirtyMark.objects.values_list("member_id", flat=True)) == [Member.objects.get().pk]

    def test_sent_again_changes_nothing(self) -> None:
        client = caller()
        client.post("events/bulk/", {"items": [_event("1")]})
        before = list(BehaviourEvent.objects.values())

        answer = client.post("events/bulk/", {"items": [_event("1"), _event("1", kind="visit")]}).json()

        assert answer == {"accepted": 2, "rejected": []}
        assert list(BehaviourEvent.objects.values()) == before

    def test_needs_the_scope_of_events(self) -> None:
        response = caller("orders:write", "members:write").post("events/bulk/", {"items": [_event("1")]})

        assert (response.status_code, BehaviourEvent.objects.count()) == (403, 0)

    @pytest.mark.parametrize(
        ("body", "paths"),
        [
            ([], [""]),
            ({"items": {}}, ["items"]),
            ({"items": [], "shop": "x"}, ["shop"]),
            ({"items": [{}] * 1_001}, ["items"]),
        ],
    )
    def test_refuses_a_body_that_is_no_list_of_items(self, body: object, paths: list[str]) -> None:
        response = caller().post("events/bulk/", body)

        assert (response.status_code, paths_of(response)) == (422, paths)
