"""The catalogue as JSON Schema (draft 2020-12), for integrators, and as lists of fields and operators, for builders.

What the schema refuses, `parse` and `check` refuse too. They refuse more: how deep and how large a rule may be, a lower
end above its upper one, names of segments when the schema was made without them.
"""

from collections.abc import Collection
from itertools import combinations, groupby
from typing import Any
from urllib.parse import quote

from rules.fields import Behaviour, Field, FieldCatalogue, FieldType
from rules.messages import Translate, untranslated
from rules.operators import BEHAVIOUR_OPERATORS, LONGEST_WINDOW_DAYS, OPERATORS, WINDOWS, Operator, Shape, operators_for
from rules.parse import LARGEST_INTEGER, LIMITS, SMALLEST_INTEGER

Json = dict[str, Any]

_TEXT: Json = {"type": "string", "minLength": 1, "maxLength": LIMITS.text_chars}
_INTEGER: Json = {"type": "integer", "minimum": SMALLEST_INTEGER, "maximum": LARGEST_INTEGER}
_VALUES: dict[FieldType, Json] = {
    FieldType.TEXT: _TEXT,
    FieldType.TAGS: _TEXT,
    FieldType.NUMBER: _INTEGER,
    FieldType.MONEY: _INTEGER,
    FieldType.DECIMAL: {"type": "number", "minimum": SMALLEST_INTEGER, "maximum": LARGEST_INTEGER},
    FieldType.SHARE: {"type": "number", "minimum": 0, "maximum": 1},
    FieldType.DATE: {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    FieldType.BOOLEAN: {"type": "boolean"},
}


def schema(
    catalogue: FieldCatalogue,
    *,
    segments: Collection[str] | None = None,
    translate: Translate = untranslated,
) -> Json:
    """This function will describe every rule that can be written, with labels in the translator's language.

    `segments`, if given, are the names that `in_segment` may use.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rule",
        "$ref": "#/$defs/rule",
        "$defs": {
            "rule": {
                "anyOf": [
                    {"$ref": "#/$defs/group"},
                    {"$ref": "#/$defs/comparison"},
                    *([{"$ref": "#/$defs/behaviour"}] if catalogue.behaviours else []),
                    {"$ref": "#/$defs/in_segment"},
                    {"$ref": "#/$defs/everyone"},
                ]
            },
            "group": _group(),
            "comparison": {"anyOf": [_pointer(_named(field)) for field in catalogue]},
            "in_segment": _closed({"in_segment": _segment(segments)}),
            "everyone": _closed({"everyone": {"const": True}}),
            **{_named(field): _comparison(field) for field in catalogue},
            **_behaviours(catalogue.behaviours),
        },
        "fields": [_field(field) for field in catalogue],
        "operators": [_operator(operator, translate) for operator in OPERATORS.values()],
        "behaviours": [_behaviour(behaviour) for behaviour in catalogue.behaviours],
        "windows": [*WINDOWS, None],
        "limits": {
            "depth": LIMITS.depth,
            "conditions": LIMITS.leaves,
            "list_values": LIMITS.list_values,
            "text_characters": LIMITS.text_chars,
            "behaviours": LIMITS.behaviours,
            "window_days": LONGEST_WINDOW_DAYS,
        },
    }


def _named(field: Field) -> str:
    return f"field:{field.name}"


def _pointer(key: str) -> Json:
    """This function will refer to a definition: a JSON pointer (RFC 6901) inside an address."""
    return {"$ref": "#/$defs/" + quote(key.replace("~", "~0").replace("/", "~1"))}


def _group() -> Json:
    properties = {
        "combinator": {"enum": ["and", "or"]},
        "not": {"type": "boolean", "default": False},
        "rules": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/rule"}},
    }
    return _closed(properties, required=["combinator", "rules"])


def _segment(segments: Collection[str] | None) -> Json:
    return _TEXT if segments is None else {"enum": sorted(segments)}


def _comparison(field: Field) -> Json:
    """This function will describe the comparisons of one field: a form for each kind of value its operators take."""
    rows = sorted(operators_for(field), key=_by_value)
    forms = [_form(field, list(group)) for _value, group in groupby(rows, key=_by_value)]
    described: Json = {"title": str(field.label), "anyOf": forms}
    if str(field.help):
        described["description"] = str(field.help)
    return described


def _by_value(operator: Operator) -> tuple[str, int]:
    return operator.shape, operator.most_days


def _form(field: Field, operators: list[Operator]) -> Json:
    properties: Json = {"field": {"const": field.name}, "operator": {"enum": [row.code for row in operators]}}
    value = _value(field, operators[0])
    if value is not None:
        properties["value"] = value
    return _closed(properties)


def _one(field: Field) -> Json | None:
    return {"enum": [value for value, _label in field.choices]} if field.choices else _VALUES.get(field.type)


def _value(field: Field, operator: Operator) -> Json | None:
    one = _one(field)
    match operator.shape:
        case Shape.NONE:
            return None
        case Shape.ONE:
            return one
        case Shape.PAIR:
            return {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
        case Shape.LIST:
            return {"type": "array", "items": one, "minItems": 1, "maxItems": LIMITS.list_values}
        case Shape.DAYS:
            return {"type": "integer", "minimum": 1, "maximum": operator.most_days}


def _closed(properties: Json, *, required: list[str] | None = None, **more: Any) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
        **more,
    }


# behaviours


def _behaviours(behaviours: Collection[Behaviour]) -> Json:
    """This function will describe every condition on what members did, with one definition for wheres that are shared."""
    if not behaviours:
        return {}
    wheres: dict[tuple[Field, ...], str] = {}
    for each in behaviours:
        wheres.setdefault(each.wheres, f"where:{each.code}")
    return {
        "behaviour": {"anyOf": [{"$ref": f"#/$defs/did:{each.code}"} for each in behaviours]},
        "window": _window(),
        **{f"did:{each.code}": _did(each, wheres[each.wheres]) for each in behaviours},
        **{name: _where(fields) for fields, name in wheres.items()},
    }


def _window() -> Json:
    days: Json = {"type": "integer", "minimum": 0, "maximum": LONGEST_WINDOW_DAYS}
    return {
        "properties": {
            "within_days": {**days, "minimum": 1},
            "between_days_ago": {"type": "array", "items": days, "minItems": 2, "maxItems": 2},
            "since": _VALUES[FieldType.DATE],
        },
        "not": {"anyOf": [{"required": [one, other]} for one, other in combinations(WINDOWS, 2)]},
    }


def _did(behaviour: Behaviour, where: str) -> Json:
    count: Json = {"type": "integer", "minimum": 0, "maximum": LARGEST_INTEGER}
    forms = [*_measured(behaviour, where, {"distinct_days": {"type": "boolean"}}, "times", count)]
    for field in behaviour.sums:
        named: Json = {"sum": {"const": field.name}, "distinct_days": {"const": False}}
        forms += _measured(behaviour, where, named, "value", _one(field) or {})
    return {"title": str(behaviour.label), "anyOf": forms}


def _measured(behaviour: Behaviour, where: str, more: Json, key: str, one: Json) -> list[Json]:
    pair: Json = {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
    forms = (([code for code in BEHAVIOUR_OPERATORS if code != "between"], one), (["between"], pair))
    free: Json = {**dict.fromkeys(WINDOWS, True), "where": {"$ref": f"#/$defs/{where}"}}
    return [
        _closed(
            {"did": {"const": behaviour.code}, "operator": {"enum": codes}, **more, key: value, **free},
            required=["did", "operator", *(["sum"] if "sum" in more else []), key],
            allOf=[{"$ref": "#/$defs/window"}],
        )
        for codes, value in forms
    ]


def _where(fields: tuple[Field, ...]) -> Json:
    return _closed({field.name: _asked(field) for field in fields}, required=[])


def _asked(field: Field) -> Json:
    """A value alone, a list of values, or an operator with its value."""
    rows = sorted(operators_for(field), key=_by_value)
    plain = [value for row in rows if row.code in ("=", "in") and (value := _value(field, row)) is not None]
    forms = []
    for _shape, group in groupby(rows, key=_by_value):
        some = list(group)
        properties: Json = {"operator": {"enum": [row.code for row in some]}}
        value = _value(field, some[0])
        forms.append(_closed(properties if value is None else {**properties, "value": value}))
    return {"title": str(field.label), "anyOf": [*plain, *forms]}


def _behaviour(behaviour: Behaviour) -> Json:
    return {
        "code": behaviour.code,
        "label": str(behaviour.label),
        "verb": str(behaviour.deed.yes),
        "verbs_to": sorted({str(deed.yes) % {"what": "…"} for _name, deed in behaviour.deeds_to}),
        "sums": [_listed(field) for field in behaviour.sums],
        "wheres": [
            {**_listed(field), "operators": [row.code for row in operators_for(field)]} for field in behaviour.wheres
        ],
    }


def _listed(field: Field) -> Json:
    return {
        "name": field.name,
        "label": str(field.label),
        "help": str(field.help),
        "type": field.type.value,
        "unit": field.unit,
        "choices": [{"value": value, "label": str(label)} for value, label in field.choices],
    }


def _field(field: Field) -> Json:
    return {
        "name": field.name,
        "type": field.type.value,
        "label": str(field.label),
        "help": str(field.help),
        "group": str(field.group),
        "unit": field.unit,
        "nullable": field.nullable,
        "operators": [operator.code for operator in operators_for(field)],
        "choices": [{"value": value, "label": str(label)} for value, label in field.choices],
    }


def _operator(operator: Operator, translate: Translate) -> Json:
    return {
        "code": operator.code,
        "label": translate(operator.label),
        "value": operator.shape.value,
        "types": sorted(type_.value for type_ in operator.types),
        "missing": operator.on_missing.value,
        **({"most_days": operator.most_days} if operator.most_days else {}),
    }
