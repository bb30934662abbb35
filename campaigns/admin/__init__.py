"""Screens in Django admin: campaigns and who was due, coupons, messages, and what a member's page shows of them."""

from campaigns.admin import campaigns, coupons, enrolments, messages, monthly, panels, rewards

__all__ = ["campaigns", "coupons", "enrolments", "messages", "monthly", "panels", "rewards"]
