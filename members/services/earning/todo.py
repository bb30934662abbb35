"""What a member can still earn by doing something: each rule for events, how often it earned and how often it may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from core.conf import shop_zone
from core.periods import day_number
from members.models import EarnedEvent, EarningRule
from members.models.earning import PROFILE
from members.services.earning.circumstances import tiers_of


@dataclass(frozen=True, slots=True)
class Task:
    """A rule as something to do, and how often the member was thanked for it."""

    rule: EarningRule
    done: int
    done_today: int

    @property
    def lifetime_limit(self) -> int | None:
        return 1 if self.rule.occasion == PROFILE else self.rule.lifetime_limit

    @property
    def left(self) -> int | None:
        """How often it earns yet today, None without a limit."""
        rooms = []
        if self.rule.daily_limit is not None:
            rooms.append(self.rule.daily_limit - self.done_today)
        if self.lifetime_limit is not None:
            rooms.append(self.lifetime_limit - self.done)
        return max(0, min(rooms)) if rooms else None

    @property
    def state(self) -> str:
        """`open`, `later` where today's limit is reached, `done` where it never earns again."""
        if self.lifetime_limit is not None and self.done >= self.lifetime_limit:
            return "done"
        return "later" if self.left == 0 else "open"


def rules_to_do(*, member_id: int, now: datetime) -> QuerySet[EarningRule]:
    """This function will select the rules under which the member can earn by doing something now."""
    tier, _factor = tiers_of([member_id]).get(member_id, ("", None))
    return EarningRule.objects.to_do(now=now, tier=tier).select_related("shop")


def tasks_of(rules: Iterable[EarningRule], *, member_id: int, now: datetime) -> list[Task]:
    """This function will say how often the member earned by each of the rules, in one statement."""
    rules = list(rules)
    today = Count("pk", filter=Q(day=day_number(now, shop_zone())))
    counted = EarnedEvent.objects.filter(member_id=member_id, line__in=[rule.root for rule in rules])
    rows = counted.values_list("line").annotate(at_all=Count("pk"), today=today)
    done = {line: (at_all, of_today) for line, at_all, of_today in rows}
    return [Task(rule, *done.get(rule.root, (0, 0))) for rule in rules]
