"""The published versions: which there are, which is current, and what each consists of.

A version's manifest.json names, for each table, its Delta version and its files. It is what a run compares with
and what it restores; reading it needs neither DuckDB nor Delta Lake. Building a version belongs to
`warehouse.publish`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from etl.contract import CONTRACT_VERSION, DOCUMENTS, RUNS, Table
from etl.errors import SetupFault
from warehouse.home import Home

MANIFEST = "manifest.json"
DATABASE = "warehouse.duckdb"
"""The base name of every version's file: DuckDB names the catalog after it, and clients qualify names with that."""


BUILDING, LEAVING = ".building", ".leaving"
"""What the folder of a version ends with that is not published yet, or about to be removed."""


class LaterVersion(SetupFault):
    """A version that a later Copydesk has written: nothing here may touch it."""


@dataclass(frozen=True)
class TableState:
    """One table of one version.

    Attributes:
        delta_version: its version in the Delta log.
        files: its Parquet files, relative to the table's folder in the lake.
        row_count: its rows.
        byte_count: bytes of the files.
    """

    delta_version: int
    files: tuple[str, ...]
    row_count: int
    byte_count: int


@dataclass(frozen=True)
class RunSummary:
    """What a run did, in the words of `copydesk run --json`.

    `documents_forgotten` are the current documents that it erased because they are to be forgotten.
    """

    run_id: str | None
    files_seen: int
    files_read: int
    documents_written: int
    documents_total: int
    rejects: int
    months: tuple[str, ...]
    seconds: float
    rejects_by_reason: dict[str, int] = field(default_factory=dict)
    documents_forgotten: int = 0


@dataclass(frozen=True)
class KnownSource:
    """A source as the table of that name records it."""

    source: str
    root: str
    patterns: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """What a published version consists of.

    Attributes:
        name: of its folder: the run's id, or `<run_id>-<n>` for a publish without a new run.
        run_id: the last run that is in it.
        published_at: ISO 8601, UTC.
        lake: absolute path of the lake that its views point at.
        contract_version, parser_version, reference_version: that its rows were made with.
        tables: by name.
        summary: of the run.
        number: 1 for the first version, then one more each time: which is the newest does not hang on the clock.
        sources: those that are recorded; none in a version that was published before they stood here.
        forgotten: digest of the list of what was forgotten that was applied to its rows; empty for an empty list.
        intakes: digests of how the sources were taken in for which copydesk.toml says anything of it, by their names.
    """

    name: str
    run_id: str
    published_at: str
    lake: str
    contract_version: int
    parser_version: str
    reference_version: str
    tables: dict[str, TableState]
    summary: RunSummary
    number: int = 0
    sources: tuple[KnownSource, ...] = ()
    forgotten: str = ""
    intakes: dict[str, str] = field(default_factory=dict)

    @property
    def months(self) -> tuple[str, ...]:
        """The months that hold documents, sorted."""
        state = self.tables.get(DOCUMENTS.name)
        return tuple(sorted({month_of(name) for name in state.files} if state else ()))

    def to_json(self) -> str:
        """The content of manifest.json."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest.json.

        Raises:
            LaterVersion: it is of a later version of Copydesk.
            SetupFault: it is damaged.
        """
        try:
            content = json.loads(path.read_text("utf-8"))
            if content["contract_version"] > CONTRACT_VERSION:
                raise LaterVersion(
                    f"{path.parent} was written by a later version of Copydesk "
                    f"(contract {content['contract_version']}, this one knows {CONTRACT_VERSION}): upgrade Copydesk"
                )
            content["tables"] = {
                name: TableState(**{**state, "files": tuple(state["files"])})
                for name, state in content["tables"].items()
            }
            summary = content["summary"]
            content["summary"] = RunSummary(**{**summary, "months": tuple(summary["months"])})
            content["sources"] = tuple(
                KnownSource(**{**source, "patterns": tuple(source["patterns"])})
                for source in content.get("sources", ())
            )
            return cls(**content)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else f"gives {type(error).__name__}"
            advice = f"{Home(path.parents[2]).command('check')} says what to do"
            raise SetupFault(
                f"The published version at {path.parent} is damaged ({MANIFEST} {reason}): {advice}"
            ) from None


