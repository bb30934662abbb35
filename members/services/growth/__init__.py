"""Growth: given for what members do, taken back with it, never spent; tiers count it."""
