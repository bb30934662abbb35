"""Tiers as people write and read them: the scheme, samples of it, what a member holds. Who holds what is worked out by
retention, which knows what everybody's measure adds up to."""
