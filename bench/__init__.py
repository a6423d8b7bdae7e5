"""Benchmarks: each module is a program that prints a table, such as `python -m bench.throughput`.

None is run by the tests, and nothing of the product imports them.
"""
