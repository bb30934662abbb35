import pytest

from rules.fields import Field, FieldCatalogue, FieldType, nearest
from tests.unit.rules.catalogue import catalogue


class TestField:
    def test_reads_the_column_of_its_own_name_unless_told_otherwise(self):
        assert Field(name="city", type=FieldType.TEXT, label="City").column == "city"
        assert Field(name="at", type=FieldType.DATE, label="At", column="day").column == "day"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"type": FieldType.ENUMERATION},
            {"type": FieldType.TEXT, "choices": (("a", "A"),)},
            {"type": FieldType.TAGS},
            {"type": FieldType.TEXT, "members_with": lambda tag: ()},
            {"type": FieldType.NUMBER, "month_day_column": "mmdd"},
        ],
    )
    def test_refuses_what_its_type_cannot_have(self, wrong):
        with pytest.raises(ValueError, match=r"^x: "):
            Field(name="x", label="X", **wrong)

    def test_labels_the_values_of_an_enumeration(self):
        gender = catalogue()["gender"]
        assert gender.label_of("female") == "Female"
        assert gender.label_of("gone") == "gone"


class TestFieldCatalogue:
    def test_refuses_a_name_twice(self):
        city = Field(name="city", type=FieldType.TEXT, label="City")
        with pytest.raises(ValueError, match="city is in the catalogue twice"):
            FieldCatalogue([city, city])

    def test_finds_fields_by_name(self):
        known = catalogue()
        assert known.get("city") is known["city"]
        assert known.get("town") is None
        assert "city" in known
        assert "town" not in known
        assert known.names[:2] == ("city", "order_count")
        assert len(known) == len(list(known)) == 12

    def test_suggests_the_name_that_was_meant(self):
        assert catalogue().suggest("ordercount") == "order_count"
        assert catalogue().suggest("Order_Count") == "order_count"
        assert catalogue().suggest("zzz") is None


class TestNearest:
    def test_prefers_the_closest_word(self):
        assert nearest("refund_rat", ["refund_rate", "refund_count"]) == "refund_rate"
