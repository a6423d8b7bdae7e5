"""What a run has to do: which sources, which files are new, changed or gone. Decided before anything heavy starts.

Nothing here writes. Doing it belongs to `warehouse.load`.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from etl.addresses import file_of, is_container
from etl.contract import FILES, PARSER_VERSION, REJECT_REASONS, REJECTS, SOURCES
from etl.errors import RecordFault, SetupFault
from etl.intake import Intake, Limits, is_read_otherwise
from etl.outside import sidecar_digest
from etl.own_reference import load_own
from etl.reference import Reference, load_reference
from etl.sources import (
    ListedFile,
    enters,
    is_glob,
    is_temporary,
    list_file,
    list_files,
    matcher,
    on_disk,
    open_file,
    readable,
    split_glob,
)
from warehouse.forgotten import Forgotten, require_forgotten
from warehouse.home import RESERVED, Home, Source, absolute
from warehouse.manifest import Manifest, current, read_table, require_current

SETTLED_NS = 2_000_000_000
"""Age from which a file is taken for finished, in nanoseconds: who writes one seldom pauses for so long."""

KNOWN_ROWS = 10_000
"""Rows of the ledger that are looked at at once."""

SECOND_LOOK_SECONDS = 1.0
"""After which a new file is looked at again: one that is copied with its old mtime shows only by growing."""


@dataclass
class Request:
    """What of one source is to be listed.

    Attributes:
        source: which, with all its patterns.
        is_whole: whether the whole root is listed, so that what is not there is missing.
        under: else the folders below the root to walk.
        paths: else the single files to look at.
        patterns: else glob patterns on the whole root.
    """

    source: Source
    is_whole: bool = False
    under: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    patterns: list[str] = field(default_factory=list)


@dataclass
class Plan:
    """What a run has to do.

    Attributes:
        published: the current version, None if there is none.
        sources: those named by this run that hold files, as they are to be recorded.
        files_seen: files listed.
        read: new or changed files by source name.
        touched: unchanged files whose mtime is another, as (source, path, mtime in microseconds).
        missing: files that were there and are not, as (source, path).
        withdrawn: those of them whose documents are withdrawn.
        returned: files that were missing and are there again, unchanged, as (source, path).
        waiting: new or changed files that are left for later, as they may still be written to.
        is_reparse: whether stored documents were parsed with another parser or other reference data.
        rebuild: months whose stored documents are parsed again whatever they were parsed with.
        is_retry: whether the files to read are those of rejects.
        gone: files of rejects that were to be read again and are not there; they are left as they are.
        is_new_source: whether a source is recorded for the first time, or with more patterns.
        forgotten: what is not to be loaded.
        is_forgetting: whether the published rows were made with another list, so that what this one names is erased.
        reference: what texts are read with, the user's own included.
        intake: how the files of each source are taken in, by its name.
        intakes: what the manifest is to say of it: of sources of which all files are read as they are said to be now.
        limits: what holds for each file.
    """

    published: Manifest | None
    sources: list[Source] = field(default_factory=list)
    files_seen: int = 0
    read: dict[str, list[ListedFile]] = field(default_factory=dict)
    touched: list[tuple[str, str, int]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    withdrawn: list[tuple[str, str]] = field(default_factory=list)
    returned: list[tuple[str, str]] = field(default_factory=list)
    waiting: int = 0
    is_reparse: bool = False
    rebuild: frozenset[str] = frozenset()
    is_retry: bool = False
    gone: int = 0
    is_new_source: bool = False
    forgotten: Forgotten = field(default_factory=Forgotten)
    is_forgetting: bool = False
    reference: Reference = field(default_factory=load_reference)
    intake: dict[str, Intake] = field(default_factory=dict)
    intakes: dict[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    @property
    def files_to_read(self) -> int:
        """How many files are new or changed."""
        return sum(map(len, self.read.values()))

    @property
    def is_retry_only(self) -> bool:
        """Whether rejects are read again and nothing else is to be done: that may come to nothing."""
        return self.is_retry and not (self.missing or self.is_reparse or self.is_forgetting)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do. A changed mtime alone is nothing."""
        return not (
            self.files_to_read
            or self.missing
            or self.withdrawn
            or self.returned
            or self.is_reparse
            or self.rebuild
            or self.is_forgetting
        )


