import pytest

from core.services.keys import revoke_api_key
from members.models import Member
from tests.rest import MADE_AT, Caller, caller, given_key

pytestmark = pytest.mark.django_db

ANYWHERE = [
    ("GET", "members/"),
    ("GET", "members/nobody/"),
    ("PUT", "members/x/"),
    ("POST", "members/bulk/"),
    ("GET", "members/" + "x" * 10_000 + "/"),
    ("GET", "members/%00/"),
    ("GET", "members/?page_size=none&cursor=%FF"),
    ("GET", "orders/default/1/"),
    ("DELETE", "orders/"),
    ("GET", "no/such/address/"),
    ("GET", "members"),
    ("POST", "openapi"),
    ("OPTIONS", "members/"),
    ("TRACE", "members/"),
    ("BREW", "members/"),
    ("GET", ""),
    ("GET", "/api/v1"),
    ("GET", "events/%0A/"),
]


class TestWithoutAValidKey:
    @pytest.mark.parametrize(("method", "address"), ANYWHERE)
    def test_everything_is_401(self, method: str, address: str) -> None:
        response = Caller(None).call(method, address, b"{not json", content_type="text/nonsense", headers={"accept": "a/b"})

        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="rekindle"'
        assert response.json() == {
            "type": "about:blank",
            "title": "Unauthorized",
            "status": 401,
            "detail": "Send your API key as “Authorization: Bearer <key>”.",
            "code": "not_authenticated",
        }
        assert not Member.objects.exists()

    @pytest.mark.parametrize(
        ("header", "code"),
        [
            ("Bearer rk_wrong", "invalid_key"),
            ("Bearer", "malformed_authorization"),
            ("Bearer  ", "malformed_authorization"),
            ("Token abc", "malformed_authorization"),
            ("Basic dXNlcjpwYXNz", "malformed_authorization"),
            ("Bearer \xff\xfe", "invalid_key"),
            ("Bearer " + "k" * 10_000, "invalid_key"),
        ],
    )
    def test_a_wrong_header_is_401_and_says_why(self, header: str, code: str) -> None:
        response = Caller(None).put("members/x/", {}, headers={"authorization": header})

        assert (response.status_code, response.json()["code"]) == (401, code)
        assert not Member.objects.exists()

    def test_a_revoked_key_is_as_unknown_as_any(self) -> None:
        api_key, text = given_key()
        assert Caller(text).get("members/").status_code == 200
        revoke_api_key(api_key_id=api_key.pk, now=MADE_AT)

        response = Caller(text).get("members/")

        assert (response.status_code, response.json()["code"]) == (401, "invalid_key")

    def test_the_schema_alone_is_public(self) -> None:
        response = Caller(None).get("openapi.json")

        assert response.status_code == 200
        assert response.json()["info"]["title"] == "Rekindle"
        assert Caller(None).post("openapi.json", {}).status_code == 405

    def test_the_word_bearer_may_be_written_small(self) -> None:
        _api_key, text = given_key()

        response = Caller(None).get("members/", headers={"authorization": f"bearer {text}"})

        assert response.status_code == 200


class TestWithoutTheScope:
    @pytest.mark.parametrize(
        ("method", "address", "scope"),
        [
            ("GET", "members/", "members:read"),
            ("GET", "members/nobody/", "members:read"),
            ("PUT", "members/x/", "members:write"),
            ("PATCH", "members/x/", "members:write"),
            ("POST", "members/bulk/", "members:write"),
            ("GET", "orders/", "orders:read"),
            ("GET", "orders/default/1/", "orders:read"),
            ("POST", "orders/bulk/", "orders:write"),
        ],
    )
    def test_it_is_403_before_the_body_is_read(self, method: str, address: str, scope: str) -> None:
        response = caller("reports:read").call(method, address, b"{not json", content_type="text/nonsense")

        assert response.status_code == 403
        assert response.json()["code"] == "missing_scope"
        assert scope in response.json()["detail"]
        assert response.headers["WWW-Authenticate"].endswith(f'error="insufficient_scope", scope="{scope}"')
        assert not Member.objects.exists()

    def test_reading_does_not_allow_writing(self) -> None:
        reader = caller("members:read", "orders:read")

        assert reader.put("members/x/", {}).status_code == 403
        assert reader.post("orders/bulk/", {"items": []}).status_code == 403
        assert not Member.objects.exists()


