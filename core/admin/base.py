"""What every list and page of the screens has in common."""

from __future__ import annotations

from time import monotonic
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from core.admin.audit import history_url, note, remember

M = TypeVar("M", bound=Model)

COUNTED = 1000
"""Rows of a list that are counted and paged through. Past it a search finds more than leafing does."""
PATIENCE = 0.1
"""Seconds for which the rows of a list are counted beyond those that are shown, where counting them is dear."""


class BoundedPaginator(Paginator):
    """Counts and pages through at most `COUNTED` rows: neither the count nor a late page grows with the table."""

    template_name = "rekindle/pagination.html"

    @cached_property
    def count(self) -> int:
        return min(self._found, COUNTED)

    @cached_property
    def more(self) -> bool:
        """Whether there are rows past the last page."""
        return self._found > COUNTED

    @cached_property
    def _found(self) -> int:
        rows = self.object_list
        if isinstance(rows, QuerySet):
            # In the list's own order, which an index serves: without it a database may look at every row before it counts.
            return rows[: COUNTED + 1].count()
        return len(rows)


class KeyedPaginator(BoundedPaginator):
    """For a list whose filters are dear: they are asked once, for the keys of the rows that can be paged through, and the
    rows of the page are fetched by their keys.

    The keys are read in the list's order as the database finds them. Once those of page `asked` are there, the count goes on
    for PATIENCE seconds alone: then there are «more than» those found. `rows` selects every row as the page shows it.
    """

    def __init__(self, *given: Any, rows: QuerySet[Any], asked: int, **named: Any) -> None:
        super().__init__(*given, **named)
        self.rows, self.asked = rows, asked

    @cached_property
    def count(self) -> int:
        return min(len(self._keys), COUNTED)

    @cached_property
    def more(self) -> bool:
        return len(self._keys) > COUNTED or self._stopped

    @cached_property
    def _keys(self) -> list[Any]:
        self._stopped = False
        full = min(self.asked, COUNTED // self.per_page) * self.per_page + 1
        keys: list[Any] = []
        rows: Any = self.object_list
        # In a transaction the database works out no more than is fetched; outside of one it would finish first.
        with transaction.atomic():
            found = rows.values_list("pk", flat=True)[: COUNTED + 1].iterator(chunk_size=self.per_page + 1)
            until = 0.0
            for key in found:
                if len(keys) == full:
                    until = monotonic() + PATIENCE
                if len(keys) >= full and monotonic() > until:
                    self._stopped = True
                    break
                keys.append(key)
            found.close()
        return keys

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        keys = self._keys[(number - 1) * self.per_page : min(number * self.per_page, self.count)]
        found = self.rows.in_bulk(keys)
        return Page([found[key] for key in keys if key in found], number, self)


class BoundedChangeList(ChangeList):
    """A list whose header repeats no total (the paginator says how many), and whose page can be completed at once."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count
        # Of a list that fits on a page Django takes what the filters select, and would ask them once more.
        rows = list(self.result_list if self.multi_page else self.paginator.page(1).object_list)
        self.complete(rows)
        self.result_list = rows

    def complete(self, rows: list[Any]) -> None:
        """This function will load what the columns of the rows on the page need besides the rows themselves."""


class AuditedAdmin(ModelAdmin):
    """What is changed here stands in the audit trail, from what to what; the object's history is read there."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        obj = super().get_object(request, object_id, from_field)
        if obj is not None:
            remember(request, obj)
        return obj

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:
        note(request, obj, said=message, added=True)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:
        note(request, obj, said=message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            remember(request, obj)
            note(request, obj, removed=True)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404(gettext("There is nothing of this number."))
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        return HttpResponseRedirect(history_url(obj))


class RekindleAdmin(AuditedAdmin):
    """A list that costs the same however large the table, and pages of our own beside Django's."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    list_filter_submit = False
    compressed_fields = False
    actions: ClassVar[Any] = None
    warn_unsaved_form = True
    empty_says: ClassVar[Any] = ""
    """What an empty list tells: why it is empty, and what fills it."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """No ticking of boxes: what is done to many is done by a service that says first how many."""
        return {}

    def page(
        self, request: HttpRequest, page: str, /, *, title: str, obj: Model | None = None, **context: Any
    ) -> TemplateResponse:
        """This function will render a page of ours inside the admin's frame."""
        request.current_app = self.admin_site.name
        frame = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": title,
            "has_change_permission": self.has_change_permission(request, obj),
            **context,
        }
        return TemplateResponse(request, page, frame)

    def viewable(self, request: HttpRequest, object_id: str) -> Any:
        """This function will return the object when the user may see it, else answer 403 or 404."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._existing(request, object_id)

    def changeable(self, request: HttpRequest, object_id: str) -> Any:
        if not self.has_change_permission(request):
            raise PermissionDenied
        return self._existing(request, object_id)

    def _existing(self, request: HttpRequest, object_id: str) -> Any:
        if not object_id.isdecimal() or len(object_id) > 18:
            raise Http404(gettext("There is nothing of this number."))
        found = get_object_or_404(self.get_queryset(request), pk=int(object_id))
        remember(request, found)
        return found


class OneRowAdmin(RekindleAdmin):
    """A table of one row, such as a policy: it is there as soon as somebody asks for its page, and its list leads to it."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A list of one row would ask for a click and tell nothing."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        page = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return HttpResponseRedirect(reverse(page, args=[1]))

    def get_queryset(self, request: HttpRequest) -> Any:
        self.model._default_manager.get_or_create(pk=1)
        return super().get_queryset(request)


class ReadOnlyAdmin(RekindleAdmin):
    """What other rooms write and people only read."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