@dataclass(frozen=True, slots=True)
class _Known:
    byte_count: int
    mtime: int | None
    sha256: str | None
    status: str
    record_count: int


def make_plan(
    home: Home,
    arguments: Sequence[str] = (),
    name: str | None = None,
    is_settled_only: bool = False,
    is_listing_only: bool = False,
    accept_shrink: bool = False,
) -> Plan:
    """Compare the sources with what is published.

    Args:
        home: an existing home.
        arguments: folders, files or glob patterns; those of copydesk.toml if there are none.
        name: the source's name, instead of its folder's.
        is_settled_only: leave files for later that are younger than two seconds, grow while they are looked at, or have
            hidden or temporary names.
        is_listing_only: read no file: one whose mtime is another counts as changed, though its bytes may be the same.
        accept_shrink: take a source that is suddenly empty for one that was emptied, and not for an unmounted disk.

    Raises:
        SetupFault: a source does not exist, is suddenly empty, or disagrees with the known ones.
    """
    if name is not None and (not arguments or not name.isprintable() or not name.strip()):
        raise SetupFault("--as NAME gives a source a name: one printable line, with the source beside it")
    while True:
        published = current(home)
        try:
            return _compared(home, published, arguments, name, is_settled_only, is_listing_only, accept_shrink)
        except SetupFault:
            # Without the lock: a version that has gone meanwhile, as when something is forgotten, is no damage.
            if current(home) == published:
                raise


def _compared(
    home: Home,
    published: Manifest | None,
    arguments: Sequence[str],
    name: str | None,
    is_settled_only: bool,
    is_listing_only: bool,
    accept_shrink: bool,
) -> Plan:
    recorded = _recorded_sources(home, published)
    known_sources = _known_sources(home, recorded)
    requests = _requested(home, arguments, name, known_sources) if arguments else _configured(home, known_sources)
    plan = _plan(home, published)
    files = read_table(home, published, FILES)
    known_files = _known_files(files, {request.source.name for request in requests})
    for request in requests:
        listed = _list(home, request, is_explicit=bool(arguments))
        plan.files_seen += len(listed)
        if listed:
            plan.sources.append(request.source)
        known = known_files.pop(request.source.name)
        is_otherwise = _set_intake(plan, request, bool(known))
        if arguments and request.is_whole and not (listed or known):
            raise SetupFault(f"No file below {request.source.root} matches {', '.join(request.source.patterns)}")
        _compare(plan, request, listed, known, is_listing_only, accept_shrink, is_otherwise)
    _take_up(home, plan, files, recorded)
    if is_settled_only:
        _leave_unsettled(plan)
    plan.is_new_source = any(
        source.name not in recorded
        or set(recorded[source.name].patterns) != set(source.patterns)
        or recorded[source.name].root != source.root
        for source in plan.sources
    )
    return plan


def make_rebuild(home: Home, months: Iterable[str]) -> Plan:
    """Plan to parse stored documents again, from `documents.text`; the sources are not looked at.

    Args:
        home: an existing home.
        months: which, as in `documents.month`; all if there are none.

    Raises:
        SetupFault: nothing has been published, or no document is of such a month.
    """
    published = require_current(home)
    known = published.months
    unknown = sorted(set(months) - set(known))
    if unknown:
        have = f"{known[0]} to {known[-1]}" if known else "none"
        raise SetupFault(
            f"No documents of {', '.join(unknown)}; months are written as 2021-02 or undated, there are {have}"
        )
    plan = make_forget(home)
    plan.rebuild = frozenset(months or known)
    return plan


