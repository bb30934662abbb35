"""Imports: from a file to data in a few steps, each a page; what came of it; taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from unfold.decorators import display

from core.admin.base import RekindleAdmin
from core.admin.confirm import confirmed
from core.admin.display import badge, change_url, list_url, number, when
from core.conf import has_broker
from core.errors import DomainError, InvalidInput
from core.models import Job
from core.services.clock import clock_is_ticking
from members.admin import imports_columns as by_hand
from members.admin.imports_preview import preview
from members.admin.imports_upload import ImportUploadHandler, draft_of, limit_sentence
from members.admin.imports_words import (
    headline,
    progress_sentence,
    reasons,
    state_of,
    trial_sentence,
    undo_sentences,
    undone_sentences,
)
from members.ingest.connectors.detect import open_table
from members.ingest.connectors.tables import TableFile
from members.ingest.files import UnreadableFile
from members.ingest.uploads import holds_lines, open_sources, reading_problems, recognise, shape_of
from members.models import ColumnMapping, DateOrder, Import, ImportState, ImportTarget
from members.services.import_files import MOST_BYTES, FilesGone, Folder
from members.services.imports import (
    busy,
    demand_nothing_fired,
    discard_import,
    leave_out,
    reject_name,
    settle_reading,
    start_import,
    start_trial,
    start_undo,
    stop_import,
)
from members.services.mappings import save_mapping

LABEL = "members_import"
TEMPLATES = "members/admin/"


@admin.register(Import)
class ImportAdmin(RekindleAdmin):
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

    # --- Step 1: the files

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """The handler is put in place before anything reads the request, which checking the form's token does."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        handler = ImportUploadHandler(request)
        if request.method == "POST":
            request.upload_handlers = [handler]
        return csrf_protect(lambda each: self._upload(each, handler))(request)

    def _upload(self, request: HttpRequest, handler: ImportUploadHandler) -> HttpResponse:
        errors: list[str] = []
        if request.method == "POST":
            request.FILES  # noqa: B018 - asked for now: the files come in while it is
            try:
                draft, errors = draft_of(handler.taken(), now=timezone.now(), by=request.user.get_username())
            except DomainError as error:
                draft, errors = None, [str(error)]
            if draft is not None:
                return self._goes_to(request, change_url(LABEL, draft.pk))
            if _by_script(request):
                return JsonResponse({"errors": errors}, status=422)
        return self.page(
            request,
            TEMPLATES + "import_upload.html",
            title=gettext("Import a file"),
            errors=errors,
            limit=limit_sentence(),
            most_bytes=MOST_BYTES,
            mappings=ColumnMapping.objects.count(),
            back=list_url(LABEL),
        )

    def _goes_to(self, request: HttpRequest, url: str) -> HttpResponse:
        return JsonResponse({"url": url}) if _by_script(request) else HttpResponseRedirect(url)

    # --- Where an import stands

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        found: Import = self.viewable(request, object_id)
        if found.state == ImportState.DRAFT:
            step = "preview" if found.reading else "columns"
            return HttpResponseRedirect(_url(step, found))
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
            **self._work(request, found),
        )

    def _work(self, request: HttpRequest, found: Import) -> dict[str, Any]:
        """What its job is doing, and what may be done about it."""
        job, working = found.job, busy(found)
        may = self.has_change_permission(request, found)
        ended = not working and found.cleaned_at is None
        return {
            "working": working,
            "progress": progress_sentence(found, job) if job and working else "",
            "done": job.done if job else 0,
            "total": job.total if job else 0,
            "progress_url": _url("progress", found),
            "error": job.error if job and job.state == Job.State.FAILED else "",
            "stopped": bool(job and job.state == Job.State.CANCELLED),
            "clock": _no_clock() if working else "",
            "may_stop": may and working,
            "may_go_on": may and ended and found.state == ImportState.IMPORTING,
            "may_go_on_undoing": may and ended and found.state == ImportState.UNDOING,
            "may_undo": may and ended and found.state in (ImportState.IMPORTING, ImportState.IMPORTED),
        }

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

    # --- Step 2: the columns

    def columns_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found: Import = self.changeable(request, object_id)
        if found.state != ImportState.DRAFT:  # somebody else moved it on; its page says where it is now
            return HttpResponseRedirect(change_url(LABEL, found.pk))
        try:
            paths = Folder(found.token).files(found.files)
            table = _first_table(paths)
        except DomainError as error:
            return self._cannot(request, found, error)
        target = by_hand.chosen_target(request, found)
        proposed = by_hand.proposal(request, found, table, target)
        target = proposed.target
        problems: Sequence[Any] = ()
        given: dict[str, Any] = {
            "columns": proposed.columns,
            "constants": proposed.constants,
            "dates": proposed.dates,
            "shop": proposed.shop,
        }
        save_as = ""
        if request.method == "POST":
            said = by_hand.asked(request.POST, table, target)
            given, save_as = said.reading, said.save_as
            try:
                self._settle(found, said, paths, table)
                return HttpResponseRedirect(_url("preview", found))
            except DomainError as error:
                problems = error.problems
                if not problems:
                    messages.error(request, str(error))
        unread = [] if request.method == "POST" else _unread(paths, target, table)
        return self.page(
            request,
            TEMPLATES + "import_columns.html",
            title=gettext("What the columns are"),
            obj=found,
            found=found,
            sentence=by_hand.sentence(proposed, table),
            description=table.description,
            rows=table.row_count,
            target=target,
            targets=ImportTarget.choices,
            choices=by_hand.choices(target),
            columns=by_hand.columns_shown(table, proposed, given["columns"], problems),
            constants=by_hand.constants_shown(target, given["constants"], problems),
            missing=by_hand.missing(target, problems),
            dates=given["dates"],
            date_orders=DateOrder.choices,
            shop=given["shop"],
            save_as=save_as,
            mapping=proposed.mapping,
            mappings=ColumnMapping.objects.order_by("name").values_list("name", flat=True),
            unread=unread,
            leave_out_url=_url("leave_out", found),
            discard_url=_url("discard", found),
        )

    def _settle(self, found: Import, said: by_hand.Asked, paths: list[Path], table: TableFile) -> None:
        problems = reading_problems(target=said.target, reading=said.reading)
        if problems:
            raise InvalidInput(gettext("The columns cannot be read so."), problems=problems)
        sources = open_sources(paths, target=said.target, reading=said.reading)
        reading = said.reading
        if said.save_as:
            save_mapping(
                name=said.save_as,
                target=said.target,
                columns=reading["columns"],
                constants=reading["constants"],
                dates=reading["dates"],
                now=timezone.now(),
            )
            reading = {**reading, "mapping": said.save_as}
        sentence = gettext("; ").join(str(each.sentence) for each in sources)
        settle_reading(import_id=found.pk, target=said.target, reading=reading, said=sentence, shape=shape_of(table))

    def leave_out_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found: Import = self.changeable(request, object_id)
        if found.state != ImportState.DRAFT:  # somebody else moved it on; its page says where it is now
            return HttpResponseRedirect(change_url(LABEL, found.pk))
        if request.method == "POST":
            try:
                leave_out(import_id=found.pk, name=request.POST.get("name", ""))
                self._recognise_again(found)
            except DomainError as error:
                messages.error(request, str(error))
        return HttpResponseRedirect(change_url(LABEL, found.pk))

    def _recognise_again(self, found: Import) -> None:
        found.refresh_from_db()
        known = recognise(Folder(found.token).files(found.files))
        if known.found and not known.unread:
            reading = {"format": "auto", "shop": ""}
            settle_reading(import_id=found.pk, target=known.target, reading=reading, said=known.sentence, shape="")

    # --- Step 3: the first rows, trying, importing

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found: Import = self.changeable(request, object_id)
        if found.state != ImportState.DRAFT:  # somebody else moved it on; its page says where it is now
            return HttpResponseRedirect(change_url(LABEL, found.pk))
        if request.method == "POST":
            return self._change_shop(request, found)
        if not found.reading:
            return HttpResponseRedirect(_url("columns", found))
        try:
            sources = open_sources(Folder(found.token).files(found.files), target=found.target, reading=found.reading)
            seen = preview(found, sources, now=timezone.now())
        except DomainError as error:
            return self._cannot(request, found, error)
        trial = found.trial
        return self.page(
            request,
            TEMPLATES + "import_preview.html",
            title=gettext("How we read it"),
            obj=found,
            found=found,
            preview=seen,
            is_orders=found.target == ImportTarget.ORDERS,
            as_before=found.reading.get("as_before") or found.reading.get("mapping", ""),
            shop=found.reading.get("shop", ""),
            trial=trial,
            trial_sentence=trial_sentence(found) if trial else "",
            trial_reasons=reasons(trial.get("reasons", {})),
            has_table=any(not holds_lines(path) for path in Folder(found.token).files(found.files)),
            may_start=self.has_change_permission(request, found),
            urls={name: _url(name, found) for name in ("columns", "try", "start", "discard")},
            **self._work(request, found),
        )

    def _change_shop(self, request: HttpRequest, found: Import) -> HttpResponse:
        reading = {**found.reading, "shop": request.POST.get("shop", "").strip()[:100]}
        try:
            settle_reading(import_id=found.pk, target=found.target, reading=reading, said=found.said, shape=found.shape)
        except DomainError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(_url("preview", found))

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
        return HttpResponseRedirect(_url(then, found))

    def stop_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found: Import = self.changeable(request, object_id)
        if request.method == "POST":
            try:
                stop_import(import_id=found.pk, now=timezone.now())
                messages.success(request, gettext("It stops after the batch it is in. What is in by then stays."))
            except DomainError as error:
                messages.error(request, str(error))
        return HttpResponseRedirect(change_url(LABEL, found.pk))

    def discard_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        found: Import = self.changeable(request, object_id)

        def do() -> str:
            discard_import(import_id=found.pk)
            return gettext("The upload was thrown away. Nothing of it was kept.")

        return confirmed(
            self,
            request,
            obj=found,
            title=gettext("Throw the upload away"),
            sentences=lambda: [gettext("“%(name)s” is deleted from the server. Nothing was imported.") % {"name": found}],
            verb=gettext("Throw away"),
            do=do,
            back=list_url(LABEL) if request.method == "POST" else change_url(LABEL, found.pk),
        )

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

    def refused_view(self, request: HttpRequest, object_id: str, place: int) -> FileResponse:
        found: Import = self.viewable(request, object_id)
        kept = found.rejects.get(str(place))
        rejects = Folder(found.token).rejects(place)
        if not kept or place >= len(found.files) or not rejects.is_file():
            raise Http404(gettext("There are no refused rows of this file, or they have been thrown away."))
        file = rejects.open("rb")
        return FileResponse(file, as_attachment=True, filename=reject_name(found.files[place]))

    def _cannot(self, request: HttpRequest, found: Import, error: DomainError) -> HttpResponse:
        """A draft that cannot be read (any more): why, and the two things that can be done."""
        return self.page(
            request,
            TEMPLATES + "import_unreadable.html",
            title=gettext("This cannot be read"),
            obj=found,
            found=found,
            said=str(error),
            problems=[f"{each.path}: {each.message}" for each in error.problems if each.path],
            gone=isinstance(error, FilesGone),
            columns_url=_url("columns", found),
            discard_url=_url("discard", found),
            files=[] if len(found.files) == 1 else found.files,
            leave_out_url=_url("leave_out", found),
        )


