from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = _("System")

    def ready(self) -> None:
        from core.registry import PeriodicWork, periodic_work
        from core.services.answers import forget_answers
        from core.services.clock import beat_heart
        from core.services.jobs import WORK, run_jobs

        periodic_work.register(
            PeriodicWork(
                code="core.forget_answers",
                label=_("forget the stored answers of API calls"),
                run=forget_answers,
                order=96,
                every_seconds=3600,
            )
        )
        periodic_work.register(
            PeriodicWork(
                code="core.heartbeat", label=_("show that the clock is running"), run=beat_heart, order=1, every_seconds=15
            )
        )
        periodic_work.register(
            PeriodicWork(
                code=WORK, label=_("run the jobs that wait"), run=run_jobs, order=95, every_seconds=2, beside=run_jobs
            )
        )