def make_retry(home: Home, reasons: Iterable[str] = ()) -> Plan:
    """Plan to read the files of current rejects again, whether or not they have changed.

    No root is listed: a file that is gone is left as it is.

    Args:
        home: an existing home.
        reasons: of the rejects, as in `rejects.reason`; all if there are none.

    Raises:
        SetupFault: nothing has been published, or there is no such reason.
    """
    wanted = check_reasons(reasons)
    published = require_current(home)
    plan = _plan(home, published)
    plan.is_retry = True
    recorded = _recorded_sources(home, published)
    rejects = read_table(home, published, REJECTS, ["source", "path", "reason"]).to_pylist()
    paths = {(row["source"], file_of(row["path"])) for row in rejects if row["reason"] in wanted}
    plan.gone = len(paths) - _read_again(plan, paths, recorded)
    plan.files_seen = plan.files_to_read
    files = read_table(home, published, FILES)
    _take_up(home, plan, files, recorded)
    return plan


def check_reasons(reasons: Iterable[str]) -> frozenset[str]:
    """Reasons of rejects; all there are if none is named.

    Raises:
        SetupFault: one of them is no reason.
    """
    wanted = frozenset(reasons)
    if unknown := sorted(wanted - set(REJECT_REASONS)):
        raise SetupFault(f"No reject has the reason {', '.join(unknown)}; reasons are {', '.join(REJECT_REASONS)}")
    return wanted or frozenset(REJECT_REASONS)


def make_mending(
    home: Home,
    published: Manifest,
    recorded: pa.Table,
    files: pa.Table,
    rejects: pa.Table,
    again: Iterable[tuple[str, str]],
    months: Iterable[str],
    is_listing: bool,
) -> Plan:
    """Plan to make good what a damaged home has lost, as far as the sources and the stored texts still hold it.

    Args:
        home: an existing home.
        published: the state that is gone out from.
        recorded: rows of `sources`.
        files: rows of `files`.
        rejects: rows of `rejects`.
        again: (source, path) of files to be read again, whether they have changed or not. Those that are not in
            their sources any more are not in the plan.
        months: those whose documents are parsed again from their texts.
        is_listing: whether to take up what is new, changed or gone in the sources as well.

    Raises:
        SetupFault: a source disagrees with copydesk.toml, or cannot be listed.
    """
    plan = _plan(home, published)
    plan.rebuild = frozenset(months)
    wanted = set(again)
    for name, source in _known_sources(home, _sources_by_name(recorded)).items():
        paths = {path for owner, path in wanted if owner == name}
        # A source whose disk is not mounted is left alone: nothing of it is missing yet.
        if not os.path.isdir(source.root) or not (paths or is_listing):  # noqa: PTH112
            continue
        listed = {
            file.path: file
            for file in list_files(source.root, source.patterns, skip=home.folder, with_archives=source.archives)
        }
        if is_listing and listed:
            plan.files_seen += len(listed)
            plan.sources.append(source)
            _compare(plan, Request(source, is_whole=True), listed, _known_files(files, [name])[name], False)
        taken = {file.path: file for file in plan.read.get(name, [])}
        for path in paths - set(taken):
            file = listed.get(path) or list_file(source.root, path)
            if file is not None:
                taken[path] = file
        if taken:
            plan.read[name] = [taken[path] for path in sorted(taken)]
    known = _sources_by_name(recorded)
    _retry_rejected(plan, files, rejects, known)
    _miss_forgotten(plan, files, rejects, known)
    _take_in(home, plan, known)
    return plan


def make_forget(home: Home) -> Plan:
    """Plan to erase what the home's list of what was forgotten names; the sources are not listed.

    Args:
        home: an existing home.

    Raises:
        SetupFault: nothing has been published, or the list is damaged or gone.
    """
    published = require_current(home)
    plan = _plan(home, published)
    files, recorded = read_table(home, published, FILES), _recorded_sources(home, published)
    _take_up(home, plan, files, recorded)
    return plan


