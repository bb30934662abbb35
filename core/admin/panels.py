"""What a higher app's screens add to a lower app's: panels, columns and filters of the member pages.

The member pages stand in the lowest room that knows members; what is inferred about them and done for them is registered
here by the rooms above, when Django loads their screens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.safestring import SafeString

from core.registry import Store

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a member's page. `context` is asked only when the user has `permission`; None leaves the panel out."""

    code: str
    title: Text
    order: int
    template: str
    permission: str
    context: Callable[[HttpRequest, Any], Mapping[str, Any] | None]
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the member list, from one section of `core.registry.member_sections`: one statement a page.

    `reads` names what `show` reads of the section: nothing else is worked out for the list. Or from `rows`, which gives what
    `show` takes of the members on the page. Left out while it is not `offered`.
    """

    code: str
    label: Text
    section: str
    show: Callable[[Any], object]
    rows: Callable[[Sequence[int]], Mapping[int, Any]] | None = None
    offered: Callable[[], bool] = lambda: True
    reads: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of the member list; `narrow` returns the queryset of member ids that stand for a chosen value.

    `rule` writes the same choice as a rule: what a list shows can become a segment. Nothing where no rule says it.
    """

    code: str
    label: Text
    choices: Callable[[HttpRequest], Sequence[tuple[str, Text]]]
    narrow: Callable[[str], QuerySet[Any, Any] | None]
    rule: Callable[[str], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class HeadBadge:
    """A word at the head of a member's page (stage, tier, chance of leaving): safe HTML, or nothing."""

    code: str
    order: int
    permission: str
    show: Callable[[HttpRequest, Any], SafeString | None]


@dataclass(frozen=True, slots=True)
class MemberAction:
    """What can be done for a member on its page; `url` None leaves it out."""

    code: str
    label: Text
    icon: str
    order: int
    permission: str
    url: Callable[[Any], str | None]
    danger: bool = False


@dataclass(frozen=True, slots=True)
class RenderedPanel:
    code: str
    title: Text
    template: str
    wide: bool
    context: Mapping[str, Any]


member_panels: Store[Panel] = Store()
head_badges: Store[HeadBadge] = Store()
member_actions: Store[MemberAction] = Store()
member_columns: Store[Column] = Store()
member_filters: Store[Filter] = Store()


def panels_of(request: HttpRequest, member: Model) -> list[RenderedPanel]:
    """This function will gather the panels of a member's page that the user may see, in their order."""
    panels = []
    for panel in sorted(member_panels, key=lambda each: each.order):
        if not request.user.has_perm(panel.permission):
            continue
        context = panel.context(request, member)
        if context is not None:
            panels.append(RenderedPanel(panel.code, panel.title, panel.template, panel.wide, context))
    return panels


def badges_of(request: HttpRequest, member: Model) -> list[SafeString]:
    """This function will gather what stands at the head of a member's page, in order."""
    allowed = (each for each in sorted(head_badges, key=lambda each: each.order) if request.user.has_perm(each.permission))
    shown = (each.show(request, member) for each in allowed)
    return [badge for badge in shown if badge]


def actions_of(request: HttpRequest, member: Model) -> list[tuple[MemberAction, str]]:
    """This function will list what the user may do for a member, with the address that does it."""
    allowed = (
        each for each in sorted(member_actions, key=lambda each: each.order) if request.user.has_perm(each.permission)
    )
    offered = ((each, each.url(member)) for each in allowed)
    return [(each, url) for each, url in offered if url]