def month_of(name: str) -> str:
    """The month of a file of a table that is kept by month, by its name below the table's folder."""
    # Partitions are folders: month=2021-02/<file>.
    return name.partition("/")[0].removeprefix("month=")


def current(home: Home, may_have_moved: bool = False) -> Manifest | None:
    """The manifest of the version that the link names, or None if nothing has been published.

    Raises:
        SetupFault: the link or its version is damaged; or the version's views point at another place, and that is
            not allowed for.
    """
    try:
        target = home.folder / home.link.readlink()
    except OSError:
        if not retained(home) and not has_lost_versions(home):
            return None
        # Never to be taken for a new home: the next run would clear the lake.
        advice = f"{home.command('check')} says what to do"
        raise SetupFault(f"{home.link} is no link to a version, but something was published: {advice}") from None
    manifest = Manifest.read(target.parent / MANIFEST)
    if not may_have_moved and not is_same_place(manifest.lake, home.lake):
        former = Path(manifest.lake).parent
        raise SetupFault(
            f"The home has moved here from {former}: {home.command('publish')} makes its views point at this place"
        )
    return manifest


def has_lost_versions(home: Home) -> bool:
    """Whether a lake without versions was once published: a first run that was killed or refused leaves one, too.

    Such a run leaves its staged rows beside it, and the log of `runs` at its first two entries.
    """
    if not home.staging.exists():
        return any(home.lake.glob("[!.]*/*"))
    entries = [path.name for path in (home.lake / RUNS.name / "_delta_log").glob("*.json")]
    return max(entries, default="") > _FIRST_RUN


_FIRST_RUN = f"{1:020}.json"


def newest(home: Home) -> Manifest | None:
    """The current version, wherever its views point; the newest sound one if the link or its version is damaged.

    Raises:
        SetupFault: the link or its version is damaged, and there is no other.
    """
    try:
        return current(home, may_have_moved=True)
    except LaterVersion:
        raise
    except SetupFault:
        # Without any, what is wrong is not that nothing has been published.
        if sound := retained(home):
            return sound[0]
        raise


def newest_readable(home: Home) -> Manifest | None:
    """As `newest`, for those who have to go on where the home is damaged: None then, too."""
    try:
        return newest(home)
    except SetupFault:
        return None


def is_same_place(one: str | Path, other: Path) -> bool:
    """Whether two paths lead to one folder: by what they are, not by how they are named, as there may be links."""
    try:
        return other.samefile(one)
    except OSError:
        return str(one) == str(other)


def require_current(home: Home) -> Manifest:
    """The current manifest.

    Raises:
        SetupFault: there is no home, or nothing has been published in it.
    """
    home.require()
    manifest = current(home)
    if manifest is None:
        raise SetupFault(nothing_loaded(home))
    return manifest


def nothing_loaded(home: Home) -> str:
    """What to say where something published is needed and nothing is."""
    return f"Nothing has been loaded into {home} yet: `copydesk run SOURCE`"


def retained(home: Home) -> list[Manifest]:
    """All published versions that are there and sound, the newest first.

    Raises:
        LaterVersion: one of them is of a later version of Copydesk.
    """
    found = []
    unfinished = unfinished_version(home)
    for path in home.versions.glob(f"*/{MANIFEST}"):
        if path.parent.suffix not in (BUILDING, LEAVING) and path.parent.name != unfinished:
            try:
                found.append(Manifest.read(path))
            except LaterVersion:
                raise
            except SetupFault:
                continue
    return sorted(found, key=lambda manifest: (manifest.number, manifest.published_at), reverse=True)


