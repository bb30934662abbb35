"""Long work: what was asked for and by whom, how far it is while one looks, what came of it; stopped after asking."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.base import RekindleAdmin
from core.admin.confirm import confirmed
from core.admin.counts import counts_in_words
from core.admin.display import Mark, badge, bar, change_url, link, list_url, number, share, when
from core.models import Job
from core.registry import JobKind, job_kinds
from core.services.clock import clock_is_ticking
from core.services.jobs import cancel_job

STATES = {
    Job.State.WAITING: Mark(_("waiting"), "grey", "hourglass_empty"),
    Job.State.RUNNING: Mark(_("running"), "blue", "progress_activity"),
    Job.State.DONE: Mark(_("done"), "green", "check_circle"),
    Job.State.FAILED: Mark(_("failed"), "red", "error"),
    Job.State.CANCELLED: Mark(_("stopped"), "grey", "block"),
}
STOPPING = Mark(_("stopping"), "amber", "pending")
LEFT_BEHIND = Mark(_("left by its worker"), "amber", "heart_broken")

SURE_AFTER = timedelta(seconds=5)
"""How long a job runs before its pace says when it will end."""
MOST_SHOWN = 80
"""Characters of what a job was asked for that stand in the list."""


def job_label(job: Job) -> str:
    kind = job_kinds.get(job.kind)
    return capfirst(str(kind.label)) if kind else gettext("removed: %(code)s") % {"code": job.kind}


def job_asked(job: Job) -> str:
    kind = job_kinds.get(job.kind)
    return str(kind.asked(job.params)) if kind else ""


def job_state(job: Job, *, now: datetime) -> Mark:
    """This function will say how a job stands, with what is not in its state: a stop asked for, a worker that died."""
    if job.state == Job.State.RUNNING and job.cancel_requested_at is not None:
        return STOPPING
    if job.state == Job.State.RUNNING and job.claimable_at is not None and job.claimable_at < now:
        return LEFT_BEHIND
    return STATES[Job.State(job.state)]


def job_share(job: Job) -> float | None:
    if job.state == Job.State.DONE:
        return 1.0
    return min(1.0, job.done / job.total) if job.total else None


def job_sentence(job: Job, *, now: datetime) -> str:
    """This function will say in one sentence, with a number, how a job stands."""
    if job.state == Job.State.WAITING:
        return _waits(job)
    if job.state == Job.State.RUNNING:
        return _runs(job, now)
    if job.state == Job.State.DONE:
        return gettext("Done, in %(time)s.") % {"time": _lasted(job)}
    if job.state == Job.State.CANCELLED:
        return gettext("Stopped at %(reached)s. What was done until then stays.") % {"reached": _reached(job)}
    return gettext("Failed at %(reached)s. %(error)s") % {"reached": _reached(job), "error": job.error}


def _waits(job: Job) -> str:
    if job.error:
        return gettext("To be tried again in a moment. %(error)s") % {"error": job.error}
    ahead = Job.objects.filter(state__in=Job.OPEN, pk__lt=job.pk, claimable_at__isnull=False).count()
    if not ahead:
        return gettext("Waits; it is the next.")
    return ngettext("Waits; %(count)d job is before it.", "Waits; %(count)d jobs are before it.", ahead) % {"count": ahead}


def _runs(job: Job, now: datetime) -> str:
    left = _time_left(job, now)
    said = {"reached": _reached(job), "left": _time_in_words(left) if left else ""}
    if left is None:
        return gettext("Under way: %(reached)s.") % said
    return gettext("Under way: %(reached)s, about %(left)s to go.") % said


def _reached(job: Job) -> str:
    if not job.total:
        return number(job.done)
    said = {"done": number(job.done), "total": number(job.total), "share": share(job_share(job))}
    return gettext("%(done)s of %(total)s (%(share)s)") % said


def _time_left(job: Job, now: datetime) -> timedelta | None:
    """By the pace so far. Waiting between two tries counts as pace: it is as likely to come again."""
    if job.started_at is None or not job.total or not 0 < job.done < job.total:
        return None
    passed = now - job.started_at
    return passed * ((job.total - job.done) / job.done) if passed >= SURE_AFTER else None


def _lasted(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return gettext("no time")
    return _time_in_words(job.finished_at - job.started_at)


def _time_in_words(time: timedelta) -> str:
    seconds = max(1, round(time.total_seconds()))
    if seconds < 90:
        return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
    if seconds < 5400:
        minutes = round(seconds / 60)
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    hours = round(seconds / 3600)
    return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}


def _told(job: Job, kind: JobKind | None) -> list[str]:
    told = [str(line) for line in kind.told(job.result)] if kind and job.result else []
    return told or counts_in_words({name: value for name, value in job.result.items() if type(value) is int})


def _stop_url(job: Job) -> str:
    return reverse("admin:core_job_stop", args=[job.pk])


@admin.register(Job)
class JobAdmin(RekindleAdmin):
    empty_says = _("Work that takes more than a few seconds stands here, with how far it is.")
    list_display = ("work", "asked", "by", "shown_state", "progress", "made", "finished")
    list_display_links = ("work",)
    list_filter = ("state",)
    ordering = ("-id",)
    sortable_by = ()

    class Media:
        js = ("rekindle/live.js",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """What ran stays to be read; what runs is stopped, not deleted."""
        return False

    def get_urls(self) -> list[Any]:
        own = [path("<object_id>/stop/", self.admin_site.admin_view(self.stop_view), name="core_job_stop")]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        job = self.viewable(request, object_id)
        kind = job_kinds.get(job.kind)
        now = timezone.now()
        is_open = job.state in Job.OPEN
        return self.page(
            request,
            "rekindle/job.html",
            title=job_label(job),
            sentence=job_sentence(job, now=now),
            mark=badge(job_state(job, now=now)),
            bar=self.bar(job),
            open=is_open,
            stop_url=_stop_url(job),
            silent=is_open and not clock_is_ticking(now=now),
            facts=[(label, value) for label, value in self._facts(job) if value],
            told=_told(job, kind),
            page_url=kind.page(job.params) if kind else "",
            may_stop=is_open and job.cancel_requested_at is None and self.has_change_permission(request, job),
            back=list_url("core_job"),
        )

    def _facts(self, job: Job) -> list[tuple[Any, Any]]:
        return [
            (_("asked for"), job_asked(job)),
            (_("asked by"), job.by),
            (_("doing"), job.said if job.state == Job.State.RUNNING else ""),
            (_("made at"), when(job.created_at)),
            (_("begun at"), when(job.started_at) if job.started_at else ""),
            (_("last sign of life"), when(job.heartbeat_at) if job.state == Job.State.RUNNING else ""),
            (_("times begun"), number(job.attempts) if job.attempts > 1 else ""),
            (_("asked to stop at"), when(job.cancel_requested_at) if job.cancel_requested_at else ""),
            (_("finished at"), when(job.finished_at) if job.finished_at else ""),
        ]

    def stop_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        job = self.changeable(request, object_id)

        def do() -> str:
            cancel_job(job_id=job.pk, now=timezone.now())
            self.log_change(request, job, gettext("asked to stop"))
            return gettext("%(job)s was asked to stop.") % {"job": job_label(job)}

        return confirmed(
            self,
            request,
            obj=None,
            title=gettext("Stop “%(job)s”?") % {"job": job_label(job)},
            sentences=lambda: [
                job_sentence(job, now=timezone.now()),
                gettext("What is done stays; the rest is left undone."),
            ],
            verb=gettext("Stop the job"),
            do=do,
            back=change_url("core_job", job.pk),
            danger=True,
        )

    def bar(self, job: Job) -> SafeString | str:
        done = job_share(job)
        colour = job_state(job, now=timezone.now()).colour
        return "" if done is None else bar([(colour, done)], title=_reached(job))

    @display(description=_("work"))
    def work(self, job: Job) -> str:
        return job_label(job)

    @display(description=_("asked for"))
    def asked(self, job: Job) -> SafeString | str:
        asked = job_asked(job)[:MOST_SHOWN]
        url = kind.page(job.params) if asked and (kind := job_kinds.get(job.kind)) else ""
        return link(asked, url) if url else asked or "-"

    @display(description=_("state"))
    def shown_state(self, job: Job) -> SafeString:
        """What is open is marked, for the page to look again by itself."""
        shown = badge(job_state(job, now=timezone.now()))
        return format_html("<span data-open>{}</span>", shown) if job.state in Job.OPEN else shown

    @display(description=_("done"))
    def progress(self, job: Job) -> SafeString:
        if job.state == Job.State.FAILED:
            return format_html("{}", job.error)
        done = job_share(job)
        return format_html("{} {}", share(done) if done is not None else number(job.done) if job.done else "", self.bar(job))

    @display(description=_("made at"))
    def made(self, job: Job) -> SafeString:
        return when(job.created_at)

    @display(description=_("finished at"))
    def finished(self, job: Job) -> SafeString | str:
        return when(job.finished_at) if job.finished_at else ""
