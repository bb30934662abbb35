"""Duplicates: who may be one person under two ids; making one of two after a look at what moves; parting them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.text import get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.admin.audit import note, remember
from core.admin.base import BoundedPaginator, ReadOnlyAdmin
from core.admin.confirm import confirmed
from core.admin.display import change_url, link, list_url, masked_email, masked_phone, number
from core.errors import DomainError
from core.registry import member_data
from members.admin.consents import NOW
from members.admin.members import reach_badges
from members.models import Channel, Member, MergeRecord
from members.selectors import members_by_id, members_compared, merge_listing, ordered_by
from members.services.duplicates import GROUPS_AT_ONCE, DuplicateGroup, duplicates_among, find_duplicates, reasons
from members.services.identity import MergePreview, merge_members, preview_merge, undo_merge
from members.services.kept_counts import groups_kept, is_large

MERGES_A_PAGE = 20
LAST_PAGE = 50
"""Past it nobody leafs: who has more duplicates merges some first."""
UNTOLD = frozenset({"made_up_fields", "registered_day"})

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Card:
    """A member as two of them are compared."""

    member: Member
    url: str
    reach: SafeString
    orders: int
    last_order: datetime | None

    @property
    def rows(self) -> list[tuple[Text, object]]:
        member = self.member
        return [
            (_("id in the shop"), member.external_id),
            (_("phone"), masked_phone(member.phone)),
            (_("e-mail"), masked_email(member.email)),
            (_("birthday"), member.birth_date_text),
            (_("city"), " ".join(word for word in (member.province, member.city) if word)),
            (_("registered"), member.registered_at),
            (_("orders"), number(self.orders)),
            (_("last order"), self.last_order),
        ]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A group on screen: whom we would keep, and the others with the page that merges each into it."""

    group: DuplicateGroup
    kept: Card
    others: Sequence[tuple[Card, str]]

    @property
    def unnamed(self) -> int:
        """How many more there are than the page shows."""
        return self.group.count - len(self.others) - 1


