"""Benchmarks: each module is a program that prints a table (`python -m bench.throughput`). Nothing here is tested
for its speed, and nothing of the product imports it."""