def _intake_of(plan: Plan, source: Source) -> Intake:
    """How a source is taken in, with the digest of its sidecar.

    Raises:
        SetupFault: the sidecar cannot be read.
    """
    # The limits hold for sources that copydesk.toml does not name, too.
    intake = replace(source.intake, limits=plan.limits)
    return replace(intake, sidecar_sha256=sidecar_digest(intake.sidecar)) if intake.sidecar else intake


def _set_intake(plan: Plan, request: Request, has_files: bool) -> Callable[[str], bool]:
    """Note how a source is taken in now. Returns what tells of a known file whether it was read in another way."""
    name = request.source.name
    plan.intake[name] = _intake_of(plan, request.source)
    now, then = plan.intake[name].digest, plan.intakes.get(name, "")
    if now == then or not (request.is_whole or not has_files):
        return lambda path: False
    plan.intakes[name] = now
    return partial(is_read_otherwise, now=now, then=then)


def _plan(home: Home, published: Manifest | None) -> Plan:
    forgotten = require_forgotten(home, published)
    plan = Plan(published, forgotten=forgotten, reference=load_own(home.reference), limits=home.settings.limits)
    if published is not None:
        plan.intakes = dict(published.intakes)
        versions = (published.parser_version, published.reference_version)
        plan.is_reparse = versions != (PARSER_VERSION, plan.reference.version)
        plan.is_forgetting = published.forgotten != plan.forgotten.digest
    return plan


def _take_up(home: Home, plan: Plan, files: pa.Table, recorded: dict[str, Source]) -> None:
    """Add what every run takes up, whatever it was asked for: what an upgrade or a forget has left to be done."""
    if plan.is_reparse or plan.is_forgetting:
        rejects = read_table(home, plan.published, REJECTS, _LOOKED_FOR)
        _retry_rejected(plan, files, rejects, recorded)
        _miss_forgotten(plan, files, rejects, recorded)
    _take_in(home, plan, recorded)


def _take_in(home: Home, plan: Plan, recorded: dict[str, Source]) -> None:
    """Find out how the files that are read again are taken in."""
    if unknown := plan.read.keys() - plan.intake.keys():
        known = _known_sources(home, recorded)
        plan.intake.update((name, _intake_of(plan, known[name])) for name in unknown)


_LOOKED_FOR = ["source", "path", "stage", "reason", "raw_excerpt"]


def _miss_forgotten(plan: Plan, files: pa.Table, rejects: pa.Table, recorded: dict[str, Source]) -> None:
    """Take files for missing that hold what is to be forgotten and are not there any more: their rows can go.

    Elsewhere only the listing of a whole root makes a file missing. Here nothing can be lost: should it come back, as
    after a disk was not mounted, it is rejected as forgotten. In a source that holds such files, those without any
    content are looked for, too, so that nothing of a source that was deleted as a whole stays.
    """
    if not plan.is_forgetting:
        return
    is_present = pc.is_in(files.column("status"), pa.array(["loaded", "rejected"]))
    is_named = plan.forgotten.names(files.column("sha256"))
    sources = pc.unique(files.filter(is_named).column("source"))
    is_hollow = pc.or_(pc.is_null(rejects.column("raw_excerpt")), pc.equal(rejects.column("reason"), "blank"))
    hollow = rejects.filter(pc.and_(is_hollow, pc.is_in(rejects.column("source"), sources)))
    is_looked_for = pc.or_(is_named, pc.is_in(_pairs(files), _pairs(hollow)))
    known = {*plan.missing, *((name, file.path) for name, taken in plan.read.items() for file in taken)}
    is_gone = {name: _looker(source.root) for name, source in recorded.items()}
    for batch in files.filter(pc.and_(is_present, is_looked_for)).select(["source", "path"]).to_batches():
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if row not in known and is_gone[row[0]](row[1]):
                plan.missing.append(row)


