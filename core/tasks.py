"""The doorbells of the clock."""
