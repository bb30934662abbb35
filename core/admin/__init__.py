"""Screens in Django admin."""
