"""Where a higher app offers a lower one what the lower page or duty needs: registered in `AppConfig.ready()`, read by faces.

The stores are fixed: sections of a member's page, handlers of a member's data, checks that `verify` proves, periodic work,
who names a segment, kinds of long jobs, what an import's undoing must ask first, figures that are followed from day to day.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from django.db.models import QuerySet
from django.utils.functional import Promise

Named = TypeVar("Named", bound="HasCode")


class HasCode(Protocol):
    @property
    def code(self) -> str: ...


class DuplicateCode(Exception):
    """Two registrations under one code: one of them would silently never run."""


class Store(Generic[Named]):
    """An ordered collection of registrations; a code stands in it once."""

    def __init__(self) -> None:
        self._entries: dict[str, Named] = {}

    def register(self, entry: Named) -> None:
        if entry.code in self._entries:
            raise DuplicateCode(entry.code)
        self._entries[entry.code] = entry

    def __iter__(self) -> Iterator[Named]:
        return iter(self._entries.values())

    def get(self, code: str) -> Named | None:
        return self._entries.get(code)


class SectionRows(Protocol):
    def __call__(
        self, *, member_ids: Collection[int], as_of: datetime | None, only: Collection[str] | None = None
    ) -> Mapping[int, Any]:
        """One statement for a whole page of members: {member id: JSON}. `as_of` None means the last refresh's; `only` names
        the keys of the JSON that are read, where not all are."""
        ...


@dataclass(frozen=True, slots=True)
class MemberSection:
    """A key of a member's JSON that a higher app fills (`facts`, `scores`)."""

    code: str
    rows: SectionRows


@dataclass(frozen=True, slots=True)
class MemberListFilter:
    """A parameter of the list of members that a higher app answers: the ids that stand for a value, from an index of their
    own; None for a value that is none."""

    code: str
    help: str | Promise
    narrow: Callable[[str], QuerySet[Any, Any] | None]


class FeedRows(Protocol):
    def __call__(
        self,
        members: QuerySet[Any, Any],
        since: datetime,
        /,
        *,
        after: tuple[datetime, int] | None,
        backwards: bool,
        most: int,
    ) -> list[Any]:
        """Up to `most` of `members` after `since`, with their instant as `changed_at`, by (instant, id): those after the
        place `after`, or with `backwards` before it, the nearest first."""
        ...


@dataclass(frozen=True, slots=True)
class MemberListFeed:
    """A parameter of the list of members, an instant, that a higher app answers in an order of its own: what came after."""

    code: str
    help: str | Promise
    rows: FeedRows


Moved = dict[str, Any]
"""What a handler changed when two members became one, as JSON: ids and old values, enough to undo it."""


class PreviewOfMerge(Protocol):
    def __call__(self, *, keep: int, drop: int) -> Mapping[str, int]:
        """How many of each kind of thing would move from `drop` to `keep`."""
        ...


class MergeData(Protocol):
    def __call__(self, *, keep: int, drop: int, now: datetime) -> Moved:
        """Move what hangs on `drop` to `keep`, inside the caller's transaction, and say what was changed.

        Both members exist and nobody else touches them. May be called again for what arrived under `drop` too late.
        """
        ...


class UndoMerge(Protocol):
    def __call__(self, *, keep: int, drop: int, moved: Moved, merged_at: datetime, now: datetime) -> None:
        """Give back to `drop` what `moved` names, as far as it is still `keep`'s. What was changed since stays so."""
        ...


class LeftBehind(Protocol):
    def __call__(self, *, holders: Mapping[int, int]) -> Iterator[tuple[int, str]]:
        """(dropped member, sentence) for each kind of rows that hang on a member dropped in favour of its holder."""
        ...


@dataclass(frozen=True, slots=True)
class Called:
    """Whom an erasure is about: the member's number, and every text by which the member may be found elsewhere."""

    member_id: int
    external_ids: frozenset[str]
    """The member's own id and those of members who were merged into it."""
    addresses: frozenset[str] = frozenset()
    """Phone numbers, e-mail addresses, and names in other shops. Who must remember that one of them is not to be written to
    keeps a keyed hash of it."""


