"""One row per operator: for which types, how many values, which SQL form, what a missing value does, its words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rules.fields import Field, FieldType
from rules.messages import _


class Shape(StrEnum):
    """What an operator compares with."""

    NONE = "none"
    ONE = "one"
    PAIR = "pair"
    LIST = "list"
    DAYS = "days"


class OnMissing(StrEnum):
    """What a comparison says of a member whose value is missing."""

    UNKNOWN = "unknown"
    ANSWERED = "answered"  # the operator asks just that
    FALSE = "false"  # no tags is the empty set


@dataclass(frozen=True, slots=True)
class Phrase:
    """The operator in a sentence: as it is, denied, and both for a window of one day."""

    yes: str
    no: str
    today: str = ""
    not_today: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """A row of the table."""

    code: str
    label: str
    types: frozenset[FieldType]
    shape: Shape
    form: str
    """The name of the SQL form, which rules.compile maps to lookups."""
    phrase: Phrase
    phrases: Mapping[FieldType, Phrase] = field(default_factory=dict)
    """Where a type is spoken of in other words."""
    on_missing: OnMissing = OnMissing.UNKNOWN
    most_days: int = 0
    """For windows of days: the longest."""

    def phrase_for(self, type_: FieldType) -> Phrase:
        """This function will give the words for a field of this type."""
        return self.phrases.get(type_, self.phrase)


BEHAVIOUR_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "between")
"""What a count or a sum of behaviour may be compared by: it is a number and never missing."""
WINDOWS = ("within_days", "between_days_ago", "since")
"""How a behaviour's window is written; leaving all of them out asks for all there is."""

LONGEST_WINDOW_DAYS = 3660
"""Days. Origin: ten years, more than any shop's history is asked for."""
LONGEST_ANNIVERSARY_DAYS = 366
"""Days. After a leap year everybody has celebrated."""

_NUMBERS = frozenset({FieldType.NUMBER, FieldType.DECIMAL, FieldType.MONEY, FieldType.SHARE})
_DATE = frozenset({FieldType.DATE})
_TEXT = frozenset({FieldType.TEXT})
_ORDERED = _NUMBERS | _DATE
_SCALAR = _ORDERED | _TEXT | {FieldType.BOOLEAN, FieldType.ENUMERATION}
_LISTABLE = frozenset({FieldType.TEXT, FieldType.NUMBER, FieldType.ENUMERATION})

_EQUALS = Phrase(yes=_("%(field)s equals %(value)s"), no=_("%(field)s does not equal %(value)s"))
_IS = Phrase(yes=_("%(field)s is %(value)s"), no=_("%(field)s is not %(value)s"))
_DIFFERS = Phrase(yes=_EQUALS.no, no=_EQUALS.yes)
_IS_NOT = Phrase(yes=_IS.no, no=_IS.yes)
_LESS = Phrase(yes=_("%(field)s is less than %(value)s"), no=_("%(field)s is at least %(value)s"))
_AT_LEAST = Phrase(yes=_LESS.no, no=_LESS.yes)
_MORE = Phrase(yes=_("%(field)s is more than %(value)s"), no=_("%(field)s is at most %(value)s"))
_AT_MOST = Phrase(yes=_MORE.no, no=_MORE.yes)
_BEFORE = Phrase(yes=_("%(field)s is before %(value)s"), no=_("%(field)s is on or after %(value)s"))
_FROM = Phrase(yes=_BEFORE.no, no=_BEFORE.yes)
_AFTER = Phrase(yes=_("%(field)s is after %(value)s"), no=_("%(field)s is on or before %(value)s"))
_UNTIL = Phrase(yes=_AFTER.no, no=_AFTER.yes)
_ONE_OF = Phrase(yes=_("%(field)s is one of %(value)s"), no=_("%(field)s is none of %(value)s"))
_NONE_OF = Phrase(yes=_ONE_OF.no, no=_ONE_OF.yes)
_MISSING = Phrase(yes=_("%(field)s is not known"), no=_("%(field)s is known"))
_KNOWN = Phrase(yes=_MISSING.no, no=_MISSING.yes)
_TODAY = _("%(field)s is today")
_NOT_TODAY = _("%(field)s is not today")

