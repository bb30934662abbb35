"""Members and orders over REST."""
