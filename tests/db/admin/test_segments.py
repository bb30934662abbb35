from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.models import AuditRecord, Scope
from retention.models import Segment, SegmentVersion
from retention.models.failures import failure
from retention.services.refresh import refresh
from retention.services.segments import change_rule, create_segment
from tests.db.admin.conftest import World, staff, text_of
from tests.factories import BUYERS, NOW
from tests.rest import Caller, given_key

pytestmark = pytest.mark.django_db

ADD = "admin:retention_segment_add"
NESTED = {
    "combinator": "or",
    "rules": [BUYERS, {"combinator": "and", "not": True, "rules": [{"field": "city", "operator": "=", "value": "Wuhan"}]}],
}


def segment(rule: Any = BUYERS, slug: str = "s") -> Segment:
    return create_segment(slug=slug, name=slug.title(), rule=rule, now=NOW)


def rules_of(found: Segment) -> list[Any]:
    return list(SegmentVersion.objects.filter(segment=found).order_by("number").values_list("rule", flat=True))


class TestMaking:
    def test_saves_name_rule_and_a_short_name_made_from_the_name(self, admin: Client) -> None:
        answer = admin.post(reverse(ADD), {"name": "常客 Buyers", "description": "", "rule": json.dumps(NESTED)})
        made = Segment.objects.get()
        assert answer.status_code == 302
        assert (made.name, made.slug, rules_of(made)) == ("常客 Buyers", "常客-buyers", [NESTED])
        assert SegmentVersion.objects.get().created_by == "boss"

    def test_shows_what_is_wrong_with_the_rule_at_its_condition(self, admin: Client) -> None:
        rule = {"combinator": "and", "rules": [{"field": "order_cuont", "operator": ">=", "value": 1}]}
        answer = admin.post(reverse(ADD), {"name": "x", "rule": json.dumps(rule)})
        problems = answer.context["form"].fields["rule"].widget.problems
        assert [problem.path for problem in problems] == ["rules[0].field"]
        assert "order_count" in str(problems[0].message)
        assert not Segment.objects.exists()

    def test_shows_again_what_was_typed_when_it_is_no_json(self, admin: Client) -> None:
        answer = admin.post(reverse(ADD), {"name": "x", "rule": '{"field": '})
        assert answer.context["form"].errors["rule"] == ["This is no JSON: line 1, column 10."]
        assert "{&quot;field&quot;: " in text_of(answer)

    def test_shows_again_a_number_that_nobody_can_read(self, admin: Client) -> None:
        typed = '{"field": "order_count", "operator": "=", "value": ' + "1" * 5_000 + "}"
        answer = admin.post(reverse(ADD), {"name": "Big", "description": "", "rule": typed})
        assert answer.context["form"].errors["rule"] == ["A number in it is too large."]
        assert (admin.get(reverse(ADD), {"rule": typed}).status_code, Segment.objects.count()) == (200, 0)

    def test_refuses_an_empty_rule_in_words(self, admin: Client) -> None:
        answer = admin.post(reverse(ADD), {"name": "x", "rule": ""})
        assert answer.context["form"].errors["rule"] == ["Say who is meant: add a condition, or choose everyone."]

    def test_makes_no_short_name_of_an_address_of_the_api(self, admin: Client) -> None:
        for name in ("Preview", "Library"):
            admin.post(reverse(ADD), {"name": name, "description": "", "rule": json.dumps(BUYERS), "slug": ""})
        assert set(Segment.objects.values_list("slug", flat=True)) == {"preview-2", "library-2"}

    def test_is_refused_to_who_may_only_look(self) -> None:
        answer = staff("retention.view_segment").post(reverse(ADD), {"name": "x", "rule": json.dumps(BUYERS)})
        assert (answer.status_code, Segment.objects.count()) == (403, 0)


