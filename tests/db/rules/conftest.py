"""A table with a column of every type, and another of tags, made for these tests alone."""

import pytest
from django.apps.registry import Apps
from django.db import connection, models

from rules.check import check
from rules.compile import compile_rule
from rules.days import day_number
from rules.parse import parse
from rules.segments import inline
from tests.db.rules.given import TODAY
from tests.unit.rules.catalogue import catalogue

APART = Apps()
"""The models are in no app, so that neither migrations nor other tests meet them."""


class Row(models.Model):
    member_id = models.BigIntegerField(primary_key=True)
    city = models.TextField(null=True)  # noqa: DJ001 - empty text is stored as missing
    order_count = models.BigIntegerField(null=True)
    days_since = models.IntegerField(null=True)
    overdue_ratio = models.FloatField(null=True)
    revenue_minor = models.BigIntegerField(null=True)
    refund_rate = models.FloatField(null=True)
    birth_day = models.IntegerField(null=True)
    birth_month_day = models.SmallIntegerField(null=True)
    last_order_day = models.IntegerField(null=True)
    subscribed = models.BooleanField(null=True)
    gender = models.CharField(max_length=10, null=True)  # noqa: DJ001 - as above
    level = models.SmallIntegerField(null=True)

    class Meta:
        apps = APART
        app_label = "rules_tests"
        db_table = "rules_tests_row"


class Tagging(models.Model):
    member_id = models.BigIntegerField()
    tag = models.TextField()

    class Meta:
        apps = APART
        app_label = "rules_tests"
        db_table = "rules_tests_tagging"


@pytest.fixture(scope="session")
def _tables(django_db_setup, django_db_blocker):
    """Made outside any transaction: SQLite refuses to change its schema inside one."""
    with django_db_blocker.unblock():
        with connection.schema_editor() as editor:
            editor.create_model(Row)
            editor.create_model(Tagging)
        yield
        with connection.schema_editor() as editor:
            editor.delete_model(Tagging)
            editor.delete_model(Row)


@pytest.fixture
def rows(_tables, db):
    """The model of the table that tests fill; what they write is rolled back."""
    return Row


@pytest.fixture
def taggings(_tables, db):
    return Tagging


@pytest.fixture
def known(taggings):
    """The catalogue over those tables."""
    return catalogue(lambda tag: taggings.objects.filter(tag=tag).values("member_id"))


@pytest.fixture
def ask(rows, known):
    """This function will give the ids that a rule matches, in order."""

    def asked(document, *, as_of=TODAY, segments=None, **options):
        rule = check(parse(document), known, segments=segments or ())
        rule = inline(rule, rule_of=segments or {})
        condition = compile_rule(rule, known, as_of_day=day_number(as_of), **options)
        return sorted(rows.objects.filter(condition).values_list("member_id", flat=True))

    return asked


@pytest.fixture
def add(rows, taggings):
    """This function will add a member with these columns."""

    def added(member_id, *, tags=(), **columns):
        rows.objects.create(member_id=member_id, **columns)
        taggings.objects.bulk_create(taggings(member_id=member_id, tag=tag) for tag in tags)

    return added
