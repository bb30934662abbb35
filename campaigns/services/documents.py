"""A campaign as people write it, read and checked: every problem found carries the path of what is wrong."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import validate_unicode_slug
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.actions import Step, actions
from campaigns.services.instants import OUT_OF_CALENDAR, Instant, whole_day
from campaigns.services.misfits import misfit
from campaigns.triggers import Trigger, triggers
from core.errors import FieldProblem, InvalidInput
from core.periods import within_calendar
from retention.selectors.rules import demand_askable_together
from retention.services.rules import checked_rule
from rules.fields import nearest

KEYS = (
    "slug", "name", "trigger", "audience", "exclusion", "steps", "control_share", "re_entry", "starts_at", "ends_at",
    "attribution_days",
)  # fmt: skip
# What the contract names and this version does not do yet: refused in words, never ignored.
LATER_KEYS = ("exit", "budget", "priority")
LATER_TRIGGERS = ("segment_left", "event", "score", "api")
LATER_STEPS = ("add_tag", "webhook", "task", "wait", "wait_for", "branch", "split", "exit")
MISSING = re.compile(r"^Object missing required field `(?P<key>\w+)`$")
MOST_STEPS = 20
DEEPEST = 100

Share = Annotated[float, msgspec.Meta(ge=0, le=0.9)]
Days = Annotated[int, msgspec.Meta(ge=1, le=90)]
ReEntryDays = Annotated[int, msgspec.Meta(ge=1, le=3650)]
Slug = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Policy(Enum):
    ONCE = "once"
    EVERY = "every"
    PER_OCCURRENCE = "per_occurrence"


class ReEntry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """How often a member may be let in: once ever, every so many days of the shop's calendar, or at each occasion."""

    policy: Policy
    days: ReEntryDays | None = None


@dataclass(frozen=True, slots=True)
class CampaignDocument:
    """A campaign whose every part was understood, with defaults filled in."""

    slug: str
    name: str
    trigger: dict[str, Any]
    audience: dict[str, Any]
    exclusion: dict[str, Any] | None
    steps: list[dict[str, Any]]
    control_share: float
    re_entry: dict[str, Any]
    starts_at: datetime | None
    ends_at: datetime | None
    attribution_days: int


def read_document(document: object) -> CampaignDocument:
    """This function will read the contract's campaign item, or raise InvalidInput that names everything wrong with it."""
    if not isinstance(document, Mapping):
        raise InvalidInput(_("A campaign is an object."), problems=[FieldProblem("", "wrong_type", _("Write an object."))])
    unusable = list(_unusable_text(document))
    if unusable:
        raise InvalidInput(_("The campaign cannot be saved as it is."), problems=unusable)
    return _Reader(document).read()


def trigger_of(stored: Mapping[str, Any]) -> tuple[Trigger, Any] | None:
    """This function will give the trigger of a stored version with its parameters, or None for a kind that is gone."""
    kind = triggers.get(str(stored.get("kind")))
    return None if kind is None else (kind, _stored_params(kind.Params, stored))


def steps_of(stored: Sequence[Mapping[str, Any]]) -> list[Step] | None:
    """This function will give the steps of a stored version, or None when one is of a kind that is gone."""
    found = []
    for position, step in enumerate(stored):
        kind = actions.get(str(step.get("kind")))
        if kind is None:
            return None
        found.append(Step(position=position, action=kind, params=_stored_params(kind.Params, step)))
    return found


def _stored_params(struct: type[msgspec.Struct], stored: Mapping[str, Any]) -> Any:
    return msgspec.convert({key: value for key, value in stored.items() if key != "kind"}, struct)


