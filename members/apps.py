from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MembersConfig(AppConfig):
    name = "members"
    verbose_name = _("Members")

    def ready(self) -> None:
        """Only registers: what is kept of a member, what `verify` proves, what the clock runs."""
        from core.registry import PeriodicWork, checks, member_data, periodic_work
        from members.services.identity import CHECKS, settle_merges
        from members.services.merging import HANDLER

        member_data.register(HANDLER)
        for check in CHECKS:
            checks.register(check)
        periodic_work.register(
            PeriodicWork("members.settle_merges", _("Finish merges"), settle_merges, order=6, every_seconds=3600)
        )
