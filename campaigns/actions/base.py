"""What an action is: what a step does for the members of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from django.utils.functional import Promise

from campaigns.selectors.batches import Batch, Due, Topic
from core.errors import FieldProblem
from core.registry import Store

Words = dict[str, str | Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Step:
    """A step as a version defines it: its place in the list, what it does, and with which parameters."""

    position: int
    action: Action
    params: Any


@dataclass(frozen=True, slots=True)
class Call:
    """One step for the members of a batch that have come so far. `words` are what messages may say to each, by enrolment."""

    step: Step
    batch: Batch
    rows: Sequence[Due]
    words: Mapping[int, Words]
    now: datetime


@dataclass(frozen=True, slots=True)
class Denial:
    """The step cannot be done for a member, who gets nothing of the campaign then. `failed`: through a fault of ours."""

    reason: str
    failed: bool = False


class Action(ABC):
    """One kind of step. `Params` are what the marketer fills in; their JSON Schema makes the form."""

    code: ClassVar[str]
    label: ClassVar[str | Promise]
    Params: ClassVar[type[msgspec.Struct]]

    def problems(self, params: Any, *, earlier: Sequence[str]) -> Iterator[FieldProblem]:
        """This function will yield what is wrong with `params` beyond their types, after steps of the kinds `earlier`."""
        yield from ()

    def topic(self, params: Any) -> Topic | None:
        """This function will return the channel and the purpose whose consent the step needs, if it writes to the member."""
        return None

    @abstractmethod
    def execute(self, call: Call) -> Mapping[int, Denial]:
        """This function will do the step for all rows of `call` and return, by enrolment, for whom it could not.

        It writes rows in the caller's transaction, in statements over all members. The caller may roll back and call again
        without those that were denied.
        """


actions: Store[Action] = Store()
