from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RetentionConfig(AppConfig):
    name = "retention"
    verbose_name = _("Insight")

    def ready(self) -> None:
        """Tell the registry what this app does and knows. The model `Scored` stands outside models/, so it is imported."""
        from django.db.backends.signals import connection_created

        from core.registry import (
            Check,
            MemberListFeed,
            MemberListFilter,
            MemberSection,
            PeriodicWork,
            UsedBy,
            attribute_uses,
            checks,
            figures,
            job_kinds,
            member_data,
            member_list_feeds,
            member_list_filters,
            member_sections,
            member_ties,
            periodic_work,
            segment_uses,
            tier_uses,
        )
        from members.services.tiers.standing import members_of_tier
        from retention import scored  # noqa: F401
        from retention.features.statistics import teach_sqlite
        from retention.selectors import facts_rows, scores_rows
        from retention.selectors.changes import CHANGED_SINCE, changes_rows, members_changed
        from retention.selectors.figures import FIGURES
        from retention.selectors.overview import members_at_stage, members_in_known, members_leaving_for
        from retention.selectors.uses import (
            reasons_naming,
            reasons_of_tier,
            reasons_reading,
            segments_naming,
            segments_of_tier,
            segments_reading,
        )
        from retention.services.checks import facts_are_exact, segments_are_exact, tiers_are_exact
        from retention.services.groups import GROUP_JOB
        from retention.services.merging import HANDLER
        from retention.services.proofs import prove_sample
        from retention.services.refresh import nightly, refresh_due
        from retention.services.reports import REPORT_JOB, forget_reports
        from retention.services.scoring import FIT_JOB, fit_weekly
        from retention.services.snapshots import keep_snapshot
        from retention.services.static_lists import LIST_JOB
        from retention.services.ties import TIES
        from retention.services.values import keep_values

        connection_created.connect(teach_sqlite, dispatch_uid="retention.statistics")
        for section in (
            MemberSection("facts", facts_rows),
            MemberSection("scores", scores_rows),
            MemberSection("changed_at", changes_rows),
        ):
            member_sections.register(section)
        member_list_feeds.register(
            MemberListFeed(
                CHANGED_SINCE,
                _("members of whom something came in after this instant, by `changed_at`: the longest ago first"),
                members_changed,
            )
        )
        member_list_filters.register(
            MemberListFilter(
                "segment", _("members of this segment, by its short name, as the last refresh left it"), members_in_known
            )
        )
        for figure in FIGURES:
            figures.register(figure)
        member_list_filters.register(
            MemberListFilter("tier", _("members who hold this tier, by its short name"), members_of_tier)
        )
        member_list_filters.register(
            MemberListFilter("stage", _("members at this lifecycle stage, as of the last refresh"), members_at_stage)
        )
        member_list_filters.register(
            MemberListFilter(
                "churn_reason", _("members who leave for this reason, as of the last refresh"), members_leaving_for
            )
        )
        member_data.register(HANDLER)
        member_ties.register(TIES)
        for kind in (LIST_JOB, REPORT_JOB, FIT_JOB, GROUP_JOB):
            job_kinds.register(kind)
        segment_uses.register(UsedBy("retention.segments", _("The segment"), segments_naming))
        segment_uses.register(UsedBy("retention.reasons", _("The churn reason"), reasons_naming))
        attribute_uses.register(UsedBy("retention.segments", _("The segment"), segments_reading))
        attribute_uses.register(UsedBy("retention.reasons", _("The churn reason"), reasons_reading))
        tier_uses.register(UsedBy("retention.segments", _("The segment"), segments_of_tier))
        tier_uses.register(UsedBy("retention.reasons", _("The churn reason"), reasons_of_tier))
        for check in (
            Check("retention.facts", _("Facts equal a full count"), facts_are_exact),
            Check("retention.tiers", _("Tiers equal a full count"), tiers_are_exact),
            Check("retention.segments", _("Segments equal a fresh scan"), segments_are_exact),
        ):
            checks.register(check)
        for work in (
            PeriodicWork("retention.nightly", _("The night's refresh"), nightly, order=5, daily_at="03:00"),
            PeriodicWork(
                "retention.values", _("The values offered to who writes a rule"), keep_values, order=8, daily_at="03:30"
            ),
            PeriodicWork("retention.forget_reports", _("Forget old reports"), forget_reports, order=16, daily_at="04:30"),
            PeriodicWork("retention.prove", _("Prove a sample of the counts"), prove_sample, order=9, daily_at="03:40"),
            PeriodicWork("retention.refresh", _("Refresh what changed"), refresh_due, order=10, every_seconds=60),
            PeriodicWork("retention.snapshot", _("Keep the day's figures"), keep_snapshot, order=12, every_seconds=900),
            PeriodicWork(
                "retention.fit_models", _("Fit the scoring models"), fit_weekly, order=15, daily_at="04:00", weekday=0
            ),
        ):
            periodic_work.register(work)
