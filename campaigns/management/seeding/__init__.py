"""Synthetic load for benchmarks: a shop of any size, made from a seed, with no row of it going through the ORM."""