class _Reader:
    """Reads one document part by part; a part that gives None has left a problem."""

    def __init__(self, document: Mapping[Any, Any]) -> None:
        self._document = document
        self._problems: list[FieldProblem] = []

    def read(self) -> CampaignDocument:
        self._no_other_keys(self._document, KEYS, path="", later=LATER_KEYS)
        slug = self._slug()
        name = self._value("name", Name)
        trigger = self._trigger()
        audience = self._rule("audience", required=True)
        exclusion = self._rule("exclusion", required=False)
        self._demand_together(audience, exclusion)
        steps = self._steps()
        share = self._value("control_share", Share, default=0.1)
        re_entry = self._re_entry(trigger)
        starts_at = self._instant("starts_at")
        ends_at = self._instant("ends_at")
        days = self._value("attribution_days", Days, default=14)
        if starts_at is not None and ends_at is not None and ends_at <= starts_at:
            self._add("ends_at", "ends_before_start", _("The campaign must end after it starts."))
        if self._problems:
            raise InvalidInput(_("The campaign cannot be saved as it is."), problems=self._problems)
        return CampaignDocument(
            slug=slug, name=name, trigger=trigger or {}, audience=audience or {}, exclusion=exclusion, steps=steps,
            control_share=share, re_entry=re_entry, starts_at=starts_at, ends_at=ends_at, attribution_days=days,
        )  # fmt: skip

    def _instant(self, key: str) -> datetime | None:
        given = whole_day(self._document.get(key), ends=key == "ends_at")
        instant: datetime | None = self._converted(key, given, Instant | None)
        if instant is None or within_calendar(instant):
            return instant
        self._add(key, "out_of_range", OUT_OF_CALENDAR)
        return None

    def _slug(self) -> Any:
        slug = self._value("slug", Slug)
        if slug is not None:
            try:
                validate_unicode_slug(slug)
            except ValidationError:
                self._add("slug", "invalid", _("A short name consists of letters, numbers, hyphens and underscores."))
        return slug

    def _trigger(self) -> dict[str, Any] | None:
        given = self._object("trigger")
        if given is None:
            return None
        if given.get("kind") == "birthday":
            given = {**given, "kind": "date", "field": "birth_date"}
        kind = self._kind(given, path="trigger", known=[each.code for each in triggers], later=LATER_TRIGGERS)
        trigger = triggers.get(kind or "")
        if trigger is None:
            return None
        params = self._params(trigger.Params, given, path="trigger")
        if params is None:
            return None
        self._adopt(trigger.problems(params), path="trigger")
        return {"kind": trigger.code, **msgspec.to_builtins(params)}

    def _steps(self) -> list[dict[str, Any]]:
        given = self._document.get("steps")
        if not isinstance(given, list) or not given:
            self._add("steps", "required", _("Say what the campaign does: a list of at least one step."))
            return []
        if len(given) > MOST_STEPS:
            self._add("steps", "too_many", _("A campaign has at most %(most)d steps.") % {"most": MOST_STEPS})
            return []
        read: list[dict[str, Any]] = []
        earlier: list[str] = []
        for position, step in enumerate(given):
            done = self._step(step, path=f"steps[{position}]", earlier=earlier)
            if done is not None:
                read.append(done)
            if isinstance(step, Mapping):
                earlier.append(str(step.get("kind")))
        return read

    def _step(self, given: object, *, path: str, earlier: Sequence[str]) -> dict[str, Any] | None:
        if not isinstance(given, Mapping):
            self._add(path, "wrong_type", _("A step is an object with a kind."))
            return None
        kind = self._kind(given, path=path, known=[each.code for each in actions], later=LATER_STEPS)
        action = actions.get(kind or "")
        if action is None:
            return None
        later = ("template",) if action.code == "send_message" else ()
        params = self._params(action.Params, given, path=path, later=later)
        if params is None:
            return None
        self._adopt(action.problems(params, earlier=earlier), path=path)
        return {"kind": action.code, **msgspec.to_builtins(params)}

    def _re_entry(self, trigger: Mapping[str, Any] | None) -> dict[str, Any]:
        if self._document.get("re_entry") is None:
            kind = triggers.get(str((trigger or {}).get("kind")))
            return {"policy": "once" if kind is None else kind.default_re_entry}
        given = self._object("re_entry")
        if given is None:
            return {}
        params = self._params(ReEntry, given, path="re_entry")
        if params is None:
            return {}
        if params.policy is Policy.EVERY and params.days is None:
            self._add("re_entry.days", "required", _("Say after how many days a member may be let in again."))
        if params.policy is not Policy.EVERY and params.days is not None:
            self._add("re_entry.days", "not_used", _("Days belong to the policy “every”; leave them out."))
        return dict(msgspec.to_builtins(params))

    def _rule(self, key: str, *, required: bool) -> dict[str, Any] | None:
        given = self._document.get(key)
        if given is None:
            if required:
                self._add(key, "required", _("Say who is meant; {“everyone”: true} if it is everyone."))
            return None
        try:
            checked_rule(given, prefix=key)
        except InvalidInput as error:
            self._problems.extend(error.problems)
            return None
        return dict(given)

    def _demand_together(self, audience: dict[str, Any] | None, exclusion: dict[str, Any] | None) -> None:
        if audience is not None and exclusion is not None:
            try:
                demand_askable_together(audience, exclusion, prefix="exclusion")
            except InvalidInput as error:
                self._problems.extend(error.problems)

    # the small parts

    def _object(self, key: str) -> Mapping[str, Any] | None:
        given = self._document.get(key)
        if given is None:
            self._add(key, "required", _("This is missing."))
            return None
        if not isinstance(given, Mapping):
            self._add(key, "wrong_type", _("Write an object."))
            return None
        return given

    def _kind(self, given: Mapping[str, Any], *, path: str, known: Collection[str], later: Collection[str]) -> str | None:
        kind = given.get("kind")
        where = f"{path}.kind"
        if not isinstance(kind, str):
            self._add(where, "required", _("Say which kind it is: %(known)s.") % {"known": ", ".join(known)})
        elif kind in later:
            self._add(where, "not_available", _("“%(kind)s” is not available in this version.") % {"kind": kind})
        elif kind not in known:
            self._add_unknown(where, "unknown_kind", kind, known)
        else:
            return kind
        return None

    def _params(
        self, struct: type[msgspec.Struct], given: Mapping[str, Any], *, path: str, later: Collection[str] = ()
    ) -> Any:
        values = {key: value for key, value in given.items() if key != "kind"}
        before = len(self._problems)
        self._no_other_keys(values, struct.__struct_fields__, path=path, later=later)
        if len(self._problems) > before:
            return None
        try:
            return msgspec.convert(values, struct)
        except msgspec.ValidationError as error:
            self._problems.append(_problem(error, path))
            return None

    def _value(self, key: str, wanted: Any, **default: Any) -> Any:
        if key not in self._document and "default" in default:
            return default["default"]
        given = self._document.get(key)
        if given is None and "default" in default:
            return default["default"]
        if given is None:
            self._add(key, "required", _("This is missing."))
            return None
        return self._converted(key, given, wanted)

    def _converted(self, key: str, given: object, wanted: Any) -> Any:
        try:
            return msgspec.convert(given, wanted)
        except msgspec.ValidationError as error:
            self._problems.append(_problem(error, key))
            return None

    def _no_other_keys(self, given: Mapping[Any, Any], known: Collection[str], *, path: str, later: Collection[str]) -> None:
        for key in given:
            where = f"{path}.{key}" if path else str(key)
            if key in later and given[key] is not None:
                self._add(where, "not_available", _("“%(kind)s” is not available in this version.") % {"kind": key})
            elif key not in known and key not in later:
                self._add_unknown(where, "unknown_key", str(key), known)

    def _add_unknown(self, path: str, code: str, name: str, known: Collection[str]) -> None:
        short = name if len(name) <= 60 else f"{name[:59]}…"
        guess = nearest(short, known)
        if guess is None:
            self._add(path, code, _("There is no “%(name)s” here.") % {"name": short})
        else:
            values = {"name": short, "guess": guess}
            self._add(path, code, _("There is no “%(name)s” here. Did you mean “%(guess)s”?") % values)

    def _adopt(self, problems: Iterator[FieldProblem], *, path: str) -> None:
        self._problems.extend(FieldProblem(f"{path}.{each.path}", each.code, each.message) for each in problems)

    def _add(self, path: str, code: str, message: str | Promise) -> None:
        self._problems.append(FieldProblem(path, code, message))


