"""Forms whose rules stand in a service: what it refuses is shown at the field that its path names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

from django import forms
from django.db.models import Model
from django.utils.text import format_lazy, slugify
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from core.conf import shop_currency, shop_zone
from core.errors import DomainError
from core.money import DECIMALS, SYMBOLS


def add_problems(form: forms.Form, error: DomainError, *, fields: Mapping[str, str] | None = None) -> None:
    """This function will put each problem at its field: the longest known beginning of its path, else above the form.

    `fields` maps beginnings of paths to names of form fields where the two differ.
    """
    if not error.problems:
        form.add_error(None, str(error.message))
    for problem in error.problems:
        form.add_error(_field_of(form, problem.path, fields or {}), str(problem.message))


def _field_of(form: forms.Form, path: str, fields: Mapping[str, str]) -> str | None:
    for beginning, name in sorted(fields.items(), key=lambda pair: -len(pair[0])):
        if path == beginning or path.startswith((f"{beginning}.", f"{beginning}[")):
            return name
    first = path.split(".")[0].split("[")[0]
    return first if first in form.fields else None


class MoneyField(forms.DecimalField):
    """An amount as people write it, in the shop's currency; its value is whole minor units."""

    def __init__(self, **kwargs: Any) -> None:
        symbol = SYMBOLS.get(shop_currency(), shop_currency())
        kwargs.setdefault("widget", UnfoldAdminTextInputWidget({"inputmode": "decimal"}))
        kwargs["label"] = format_lazy("{} ({})", kwargs["label"], symbol)
        super().__init__(min_value=0, max_digits=14, decimal_places=_decimals(), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return Decimal(value).scaleb(-_decimals()) if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        amount = super().clean(value)
        return None if amount is None else int(amount.scaleb(_decimals()))


class WholeNumberField(forms.IntegerField):
    """A count, in the screens' dress."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminIntegerFieldWidget)
        super().__init__(**kwargs)


class ShopInstantField(forms.DateTimeField):
    """An instant in the shop's zone, as the browser's own picker gives it."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextInputWidget({"type": "datetime-local"})
        super().__init__(widget=widget, help_text=kwargs.pop("help_text", ""), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(shop_zone()).strftime("%Y-%m-%dT%H:%M")
        return value


def _decimals() -> int:
    return DECIMALS.get(shop_currency(), 2)


def free_slug(model: type[Model], name: str, *, besides: Collection[str] = ()) -> str:
    """This function will make a short name from a name, numbered when another row has it, or it is of those `besides` that
    none may have: nobody has to think of one.

    Two people who save at once may still be given the same; the constraint then refuses the second.
    """
    wanted = slugify(name, allow_unicode=True)[:90]
    taken = {*besides, *model._default_manager.filter(slug__startswith=wanted).values_list("slug", flat=True)}
    if not wanted or wanted not in taken:
        return wanted
    return next(slug for number in count(2) if (slug := f"{wanted}-{number}") not in taken)
