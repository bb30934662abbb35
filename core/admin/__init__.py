"""Screens of the lowest app, and the library that every app's screens are made of (base, display, panels, confirm)."""

from core.admin import clock, jobs, keys

__all__ = ["clock", "jobs", "keys"]
