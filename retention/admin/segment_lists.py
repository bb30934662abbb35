"""Fixed lists: made of pasted ids or a file, changed by more of them, or taken from who is in a segment today."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from core.admin.base import RekindleAdmin
from core.admin.display import change_url, list_url, number
from core.admin.forms import add_problems, free_slug
from core.errors import DomainError
from retention.admin.files import csv_file
from retention.models import ListUpload, Segment, UploadedId
from retention.services.list_files import ids_typed
from retention.services.segments import TAKEN_BY_ADDRESSES
from retention.services.static_lists import create_list, freeze, give_file, give_ids, unknown_ids

How = ListUpload.How


class IdsForm(forms.Form):
    """Ids in one of two ways."""

    how = forms.ChoiceField(
        label=_("What to do with them"),
        choices=[
            (How.ADD, _("put them on the list")),
            (How.REMOVE, _("take them off the list")),
            (How.REPLACE, _("let them be the whole list")),
        ],
        initial=How.ADD,
        widget=UnfoldAdminRadioSelectWidget(radio_style=1),
    )
    ids = forms.CharField(
        label=_("member numbers"),
        required=False,
        max_length=2_000_000,
        widget=UnfoldAdminTextareaWidget({"rows": 6}),
        help_text=_("One a line, or with commas between. Names by which members are known elsewhere are understood too."),
    )
    file = forms.FileField(
        label=_("or a file"),
        required=False,
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("CSV, TXT or XLSX with one column of numbers; a million is fine."),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("ids", "").strip() and given.get("file"):
            raise forms.ValidationError(gettext("Paste the numbers or choose a file, not both."))
        if self.must_give and not given.get("ids", "").strip() and not given.get("file"):
            raise forms.ValidationError(gettext("Paste member numbers, or choose a file."))
        return given

    must_give = True


class ListForm(IdsForm):
    """A new list; it may be empty at first."""

    must_give = False
    how = None  # type: ignore[assignment]

    name = forms.CharField(label=_("name"), max_length=200, widget=UnfoldAdminTextInputWidget)
    description = forms.CharField(
        label=_("what it is for"), max_length=2000, required=False, widget=UnfoldAdminTextareaWidget({"rows": 2})
    )
    field_order = ("name", "description", "ids", "file")


class NameForm(forms.Form):
    name = forms.CharField(label=_("name of the list"), max_length=200, widget=UnfoldAdminTextInputWidget)


def urls(admin: RekindleAdmin) -> list[URLPattern]:
    wrap = admin.admin_site.admin_view

    def changing(view: Any) -> Any:
        def answer(request: HttpRequest, object_id: str) -> HttpResponse:
            shown: HttpResponse = view(admin, request, admin.changeable(request, object_id))
            return shown

        return wrap(answer)

    def unknown(request: HttpRequest, object_id: str, upload_id: int) -> HttpResponse | StreamingHttpResponse:
        return unknown_view(admin.viewable(request, object_id), upload_id)

    return [
        path("new-list/", wrap(lambda request: new_list_view(admin, request)), name="retention_segment_new_list"),
        path("<object_id>/ids/", changing(ids_view), name="retention_segment_ids"),
        path("<object_id>/freeze/", changing(freeze_view), name="retention_segment_freeze"),
        path(
            "<object_id>/unknown/<int:upload_id>/",
            wrap(unknown),
            name="retention_segment_unknown",
        ),
    ]


def new_list_view(admin: RekindleAdmin, request: HttpRequest) -> HttpResponse:
    """This function will make a fixed list, with ids or without."""
    if not admin.has_add_permission(request):
        raise PermissionDenied
    form = ListForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given, who = form.cleaned_data, _who(request)
        slug = free_slug(Segment, given["name"], besides=TAKEN_BY_ADDRESSES)
        try:
            with transaction.atomic():
                ids = ids_typed(given["ids"])
                named = {"slug": slug, "name": given["name"], "description": given["description"]}
                segment, upload = create_list(**named, members=ids, **who)
                if given["file"]:
                    upload = _give_file(segment, How.ADD, given["file"], **who)
        except DomainError as error:
            add_problems(form, error, fields={"members": "ids", "slug": "name"})
        else:
            admin.log_addition(request, segment, gettext("made"))
            messages.success(request, gettext("The list was made."))
            _say(request, upload)
            return HttpResponseRedirect(change_url("retention_segment", segment.pk))
    return _form_page(
        admin,
        request,
        form,
        title=gettext("New fixed list"),
        verb=gettext("Make the list"),
        back=list_url("retention_segment"),
    )


def ids_view(admin: RekindleAdmin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """This function will change a fixed list by ids."""
    form = IdsForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given, who = form.cleaned_data, _who(request)
        try:
            if given["file"]:
                upload = _give_file(segment, given["how"], given["file"], **who)
            else:
                upload = give_ids(segment=segment, how=given["how"], values=ids_typed(given["ids"]), **who)
        except DomainError as error:
            add_problems(form, error, fields={"members": "ids"})
        else:
            admin.log_change(request, segment, gettext("ids given"))
            _say(request, upload)
            return HttpResponseRedirect(change_url("retention_segment", segment.pk))
    title = gettext("Change the list %(segment)s") % {"segment": segment.name}
    back = change_url("retention_segment", segment.pk)
    return _form_page(admin, request, form, title=title, verb=gettext("Change the list"), back=back, segment=segment)


def freeze_view(admin: RekindleAdmin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """This function will make a fixed list of who is in a segment today."""
    if not admin.has_add_permission(request):
        raise PermissionDenied
    today = timezone.localdate().isoformat()
    form = NameForm(request.POST or None, initial={"name": f"{segment.name} {today}"})
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["name"]
        try:
            frozen = freeze(
                segment=segment,
                slug=free_slug(Segment, name, besides=TAKEN_BY_ADDRESSES),
                name=name,
                now=timezone.now(),
                by=request.user.get_username(),
            )
        except DomainError as error:
            add_problems(form, error, fields={"slug": "name"})
        else:
            admin.log_addition(request, frozen, gettext("made"))
            messages.success(request, gettext("The list was made of who is in the segment today."))
            return HttpResponseRedirect(change_url("retention_segment", frozen.pk))
    count = segment.member_count or 0
    said = ngettext(
        "%(count)s member goes on the list, and stays on it whatever happens later.",
        "%(count)s members go on the list, and stay on it whatever happens later.",
        count,
    )
    return _form_page(
        admin,
        request,
        form,
        title=gettext("Keep who is in it today"),
        verb=gettext("Make the list"),
        back=change_url("retention_segment", segment.pk),
        segment=segment,
        sentence=said % {"count": number(count)},
    )


def unknown_view(segment: Segment, upload_id: int) -> StreamingHttpResponse:
    """This function will give back the ids that mean nobody, each with its reason."""
    upload = get_object_or_404(ListUpload, pk=upload_id, segment=segment)
    rows = unknown_ids(upload).order_by("value").values_list("value", "problem").iterator()
    listed = ((value, UploadedId.Problem(problem).label) for value, problem in rows)
    return csv_file(["id", "reason"], listed, name=f"{segment.slug}-unknown")


def _who(request: HttpRequest) -> dict[str, Any]:
    return {"now": timezone.now(), "by": request.user.get_username()}


def _give_file(segment: Segment, how: str, file: Any, **who: Any) -> ListUpload:
    return give_file(segment=segment, how=how, pieces=file.chunks(), file_name=file.name, **who)


def _say(request: HttpRequest, upload: ListUpload | None) -> None:
    if upload is None:
        return
    if upload.applied_at is None:
        messages.info(request, gettext("The file is read in the background; this page says when it is done."))
        return
    said = gettext("%(added)s came on the list, %(removed)s went off it.")
    messages.success(request, said % {"added": number(upload.added), "removed": number(upload.removed)})
    if upload.unknown:
        words = ngettext(
            "%(count)s number means nobody: see below.", "%(count)s numbers mean nobody: see below.", upload.unknown
        )
        messages.warning(request, words % {"count": number(upload.unknown)})


def _form_page(
    admin: RekindleAdmin,
    request: HttpRequest,
    form: forms.Form,
    *,
    title: str,
    verb: str,
    back: str,
    segment: Segment | None = None,
    sentence: str = "",
) -> HttpResponse:
    return admin.page(
        request,
        "retention/admin/segment_list.html",
        title=title,
        obj=segment,
        form=form,
        verb=verb,
        back=back,
        sentence=sentence,
    )
