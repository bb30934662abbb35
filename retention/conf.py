"""Constants and settings of this app."""