@admin.register(MergeRecord)
class DuplicatesAdmin(ReadOnlyAdmin):
    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("merge/<int:keep>/<int:drop>/", view(self.merge_view), name="members_mergerecord_merge"),
            path("<object_id>/undo/", view(self.undo_view), name="members_mergerecord_undo"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The page shows members, so that it is for those who may see members."""
        if not (self.has_view_permission(request) and request.user.has_perm("members.view_member")):
            raise PermissionDenied
        known = reasons()
        codes = [each.code for each in known]
        chosen = request.GET.get("reason", "")
        reason = chosen if chosen in codes else codes[0]
        page = _page(request.GET.get("page", ""))
        start, now = (page - 1) * GROUPS_AT_ONCE, NOW in request.GET
        kept = groups_kept(reason=reason, start=start, most=GROUPS_AT_ONCE) if not now and is_large() else None
        if kept is None:
            groups, more = find_duplicates(reason=reason, start=start)
        else:
            groups, more = duplicates_among(reason=reason, member_ids=kept.member_ids), kept.more
        merges = BoundedPaginator(merge_listing(), MERGES_A_PAGE).get_page(request.GET.get("merges"))
        return self.page(
            request,
            "members/admin/duplicates.html",
            title=gettext("Duplicates"),
            reasons=[(each.label, list_url("members_mergerecord", reason=each.code), each.code == reason) for each in known],
            reason=reason,
            page=page,
            more=more and page < LAST_PAGE,
            now=now,
            counted_at=kept.counted_at if kept else None,
            now_url=list_url("members_mergerecord", reason=reason, **{NOW: 1}),
            groups=_comparisons(groups),
            merges=merges,
            merge_rows=[(merge, moved_text(merge.counts)) for merge in merges],
            may_merge=self._may_merge(request),
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        self.viewable(request, object_id)
        return HttpResponseRedirect(list_url("members_mergerecord"))

    def merge_view(self, request: HttpRequest, keep: int, drop: int) -> HttpResponse:
        if not self._may_merge(request):
            raise PermissionDenied

        def do() -> str:
            both = members_by_id([keep, drop])
            for member in both.values():
                remember(request, member)
            record = merge_members(keep=keep, drop=drop, now=timezone.now(), by=request.user.get_username())
            self.log_change(request, both[keep], "")
            note(request, both[drop], removed=True)
            return gettext("“%(drop)s” is part of “%(keep)s” now.") % _names(record.dropped_external_id, record.member)

        return confirmed(
            self,
            request,
            obj=None,
            title=gettext("Merge two members"),
            sentences=lambda: [*_merge_sentences(_previewed(keep, drop)), _turned_round(keep, drop)],
            verb=gettext("Merge"),
            do=do,
            back=list_url("members_mergerecord"),
        )

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self._may_merge(request):
            raise PermissionDenied
        record: MergeRecord = self._existing(request, object_id)

        def do() -> str:
            undo_merge(merge_id=record.pk, now=timezone.now(), by=request.user.get_username())
            said = gettext("“%(drop)s” is a member of its own again.") % {"drop": record.dropped_external_id}
            self.log_change(request, record.member, said)
            return said

        return confirmed(
            self,
            request,
            obj=record,
            title=gettext("Undo a merge"),
            sentences=lambda: list(_undo_sentences(record)),
            verb=gettext("Undo"),
            do=do,
            back=list_url("members_mergerecord"),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[MergeRecord]:
        return super().get_queryset(request).select_related("member")

    def _may_merge(self, request: HttpRequest) -> bool:
        return request.user.has_perms(("members.view_member", "members.change_member", "members.add_mergerecord"))


def _page(text: str) -> int:
    return min(max(int(text), 1), LAST_PAGE) if text.isdecimal() and len(text) < 10 else 1


def _names(drop: object, keep: object) -> dict[str, object]:
    return {"drop": drop, "keep": keep}


# --- Groups


def _comparisons(groups: Sequence[DuplicateGroup]) -> list[Comparison]:
    """Everything for the whole page at once. Who has most orders is kept and, of equals, who came first."""
    ids = {pk for group in groups for pk in group.member_ids}
    people = members_compared(ids)
    orders = ordered_by(ids)
    found = []
    for group in groups:
        cards = [_card(people[pk], orders.get(pk)) for pk in group.member_ids if pk in people]
        if len(cards) < 2:  # somebody merged them a moment ago
            continue
        kept, *others = sorted(cards, key=lambda card: (-card.orders, card.member.pk))
        found.append(Comparison(group, kept, [(card, _merge_url(kept.member.pk, card.member.pk)) for card in others]))
    return found


def _card(member: Member, ordered: tuple[int, datetime] | None) -> Card:
    count, last = ordered or (0, None)
    return Card(member, change_url("members_member", member.pk), reach_badges(member), count, last)


def _merge_url(keep: int, drop: int) -> str:
    return reverse("admin:members_mergerecord_merge", args=[keep, drop])


# --- Sentences


def moved_text(counts: dict[str, int]) -> str:
    """This function will say what moved: orders 3, coupons 2."""
    labels = {code: label for handler in member_data for code, label in handler.kinds.items()}
    told = (f"{labels[code]} {number(counts[code])}" for code in labels if code in counts)
    return get_text_list([*told], gettext("and"))


def _previewed(keep: int, drop: int) -> MergePreview:
    try:
        return preview_merge(keep=keep, drop=drop)
    except DomainError as error:
        raise Http404(str(error)) from error


def _merge_sentences(told: MergePreview) -> Iterator[str]:
    names = _names(_called(told.drop), _called(told.keep))
    yield (
        gettext(
            "%(drop)s becomes part of %(keep)s. What the kept profile says stays, and whatever comes in under the other id"
            " from now on belongs to %(keep)s."
        )
        % names
    )
    moved = moved_text(dict(told.moves))
    yield gettext("These move: %(things)s.") % {"things": moved} if moved else gettext("Nothing else moves.")
    gained = [str(Member._meta.get_field(name).verbose_name) for name in told.profile if name not in UNTOLD]  # type: ignore[union-attr]
    if gained:
        yield gettext("The kept profile learns: %(fields)s.") % {"fields": get_text_list(gained, gettext("and"))}
    for channels, sentence in (
        (told.refused, gettext("%(keep)s is no longer written to by %(channels)s: the later word is a refusal.")),
        (told.granted, gettext("%(keep)s may be written to by %(channels)s: the later word is a consent.")),
    ):
        if channels:
            labels = [str(Channel(channel).label) for channel in channels]
            yield sentence % {**names, "channels": get_text_list(labels, gettext("and"))}
    yield gettext("You can undo this later.")


def _turned_round(keep: int, drop: int) -> SafeString:
    return link(gettext("Keep the other one instead"), _merge_url(drop, keep))


def _called(member: Member) -> str:
    return f"{member.name} ({member.external_id})" if member.name else f"“{member.external_id}”"


def _undo_sentences(record: MergeRecord) -> Iterator[str]:
    names = _names(record.dropped_external_id, _called(record.member))
    yield gettext("“%(drop)s” becomes a member of its own again.") % names
    moved = moved_text(record.counts)
    if moved:
        yield gettext("These go back, as far as they are still with %(keep)s: %(things)s.") % {**names, "things": moved}
    yield gettext("What was changed or came in since the merge stays with %(keep)s.") % names