Kept = dict[str, list[dict[str, Any]]]
"""What an app keeps of a member, kind by kind: rows of plain values that JSON and a table can hold."""


class ExportData(Protocol):
    def __call__(self, *, member_id: int) -> Kept:
        """Everything that is kept of a member, under the codes of `holds`; a kind of which there is nothing may be left
        out. What stands for somebody else (a staff name, a secret code of ours) is not the member's."""
        ...


class EraseData(Protocol):
    def __call__(self, *, called: Called, now: datetime) -> None:
        """Take everything personal away, inside the caller's transaction, under the lock of refreshes and the member's own.

        Of a kind that stays (`Holding.kept_because`) nothing but numbers, instants and codes of ours may remain.
        """
        ...


def _nothing_kept(*, member_id: int) -> Kept:
    return {}


def _nothing_erased(*, called: Called, now: datetime) -> None:
    """For a handler of whose tables another one takes care; a test demands that somebody does."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A kind of thing that an app keeps of a member: exported under its code, and counted in the receipt of an erasure.

    With `kept_because` its rows stay, without anything personal, under a number that stands for nobody: the reason why.
    """

    code: str
    label: str | Promise
    models: tuple[str, ...]
    """The tables it stands in, as app.Model; a test holds them against all tables that know of members."""
    kept_because: str | Promise = ""


@dataclass(frozen=True, slots=True)
class MemberDataHandler:
    """What an app keeps of a member: moved when two members turn out to be one, given back when they turn out to be two,
    handed out when the member asks, taken away when the member wants to be forgotten.

    The members app runs all handlers in one transaction, in the order of their registration, backwards to undo and to
    erase. `kinds` are the things that move, by a code that no other handler uses: what people call several of them.
    """

    code: str
    kinds: Mapping[str, str | Promise]
    preview: PreviewOfMerge
    merge: MergeData
    undo: UndoMerge
    left_behind: LeftBehind
    holds: tuple[Holding, ...] = ()
    export: ExportData = _nothing_kept
    erase: EraseData = _nothing_erased


@dataclass(frozen=True, slots=True)
class Check:
    """What `verify` proves: `rows` yields a sentence for each thing that does not add up, and nothing when all is well."""

    code: str
    label: str | Promise
    rows: Callable[[], Iterator[str]]


class Work(Protocol):
    def __call__(self, *, now: datetime) -> Mapping[str, int]:
        """Do what is due at `now`; repeatable, safe to run twice at once; answers counts for the log."""
        ...


class StoppableWork(Protocol):
    def __call__(self, *, now: datetime, stopped: Callable[[], bool]) -> Mapping[str, int]:
        """The same, for long: it looks at `stopped` again and again, and leaves the rest for later when that is true."""
        ...


@dataclass(frozen=True, slots=True)
class PeriodicWork:
    """What `tick` runs. Either every so many seconds, or daily at a shop hour, or weekly on a weekday (Monday is 0).

    A work with `beside` may take hours: a clock that goes on runs it beside the others and says when to stop.
    """

    code: str
    label: str | Promise
    run: Work
    order: int
    every_seconds: int | None = None
    daily_at: str | None = None
    weekday: int | None = None
    beside: StoppableWork | None = None


class RunningJob(Protocol):
    """What a job kind's `run` is handed: what was asked for, what earlier attempts kept, and where to say how far it is."""

    @property
    def id(self) -> int: ...

    @property
    def params(self) -> Mapping[str, Any]: ...

    @property
    def state(self) -> Mapping[str, Any]:
        """What the last report that gave a state kept, by this attempt or one before it; empty at the first."""
        ...

    def now(self) -> datetime: ...

    def report(
        self, done: int, total: int | None = None, state: Mapping[str, Any] | None = None, said: str | Promise = ""
    ) -> None:
        """Say how far the work is and that its worker lives; keep `state` to go on from. `total` None and `said` empty leave
        what stood there.

        Called inside the transaction that did the work, progress and work commit together. Raises JobCancelled when
        somebody asked for it, JobTaken when the lease ran out and another worker has the job; and, of a report that gave a
        state, JobInterrupted when the worker has to stop. All three pass through: what to do is known above.
        """
        ...