class TestWithAKey:
    def test_an_unknown_address_is_404(self) -> None:
        response = caller("reports:read").get("no/such/address/")

        assert (response.status_code, response.json()["code"]) == (404, "not_found")

    def test_a_forgotten_slash_is_named(self) -> None:
        response = caller().get("members")

        assert response.status_code == 404
        assert "end with a slash" in response.json()["detail"]

    @pytest.mark.parametrize("method", ["DELETE", "PUT", "OPTIONS", "TRACE", "BREW"])
    def test_a_method_the_address_does_not_have_is_405(self, method: str) -> None:
        response = caller("reports:read").call(method, "members/", {})

        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
        assert response.headers["Allow"] == "GET, HEAD"

    def test_an_answer_nobody_can_read_is_406(self) -> None:
        response = caller().get("members/", headers={"accept": "text/html"})

        assert (response.status_code, response.json()["code"]) == (406, "not_acceptable")

    @pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"])
    def test_a_body_that_is_not_said_to_be_json_is_415(self, content_type: str) -> None:
        response = caller().put("members/x/", b"{}", content_type=content_type)

        assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
        assert not Member.objects.exists()

    @pytest.mark.parametrize(
        "body",
        [
            b"{not json",
            b'{"name": NaN}',
            b'{"name": 1e400}',
            b'{"name": "\\ud800"}',
            b'{"name": "\xff"}',
            b"\xef\xbb\xbf{}",
            b"[" * 100_000,
            b"1" * 5_000,
            b'{"name": "a"} b',
        ],
    )
    def test_a_body_that_is_no_json_is_400(self, body: bytes) -> None:
        response = caller().put("members/x/", body)

        assert (response.status_code, response.json()["code"]) == (400, "unparsable")
        assert not Member.objects.exists()

    def test_a_body_too_large_is_413(self, settings) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

        response = caller().post("members/bulk/", {"items": [{"external_id": "x" * 1000}]})

        assert (response.status_code, response.json()["code"]) == (413, "body_too_large")

    def test_a_body_without_a_length_is_411_rather_than_read_as_empty(self) -> None:
        response = caller().call("PUT", "members/x/", None, headers={"transfer-encoding": "chunked"})

        assert (response.status_code, response.json()["code"]) == (411, "length_required")
        assert not Member.objects.exists()

    @pytest.mark.parametrize(
        ("address", "path", "message"),
        [
            ("members/?ciy=Chengdu", "ciy", "Did you mean “city”?"),
            ("members/?zzzz=1", "zzzz", "Known are: as_of, changed_since, churn_reason"),
            ("orders/default/1/?page_size=1", "page_size", "takes no parameters"),
        ],
    )
    def test_a_parameter_nobody_declared_is_422(self, address: str, path: str, message: str) -> None:
        response = caller().get(address)

        assert response.status_code == 422
        [error] = response.json()["errors"]
        assert (error["path"], error["code"]) == (path, "unknown_parameter")
        assert message in error["message"]

    def test_no_answer_is_kept_by_a_proxy(self) -> None:
        assert caller().get("members/").headers["Cache-Control"] == "no-store"
        assert Caller(None).get("members/").headers["Cache-Control"] == "no-store"

    def test_messages_are_in_the_language_asked_for(self) -> None:
        response = caller().get("members/?gender=none", headers={"accept-language": "zh-Hans"})

        assert response.headers["Content-Language"] == "zh-hans"
        [error] = response.json()["errors"]
        assert error["message"] == "“none” 不是合法选项。"
