from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.models import Campaign, Delivery, Enrolment
from campaigns.services.running import run_campaigns
from core.models import Scope
from retention.services.refresh import refresh
from tests.rest import Caller, caller, paths_of

pytestmark = pytest.mark.django_db

WIN_BACK = {
    "slug": "win-back",
    "name": "Win back",
    "trigger": {"kind": "manual"},
    "audience": {"everyone": True},
    "exclusion": {"field": "city", "operator": "=", "value": "上海"},
    "steps": [
        {"kind": "issue_coupon", "template": "ten"},
        {"kind": "send_message", "channel": "sms", "body": "Come back: {{ coupon.code }}"},
    ],
    "control_share": 0,
    "attribution_days": 14,
}
TEN = {"slug": "ten", "name": "Ten", "benefit": {"kind": "fixed", "amount_minor": 1000}}


@pytest.fixture(autouse=True)
def _outbox(settings: Any, tmp_path: Any) -> None:
    settings.OUTBOX_DIR = tmp_path


@pytest.fixture
def client() -> Caller:
    """a can be reached, b cannot, c is excluded."""
    client = caller()
    items = [
        {"external_id": "a", "phone": "13800138000", "consents": {"sms": True}},
        {"external_id": "b", "phone": "13800138001"},
        {"external_id": "c", "city": "上海"},
    ]
    client.post("members/bulk/", {"items": items})
    assert client.post("coupon-templates/", TEN).status_code == 201
    refresh(as_of=timezone.now(), full=True)
    return client


def _made(client: Caller, **changes: Any) -> dict[str, Any]:
    response = client.post("campaigns/", WIN_BACK | changes)
    assert response.status_code == 201, response.content
    shown: dict[str, Any] = response.json()
    return shown


def _refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


