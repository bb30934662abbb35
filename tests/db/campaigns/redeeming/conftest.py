"""Every call twice: in autocommit, and inside a transaction of the caller. Codes: one of a member, one for all."""

import pytest
from django.db import transaction

from tests.coupons import issue_to, make_member, make_template


@pytest.fixture(params=["in autocommit", "inside a transaction"], autouse=True)
def _surroundings(request, transactional_db):
    """A checkout calls in autocommit, a REST call with an Idempotency-Key inside a transaction."""
    if request.param == "in autocommit":
        yield
        return
    with transaction.atomic():
        yield


@pytest.fixture
def member():
    return make_member("m1")


@pytest.fixture
def own(member):
    """A code of its own, held by m1, for 7 days."""
    return issue_to(make_template("own", valid_days=7), member)[0]


@pytest.fixture
def public(member):
    make_template("public", code="SPRING", total_limit=2, per_member_limit=1)
    return "SPRING"
