"""Watching the sources of copydesk.toml: whether anything has changed in them, and which have fallen silent.

By listing alone, as it is asked several times a minute. What a change means for the tables is decided in
`warehouse.plan`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from etl.contract import FILES, RUNS
from etl.errors import SetupFault
from etl.sources import list_files
from warehouse.home import Home, Source
from warehouse.manifest import current, now, read_table
from warehouse.plan import is_finished

_BITS = 128


@dataclass(frozen=True)
class Glance:
    """What one look at the sources shows.

    Attributes:
        digest: of names, sizes and times of all finished files, of the settings of the sources, of their sidecars, of
            the user's own reference, of what is to be forgotten, and of the published version that all this is to be
            compared with: as long as it stays the same, nothing has to be done.
        files_seen: files listed.
        files_young: those of them that may still be written to, and are not in the digest.
    """

    digest: str
    files_seen: int
    files_young: int


def look(home: Home) -> Glance:
    """List the sources.

    Raises:
        SetupFault: a source is not there or cannot be listed.
    """
    published = current(home)
    moment = time.time_ns()
    total = seen = young = 0
    for source in home.settings.sources:
        if not os.path.isdir(source.root):  # noqa: PTH112
            raise SetupFault(f"No source at {source.root} (sources are set in {home.settings_file})")
        for file in list_files(source.root, source.patterns, skip=home.folder, with_archives=source.archives):
            seen += 1
            if not is_finished(file, moment):
                young += 1
                continue
            entry = f"{source.name}\0{file.path}\0{file.byte_count}\0{file.mtime_ns}".encode()
            digest = hashlib.blake2b(entry, digest_size=_BITS // 8).digest()
            # A sum does not depend on the order of the listing: sorting a million names would take longer.
            total = (total + int.from_bytes(digest)) % (1 << _BITS)
    version = published.name if published else ""
    # With the settings: another pattern, or other orders for what is missing, may call for a run.
    beside = [home.forgotten, *sorted(home.reference.glob("*.csv"))]
    beside += [Path(source.said.sidecar) for source in home.settings.sources if source.said.sidecar]
    state = f"{version}\0{home.settings.sources}\0{seen - young}\0{total}\0{[_state(path) for path in beside]}"
    whole = hashlib.blake2b(state.encode(), digest_size=_BITS // 8)
    return Glance(whole.hexdigest(), seen, young)


def _state(path: Path) -> tuple[str, int, int] | None:
    """Name, size and time of a file; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return path.name, status.st_size, status.st_mtime_ns


@dataclass(frozen=True)
class Silence:
    """How long a source that has a fail window has been without a new file.

    Attributes:
        source: which.
        last_file: when a new or changed file of it was last loaded, UTC; None if none was yet, which is no fault.
        is_stale: whether that is longer ago than its fail window.
    """

    source: Source
    last_file: dt.datetime | None
    is_stale: bool

    @property
    def message(self) -> str:
        """What there is to say, for people."""
        if self.last_file is None:
            return f"{self.source.name}: no file has come yet"
        since = f"{self.last_file:%Y-%m-%d %H:%M} UTC"
        if self.is_stale:
            return f"{self.source.name}: no new file since {since}, longer than the {self.window} that are allowed"
        return f"{self.source.name}: the newest file came {since}"

    @property
    def window(self) -> str:
        """The fail window in words."""
        assert self.source.fail_window is not None
        minutes = int(self.source.fail_window.total_seconds() // 60)
        for size, word in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
            if minutes % size == 0:
                count = minutes // size
                return f"{count} {word}{'' if count == 1 else 's'}"
        raise AssertionError("minutes are whole")


def silences(home: Home) -> list[Silence]:
    """The sources of copydesk.toml that have a fail window, and when news last came from each."""
    windows = [source for source in home.settings.sources if source.fail_window is not None]
    if not windows:
        return []
    published = current(home)
    files = read_table(home, published, FILES, ["source", "status", "run_id"])
    started = {
        row["run_id"]: row["started"] for row in read_table(home, published, RUNS, ["run_id", "started"]).to_pylist()
    }
    moment = now()
    found = []
    for source in windows:
        assert source.fail_window is not None
        is_own = pc.equal(files.column("source"), pa.scalar(source.name))
        # Not the rejected ones: after an upgrade they are read again.
        own = files.filter(pc.and_(is_own, pc.equal(files.column("status"), "loaded")))
        runs = pc.unique(own.column("run_id")).to_pylist()
        last = max((started[run] for run in runs if run in started), default=None)
        found.append(Silence(source, last, last is not None and moment - last > source.fail_window))
    return found