class TestChanging:
    def edit(self, client: Client, found: Segment, **changes: str) -> Any:
        data = {"name": found.name, "description": "", "rule": json.dumps(BUYERS), **changes}
        return client.post(reverse("admin:retention_segment_edit", args=[found.pk]), data)

    def test_makes_a_version_of_another_rule(self, admin: Client) -> None:
        found = segment()
        self.edit(admin, found, rule=json.dumps(NESTED))
        assert rules_of(found) == [BUYERS, NESTED]

    def test_makes_no_version_when_only_the_name_changes(self, admin: Client) -> None:
        found = segment()
        self.edit(admin, found, name="Another")
        found.refresh_from_db()
        assert (found.name, rules_of(found)) == ("Another", [BUYERS])

    def test_saves_nothing_when_the_rule_is_refused(self, admin: Client) -> None:
        found = segment()
        self.edit(admin, found, name="Another", rule='{"in_segment": "s"}')
        found.refresh_from_db()
        assert (found.name, rules_of(found)) == ("S", [BUYERS])

    def test_shows_what_somebody_else_saved_meanwhile_and_then_saves_over_it(self, admin: Client) -> None:
        found = segment()
        page = reverse("admin:retention_segment_edit", args=[found.pk])
        seen = admin.get(page).context["form"]["seen"].value()
        self.edit(staff("retention.change_segment", "retention.view_segment"), found, rule=json.dumps(NESTED), seen=seen)

        refused = self.edit(admin, found, name="Mine", seen=seen)
        found.refresh_from_db()
        assert (refused.status_code, found.name, rules_of(found)) == (200, "S", [BUYERS, NESTED])
        said = text_of(refused)
        assert "While you were editing, it was saved as “S”, with the rule" in said
        assert refused.context["form"]["name"].value() == "Mine"

        again = refused.context["form"]["seen"].value()
        assert f'value="{again}"' in refused.content.decode()
        self.edit(admin, found, name="Mine", seen=again)
        found.refresh_from_db()
        assert (found.name, rules_of(found)) == ("Mine", [BUYERS, NESTED, BUYERS])


class TestDeleting:
    def test_deletes_after_asking(self, admin: Client) -> None:
        page = reverse("admin:retention_segment_delete", args=[segment().pk])
        asked = text_of(admin.get(page))
        assert (Segment.objects.count(), "Delete the segment" in asked) == (1, True)
        admin.post(page)
        assert Segment.objects.count() == 0
        assert AuditRecord.objects.filter(verb="removed").count() == 1

    def test_refuses_and_names_who_uses_it(self, admin: Client) -> None:
        page = reverse("admin:retention_segment_delete", args=[segment().pk])
        segment({"in_segment": "s"}, slug="user")
        assert "It cannot be deleted while these rely on it: User." in text_of(admin.get(page, follow=True))
        shown = text_of(admin.post(page, follow=True))
        assert Segment.objects.count() == 2
        assert "This segment is in use by User." in shown


class TestPage:
    def test_shows_sentence_versions_and_members(self, admin: Client, world: World) -> None:
        shown = text_of(admin.get(reverse("admin:retention_segment_change", args=[world.segment.pk])))
        assert "orders is at least 1 order" in shown
        assert all(reverse("admin:members_member_change", args=[member.pk]) in shown for member in world.members)

    def test_opens_although_its_rule_can_no_longer_be_read(self, admin: Client) -> None:
        found = segment()
        SegmentVersion.objects.update(rule={"field": "gone", "operator": "=", "value": 1})
        Segment.objects.update(failure=failure("said", said="“gone” is unknown"))
        shown = text_of(admin.get(reverse("admin:retention_segment_change", args=[found.pk])))
        assert "“gone” is unknown" in shown
        assert admin.get(reverse("admin:retention_segment_changelist")).status_code == 200

    def test_the_list_says_every_rule_in_words(self, admin: Client, world: World) -> None:
        assert "orders is at least 1 order" in text_of(admin.get(reverse("admin:retention_segment_changelist")))


class TestFreshness:
    def test_a_count_from_before_the_rule_was_changed_is_not_its_count(self, admin: Client) -> None:
        found = segment()
        refresh(as_of=NOW)
        page = reverse("admin:retention_segment_change", args=[found.pk])
        before = admin.get(page).context["waits"]
        change_rule(segment=found, rule=NESTED, now=NOW + timedelta(minutes=1), by="boss")
        changed = admin.get(page).context["waits"]
        refresh(as_of=NOW + timedelta(minutes=2))
        assert (before, changed, admin.get(page).context["waits"]) == (False, True, False)

    def test_waits_in_the_list_and_over_rest_when_the_rule_of_a_segment_inside_changed(self, admin: Client) -> None:
        inner = segment()
        create_segment(slug="outer", name="Outer", rule={"in_segment": inner.slug}, now=NOW)
        create_segment(slug="other", name="Other", rule=BUYERS, now=NOW)
        refresh(as_of=NOW)
        change_rule(segment=inner, rule=NESTED, now=NOW + timedelta(minutes=1))
        rows = admin.get(reverse("admin:retention_segment_changelist")).context["cl"].result_list
        assert {row.slug: vars(row)["pending"] for row in rows} == {"s": True, "outer": True, "other": False}
        _key, text = given_key(Scope.SEGMENTS_READ)
        told = {each["slug"]: each["counted"] for each in Caller(text).all("segments/")}
        assert told == {"s": False, "outer": False, "other": True}
