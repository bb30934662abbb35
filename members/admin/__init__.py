"""Screens in Django admin: members, what they ordered, what is sold."""

from members.admin import members, orders, panels, products

__all__ = ["members", "orders", "panels", "products"]
