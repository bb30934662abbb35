"""Pages and calls for people and providers who have no login: what they may do, a signed link or a secret says."""