def next_number(home: Home) -> int:
    """The number of the version that is published next."""
    return 1 + max((manifest.number for manifest in retained(home)), default=0)


def unfinished_version(home: Home) -> str | None:
    """The name of the version whose publish was killed before its last step; None if there is none.

    Nobody has ever seen it: it counts for nothing, and is cleared away by the next run.
    """
    try:
        name = home.next_link.readlink().parent.name
    except OSError:
        return None
    try:
        return None if home.link.readlink().parent.name == name else name
    except OSError:
        return name


def has_leftovers(home: Home) -> bool:
    """Whether a run that was killed or refused has left something to be cleared away, or one is at work."""
    return (
        home.staging.exists()
        or os.path.lexists(home.next_link)
        or home.next_forgotten.exists()
        or any(home.versions.glob(f"*{BUILDING}"))
        or any(home.versions.glob(f"*{LEAVING}"))
    )


def find_retained(home: Home, as_of: str) -> Manifest:
    """The retained version that was published by a run.

    Args:
        home: an existing home.
        as_of: the run's id or its unique beginning: its latest publish; or the name of a version.

    Raises:
        SetupFault: no such version is retained, several are meant, or its views point at another place.
    """
    versions = retained(home)
    found = [manifest for manifest in versions if as_of and manifest.run_id.startswith(as_of)]
    runs = list(dict.fromkeys(manifest.run_id for manifest in found))
    if len(runs) > 1:
        raise SetupFault(f"{as_of} begins the ids of {len(runs)} runs: {', '.join(runs)}. Give more of it")
    # By its whole name a publish without a new run; a run's id alone is the name of its first publish, too.
    found = found or [manifest for manifest in versions if manifest.name == as_of]
    if not found:
        have = ", ".join(f"{manifest.name} ({manifest.published_at[:16].replace('T', ' ')})" for manifest in versions)
        raise SetupFault(
            f"No version of a run {as_of!r} is retained (any more). Those that are, with their time (UTC): "
            f"{have or 'none'}. [publish] keep_versions in {home.settings_file} says how many are"
        )
    manifest = found[0]
    if not is_same_place(manifest.lake, home.lake):
        raise SetupFault(
            f"Version {manifest.name} was published before the home moved here from {Path(manifest.lake).parent}, and "
            f"its views point there: {home.command('repair')} builds it again for this place"
        )
    return manifest


def unforgetting(home: Home) -> list[Path]:
    """The folders of retained versions that were made before something was forgotten: none, if all went well."""
    published = current(home, may_have_moved=True)
    if published is None:
        return []
    return [home.versions / found.name for found in retained(home) if found.forgotten != published.forgotten]


def locations(home: Home, manifest: Manifest | None, table: Table) -> list[Path]:
    """Where a table's files of a version lie."""
    state = manifest.tables.get(table.name) if manifest else None
    return [home.lake / table.name / name for name in state.files] if state else []


def read_table(home: Home, manifest: Manifest | None, table: Table, columns: Sequence[str] | None = None) -> pa.Table:
    """A small table of a version as Arrow; empty if nothing has been published.

    Raises:
        SetupFault: one of its files is missing or damaged.
    """
    wanted = list(columns or [column.name for column in table.stored])
    schema = pa.schema([table.schema.field(name) for name in wanted])
    # Neither schema.empty_table() nor pq.read_table(): both import pandas, which takes a second.
    parts = [pa.Table.from_batches([], schema)]
    for location in locations(home, manifest, table):
        try:
            parts.append(pq.ParquetFile(location).read(wanted).cast(schema))
        except (OSError, pa.ArrowInvalid) as error:
            raise SetupFault(
                f"The home is damaged: cannot read {location} ({error}). {home.command('check')} says what to do"
            ) from None
    return pa.concat_tables(parts)


def now() -> dt.datetime:
    """The time as the tables hold it: UTC without a zone."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