def _pairs(table: pa.Table) -> pa.ChunkedArray:
    """Source and path as one value, to look them up together."""
    return pc.binary_join_element_wise(table.column("source"), table.column("path"), "\0")


def _retry_rejected(plan: Plan, files: pa.Table, rejects: pa.Table, recorded: dict[str, Source]) -> None:
    """After an upgrade, take up what another parser could not read, in sources that were not listed, too.

    The version that this run publishes counts as parsed with the new parser: later runs would not look again.
    """
    if not plan.is_reparse or plan.published is None:
        return
    is_rejected = pc.and_(pc.equal(files.column("status"), "rejected"), pc.is_valid(files.column("sha256")))
    rows = files.filter(is_rejected).select(["source", "path"]).to_pylist()
    if plan.published.parser_version != PARSER_VERSION:
        # Of files of many records, too, which are loaded but for these: no change of the reference data mends them.
        rows += rejects.filter(pc.is_in(rejects.column("stage"), pa.array(["decode", "parse"]))).to_pylist()
    _read_again(plan, dict.fromkeys((row["source"], file_of(row["path"])) for row in rows), recorded)


def _read_again(plan: Plan, paths: Iterable[tuple[str, str]], recorded: dict[str, Source]) -> int:
    """Have files read that are known, as (source, path). Returns how many of them are there."""
    taken: dict[str, dict[str, ListedFile]] = {}
    count = 0
    for name, path in paths:
        if name not in recorded:
            continue
        files = taken.setdefault(name, {file.path: file for file in plan.read.get(name, ())})
        if path not in files and (file := list_file(recorded[name].root, path)):
            files[path] = file
        count += path in files
    for name, files in taken.items():
        if files:
            plan.read[name] = [files[path] for path in sorted(files)]
    return count


def _leave_unsettled(plan: Plan) -> None:
    """Leave out files that may still be written to: the next run takes them."""
    if not plan.read:
        return
    now = time.time_ns()
    time.sleep(SECOND_LOOK_SECONDS)
    for source, files in list(plan.read.items()):
        settled = [file for file in files if is_finished(file, now) and not _has_changed(file)]
        plan.waiting += len(files) - len(settled)
        if settled:
            plan.read[source] = settled
        else:
            del plan.read[source]


def is_finished(file: ListedFile, now: int) -> bool:
    """Whether a file looks as if nobody writes to it any more: it is settled, and its name is no temporary one.

    Args:
        file: as it was listed.
        now: the time, in nanoseconds since 1970.
    """
    return is_settled(file, now) and not is_temporary(file.path)


def is_settled(file: ListedFile, now: int) -> bool:
    """Whether a file was last modified two seconds ago or longer, or at no time that the clock has reached.

    Args:
        file: as it was listed.
        now: the time, in nanoseconds since 1970.
    """
    return abs(now - file.mtime_ns) >= SETTLED_NS


def _has_changed(file: ListedFile) -> bool:
    try:
        status = os.stat(file.location)  # noqa: PTH116
    except OSError:
        return True
    return (status.st_size, status.st_mtime_ns) != (file.byte_count, file.mtime_ns)


def _recorded_sources(home: Home, published: Manifest | None) -> dict[str, Source]:
    """The sources of the published version, by name."""
    return _sources_by_name(read_table(home, published, SOURCES))


def _sources_by_name(rows: pa.Table) -> dict[str, Source]:
    return {row["source"]: Source(row["source"], Path(row["root"]), tuple(row["patterns"])) for row in rows.to_pylist()}


def _known_sources(home: Home, recorded: dict[str, Source]) -> dict[str, Source]:
    """The recorded sources and those of copydesk.toml, by name; settings win."""
    found = dict(recorded)
    for source in home.settings.sources:
        former = recorded.get(source.name)
        if former is not None and os.path.realpath(former.root) != os.path.realpath(source.root):
            raise SetupFault(
                f"{home.settings_file}: the source {source.name} has the root {source.root}, but was recorded with "
                f"{former.root}. Give it another name"
            )
        found[source.name] = source
    return found


