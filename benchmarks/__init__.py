"""Benchmarks of xpnet; each runs as `python -m benchmarks.NAME` and writes what it measured."""
