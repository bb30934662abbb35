"""Screens in Django admin: members, what they ordered, what is sold."""

from members.admin import duplicates, members, orders, panels, products

__all__ = ["duplicates", "members", "orders", "panels", "products"]
