"""Segments, the rule language and scoring models over REST."""
