"""Tiers: who holds which, what each gives, and changing them with the counts of who would move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from core.admin.base import RekindleAdmin
from core.admin.display import bar, list_url, number
from core.admin.panels import (
    Column,
    Filter,
    HeadBadge,
    Panel,
    head_badges,
    member_columns,
    member_filters,
    member_panels,
)
from core.admin.rules import make_segment_url
from core.errors import DomainError
from members.fields import tier_choices
from members.models import Member, MemberTier, Tier, TierScheme
from members.services.tiers.drafts import SchemeDraft, TierDraft, draft_in_force, known_tiers
from members.services.tiers.samples import sample
from members.services.tiers.standing import (
    any_tiers,
    changes_of,
    holders_by_tier,
    members_of_tier,
    near_next_tier,
    tier_standing,
    tiers_held,
)
from retention.admin.tier_forms import NEW_TIER, SchemeForm, TierForm, TierFormSet, read, show_problems, written
from retention.admin.tier_words import benefit_words, cause_mark, scheme_words, shown_amount, tier_badge, tier_colour
from retention.selectors.state import state
from retention.services.tier_changes import Moves, apply_scheme, preview_scheme

SOON_DAYS = 30
EMPTY = SchemeDraft(tiers=(TierDraft(name="", threshold=0),))


@admin.register(TierScheme)
class TierSchemeAdmin(RekindleAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TierScheme | None = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        own = [path("edit/", self.admin_site.admin_view(self.edit_view), name="members_tierscheme_edit")]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(list_url("members_tierscheme"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one scheme: its page stands in place of a list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        scheme = TierScheme.objects.first()
        edit = reverse("admin:members_tierscheme_edit")
        return self.page(
            request,
            "retention/admin/tiers.html",
            title=gettext("Tiers"),
            scheme=scheme,
            told=scheme_words(scheme) if scheme else [],
            waiting=scheme is not None and scheme.version != scheme.counted_version,
            as_of=state().as_of,
            samples=[(f"{edit}?sample={code}", *words) for code, words in SAMPLES.items()],
            edit_url=edit,
            may=self.has_change_permission(request),
            **(_holders(request, scheme) if scheme else {}),
        )

    # --- changing

    def edit_view(self, request: HttpRequest) -> HttpResponse:
        """Written, then counted who would move, then put in force: one address, the stage is the button's."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            scheme = TierScheme.objects.first()
            shown = sample(request.GET.get("sample", "")) or draft_in_force() or EMPTY
            form, tiers = written(known_tiers(shown), version=scheme.version if scheme else 0)
            return self._form_page(request, form, tiers)
        form, tiers = SchemeForm(request.POST), TierFormSet(request.POST, prefix="tiers")
        draft, stage = read(form, tiers), request.POST.get("stage", "preview")
        if draft is None or stage == "edit":
            return self._form_page(request, form, tiers)
        try:
            if stage == "apply":
                return self._applied(request, draft, form)
            return self._preview_page(request, draft, preview_scheme(draft=draft, now=timezone.now()))
        except DomainError as error:
            show_problems(form, tiers, error)
            return self._form_page(request, form, tiers)

    def _applied(self, request: HttpRequest, draft: SchemeDraft, form: SchemeForm) -> HttpResponse:
        scheme = apply_scheme(
            draft=draft,
            moves_down=request.POST.get("moves_down") == "1",
            now=timezone.now(),
            by=request.user.get_username(),
            expected=form.cleaned_data["version"],
        )
        self.log_change(request, scheme, gettext("edited"))
        if scheme.version == scheme.counted_version:
            messages.success(request, gettext("The tiers are in force."))
        else:
            messages.success(request, gettext("The tiers are in force. Who holds which is worked out within a minute."))
        return HttpResponseRedirect(list_url("members_tierscheme"))

    def _form_page(self, request: HttpRequest, form: SchemeForm, tiers: Any) -> HttpResponse:
        blank = TierForm(prefix="tiers-__prefix__", initial=NEW_TIER)
        tiers.add_fields(blank, None)
        return self.page(
            request,
            "retention/admin/tier_form.html",
            title=gettext("What are our tiers?"),
            form=form,
            tiers=tiers,
            blank=blank,
            back=list_url("members_tierscheme"),
        )

    def _preview_page(self, request: HttpRequest, draft: SchemeDraft, moves: Moves) -> HttpResponse:
        names = [tier.name for tier in draft.tiers]
        return self.page(
            request,
            "retention/admin/tier_preview.html",
            title=gettext("Who would move?"),
            sentence=_moves_sentence(moves),
            up=_rows(moves.up, names),
            down=_rows(moves.down, names),
            new=[(names[place], number(members)) for place, members in sorted(moves.new.items())],
            going_down=number(moves.going_down),
            moves=moves,
            hidden=_hidden(request.POST),
            as_of=state().as_of,
        )


