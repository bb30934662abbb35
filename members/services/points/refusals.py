"""Why the ledger says no."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, FieldProblem, InvalidInput

OURS = "rekindle:"
"""How references of entries that nobody asked for by name begin."""
LONGEST_REFERENCE = 200
MOST_POINTS = 10**12
"""Points an entry may be about. Origin: a thousand times what any shop ever gave, and sums of a billion of them fit."""


class PointsRefused(DomainError):
    """The ledger as it stands does not allow it; `code` says why, and nothing was changed."""


def insufficient_points(*, available: int, asked: int) -> PointsRefused:
    message = _("Only %(available)s points are available; %(asked)s were asked for.")
    return PointsRefused(message % {"available": f"{available:,}", "asked": f"{asked:,}"}, code="insufficient_points")


def reference_used(reference: str) -> PointsRefused:
    message = _("The reference “%(reference)s” stands for another entry already.")
    return PointsRefused(message % {"reference": reference}, code="reference_used")


def check_points(points: object) -> FieldProblem | None:
    """This function will say what is wrong with an amount of points, or nothing."""
    if isinstance(points, bool) or not isinstance(points, int):
        return FieldProblem("points", "wrong_type", _("Points are whole numbers."))
    if points < 1:
        return FieldProblem("points", "not_positive", _("At least one point."))
    if points > MOST_POINTS:
        return FieldProblem("points", "too_large", _("That is more than any member could have."))
    return None


def check_reference(reference: object) -> FieldProblem | None:
    """This function will say what is wrong with a reference given from outside, or nothing."""
    if not isinstance(reference, str) or not reference.strip():
        return FieldProblem("reference", "required", _("Name the reason's own number, such as an order's."))
    if len(reference) > LONGEST_REFERENCE:
        return FieldProblem("reference", "too_long", _("At most 200 characters."))
    if not reference.isprintable():
        return FieldProblem("reference", "invalid", _("A reference has no control characters."))
    if reference.startswith(OURS):
        return FieldProblem("reference", "reserved", _("References that begin with “rekindle:” are our own."))
    return None


def refuse(*problems: FieldProblem | None) -> None:
    """This function will raise InvalidInput where there are problems."""
    found = [problem for problem in problems if problem is not None]
    if found:
        raise InvalidInput(found[0].message, problems=found)
