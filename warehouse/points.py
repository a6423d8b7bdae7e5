"""The points of the writing path at which a process may die, by name, for the tests that kill it there.

Here belongs the closed list and nothing else: what has to hold after a kill is said in docs/faults.md and tried in
tests/faults. In production a point does nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from etl.contract import TABLES

POINTS: tuple[str, ...] = (
    "locked",
    "staging made",
    *(f"{when} restoring {name}" for name in TABLES for when in ("before", "after")),
    "staged",
    *(f"{name} {what}" for name in TABLES for what in ("created", "written", "committed")),
    "loaded",
    "registries written",
    "before database",
    "after database",
    "after manifest",
    "before publish",
    "link prepared",
    "version renamed",
    "published",
    "version set aside",
    "version removed",
    "leftover removed",
    *(f"before sweeping {name}" for name in TABLES),
    "file swept",
    "before removing staging",
    "after removing staging",
)
"""All points, in the order in which a run reaches them. A table that is added to the contract gets its own."""

on_reach: Callable[[str], None] | None = None
"""Told of every point that is reached. Set by the fault harness only, in a process of its own."""


def reach(point: str) -> None:
    """Note that the writing path has come to a point.

    Raises:
        ValueError: it is not in the list; noticed only where somebody listens.
    """
    if on_reach is None:
        return
    if point not in POINTS:
        raise ValueError(f"{point!r} is no point of warehouse.points")
    on_reach(point)
