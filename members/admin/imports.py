"""Imports: the list, where each stands, starting and stopping, what came of it; taking it back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from unfold.decorators import display

from core.admin.confirm import confirmed
from core.admin.display import badge, change_url, number, when
from core.errors import DomainError
from members.admin.imports_draft import DraftSteps
from members.admin.imports_words import headline, progress_sentence, reasons, state_of, undo_sentences, undone_sentences
from members.admin.imports_work import LABEL, TEMPLATES, url_of, work_of
from members.models import Import, ImportState, ImportTarget
from members.services.import_files import Folder
from members.services.imports import (
    busy,
    demand_nothing_fired,
    reject_name,
    reject_type,
    start_import,
    start_trial,
    start_undo,
    stop_import,
)


@admin.register(Import)
class ImportAdmin(DraftSteps):
    empty_says = _(
        "An import brings members, orders or behaviour events in from a file: what Taobao, Tmall or Shopify export, or a"
        " table of your own. You see how we read it before anything is kept, and can take it back afterwards."
    )
    ordering = ("-id",)
    list_display = ("named", "what", "shown_state", "taken", "refused", "uploaded", "created_by")
    list_display_links = ("named",)
    list_filter = ("target", "state")
    search_fields = ("files",)
    sortable_by = ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What came in is taken back, a draft thrown away; the record of an import stays."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Import]:
        return super().get_queryset(request).select_related("job")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        steps = {
            "columns": self.columns_view,
            "preview": self.preview_view,
            "try": self.try_view,
            "start": self.start_view,
            "stop": self.stop_view,
            "undo": self.undo_view,
            "discard": self.discard_view,
            "leave-out": self.leave_out_view,
            "progress": self.progress_view,
        }
        return [
            path("add/", view(csrf_exempt(self.upload_view)), name=f"{LABEL}_add"),
            *(
                path(f"<object_id>/{name}/", view(each), name=f"{LABEL}_{name.replace('-', '_')}")
                for name, each in steps.items()
            ),
            path("<object_id>/refused/<int:place>/", view(self.refused_view), name=f"{LABEL}_refused"),
            *super().get_urls(),
        ]

    # --- The list

    @display(description=_("files"))
    def named(self, found: Import) -> str:
        return str(found)

    @display(description=_("what it is"))
    def what(self, found: Import) -> str:
        return found.said or str(ImportTarget(found.target).label)

    @display(description=_("state"))
    def shown_state(self, found: Import) -> SafeString:
        return badge(state_of(found))

    @display(description=_("accepted"))
    def taken(self, found: Import) -> str:
        return "" if found.state == ImportState.DRAFT else number(found.accepted)

    @display(description=_("refused"))
    def refused(self, found: Import) -> str:
        return "" if found.state == ImportState.DRAFT else number(found.rejected)

    @display(description=_("uploaded"))
    def uploaded(self, found: Import) -> SafeString:
        return when(found.created_at)

    # --- Where an import stands

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        found: Import = self.viewable(request, object_id)
        if found.state == ImportState.DRAFT:
            step = "preview" if found.reading else "columns"
            return HttpResponseRedirect(url_of(step, found))
        return self.page(
            request,
            TEMPLATES + "import_result.html",
            title=str(found),
            obj=found,
            found=found,
            state=badge(state_of(found)),
            headline=headline(found),
            reasons=reasons(found.reasons),
            rejects=_rejects(found),
            undone=list(undone_sentences(found)) if found.undone or found.state == ImportState.UNDONE else [],
            **work_of(self, request, found),
        )

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found: Import = self.viewable(request, object_id)
        working = busy(found)
        job = found.job
        return JsonResponse(
            {
                "working": working,
                "said": progress_sentence(found, job) if job and working else "",
                "done": job.done if job else 0,
                "total": (job.total or 0) if job else 0,
            }
        )

    # --- Trying, importing, stopping

    def try_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._begin(request, object_id, start_trial, "preview")

    def start_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._begin(request, object_id, start_import, "change")

    def _begin(self, request: HttpRequest, object_id: str, begin: Any, then: str) -> HttpResponse:
        found: Import = self.changeable(request, object_id)
        if request.method == "POST":
            try:
                begin(import_id=found.pk, now=timezone.now(), by=request.user.get_username())
            except DomainError as error:
                messages.error(request, str(error))
                then = "change"
        return HttpResponseRedirect(url_of(then, found))

    def stop_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found: Import = self.changeable(request, object_id)
        if request.method == "POST":
            try:
                stop_import(import_id=found.pk, now=timezone.now())
                messages.success(request, gettext("It stops after the batch it is in. What is in by then stays."))
            except DomainError as error:
                messages.error(request, str(error))
        return HttpResponseRedirect(change_url(LABEL, found.pk))

    # --- Afterwards

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found: Import = self.changeable(request, object_id)
        back = change_url(LABEL, found.pk)
        if request.method != "POST" and found.started_at is not None:
            try:
                demand_nothing_fired(found)
            except DomainError as error:
                messages.error(request, str(error))
                return HttpResponseRedirect(back)

        def do() -> str:
            start_undo(import_id=found.pk, now=timezone.now(), by=request.user.get_username())
            return gettext("The import is being undone.")

        return confirmed(
            self,
            request,
            obj=found,
            title=gettext("Undo an import"),
            sentences=lambda: list(undo_sentences(found)),
            verb=gettext("Undo import"),
            do=do,
            back=back,
            danger=True,
        )

    def refused_view(self, request: HttpRequest, object_id: str, place: int) -> StreamingHttpResponse:
        found: Import = self.viewable(request, object_id)
        kept, folder = found.rejects.get(str(place)), Folder(found.token)
        if not kept or place >= len(found.files) or not folder.rejects(place).is_file():
            raise Http404(gettext("There are no refused rows of this file, or they have been thrown away."))
        name = reject_name(found.files[place])
        named = {"Content-Disposition": content_disposition_header(True, name) or "attachment"}
        return StreamingHttpResponse(folder.rejected(place, kept[0]), content_type=reject_type(name), headers=named)


def _rejects(found: Import) -> list[tuple[str, str, str]]:
    """The files of refused rows: what they are called, how many rows, where."""
    if found.cleaned_at is not None:
        return []
    return [
        (reject_name(name), number(kept[1]), reverse(f"admin:{LABEL}_refused", args=[found.pk, place]))
        for place, name in enumerate(found.files)
        if (kept := found.rejects.get(str(place)))
    ]