def _configured(home: Home, known: dict[str, Source]) -> list[Request]:
    for source in home.settings.sources:
        _check_root(home, source, known)
    return [Request(source, is_whole=True) for source in home.settings.sources]


def _requested(home: Home, arguments: Sequence[str], name: str | None, known: dict[str, Source]) -> list[Request]:
    if name is not None and len(arguments) > 1:
        raise SetupFault("--as NAME names one source: give one folder, file or pattern with it")
    requests: dict[str, Request] = {}
    known = dict(known)
    for argument in arguments:
        _add_request(home, argument, name, known, requests)
    return list(requests.values())


def _add_request(
    home: Home, argument: str, name: str | None, known: dict[str, Source], requests: dict[str, Request]
) -> None:
    if not argument:
        raise SetupFault("A source is a folder, a file or a glob pattern, not nothing")
    location = absolute(argument)
    pattern = None
    if location.is_dir():
        folder = location
    elif location.is_file():
        folder, pattern = location.parent, glob.escape(readable(location.name))
    elif location.exists():
        raise SetupFault(f"{argument} is neither a file nor a folder")
    elif is_glob(argument):
        fixed, pattern = split_glob(argument)
        folder = absolute(fixed)
        if not folder.is_dir():
            raise SetupFault(f"No folder {folder}, where {argument} begins")
    else:
        raise SetupFault(f"No source at {argument}: there is no such file or folder")

    # Where it really is: a folder may be reached through links, and is one source all the same.
    label, folder = folder.name, Path(os.path.realpath(folder))
    source = _owner(home, folder, known)
    if source is None:
        source = Source(name or label or "root", folder, patterns=() if pattern else Source.patterns)
        _check_root(home, source, known)
    elif name is not None and name != source.name:
        raise SetupFault(f"{argument} belongs to the source {source.name}, recorded earlier: leave out --as {name}")
    below = folder.relative_to(os.path.realpath(source.root)).as_posix()
    below = "" if below == "." else below
    if pattern is None:
        patterns = source.patterns if source.is_configured else (*source.patterns, *Source.patterns)
    else:
        pattern = f"{glob.escape(below)}/{pattern}" if below else pattern
        path = readable(f"{below}/{location.name}" if below else location.name)
        if source.is_configured and location.is_file() and not matcher(source.patterns)(path):
            raise SetupFault(
                f"{argument} lies in the source {source.name}, whose patterns ({', '.join(source.patterns)}) do not "
                f"match it: add one in {home.settings_file}"
            )
        patterns = source.patterns if source.is_configured else (*source.patterns, pattern)
    source = replace(source, patterns=_without_covered(patterns))
    known[source.name] = source
    request = requests.setdefault(source.name, Request(source))
    request.source = source
    if pattern is None and not below:
        request.is_whole = True
    elif pattern is None:
        request.under.append(below)
    elif location.exists():
        request.paths.append(readable(f"{below}/{location.name}" if below else location.name))
    else:
        request.patterns.append(pattern)


def _without_covered(patterns: Iterable[str]) -> tuple[str, ...]:
    """Patterns without repetitions, and without names that the default pattern matches anyway."""
    kept = list(dict.fromkeys(patterns))
    if Source.patterns[0] in kept:
        kept = [p for p in kept if p == Source.patterns[0] or is_glob(p) or not p.lower().endswith(".txt")]
    return tuple(kept)


def _owner(home: Home, folder: Path, known: dict[str, Source]) -> Source | None:
    """The known source that a folder lies in."""
    for source in known.values():
        if _holds(home, source.root, folder):
            return source
    return None