def _url(step: str, found: Import) -> str:
    return reverse(f"admin:{LABEL}_{step}", args=[found.pk])


def _by_script(request: HttpRequest) -> bool:
    return request.headers.get("X-Requested-With") == "XMLHttpRequest"


def _first_table(paths: Sequence[Path]) -> TableFile:
    """The columns are those of the first file that has any; the others must have the same."""
    tables = [path for path in paths if not holds_lines(path)]
    if not tables:
        raise UnreadableFile(gettext("A file of JSON lines names its own values; there are no columns to map."))
    return open_table(tables[0])


def _unread(paths: Sequence[Path], target: str, table: TableFile) -> list[tuple[str, str]]:
    """Files beside the first that cannot be read at all, or not with these columns."""
    found = []
    for each in paths:
        if each == table.path or holds_lines(each):
            continue
        try:
            if shape_of(open_table(each)) != shape_of(table):
                found.append(
                    (each.name, gettext("Its columns are others than those of “%(name)s”.") % {"name": table.path.name})
                )
        except UnreadableFile as error:
            found.append((each.name, str(error)))
    return found


def _rejects(found: Import) -> list[tuple[str, str, str]]:
    """The files of refused rows: what they are called, how many rows, where."""
    if found.cleaned_at is not None:
        return []
    return [
        (reject_name(name), number(kept[1]), reverse(f"admin:{LABEL}_refused", args=[found.pk, place]))
        for place, name in enumerate(found.files)
        if (kept := found.rejects.get(str(place)))
    ]


def _no_clock() -> str:
    if clock_is_ticking(now=timezone.now()):
        return ""
    return "celery -A config.celery worker" if has_broker() else "python manage.py tick --loop"
