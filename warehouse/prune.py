"""Pruning: gives back what a home holds beyond its current version. Dagster's records belong to `assets.retention`."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from warehouse.disk import byte_count
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.manifest import now, require_current
from warehouse.publish import Cleared, clear_away


def prune(
    home: Home, keep: int | None = None, older_than: dt.timedelta | None = None, is_dry_run: bool = False
) -> Cleared:
    """Remove former versions, what only they need in the lake, and what killed or refused runs have left.

    The current version always stays, and so does any that another process has open. The caller holds the writer's
    lock.

    Args:
        home: an existing home.
        keep: how many of the newest versions stay, the current one included. By default as many as copydesk.toml
            says, or with `older_than` the current one alone.
        older_than: only versions published longer ago than that leave.
        is_dry_run: remove nothing, only say what would go.

    Raises:
        SetupFault: nothing has been published, or the current version is damaged.
    """
    published = require_current(home)
    if keep is None and older_than is not None:
        keep = 1
    before = now() - older_than if older_than is not None else None
    if is_dry_run:
        return clear_away(home, keep, before, is_dry_run=True)
    staged = byte_count(home.staging)
    # The heads may be those of a killed run, whose files are about to go.
    Lake(home).restore(published)
    cleared = clear_away(home, keep, before)
    return replace(cleared, byte_count=cleared.byte_count + staged)