def _holds(home: Home, root: Path, folder: Path) -> bool:
    """Whether a source with that root holds a folder: one that contains the home does not hold what is in there."""
    root, folder, inside = (Path(os.path.realpath(path)) for path in (root, folder, home.folder))
    if inside.is_relative_to(root) and root != inside and folder.is_relative_to(inside):
        return False
    return folder.is_relative_to(root)


def _check_root(home: Home, source: Source, known: dict[str, Source]) -> None:
    if readable(str(source.root)) != str(source.root):
        raise SetupFault(f"The name of a source's folder has to be UTF-8: {readable(str(source.root))}")
    root = Path(os.path.realpath(source.root))
    if root == Path(os.path.realpath(home.folder)):
        raise SetupFault(f"The home itself cannot be a source: {home}")
    for reserved in RESERVED:
        inside = home.folder / reserved
        if root.is_relative_to(os.path.realpath(inside)):
            raise SetupFault(f"No source can lie in {inside}: that is Copydesk's own")
    for other in known.values():
        is_other_root = os.path.realpath(other.root) != str(root)
        if other.name == source.name and is_other_root:
            raise SetupFault(
                f"A source named {source.name} is recorded with the root {other.root}: name this one with --as NAME"
            )
        if other.name != source.name and (
            _holds(home, source.root, other.root) or _holds(home, other.root, source.root)
        ):
            raise SetupFault(f"{source.root} overlaps with {other.root}, the root of the source {other.name}")


def _list(home: Home, request: Request, is_explicit: bool) -> dict[str, ListedFile]:
    source = request.source
    if not os.path.isdir(source.root):  # noqa: PTH112
        where = "" if is_explicit else f" (sources are set in {home.settings_file})"
        raise SetupFault(f"No source at {source.root}{where}")
    listed: dict[str, ListedFile] = {}

    def walk(patterns: Iterable[str], under: str = "") -> int:
        before = len(listed)
        for file in list_files(source.root, patterns, under, skip=home.folder, with_archives=source.archives):
            listed[file.path] = file
        return len(listed) - before

    if request.is_whole:
        walk(source.patterns)
    for under in request.under:
        if not walk(source.patterns, under) and not request.is_whole:
            raise SetupFault(f"No file below {source.root / under} matches {', '.join(source.patterns)}")
    for pattern in request.patterns:
        if not walk([pattern]) and not request.is_whole:
            raise SetupFault(f"No file below {source.root} matches {pattern}")
    for path in request.paths:
        file = list_file(source.root, path)
        if file is None:
            raise SetupFault(f"Cannot look at {source.root / path}")
        listed[file.path] = file
    return listed


def _known_files(files: pa.Table, sources: Iterable[str]) -> dict[str, dict[str, _Known]]:
    """What is known of the files of some sources, by source and path."""
    found: dict[str, dict[str, _Known]] = {source: {} for source in sources}
    columns = ("source", "path", "byte_count", "mtime", "sha256", "status", "record_count")
    # In Python throughout: comparing with Arrow would import pandas, which takes longer than this does.
    for batch in files.select(columns).to_batches(KNOWN_ROWS):
        # Timestamps as numbers: comparing is all that they are for.
        arrays = [column.cast("int64") if pa.types.is_timestamp(column.type) else column for column in batch.columns]
        for source, path, byte_count, mtime, sha256, status, record_count in zip(
            *(array.to_pylist() for array in arrays), strict=True
        ):
            if source in found:
                found[source][path] = _Known(byte_count, mtime, sha256, sys.intern(status), record_count)
    return found


