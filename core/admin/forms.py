"""Forms whose rules stand in a service: what it refuses is shown at the field that its path names."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms

from core.errors import DomainError


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
