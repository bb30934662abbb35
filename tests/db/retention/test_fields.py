from __future__ import annotations

import pytest

from retention.fields import CATALOGUE, GROUP_LABELS, STAGE_LABELS
from retention.scored import Scored, current_parameters
from retention.scoring.lifecycle import Stage
from retention.scoring.rfm import GROUPS
from retention.selectors.reasons import rows_asked
from retention.selectors.rules import Rulebook
from retention.services.refresh import refresh
from retention.services.rules import sentence
from rules.fields import Field, FieldType
from rules.operators import operators_for
from rules.words import UNITS
from tests.factories import NOW, TODAY_NUMBER, make_member

VALUES = {
    FieldType.TEXT: "Wuhan",
    FieldType.NUMBER: 3,
    FieldType.DECIMAL: 1.5,
    FieldType.MONEY: 100,
    FieldType.SHARE: 0.5,
    FieldType.DATE: "2026-01-31",
}


@pytest.mark.parametrize("field", list(CATALOGUE), ids=lambda field: field.name)
class TestEachField:
    def test_is_a_column_of_what_rules_read(self, field: Field) -> None:
        columns = {column.name for column in Scored._meta.fields}
        if field.type is not FieldType.TAGS:
            assert {field.column, field.month_day_column or field.column} <= columns

    def test_has_a_unit_that_can_be_said(self, field: Field) -> None:
        assert field.unit in {"", *UNITS}

    @pytest.mark.django_db
    def test_says_of_a_new_member_whether_it_may_be_missing(self, field: Field) -> None:
        if field.type is FieldType.TAGS:
            return
        make_member()
        refresh(as_of=NOW)
        asked = {"rulebook": Rulebook(), "parameters": current_parameters(), "day": TODAY_NUMBER, "as_of": NOW}
        row = rows_asked(**asked, with_reason=True).values(field.column).get()
        assert (row[field.column] is None) is field.nullable

    @pytest.mark.django_db
    def test_reads_as_a_sentence(self, field: Field) -> None:
        value = field.choices[0][0] if field.choices else VALUES.get(field.type, "vip")
        said = sentence({"field": field.name, "operator": operators_for(field)[0].code, "value": value})
        assert said
        assert "%(" not in said


class TestLabels:
    def test_name_every_stage_and_group(self) -> None:
        assert list(STAGE_LABELS) == [stage.value for stage in Stage]
        assert list(GROUP_LABELS) == [group.code for group in GROUPS]
