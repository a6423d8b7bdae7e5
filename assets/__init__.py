"""Dagster: the assets, their checks, the jobs, schedule and sensors, and `definitions.py`, which puts them together.

Asset bodies are short: they call `etl` and `warehouse` and return metadata. When and in which order things run is
decided here; how they are done is not.
"""
