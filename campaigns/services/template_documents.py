"""A coupon template as people write it, read and checked; every problem carries the path of what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_unicode_slug
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.coupons.codes import is_public_shape, public_code
from campaigns.coupons.redeem import AMOUNT_MAXIMUM
from campaigns.models import BenefitKind, CouponTemplate, Origin
from campaigns.services.instants import OUT_OF_CALENDAR, Instant, whole_day
from campaigns.services.misfits import misfit
from core.conf import shop_zone
from core.errors import FieldProblem, InvalidInput
from core.periods import within_calendar
from rules.fields import nearest

Amount = Annotated[int, msgspec.Meta(ge=1, le=AMOUNT_MAXIMUM)]
Count = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

FIELDS: dict[str, Any] = {
    "slug": Annotated[str, msgspec.Meta(min_length=1, max_length=100)],
    "name": Word,
    "origin": Literal["own", "platform"],
    "minimum_minor": Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAXIMUM)],
    "valid_days": Annotated[int, msgspec.Meta(ge=1, le=3650)],
    "valid_from": Instant,
    "valid_until": Instant,
    "total_limit": Count,
    "per_member_limit": Count,
    "code": Annotated[str, msgspec.Meta(max_length=200)],
    "link": Annotated[str, msgspec.Meta(max_length=500)],
    "categories": Annotated[list[Word], msgspec.Meta(max_length=100)],
    "stacking_group": Annotated[str, msgspec.Meta(max_length=60)],
}
BENEFIT_FIELDS: dict[str, Any] = {
    "kind": Literal["fixed", "percent_off", "free_shipping", "gift"],
    "amount_minor": Amount,
    "percent_off": Annotated[int, msgspec.Meta(ge=1, le=100)],
    "max_minor": Amount,
    "gift": Word,
}
# What each kind must say, and what it may say besides.
BENEFIT_NEEDS = {BenefitKind.FIXED: "amount_minor", BenefitKind.PERCENT_OFF: "percent_off"}
BENEFIT_ALLOWS = {
    BenefitKind.FIXED: {"amount_minor"},
    BenefitKind.PERCENT_OFF: {"percent_off", "max_minor"},
    BenefitKind.FREE_SHIPPING: set[str](),
    BenefitKind.GIFT: {"gift"},
}
NEEDED = ("slug", "name")
EMPTY: dict[str, Any] = {
    "origin": "own", "amount_minor": None, "percent_off": None, "max_minor": None, "gift": "", "minimum_minor": 0,
    "valid_days": None, "valid_from": None, "valid_until": None, "total_limit": None, "per_member_limit": None,
    "code": None, "link": "", "categories": [], "stacking_group": "",
}  # fmt: skip


def read_template(document: object) -> dict[str, Any]:
    """This function will read the contract's item into the model's fields, or raise InvalidInput with every problem.

    An absent field, null and empty text are the same: not set. Every field of the model is in the answer.
    """
    if not isinstance(document, Mapping):
        problem = FieldProblem("", "wrong_type", _("Write an object."))
        raise InvalidInput(_("A coupon template is an object."), problems=[problem])
    return _Reader(document).read()


def document_of(template: CouponTemplate) -> dict[str, Any]:
    """This function will write a template as the contract's item; reading it again gives the same template."""
    benefit = {name: getattr(template, name) for name in ("amount_minor", "percent_off", "max_minor", "gift")}
    limits = ("valid_days", "valid_from", "valid_until", "total_limit", "per_member_limit")
    return {
        "slug": template.slug,
        "name": template.name,
        "origin": template.origin,
        "benefit": {"kind": template.benefit} | {name: value for name, value in benefit.items() if value not in (None, "")},
        "minimum_minor": template.minimum_minor,
        **{name: _plain(getattr(template, name)) for name in limits},
        "code": template.code,
        "link": template.link or None,
        "categories": template.categories,
        "stacking_group": template.stacking_group or None,
    }


def _plain(value: object) -> object:
    return value.astimezone(shop_zone()).isoformat() if isinstance(value, datetime) else value


