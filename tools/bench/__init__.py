"""Benchmarks: each measures us and a limit or peer in the same run, prints both and adds a line each to var/bench.jsonl."""
