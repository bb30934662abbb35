import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from core.errors import InvalidInput
from core.models import ApiKey, Scope
from core.services.keys import authenticate, create_api_key, revoke_api_key

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


class TestANewKey:
    def test_opens_the_door_as_long_as_it_is_not_revoked(self) -> None:
        api_key, text = create_api_key(name="till", scopes=["orders:write", "members:read"], now=NOW)

        found = authenticate(key=text, now=NOW)

        assert found == api_key
        assert found is not None
        assert found.scopes == ["members:read", "orders:write"]
        assert revoke_api_key(api_key_id=api_key.pk, now=NOW) is True
        assert authenticate(key=text, now=NOW) is None
        assert revoke_api_key(api_key_id=api_key.pk, now=NOW) is False

    def test_is_kept_as_a_hash_and_a_beginning_alone(self) -> None:
        api_key, text = create_api_key(name="till", scopes=["members:read"], now=NOW)

        stored = ApiKey.objects.values().get(pk=api_key.pk)

        assert text not in str(stored)
        assert text.startswith(stored["prefix"])
        assert len(stored["prefix"]) == 10
        assert len(text) == 46

    def test_is_never_the_same_twice(self) -> None:
        texts = {create_api_key(name="till", scopes=["members:read"], now=NOW)[1] for _each in range(5)}

        assert len(texts) == 5

    @pytest.mark.parametrize(
        ("name", "scopes", "paths"),
        [
            ("", ["members:read"], ["name"]),
            ("x" * 101, ["members:read"], ["name"]),
            ("a\0b", ["members:read"], ["name"]),
            ("till", [], ["scopes"]),
            ("till", ["members:read", "members:raed", "everything"], ["scopes[1]", "scopes[2]"]),
        ],
    )
    def test_is_refused_with_every_reason(self, name: str, scopes: list[str], paths: list[str]) -> None:
        with pytest.raises(InvalidInput) as refused:
            create_api_key(name=name, scopes=scopes, now=NOW)

        assert [problem.path for problem in refused.value.problems] == paths
        assert not ApiKey.objects.exists()


class TestTheNoteOfItsUse:
    def test_is_written_at_most_once_a_minute(self, django_assert_num_queries) -> None:
        api_key, text = create_api_key(name="till", scopes=["members:read"], now=NOW)

        with django_assert_num_queries(3):  # looked at, read, noted
            authenticate(key=text, now=NOW)
        with django_assert_num_queries(2):  # looked at, read anew: the note has changed it
            authenticate(key=text, now=NOW + timedelta(seconds=59))
        with django_assert_num_queries(1):
            authenticate(key=text, now=NOW + timedelta(seconds=59))
        api_key.refresh_from_db()
        assert api_key.last_used_at == NOW
        with django_assert_num_queries(2):
            authenticate(key=text, now=NOW + timedelta(seconds=60))
        api_key.refresh_from_db()
        assert api_key.last_used_at == NOW + timedelta(seconds=60)


class TestTheCommand:
    def test_prints_the_key_alone_on_its_last_line(self) -> None:
        out = io.StringIO()

        call_command("create_api_key", "till", "--scopes", "orders:write, members:read", stdout=out)

        lines = out.getvalue().splitlines()
        found = authenticate(key=lines[-1], now=NOW)
        assert found is not None
        assert (found.name, found.scopes) == ("till", ["members:read", "orders:write"])
        assert len(lines) == 2

    def test_refuses_an_unknown_scope_and_says_which_was_meant(self) -> None:
        with pytest.raises(CommandError, match=r"no scope “members:reed”\. Did you mean “members:read”"):
            call_command("create_api_key", "till", "--scopes", "members:reed")

        assert not ApiKey.objects.exists()

    def test_takes_every_scope_of_the_contract(self) -> None:
        contract = (
            "members:read,members:write,orders:read,orders:write,events:write,points:write,segments:read,segments:write,"
            "campaigns:read,campaigns:write,coupons:redeem,reports:read,privacy"
        )

        call_command("create_api_key", "all", "--scopes", contract, stdout=io.StringIO())

        assert ApiKey.objects.get().scopes == contract.split(",") == list(Scope.values)
