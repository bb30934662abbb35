import logging

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from rest_framework import serializers

from core.api.problems import field_problems, problem_of
from core.errors import DomainError, FieldProblem, InvalidInput, NotFound
from members.api import members as members_api
from members.models import Member
from tests.rest import caller


class Busy(DomainError):
    code = "busy"
    retryable = True


class TestEveryErrorHasItsAnswer:
    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (DomainError("no"), 409, "refused"),
            (DomainError("no", code="exhausted"), 409, "exhausted"),
            (InvalidInput("no"), 422, "invalid"),
            (NotFound("no"), 404, "not_found"),
            (Http404(), 404, "not_found"),
            (PermissionDenied(), 403, "permission_denied"),
            (RequestDataTooBig(), 413, "body_too_large"),
            (SuspiciousOperation(), 400, "unreadable"),
            (OperationalError("database is locked"), 503, "unavailable"),
            (ZeroDivisionError("a secret"), 500, "internal_error"),
        ],
    )
    def test_with_status_and_code(self, error: Exception, status: int, code: str) -> None:
        problem = problem_of(error)

        assert (problem.status, problem.code) == (status, code)
        assert problem.as_json()["type"] == "about:blank"
        assert "secret" not in str(problem.as_json())

    def test_and_says_when_trying_again_may_help(self) -> None:
        assert problem_of(Busy("wait")).headers == {"Retry-After": "1"}
        assert problem_of(OperationalError()).headers == {"Retry-After": "1"}
        assert problem_of(DomainError("never")).headers == {}

    def test_with_each_field_that_is_wrong(self) -> None:
        problem = problem_of(InvalidInput("no", problems=[FieldProblem("items[3].at", "invalid", "No date.")]))

        assert problem.as_json()["errors"] == [{"path": "items[3].at", "code": "invalid", "message": "No date."}]


class _Line(serializers.Serializer):
    quantity = serializers.IntegerField()


class _Basket(serializers.Serializer):
    name = serializers.CharField(max_length=3)
    lines = _Line(many=True)
    tags = serializers.ListField(child=serializers.CharField(max_length=1))

    def validate(self, attrs):
        raise serializers.ValidationError("Never.", code="never")


def _problems(document: object) -> list[tuple[str, str]]:
    form = _Basket(data=document)
    form.is_valid()
    return [(problem.path, problem.code) for problem in field_problems(form.errors)]


class TestPathsOfFields:
    def test_name_the_place_in_lists_and_objects(self) -> None:
        document = {"name": "long", "lines": [{"quantity": 1}, {"quantity": "x"}, {}], "tags": ["a", "bb"]}

        assert _problems(document) == [
            ("name", "max_length"),
            ("lines[1].quantity", "invalid"),
            ("lines[2].quantity", "required"),
            ("tags[1]", "max_length"),
        ]

    def test_are_empty_for_the_whole(self) -> None:
        assert _problems({"name": "a", "lines": [], "tags": []}) == [("", "never")]
        assert _problems([]) == [("", "invalid")]


@pytest.mark.django_db
class TestAFaultOfOurs:
    def test_is_500_without_internals_and_with_a_traceback_in_the_log(self, monkeypatch, caplog) -> None:
        def broken(**_kwargs: object) -> None:
            raise RuntimeError("the password is hunter2")

        monkeypatch.setattr(members_api, "member_listing", broken)

        with caplog.at_level(logging.ERROR, logger="core.api.problems"):
            response = caller().get("members/")

        assert response.status_code == 500
        assert response.json() == {
            "type": "about:blank",
            "title": "Internal Server Error",
            "status": 500,
            "detail": "Something went wrong on our side. It has been noted.",
            "code": "internal_error",
        }
        assert "hunter2" in caplog.text
        assert not Member.objects.exists()