class TestADraft:
    def test_comes_back_as_it_was_written(self, client: Caller) -> None:
        made = _made(client)

        assert made == client.get("campaigns/win-back/").json()
        assert client.all("campaigns/") == [made]
        assert client.all("campaigns/?status=running") == []
        assert (made["status"], made["version"], made["activated_at"]) == ("draft", 1, None)
        assert {name: made[name] for name in ("slug", "name", "audience", "exclusion", "control_share")} == {
            name: WIN_BACK[name] for name in ("slug", "name", "audience", "exclusion", "control_share")
        }
        assert made["trigger"]["kind"] == "manual"
        assert [step["kind"] for step in made["steps"]] == ["issue_coupon", "send_message"]

    def test_has_a_control_group_unless_told_otherwise(self, client: Caller) -> None:
        document = {name: value for name, value in WIN_BACK.items() if name != "control_share"}

        assert client.post("campaigns/", document).json()["control_share"] == 0.1

    def test_is_changed_whole_or_in_part(self, client: Caller) -> None:
        _made(client)

        patched = client.patch("campaigns/win-back/", {"name": "Win them back", "exclusion": None})
        assert (patched.status_code, patched.json()["name"], patched.json()["exclusion"]) == (200, "Win them back", None)
        assert len(patched.json()["steps"]) == 2

        put = client.put("campaigns/win-back/", WIN_BACK | {"attribution_days": 30})
        assert (put.status_code, put.json()["attribution_days"], put.json()["name"]) == (200, 30, "Win back")

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_of_another_edition_than_was_read_is_left_alone(self, client: Caller, method: str) -> None:
        edition = _made(client)["edition"]
        changed = client.call(method, "campaigns/win-back/", {**WIN_BACK, "control_share": 0.2, "edition": edition}).json()

        refused = client.call(method, "campaigns/win-back/", {**WIN_BACK, "name": "Mine", "edition": edition})

        assert _refusal(refused) == (409, "changed_meanwhile")
        assert client.get("campaigns/win-back/").json() == changed
        assert (changed["control_share"], changed["edition"] != edition) == (0.2, True)
        for wrong in (7, None, "x" * 17):
            assert paths_of(client.call(method, "campaigns/win-back/", {**WIN_BACK, "edition": wrong})) == ["edition"]
        assert client.call(method, "campaigns/win-back/", {**WIN_BACK, "edition": changed["edition"]}).status_code == 200

    @pytest.mark.parametrize(
        ("changes", "paths"),
        [
            ({"slug": "a b"}, ["slug"]),
            ({"audience": {"combinator": "and", "rules": []}}, ["audience.rules"]),
            ({"audience": None}, ["audience"]),
            ({"steps": []}, ["steps"]),
            ({"steps": [{"kind": "issue_coupon", "template": "eleven"}]}, ["steps[0].template"]),
            ({"steps": [{"kind": "send_message", "channel": "sms", "body": "x", "track": "yes"}]}, ["steps[0].track"]),
            ({"steps": [{"kind": "issue_coupon"}]}, ["steps[0].template"]),
            ({"starts_at": "2026-06-01T00:00:00"}, ["starts_at"]),
            ({"trigger": {"kind": "manually"}}, ["trigger.kind"]),
            ({"control_share": 2}, ["control_share"]),
            ({"name": "a\0b"}, ["name"]),
            ({"audiense": {}}, ["audiense"]),
        ],
    )
    def test_that_is_wrong_is_refused_with_every_path(self, client: Caller, changes: Any, paths: list[str]) -> None:
        response = client.post("campaigns/", WIN_BACK | changes)

        assert (response.status_code, paths_of(response)) == (422, paths)
        assert not Campaign.objects.exists()

    @pytest.mark.parametrize("body", [[], "x", 7])
    def test_is_an_object(self, client: Caller, body: Any) -> None:
        _made(client)

        for method, address in [("POST", "campaigns/"), ("PUT", "campaigns/win-back/"), ("PATCH", "campaigns/win-back/")]:
            assert client.call(method, address, body).status_code == 422

    def test_is_deleted(self, client: Caller) -> None:
        _made(client)

        assert client.delete("campaigns/win-back/").status_code == 204
        assert client.get("campaigns/win-back/").status_code == 404
        assert not Campaign.objects.exists()

    def test_nobody_made_is_404(self, client: Caller) -> None:
        for slug in ("nothing", "%00", "x" * 10_000):
            for method, below in [
                ("GET", ""), ("PUT", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "activate/"), ("POST", "pause/"),
                ("POST", "resume/"), ("POST", "finish/"), ("GET", "enrolments/"), ("GET", "report/"),
            ]:  # fmt: skip
                response = client.call(method, f"campaigns/{slug}/{below}", WIN_BACK if method in ("PUT", "PATCH") else None)
                assert _refusal(response) == (404, "not_found"), (method, below)


class TestALife:
    def test_goes_from_draft_to_finished(self, client: Caller) -> None:
        _made(client)
        statuses = []
        for move in ("activate", "pause", "resume", "finish"):
            response = client.post(f"campaigns/win-back/{move}/")
            assert response.status_code == 200, response.content
            statuses.append(response.json()["status"])

        assert statuses == ["running", "paused", "running", "finished"]

    def test_refuses_moves_that_do_not_begin_where_it_is(self, client: Caller) -> None:
        _made(client)

        assert _refusal(client.post("campaigns/win-back/pause/")) == (409, "campaign_not_running")
        assert _refusal(client.post("campaigns/win-back/resume/")) == (409, "campaign_not_paused")
        client.post("campaigns/win-back/activate/")
        assert _refusal(client.post("campaigns/win-back/activate/")) == (409, "campaign_not_draft")
        assert _refusal(client.put("campaigns/win-back/", WIN_BACK)) == (409, "campaign_not_draft")
        assert _refusal(client.patch("campaigns/win-back/", {"name": "x"})) == (409, "campaign_not_draft")
        assert _refusal(client.delete("campaigns/win-back/")) == (409, "campaign_not_draft")
        assert Campaign.objects.get().name == "Win back"

    def test_does_no_work_inside_the_request(self, client: Caller) -> None:
        _made(client)

        client.post("campaigns/win-back/activate/")

        assert not Enrolment.objects.exists()
        assert not Delivery.objects.exists()

    def test_starts_once_however_often_a_keyed_call_is_sent(self, client: Caller) -> None:
        _made(client)

        answers = [client.post("campaigns/win-back/activate/", headers={"Idempotency-Key": "k"}) for _each in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]


