"""The steps of an import before it begins: the files, what their columns are, how we read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_protect

from core.admin.base import RekindleAdmin
from core.admin.confirm import confirmed
from core.admin.display import change_url, list_url
from core.errors import DomainError, InvalidInput
from members.admin import imports_columns as by_hand
from members.admin.imports_preview import preview
from members.admin.imports_upload import ImportUploadHandler, draft_of, limit_sentence
from members.admin.imports_words import reasons, trial_sentence
from members.admin.imports_work import LABEL, TEMPLATES, url_of, work_of
from members.ingest.connectors.detect import open_table
from members.ingest.connectors.tables import TableFile
from members.ingest.files import UnreadableFile
from members.ingest.uploads import holds_lines, open_sources, reading_problems, recognise, shape_of
from members.models import ColumnMapping, DateOrder, Import, ImportState, ImportTarget
from members.services.import_files import MOST_BYTES, FilesGone, Folder
from members.services.imports import discard_import, leave_out, settle_reading
from members.services.mappings import save_mapping


def of_draft(step: Callable[[Any, HttpRequest, Import], HttpResponse]) -> Callable[[Any, HttpRequest, str], HttpResponse]:
    """This function will let a step have a draft; where somebody moved the import on, its page says where it is now."""

    @wraps(step)
    def view(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        found: Import = self.changeable(request, object_id)
        if found.state != ImportState.DRAFT:
            return HttpResponseRedirect(change_url(LABEL, found.pk))
        return step(self, request, found)

    return view


class DraftSteps(RekindleAdmin):
    """The pages of a draft."""

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

    # --- Step 2: the columns

    @of_draft
    def columns_view(self, request: HttpRequest, found: Import) -> HttpResponse:
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
                return HttpResponseRedirect(url_of("preview", found))
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
            leave_out_url=url_of("leave_out", found),
            discard_url=url_of("discard", found),
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

    @of_draft
    def leave_out_view(self, request: HttpRequest, found: Import) -> HttpResponse:
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

    @of_draft
    def preview_view(self, request: HttpRequest, found: Import) -> HttpResponse:
        if request.method == "POST":
            return self._change_shop(request, found)
        if not found.reading:
            return HttpResponseRedirect(url_of("columns", found))
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
            urls={name: url_of(name, found) for name in ("columns", "try", "start", "discard")},
            **work_of(self, request, found),
        )

    def _change_shop(self, request: HttpRequest, found: Import) -> HttpResponse:
        reading = {**found.reading, "shop": request.POST.get("shop", "").strip()[:100]}
        try:
            settle_reading(import_id=found.pk, target=found.target, reading=reading, said=found.said, shape=found.shape)
        except DomainError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(url_of("preview", found))

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
            columns_url=url_of("columns", found),
            discard_url=url_of("discard", found),
            files=[] if len(found.files) == 1 else found.files,
            leave_out_url=url_of("leave_out", found),
        )


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