_ROWS = (
    Operator(
        code="=",
        label=_("is"),
        types=_SCALAR,
        shape=Shape.ONE,
        form="equal",
        phrase=_IS,
        phrases=dict.fromkeys(_NUMBERS, _EQUALS),
    ),
    Operator(
        code="!=",
        label=_("is not"),
        types=_SCALAR,
        shape=Shape.ONE,
        form="not_equal",
        phrase=_IS_NOT,
        phrases=dict.fromkeys(_NUMBERS, _DIFFERS),
    ),
    Operator(
        code="<",
        label=_("is less than"),
        types=_ORDERED,
        shape=Shape.ONE,
        form="less",
        phrase=_LESS,
        phrases={FieldType.DATE: _BEFORE},
    ),
    Operator(
        code="<=",
        label=_("is at most"),
        types=_ORDERED,
        shape=Shape.ONE,
        form="at_most",
        phrase=_AT_MOST,
        phrases={FieldType.DATE: _UNTIL},
    ),
    Operator(
        code=">",
        label=_("is more than"),
        types=_ORDERED,
        shape=Shape.ONE,
        form="more",
        phrase=_MORE,
        phrases={FieldType.DATE: _AFTER},
    ),
    Operator(
        code=">=",
        label=_("is at least"),
        types=_ORDERED,
        shape=Shape.ONE,
        form="at_least",
        phrase=_AT_LEAST,
        phrases={FieldType.DATE: _FROM},
    ),
    Operator(
        code="between",
        label=_("is between"),
        types=_ORDERED,
        shape=Shape.PAIR,
        form="between",
        phrase=Phrase(
            yes=_("%(field)s is between %(low)s and %(high)s"),
            no=_("%(field)s is not between %(low)s and %(high)s"),
        ),
        phrases={
            FieldType.DATE: Phrase(
                yes=_("%(field)s is from %(low)s to %(high)s"),
                no=_("%(field)s is not from %(low)s to %(high)s"),
            )
        },
    ),
    Operator(code="in", label=_("is one of"), types=_LISTABLE, shape=Shape.LIST, form="one_of", phrase=_ONE_OF),
    Operator(
        code="not_in",
        label=_("is none of"),
        types=_LISTABLE,
        shape=Shape.LIST,
        form="none_of",
        phrase=_NONE_OF,
    ),
    Operator(
        code="contains",
        label=_("contains"),
        types=_TEXT,
        shape=Shape.ONE,
        form="contains",
        phrase=Phrase(yes=_("%(field)s contains “%(value)s”"), no=_("%(field)s does not contain “%(value)s”")),
    ),
    Operator(
        code="starts_with",
        label=_("starts with"),
        types=_TEXT,
        shape=Shape.ONE,
        form="starts_with",
        phrase=Phrase(yes=_("%(field)s starts with “%(value)s”"), no=_("%(field)s does not start with “%(value)s”")),
    ),
    Operator(
        code="is_null",
        label=_("is not known"),
        types=_SCALAR,
        shape=Shape.NONE,
        form="missing",
        phrase=_MISSING,
        on_missing=OnMissing.ANSWERED,
    ),
    Operator(
        code="is_not_null",
        label=_("is known"),
        types=_SCALAR,
        shape=Shape.NONE,
        form="known",
        phrase=_KNOWN,
        on_missing=OnMissing.ANSWERED,
    ),
    Operator(
        code="has_tag",
        label=_("has the tag"),
        types=frozenset({FieldType.TAGS}),
        shape=Shape.ONE,
        form="tagged",
        phrase=Phrase(yes=_("tagged “%(value)s”"), no=_("not tagged “%(value)s”")),
        on_missing=OnMissing.FALSE,
    ),
    Operator(code="before", label=_("is before"), types=_DATE, shape=Shape.ONE, form="less", phrase=_BEFORE),
    Operator(code="after", label=_("is after"), types=_DATE, shape=Shape.ONE, form="more", phrase=_AFTER),
    Operator(
        code="within_last_days",
        label=_("is within the last days"),
        types=_DATE,
        shape=Shape.DAYS,
        form="last_days",
        phrase=Phrase(
            yes=_("%(field)s is within the last %(value)s"),
            no=_("%(field)s is not within the last %(value)s"),
            today=_TODAY,
            not_today=_NOT_TODAY,
        ),
        most_days=LONGEST_WINDOW_DAYS,
    ),
    Operator(
        code="within_next_days",
        label=_("is within the next days"),
        types=_DATE,
        shape=Shape.DAYS,
        form="next_days",
        phrase=Phrase(
            yes=_("%(field)s is within the next %(value)s"),
            no=_("%(field)s is not within the next %(value)s"),
            today=_TODAY,
            not_today=_NOT_TODAY,
        ),
        most_days=LONGEST_WINDOW_DAYS,
    ),
    Operator(
        code="is_anniversary_within_days",
        label=_("has its anniversary within days"),
        types=_DATE,
        shape=Shape.DAYS,
        form="anniversary",
        phrase=Phrase(
            yes=_("the anniversary of %(field)s is within the next %(value)s"),
            no=_("the anniversary of %(field)s is not within the next %(value)s"),
            today=_("the anniversary of %(field)s is today"),
            not_today=_("the anniversary of %(field)s is not today"),
        ),
        most_days=LONGEST_ANNIVERSARY_DAYS,
    ),
)

OPERATORS: Mapping[str, Operator] = {row.code: row for row in _ROWS}


def operators_for(field: Field) -> tuple[Operator, ...]:
    """This function will give the operators that a field takes, in the order of the table."""
    return tuple(row for row in _ROWS if _takes(field, row))


def _takes(field: Field, operator: Operator) -> bool:
    if operator.form == "anniversary":
        return field.month_day_column is not None
    return field.type in operator.types
