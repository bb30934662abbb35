from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from core.registry import (
    Check,
    PeriodicWork,
    UsedBy,
    attribute_uses,
    checks,
    figure_sources,
    figures,
    fired_since,
    member_data,
    member_ties,
    periodic_work,
    segment_uses,
    tier_uses,
)


class CampaignsConfig(AppConfig):
    name = "campaigns"
    verbose_name = _("Campaigns")

    def ready(self) -> None:
        """Only registers: the kinds campaigns are made of, what `verify` proves, what the clock runs."""
        from campaigns import actions, channels, triggers
        from campaigns.coupons.behaviours import COUPON_ISSUED
        from campaigns.reports.side_by_side import CampaignsSideBySide
        from campaigns.selectors.figures import FIGURES, SOURCE
        from campaigns.services.attribute_uses import campaigns_of_tier, campaigns_reading
        from campaigns.services.merging import HANDLER
        from campaigns.services.reward_merging import HANDLER as REWARDS
        from campaigns.services.segment_uses import campaigns_naming
        from campaigns.services.ties import FIRED, TIES
        from retention.behaviours import registered
        from retention.reports.registry import register_report

        for trigger in triggers.KINDS:
            triggers.triggers.register(trigger)
        for action in actions.KINDS:
            actions.actions.register(action)
        for channel in channels.KINDS:
            channels.channels.register(channel)
        for figure in FIGURES:
            figures.register(figure)
        figure_sources.register(SOURCE)
        register_report(CampaignsSideBySide())
        registered.register(COUPON_ISSUED)
        member_data.register(HANDLER)
        member_data.register(REWARDS)
        fired_since.register(FIRED)
        member_ties.register(TIES)
        segment_uses.register(UsedBy("campaigns", _("The campaign"), campaigns_naming))
        attribute_uses.register(UsedBy("campaigns", _("The campaign"), campaigns_reading))
        tier_uses.register(UsedBy("campaigns", _("The campaign"), campaigns_of_tier))
        for check in _checks():
            checks.register(check)
        for work in _works():
            periodic_work.register(work)


def _checks() -> tuple[Check, ...]:
    from campaigns.coupons.checks import CHECKS as OF_COUPONS
    from campaigns.services.checks import CHECKS
    from campaigns.services.event_checks import CHECKS as OF_EVENTS

    return (*CHECKS, *OF_COUPONS, *OF_EVENTS)


def _works() -> tuple[PeriodicWork, ...]:
    from campaigns.services.asking import ask_consent
    from campaigns.services.dispatch import dispatch_messages
    from campaigns.services.expiry import expire_coupons
    from campaigns.services.monthly.keeping import monthly_due
    from campaigns.services.planning import plan_when_fresh
    from campaigns.services.stepping import step_enrolments

    return (
        PeriodicWork("campaigns.plan", _("Find out who is due"), plan_when_fresh, order=20, every_seconds=60),
        PeriodicWork("campaigns.step", _("Decide and give"), step_enrolments, order=30, every_seconds=60),
        PeriodicWork("campaigns.dispatch", _("Send messages"), dispatch_messages, order=40, every_seconds=5),
        PeriodicWork("campaigns.monthly", _("Make and send the monthly report"), monthly_due, order=60, daily_at="08:00"),
        PeriodicWork("campaigns.ask_consent", _("Ask to confirm consents"), ask_consent, order=45, every_seconds=10),
        PeriodicWork("campaigns.expire_coupons", _("Expire coupons"), expire_coupons, order=50, every_seconds=3600),
    )
