from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RetentionConfig(AppConfig):
    name = "retention"
    verbose_name = _("Insight")

    def ready(self) -> None:
        """Tell the registry what this app does and knows. The model `Scored` stands outside models/, so it is imported."""
        from core.registry import MemberSection, PeriodicWork, member_sections, periodic_work
        from retention import scored  # noqa: F401
        from retention.selectors import facts_rows, scores_rows
        from retention.services.refresh import nightly, refresh_due
        from retention.services.scoring import fit_due

        member_sections.register(MemberSection(code="facts", rows=facts_rows))
        member_sections.register(MemberSection(code="scores", rows=scores_rows))
        periodic_work.register(
            PeriodicWork(code="retention.nightly", label=_("The night's refresh"), run=nightly, order=5, daily_at="03:00")
        )
        periodic_work.register(
            PeriodicWork(
                code="retention.refresh", label=_("Refresh what changed"), run=refresh_due, order=10, every_seconds=60
            )
        )
        periodic_work.register(
            PeriodicWork(
                code="retention.fit_models",
                label=_("Fit the scoring models"),
                run=fit_due,
                order=15,
                daily_at="04:00",
                weekday=0,
            )
        )