def _problem(error: msgspec.ValidationError, path: str) -> FieldProblem:
    text, _separator, inner = str(error).partition(" - at `$")
    where = path + inner.rstrip("`")
    if missing := MISSING.match(text):
        return FieldProblem(f"{where}.{missing['key']}", "required", _("This is missing."))
    return FieldProblem(where, "invalid", misfit(text))


def _unusable_text(document: object) -> Iterator[FieldProblem]:
    """Text that no database keeps, wherever it stands; a document deeper than any campaign is not walked to its end."""
    waiting: list[tuple[str, object, int]] = [("", document, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        if depth > DEEPEST:
            yield FieldProblem(path[:200], "too_deep", _("This is nested too deep."))
            return
        if isinstance(value, str) and not _storable(value):
            yield FieldProblem(path, "unusable_character", _("This contains a character that cannot be stored."))
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if not isinstance(key, str) or not _storable(key):
                    yield FieldProblem(path, "unusable_character", _("This contains a character that cannot be stored."))
                    return
                waiting.append((f"{path}.{key}" if path else key, inner, depth + 1))
        if isinstance(value, list):
            waiting.extend((f"{path}[{index}]", inner, depth + 1) for index, inner in enumerate(value))


_LONE_SURROGATE = re.compile("[\ud800-\udfff\x00]")


def _storable(text: str) -> bool:
    return _LONE_SURROGATE.search(text) is None