def _compare(
    plan: Plan,
    request: Request,
    listed: dict[str, ListedFile],
    known: dict[str, _Known],
    is_listing_only: bool,
    accept_shrink: bool = False,
    is_otherwise: Callable[[str], bool] = lambda path: False,
) -> None:
    source = request.source
    present = [path for path, file in known.items() if file.status in {"loaded", "rejected"}]
    if request.is_whole and present and not listed and not accept_shrink:
        raise SetupFault(
            f"{source.root} is suddenly empty, it held {len(present)} files: is a disk not mounted? Nothing was "
            "changed; if it was emptied, run again with --accept-shrink"
        )
    read = []
    for path in sorted(listed):
        file, former = listed[path], known.get(path)
        is_new = former is None or former.status == "moved" or not former.record_count
        # What another parser could not read, this one may.
        if (
            former is None
            or is_new
            or is_otherwise(path)
            or (plan.is_reparse and former.status == "rejected" and former.sha256)
        ):
            read.append(file)
            continue
        if former.sha256 is None:
            # It could not be read; it is tried again once that is possible.
            if former.status == "missing":
                plan.returned.append((source.name, path))
            if _is_readable(file, plan.limits, is_listing_only):
                read.append(file)
            continue
        mtime = file.mtime_ns // 1000
        # A link to a file that was moved out of the source has the size and time of that file.
        is_same = not file.is_outside and (former.byte_count, former.mtime) == (file.byte_count, mtime)
        if _is_too_large(file, plan.limits):
            # Other limits held when it was read.
            read.append(file)
            continue
        if not is_same and (is_listing_only or not _has_digest(file, former)):
            read.append(file)
            continue
        if not is_same and is_settled(file, time.time_ns()):
            plan.touched.append((source.name, path, mtime))
        if former.status == "missing":
            plan.returned.append((source.name, path))
    if read:
        plan.read[source.name] = read
    if request.is_whole:
        # What the patterns no longer match, but is there, is not missing.
        is_gone = _looker(source.root)
        gone = [path for path in known if path not in listed and is_gone(path)]
        if gone and listed and not any(source.root.iterdir()):
            raise SetupFault(
                f"{source.root} has vanished while it was listed: is a disk unplugged? Nothing was changed"
            )
        plan.missing += [(source.name, path) for path in gone if known[path].status in {"loaded", "rejected"}]
        if source.on_missing == "withdraw":
            plan.withdrawn += [
                (source.name, path)
                for path in gone
                if known[path].status in {"loaded", "rejected", "missing"} and known[path].record_count
            ]


def _looker(root: Path) -> Callable[[str], bool]:
    """Whether no file is there that a listing of all below a root would come to, by its path, as a function.

    A disk that fails says nothing about what lies on it: where the system cannot tell, the function raises SetupFault.
    """
    is_entered = enters(root)

    def is_gone(path: str) -> bool:
        location = root / on_disk(path)
        try:
            # First: what lies behind a link may be anything.
            if not is_entered(path):
                return True
            status = location.lstat()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return True
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
                return True
            raise SetupFault(
                f"Cannot look at {readable(str(location))}: {error.strerror}. Nothing was changed"
            ) from None
        if stat.S_ISLNK(status.st_mode):
            # As the listing has it: a link that cannot be followed is none to a file.
            return not os.path.isfile(location)  # noqa: PTH113
        return not stat.S_ISREG(status.st_mode)

    return is_gone


def _is_too_large(file: ListedFile, limits: Limits) -> bool:
    return file.byte_count > limits.record_bytes and not is_container(file.path)


def _is_readable(file: ListedFile, limits: Limits, is_listing_only: bool) -> bool:
    """Whether a file can be read for one text: permissions alone do not tell, but by listing there is no more."""
    if file.is_outside or _is_too_large(file, limits) or not os.access(file.location, os.R_OK):
        return False
    if is_listing_only:
        return True
    try:
        with open_file(file) as handle:
            handle.read(1)
    except (OSError, RecordFault):
        return False
    return True


def _has_digest(file: ListedFile, known: _Known) -> bool:
    """Whether a file's bytes are those that are known, by digest; a file that cannot be read has none."""
    if file.is_outside or file.byte_count != known.byte_count:
        return False
    digest = hashlib.sha256()
    try:
        with open_file(file) as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    except (OSError, RecordFault):
        return False
    return digest.hexdigest() == known.sha256
