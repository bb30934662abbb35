"""What the handlers of merges do alike: find rows that hang on members who are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet


def members_of(*kinds: tuple[QuerySet[Any, Any], str], among: Iterable[int]) -> Iterator[tuple[int, str]]:
    """This function will name each member `among` these that rows of a kind belong to, with the sentence of that kind."""
    for rows, sentence in kinds:
        found = rows.filter(member_id__in=[*among]).order_by("member_id").values_list("member_id", flat=True)
        yield from ((member_id, sentence) for member_id in found.distinct())