SAMPLES: Mapping[str, tuple[Any, Any]] = {
    "spend": (
        _("By what members spend"),
        _("Ordinary, silver, gold and diamond from 0, 1,000, 5,000 and 10,000 spent in a year; 10, 15, 20 percent off."),
    ),
    "orders": (
        _("By how often they order"),
        _("Ordinary, silver, gold and diamond from the first, 6th, 11th and 21st order of a year; 10, 15, 20 percent off."),
    ),
}


def _holders(request: HttpRequest, scheme: TierScheme) -> dict[str, Any]:
    """The table, lowest tier last as one reads it, with how many hold each, and who is about to fall."""
    held, near = holders_by_tier(), near_next_tier()
    tiers = list(Tier.objects.in_force())
    everybody, day = sum(held.values()), state().day
    above = ngettext("%(count)s member holds a tier", "%(count)s members hold a tier", everybody)
    upper = sum(held.get(tier.pk, 0) for tier in tiers[1:])
    soon = 0
    if day is not None:
        soon = MemberTier.objects.filter(drop_day__gt=day, drop_day__lte=day + SOON_DAYS).count()
    rule = {"field": "tier_drop_on", "operator": "within_next_days", "value": SOON_DAYS}
    return {
        "headline": gettext("%(members)s, %(upper)s of them one above the lowest.")
        % {"members": above % {"count": number(everybody)}, "upper": number(upper)},
        "picture": bar((tier_colour(tier), held.get(tier.pk, 0) / everybody) for tier in tiers) if everybody else "",
        "rows": [
            {
                "badge": tier_badge(tier),
                "from": shown_amount(tier.threshold, scheme.measure),
                "benefits": benefit_words(tier),
                "members": number(held.get(tier.pk, 0)),
                "share": round(100 * held.get(tier.pk, 0) / everybody, 1) if everybody else 0,
                "url": list_url("members_member", tier=tier.slug),
                "near": number(near.get(tier.pk, 0)) if tier is not tiers[-1] else "",
            }
            for tier in reversed(tiers)
        ],
        "soon": soon,
        "soon_said": ngettext(
            "%(count)s member will drop within 30 days.", "%(count)s members will drop within 30 days.", soon
        )
        % {"count": number(soon)},
        "soon_url": make_segment_url(request, rule) if soon else "",
    }


def _moves_sentence(moves: Moves) -> str:
    if not moves.changes_holders:
        return gettext("Only names and benefits change: nobody moves.")
    if not moves.counted:
        return gettext("Nobody has been counted yet: everybody gets a tier with the first refresh.")
    new = sum(moves.new.values())
    up, down, stay = moves.going_up, moves.going_down, moves.staying
    told = [
        (new, ngettext("%(count)s member gets a first tier.", "%(count)s members get a first tier.", new)),
        (up, ngettext("%(count)s member moves up.", "%(count)s members move up.", up)),
        (down, ngettext("%(count)s holds more than is earned.", "%(count)s hold more than they earn.", down)),
        (stay, ngettext("%(count)s stays.", "%(count)s stay.", stay)),
    ]
    return " ".join(words % {"count": number(count)} for count, words in told if count) or gettext("Nobody moves.")


def _rows(moves: Mapping[tuple[int, int], int], names: list[str]) -> list[tuple[str, str, str]]:
    return [(names[held], names[earned], number(members)) for (held, earned), members in sorted(moves.items())]


def _hidden(given: QueryDict) -> list[tuple[str, str]]:
    """What was written, to be sent again with the next button."""
    left_out = {"csrfmiddlewaretoken", "stage", "moves_down"}
    return [(name, value) for name, values in given.lists() if name not in left_out for value in values]


# --- on the member's page and in the list


def panel(request: HttpRequest, member: Member) -> dict[str, Any] | None:
    """This function will say what a member holds, what it gives, what is missing to the next and when it is lost."""
    standing = tier_standing(member_id=member.pk)
    if standing.scheme is None:
        return None
    measure = standing.scheme.measure
    return {
        "standing": standing,
        "badge": tier_badge(standing.tier) if standing.tier else "",
        "value": shown_amount(standing.value, measure),
        "missing": shown_amount(standing.next.missing, measure) if standing.next else "",
        "benefits": benefit_words(standing.tier) if standing.tier else [],
        "changes": [(each, cause_mark(each)) for each in changes_of(member.pk)[:8]],
    }


def head_badge(request: HttpRequest, member: Member) -> SafeString | None:
    """This function will show the tier at the head of a member's page."""
    held = tier_standing(member_id=member.pk).tier
    return tier_badge(held) if held else None


head_badges.register(HeadBadge("tier", 20, "members.view_membertier", head_badge))
member_panels.register(Panel("tier", _("Tier"), 44, "retention/admin/panels/tier.html", "members.view_membertier", panel))


member_columns.register(Column("tier", _("tier"), "", tier_badge, rows=tiers_held, offered=any_tiers))
member_filters.register(
    Filter(
        "tier",
        _("tier"),
        lambda request: list(tier_choices()),
        members_of_tier,
        lambda slug: {"field": "tier", "operator": "=", "value": slug},
    )
)
