from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from members.models import AttributeDefinition
from retention.services.segments import create_segment
from tests.factories import NOW, make_member

pytestmark = pytest.mark.django_db

LIST = reverse("admin:members_attributedefinition_changelist")


@pytest.fixture
def club() -> AttributeDefinition:
    for value in ("gold", "silver", 3):
        make_member(attributes={"club": value})
    return AttributeDefinition.objects.create(name="club", label="Customer club", type="text", created_at=NOW)


def page_of(attribute: AttributeDefinition, what: str = "change") -> str:
    return reverse(f"admin:members_attributedefinition_{what}", args=[attribute.pk])


def use(attribute: AttributeDefinition) -> None:
    rule = {"field": f"attributes.{attribute.name}", "operator": "=", "value": "gold"}
    create_segment(slug="gold", name="Gold club", rule=rule, now=NOW)


class TestTheList:
    def test_counts_members_and_values_that_do_not_fit(self, admin: Client, club: AttributeDefinition) -> None:
        said = admin.get(LIST).content.decode()
        assert "Customer club" in said
        assert 'data-label="members who have it">3<' in said
        assert 'data-label="values that do not fit">1<' in said

    def test_says_what_fills_it(self, admin: Client) -> None:
        assert "Attributes come in with members" in admin.get(LIST).content.decode()


class TestThePage:
    def test_shows_how_many_values_each_type_would_fit(self, admin: Client, club: AttributeDefinition) -> None:
        said = admin.get(page_of(club)).content.decode()
        assert "3 members have it." in said
        assert "no rule yet" in said

    def test_saves_another_type(self, admin: Client, club: AttributeDefinition) -> None:
        assert admin.post(page_of(club), {"label": "Club", "type": "number"}).status_code == 302
        club.refresh_from_db()
        assert (club.label, club.type, club.inferred) == ("Club", "number", False)

    def test_refuses_another_type_while_a_rule_reads_it(self, admin: Client, club: AttributeDefinition) -> None:
        use(club)
        answer = admin.post(page_of(club), {"label": "Club", "type": "number"})
        assert "“Customer club” is read by Gold club." in answer.content.decode()
        club.refresh_from_db()
        assert club.type == "text"

    def test_deletes_after_asking(self, admin: Client, club: AttributeDefinition) -> None:
        assert "3 members keep their values." in admin.get(page_of(club, "delete")).content.decode()
        assert admin.post(page_of(club, "delete"), {"post": "yes"}).status_code == 302
        assert not AttributeDefinition.objects.exists()

    def test_names_the_rules_that_forbid_deleting(self, admin: Client, club: AttributeDefinition) -> None:
        use(club)
        assert "while these read it: Gold club." in admin.get(page_of(club, "delete")).content.decode()
        answer = admin.post(page_of(club, "delete"), {"post": "yes"}, follow=True)
        assert "is read by Gold club" in answer.content.decode()
        assert AttributeDefinition.objects.exists()


class TestDeclaring:
    ADD = reverse("admin:members_attributedefinition_add")

    def test_makes_an_attribute_that_rules_can_name_before_any_member_has_it(self, admin: Client) -> None:
        answer = admin.post(self.ADD, {"name": "shoe size", "label": "Shoes", "type": "number"})
        made = AttributeDefinition.objects.get()
        assert (answer.url, made.type, made.inferred) == (page_of(made), "number", False)
        rule = {"field": "attributes.shoe size", "operator": ">=", "value": 40}
        create_segment(slug="big", name="Big feet", rule=rule, now=NOW)

    def test_refuses_a_name_that_is_there(self, admin: Client, club: AttributeDefinition) -> None:
        said = admin.post(self.ADD, {"name": "club", "label": "", "type": "text"}).content.decode()
        assert "There is an attribute of this name." in said
        assert AttributeDefinition.objects.count() == 1
