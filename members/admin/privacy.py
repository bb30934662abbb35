"""What members may ask of us: everything that is kept of them, and to be forgotten. And the receipts of who was."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.audit import user_actor
from core.admin.base import ReadOnlyAdmin, RekindleAdmin
from core.admin.confirm import confirmed
from core.admin.display import change_url, list_url, number, when
from core.services.audit import audited
from members.models import Erasure, Member
from members.services.erasure import erase_member, holdings, preview_erasure, reasons_kept
from members.services.exporting import export_document, zipped

ERASE = "members.erase_member"
EXPORT = "members.export_member"


def export_view(request: HttpRequest, member: Member) -> HttpResponse:
    """This function will hand out everything that is kept of a member, and note who took it."""
    if not request.user.has_perm(EXPORT):
        raise PermissionDenied
    now = timezone.now()
    with audited(actor=user_actor(request), model=Member, pk=member.pk, now=now, did=True):
        document = export_document(member_id=member.pk, external_id=member.external_id, now=now)
    headers = {"Content-Disposition": 'attachment; filename="member.zip"', "Cache-Control": "no-store"}
    return HttpResponse(zipped(document), content_type="application/zip", headers=headers)


def erase_view(page: RekindleAdmin, request: HttpRequest, member: Member) -> HttpResponse:
    """This function will ask, with counts, and forget a member."""
    if not request.user.has_perm(ERASE):
        raise PermissionDenied

    def do() -> str:
        receipt = erase_member(member_id=member.pk, now=timezone.now(), by=request.user.get_username())
        return gettext("The member was erased. The receipt is %(receipt)s.") % {"receipt": receipt.receipt}

    return confirmed(
        page,
        request,
        obj=member,
        title=gettext("Erase %(member)s?") % {"member": member},
        sentences=lambda: sentences(member),
        verb=gettext("Erase for good"),
        do=do,
        back=list_url("members_erasure") if request.method == "POST" else change_url("members_member", member.pk),
        danger=True,
    )


def sentences(member: Member) -> list[object]:
    """This function will say what goes and what stays, before anything does."""
    told = preview_erasure(member_id=member.pk)
    return [
        gettext("This takes away, everywhere and for good: %(what)s.") % {"what": in_words(told.gone)},
        gettext("This stays without a name, because the books and statistics must add up: %(what)s.")
        % {"what": in_words(told.kept)},
        gettext("Points that are left expire, coupons become void, what waits to be sent is not sent."),
        gettext("Nobody can bring it back. If the shop tells of the same number again, it begins as a new member."),
    ]


def in_words(counts: dict[str, int] | Any) -> str:
    """This function will write counts by kind as people read them: orders 3, messages 12."""
    known = holdings()
    words = [f"{known[kind].label if kind in known else kind} {number(count)}" for kind, count in counts.items()]
    return gettext(", ").join(words) or gettext("nothing")


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    empty_says = _("Who asks to be forgotten is erased on the member's page, or over the API. The receipts stand here.")
    list_display = ("receipt", "moment", "by", "taken", "stays")
    ordering = ("-id",)
    sortable_by = ()
    fields = ("receipt", "moment", "by", "taken", "why_kept", "files")
    readonly_fields = fields

    @display(description=_("erased at"))
    def moment(self, erasure: Erasure) -> SafeString:
        return when(erasure.erased_at)

    @display(description=_("taken away"))
    def taken(self, erasure: Erasure) -> str:
        return in_words(erasure.gone)

    @display(description=_("kept without a name"))
    def stays(self, erasure: Erasure) -> str:
        return in_words(erasure.kept)

    @display(description=_("kept without a name"))
    def why_kept(self, erasure: Erasure) -> SafeString | str:
        reasons, known = reasons_kept(erasure.kept), holdings()
        rows = [
            (known[kind].label if kind in known else kind, number(count), reasons[kind])
            for kind, count in erasure.kept.items()
        ]
        return format_html_join(mark_safe("<br>"), "{} {}: {}", rows) or gettext("nothing")

    @display(description=_("files"))
    def files(self, erasure: Erasure) -> str:
        left = len(erasure.imports)
        if not left:
            return gettext("No file that was uploaded holds anything of it.")
        return ngettext(
            "%(count)d upload that names it is being read; its files go as soon as that ends.",
            "%(count)d uploads that name it are being read; their files go as soon as that ends.",
            left,
        ) % {"count": left}