class TestWhatBecameOfEveryone:
    @pytest.fixture
    def ran(self, client: Caller) -> Caller:
        _made(client)
        client.post("campaigns/win-back/activate/")
        run_campaigns(now=timezone.now())
        return client

    def test_stands_in_the_enrolments(self, ran: Caller) -> None:
        enrolments = ran.all("campaigns/win-back/enrolments/?page_size=1")

        assert sorted((each["member"], each["status"], each["reason"]) for each in enrolments) == [
            ("a", "fired", None),
            ("b", "suppressed", "no_consent"),
        ]
        assert {(each["occurrence"], each["arm"]) for each in enrolments} == {("manual", "treated")}
        for query, members in [
            ("?status=fired", ["a"]),
            ("?reason=no_consent", ["b"]),
            ("?member=b", ["b"]),
            ("?member=x", []),
        ]:
            found = ran.all(f"campaigns/win-back/enrolments/{query}")
            assert [each["member"] for each in found] == members, query
        assert paths_of(ran.get("campaigns/win-back/enrolments/?status=lost")) == ["status"]

    def test_adds_up_in_the_report(self, ran: Caller) -> None:
        report = ran.get("campaigns/win-back/report/").json()

        assert (report["due"], report["fired"], report["held_out"], report["suppressed"]) == (2, 1, 0, {"no_consent": 1})
        assert (report["failed"], report["waiting"], report["treated"], report["control"]) == (0, 0, 2, 0)
        assert set(report["lift"]) >= {"absolute", "relative", "interval_95", "p_value"}
        assert {"conversions", "revenue_minor", "cost_minor", "net_minor"} <= set(report)
        assert report["clicks"] is None

    def test_is_seen_from_the_member(self, ran: Caller) -> None:
        [coupon] = ran.all("members/a/coupons/")
        [message] = ran.all("members/a/messages/")

        assert (coupon["template"], coupon["state"]) == ("ten", "issued")
        assert (message["campaign"], message["channel"], message["state"]) == ("win-back", "sms", "sent")
        assert (message["body"], message["clicked_at"]) == (f"Come back: {coupon['code']}", None)
        assert ran.all("members/b/messages/") == []

    def test_costs_the_same_however_many_there_are(self, client: Caller) -> None:
        items = [{"external_id": f"n{n}", "phone": f"138001390{n:02}", "consents": {"sms": True}} for n in range(20)]
        client.post("members/bulk/", {"items": items})
        refresh(as_of=timezone.now())
        _made(client)
        client.post("campaigns/win-back/activate/")
        run_campaigns(now=timezone.now())
        counts = set()
        for size in (1, 20):
            with CaptureQueriesContext(connection) as captured:
                assert len(client.get(f"campaigns/win-back/enrolments/?page_size={size}").json()["results"]) == size
            counts.add(len(captured))

        assert len(counts) == 1


class TestScopes:
    @pytest.mark.parametrize(
        ("method", "address", "scope"),
        [
            ("GET", "campaigns/", "campaigns:read"),
            ("POST", "campaigns/", "campaigns:write"),
            ("GET", "campaigns/win-back/", "campaigns:read"),
            ("PUT", "campaigns/win-back/", "campaigns:write"),
            ("PATCH", "campaigns/win-back/", "campaigns:write"),
            ("DELETE", "campaigns/win-back/", "campaigns:write"),
            ("POST", "campaigns/win-back/activate/", "campaigns:write"),
            ("POST", "campaigns/win-back/pause/", "campaigns:write"),
            ("POST", "campaigns/win-back/resume/", "campaigns:write"),
            ("POST", "campaigns/win-back/finish/", "campaigns:write"),
            ("GET", "campaigns/win-back/enrolments/", "campaigns:read"),
            ("GET", "campaigns/win-back/report/", "campaigns:read"),
        ],
    )
    def test_are_asked_for(self, client: Caller, method: str, address: str, scope: str) -> None:
        _made(client)
        others = [each for each in Scope.values if each != scope]

        response = caller(*others).call(method, address, b"{")

        assert _refusal(response) == (403, "missing_scope")
        assert scope in response.json()["detail"]
        assert [each.status for each in Campaign.objects.all()] == ["draft"]
