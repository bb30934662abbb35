from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MembersConfig(AppConfig):
    name = "members"
    verbose_name = _("Members")

    def ready(self) -> None:
        """Only registers: what is kept of a member, what `verify` proves, what the clock runs."""
        from core.registry import PeriodicWork, checks, job_kinds, member_data, periodic_work
        from members.services import quality
        from members.services.identity import CHECKS, settle_merges
        from members.services.merging import HANDLER

        member_data.register(HANDLER)
        for check in CHECKS:
            checks.register(check)
        periodic_work.register(
            PeriodicWork("members.settle_merges", _("Finish merges"), settle_merges, order=6, every_seconds=3600)
        )
        job_kinds.register(quality.KIND)
        periodic_work.register(
            PeriodicWork(quality.JOB, _("Look at the data's quality"), quality.look_daily, order=80, daily_at="05:00")
        )