def _nothing(_params: Mapping[str, Any]) -> str:
    return ""


def _no_words(_result: Mapping[str, Any]) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of long work. `run` returns the result as JSON; it may be begun anew at any time after a death, with the state
    that was kept.

    A DomainError fails the job with its sentence. A fault that may pass (the database gone, a refusal marked retryable)
    and a worker's death are tried again, `retries` times. `lease_seconds` is the longest time between two reports.
    """

    code: str
    label: str | Promise
    run: Callable[[RunningJob], Mapping[str, Any]]
    retries: int = 3
    lease_seconds: int = 120
    asked: Callable[[Mapping[str, Any]], str | Promise] = _nothing
    """The parameters as people say them: the file's name, which segment."""
    page: Callable[[Mapping[str, Any]], str] = _nothing
    """The address of the screen, made from the parameters, where what came of it is shown in full."""
    told: Callable[[Mapping[str, Any]], Sequence[str | Promise]] = _no_words
    """The result as people say it, a sentence each; without it the numbers of the result stand by their names."""


@dataclass(frozen=True, slots=True)
class Use:
    """Something that names another: what it is called, in which state it stands, where its page is (app_model and key).

    `holds` says that it could not go on without the other, which therefore cannot be deleted.
    """

    name: str
    state: str | Promise
    holds: bool
    label: str
    pk: int


@dataclass(frozen=True, slots=True)
class UsedBy:
    """An app that names something says who names one: segments by their short names (in a trigger, a rule, a step),
    attributes of the shop's own by the field's name in the rule language, tiers by their short names."""

    code: str
    label: str | Promise
    rows: Callable[[str], Sequence[Use]]


@dataclass(frozen=True, slots=True)
class FiredSince:
    """Who acts on what is known of members: an import is not undone once somebody acted on it."""

    code: str
    members: Callable[..., Iterator[int]]
    """`members(since=...)`: all who got something from then on, each once."""


@dataclass(frozen=True, slots=True)
class MemberTies:
    """What keeps a member whom an import made, when the import is undone (`holding`, of those asked); and what is only
    worked out from a member and goes with it (`clear`, inside the caller's transaction, under the lock of refreshes)."""

    code: str
    holding: Callable[[Collection[int]], set[int]]
    clear: Callable[[Collection[int]], None]


class FigureUnit(StrEnum):
    """What a figure counts: people, things, minor units of money, or a part of a whole."""

    MEMBERS = "members"
    COUNT = "count"
    MONEY = "money"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Amount:
    """A figure's number; of a share the part and the whole."""

    value: int
    whole: int | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that is kept every day: what it is called, what it means, which way is better (None: neither).

    A `counter` only grows; what is shown of it is how much it grew. `behind` is the list that holds what was counted:
    app_model and the list's parameters.
    """

    code: str
    label: str | Promise
    meaning: str | Promise
    unit: FigureUnit
    rising_is_good: bool | None = None
    counter: bool = False
    behind: tuple[str, Mapping[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class FigureSource:
    """Measures figures of an app as they stand: {figure's code: its amount}, in statements that no page waits for."""

    code: str
    measure: Callable[[], Mapping[str, Amount]]


member_sections: Store[MemberSection] = Store()
member_list_filters: Store[MemberListFilter] = Store()
member_list_feeds: Store[MemberListFeed] = Store()
member_data: Store[MemberDataHandler] = Store()
checks: Store[Check] = Store()
periodic_work: Store[PeriodicWork] = Store()
segment_uses: Store[UsedBy] = Store()
attribute_uses: Store[UsedBy] = Store()
tier_uses: Store[UsedBy] = Store()
job_kinds: Store[JobKind] = Store()
fired_since: Store[FiredSince] = Store()
member_ties: Store[MemberTies] = Store()
figures: Store[Figure] = Store()
figure_sources: Store[FigureSource] = Store()
