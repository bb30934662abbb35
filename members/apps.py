from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MembersConfig(AppConfig):
    name = "members"
    verbose_name = _("Members")

    def ready(self) -> None:
        """Only registers: what is kept of a member, what `verify` proves, what the clock runs."""
        from core.registry import PeriodicWork, checks, figure_sources, figures, job_kinds, member_data, periodic_work
        from core.services import audit
        from members.services import quality
        from members.services.audited import member_parts
        from members.services.earning import checks as earning_checks
        from members.services.earning import merging as earning_merging
        from members.services.earning.marks import WORK as EARN
        from members.services.earning.working import earn, earn_birthdays
        from members.services.erasure import settle_erasures
        from members.services.forgetting import forget_events
        from members.services.growth import merging as growth_merging
        from members.services.identity import CHECKS, settle_merges
        from members.services.merging import HANDLER
        from members.services.opt_in import lapse_requests
        from members.services.points import checks as points_checks
        from members.services.points import figures as points_figures
        from members.services.points import merging as points_merging
        from members.services.points.settling import settle_points
        from members.services.tiers import merging as tiers_merging

        handlers = (HANDLER, points_merging.HANDLER, growth_merging.HANDLER, earning_merging.HANDLER, tiers_merging.HANDLER)
        for handler in handlers:
            member_data.register(handler)
        audit.personal_models.add("members.member")
        audit.parts["members.member"] = member_parts
        for check in (*CHECKS, *points_checks.CHECKS, *earning_checks.CHECKS):
            checks.register(check)
        figures.register(points_figures.FIGURE)
        figure_sources.register(points_figures.SOURCE)
        periodic_work.register(PeriodicWork(EARN, _("Reckon what was earned"), earn, order=2, every_seconds=60))
        periodic_work.register(
            PeriodicWork("members.earn_birthdays", _("Keep birthdays"), earn_birthdays, order=11, daily_at="06:00")
        )
        periodic_work.register(
            PeriodicWork("members.settle_points", _("Release and expire points"), settle_points, order=7, every_seconds=600)
        )
        periodic_work.register(
            PeriodicWork("members.settle_merges", _("Finish merges"), settle_merges, order=6, every_seconds=3600)
        )
        periodic_work.register(
            PeriodicWork(
                "members.lapse_requests", _("Close requests for consent"), lapse_requests, order=17, every_seconds=3600
            )
        )
        periodic_work.register(
            PeriodicWork("members.settle_erasures", _("Finish erasures"), settle_erasures, order=3, every_seconds=3600)
        )
        periodic_work.register(
            PeriodicWork("members.forget_events", _("Forget old events"), forget_events, order=4, daily_at="02:30")
        )
        _register_imports()
        job_kinds.register(quality.KIND)
        periodic_work.register(
            PeriodicWork(quality.JOB, _("Look at the data's quality"), quality.look_daily, order=80, daily_at="05:00")
        )


def _register_imports() -> None:
    from core.registry import JobKind, PeriodicWork, job_kinds, periodic_work
    from members.ingest.background import run_import, run_trial
    from members.services import imports
    from members.services.undoing import run_undo

    for code, label, run in (
        (imports.IMPORT_JOB, _("Import"), run_import),
        (imports.TRIAL_JOB, _("Try an import"), run_trial),
        (imports.UNDO_JOB, _("Undo an import"), run_undo),
    ):
        kind = JobKind(code, label, run, lease_seconds=imports.LEASE_SECONDS, asked=imports.asked, page=imports.page)
        job_kinds.register(kind)
    periodic_work.register(
        PeriodicWork("members.clean_imports", _("Throw away old imports"), imports.clean_imports, order=90, daily_at="04:30")
    )
