"""What a trigger is: the occasions on which members become due."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from django.db.models import QuerySet
from django.utils.functional import Promise

from campaigns.models import Campaign
from campaigns.models.pauses import Because
from core.errors import FieldProblem
from core.registry import Store


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who may become due, before audience and re-entry are asked.

    `rows` is annotated with `member_id` and `occurrence`; `progress` are the campaign's columns to set once all of them are
    planned.
    """

    rows: QuerySet[Any, Any]
    progress: Mapping[str, Any] = field(default_factory=dict)


class TriggerUnable(Exception):
    """The trigger cannot say who is due; the campaign is paused with the reason, which tells the marketer why."""

    def __init__(self, because: Because) -> None:
        super().__init__(because["code"])
        self.because = because


class Trigger(ABC):
    """One kind of occasion. `Params` are what the marketer fills in; their JSON Schema makes the form."""

    code: ClassVar[str]
    label: ClassVar[str | Promise]
    Params: ClassVar[type[msgspec.Struct]]
    default_re_entry: ClassVar[str] = "once"
    asks_everybody: ClassVar[bool] = False
    """Whether all members are candidates and the audience alone narrows them."""

    def problems(self, params: Any) -> Iterator[FieldProblem]:
        """This function will yield what is wrong with `params` beyond their types; paths are names of parameters."""
        yield from ()

    def segments(self, params: Any) -> tuple[str, ...]:
        """This function will return the slugs of the segments this trigger reads: none of them may be stale."""
        return ()

    def starting_point(self, params: Any) -> Mapping[str, Any]:
        """This function will return the campaign's columns to set at activation, so that only what comes later counts."""
        return {}

    @abstractmethod
    def candidates(self, *, campaign: Campaign, params: Any, now: datetime) -> Candidates | None:
        """This function will return who may have become due and is not planned yet, or None when that is certainly nobody.

        Answering the same members twice is harmless: the enrolment's constraint lets each occasion in once.
        """


triggers: Store[Trigger] = Store()
