from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = _("System")

    def ready(self) -> None:
        from core.registry import PeriodicWork, periodic_work
        from core.services.answers import forget_answers

        periodic_work.register(
            PeriodicWork(
                code="core.forget_answers",
                label=_("forget the stored answers of API calls"),
                run=forget_answers,
                order=90,
                every_seconds=3600,
            )
        )
