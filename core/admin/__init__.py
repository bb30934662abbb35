"""Screens of the lowest app, and the library that every app's screens are made of (base, display, panels, confirm).

Nothing is imported here: templates load `core.admin.tags` before Django's admin may be imported. `config.admin` imports
the screens themselves.
"""
