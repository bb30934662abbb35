"""What this app does, verb by verb: each function one transaction or one idempotent pass."""
