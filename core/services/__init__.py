"""The clock and the keys."""
