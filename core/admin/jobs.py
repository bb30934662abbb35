"""Long work and how far it is."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.base import ReadOnlyAdmin
from core.admin.display import Mark, badge, number, when
from core.models import Job

STATES = {
    Job.State.WAITING: Mark(_("waiting"), "grey", "hourglass_empty"),
    Job.State.RUNNING: Mark(_("running"), "blue", "progress_activity"),
    Job.State.DONE: Mark(_("done"), "green", "check_circle"),
    Job.State.FAILED: Mark(_("failed"), "red", "error"),
}


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    empty_says = _("Work that takes more than a few seconds stands here, with how far it is.")
    list_display = ("kind", "shown_state", "progress", "made", "finished")
    list_filter = ("state",)
    ordering = ("-id",)
    fields = ("kind", "shown_state", "progress", "error", "made", "finished")
    readonly_fields = fields
    sortable_by = ()

    @display(description=_("state"))
    def shown_state(self, job: Job) -> SafeString:
        return badge(STATES[Job.State(job.state)])

    @display(description=_("done"))
    def progress(self, job: Job) -> str:
        return number(job.done) if job.total is None else f"{number(job.done)} / {number(job.total)}"

    @display(description=_("made at"))
    def made(self, job: Job) -> SafeString:
        return when(job.created_at)

    @display(description=_("finished at"))
    def finished(self, job: Job) -> SafeString:
        return when(job.finished_at)