class _Reader:
    """Reads one document; `_values` fills up, and what is wrong gathers in `_problems`."""

    def __init__(self, document: Mapping[Any, Any]) -> None:
        self._document = document
        self._problems: list[FieldProblem] = []
        self._values: dict[str, Any] = dict(EMPTY)

    def read(self) -> dict[str, Any]:
        self._no_other_keys(self._document, [*FIELDS, "benefit"], path="")
        self._read_fields(self._document, FIELDS, NEEDED, path="")
        self._read_benefit()
        self._check_texts()
        self._check_validity()
        self._check_origin()
        if self._problems:
            raise InvalidInput(_("The coupon template cannot be saved as it is."), problems=self._problems)
        return self._values

    def _read_fields(
        self, given: Mapping[Any, Any], fields: Mapping[str, Any], needed: Collection[str], *, path: str
    ) -> None:
        for name, wanted in fields.items():
            value = given.get(name)
            if value in (None, ""):
                if name in needed:
                    self._add(path + name, "required", _("This is missing."))
                continue
            if wanted is Instant:
                value = whole_day(value, ends=name == "valid_until")
            try:
                read = msgspec.convert(value, wanted)
            except msgspec.ValidationError as error:
                self._add(path + name, "invalid", misfit(error))
                continue
            if isinstance(read, datetime) and not within_calendar(read):
                self._add(path + name, "out_of_range", OUT_OF_CALENDAR)
                continue
            self._values[name] = read

    def _read_benefit(self) -> None:
        given = self._document.get("benefit")
        if not isinstance(given, Mapping):
            code = "required" if given is None else "wrong_type"
            self._add("benefit", code, _("Say what the coupon gives: an object with a kind."))
            return
        self._no_other_keys(given, BENEFIT_FIELDS, path="benefit.")
        self._read_fields(given, BENEFIT_FIELDS, ["kind"], path="benefit.")
        kind = self._values.pop("kind", None)
        if kind is None:
            return
        self._values["benefit"] = kind
        need = BENEFIT_NEEDS.get(kind)
        if need is not None and given.get(need) is None:
            self._add(f"benefit.{need}", "required", _("This kind of benefit needs it."))
        for name in BENEFIT_FIELDS:
            if name != "kind" and given.get(name) is not None and name not in BENEFIT_ALLOWS[kind]:
                self._add(f"benefit.{name}", "not_used", _("This kind of benefit does not use it; leave it out."))

    def _check_texts(self) -> None:
        slug, code, link = (self._values.get(name) for name in ("slug", "code", "link"))
        for name in ("name", "gift", "stacking_group"):
            if not _storable(self._values.get(name) or ""):
                self._add(name, "unusable_character", _("This contains a character that cannot be stored."))
        if any(not _storable(word) for word in self._values["categories"]):
            self._add("categories", "unusable_character", _("This contains a character that cannot be stored."))
        if slug is not None and not _passes(validate_unicode_slug, slug):
            self._add("slug", "invalid", _("A short name consists of letters, numbers, hyphens and underscores."))
        if code is not None:
            self._values["code"] = public_code(code)
            if not is_public_shape(self._values["code"]):
                self._add("code", "invalid", _(
                    "A public code has 1 to 64 letters without accents, digits, hyphens and underscores, "
                    "and does not look like a code made here."
                ))  # fmt: skip
        if link and not _passes(URLValidator(schemes=["http", "https"]), link):
            self._add("link", "invalid", _("A link is an address that begins with https:// or http://."))

    def _check_validity(self) -> None:
        since, until = self._values["valid_from"], self._values["valid_until"]
        if self._values["valid_days"] is not None and (since or until):
            self._add("valid_days", "not_both", _("Give either a number of days from issue or dates, not both."))
        if since and until and until <= since:
            self._add("valid_until", "ends_before_start", _("The coupon must end after it begins."))

    def _check_origin(self) -> None:
        if self._values["origin"] == Origin.PLATFORM and not self._values["link"] and self._values["code"] is None:
            self._add("link", "required", _("A marketplace's coupon is its link or its code: give one of them."))

    def _no_other_keys(self, given: Mapping[Any, Any], known: Collection[str], *, path: str) -> None:
        for key in given:
            if key in known:
                continue
            name = str(key)[:60]
            guess = nearest(name, known)
            unknown = _("There is no “%(name)s” here.") % {"name": name}
            guessed = _("There is no “%(name)s” here. Did you mean “%(guess)s”?") % {"name": name, "guess": guess}
            self._add(f"{path}{name}", "unknown_key", unknown if guess is None else guessed)

    def _add(self, path: str, code: str, message: str | Promise) -> None:
        self._problems.append(FieldProblem(path, code, message))


def _passes(validator: Any, text: str) -> bool:
    try:
        validator(text)
    except ValidationError:
        return False
    return True


def _storable(text: str) -> bool:
    """Databases refuse NUL, and a lone surrogate is no text."""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)
