"""The home folder: where everything that Copydesk writes lies, and its settings in copydesk.toml."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import shlex
import tomllib
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from etl.errors import SetupFault
from etl.intake import Intake, Limits
from etl.reference.own import FILES as OWN_FILES
from etl.sources import DEFAULT_PATTERNS, RECORD_PATTERNS, readable
from warehouse.intake import KEYS, LIMITS, check_intake, check_limits

_T = TypeVar("_T")

ENVIRONMENT = "COPYDESK_HOME"
DEFAULT_HOME = "data"
RESERVED = ("lake", "versions", "dagster", "reference", "alerts")
"""Folders of the home in which no source may lie."""

ON_MISSING = ("keep", "withdraw")

LEAST_MEMORY = 512_000_000
"""Bytes below which a worker has no room for a batch: the reference data and the libraries take 200 MB."""

LONGEST_MESSAGE = 1_000
"""Characters of what is said of a setting: its value may be of any length."""

_BYTES = {"MB": 1_000_000, "GB": 1_000_000_000}
_UNITS = {"m": dt.timedelta(minutes=1), "h": dt.timedelta(hours=1), "d": dt.timedelta(days=1)}

_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afpfs"}


@dataclass(frozen=True)
class Source:
    """A named folder of raw files.

    Attributes:
        name: as in the column `source`.
        root: its folder, absolute.
        patterns: which files below it belong to it.
        on_missing: what becomes of the documents of a file that is no longer there: keep or withdraw.
        is_configured: whether copydesk.toml names it.
        fail_window: the longest time without a new file that is no cause for concern; None if any time is.
        archives: whether archives are opened that the patterns do not name.
        said: how its files are taken in.
    """

    name: str
    root: Path
    patterns: tuple[str, ...] = DEFAULT_PATTERNS
    on_missing: str = "keep"
    is_configured: bool = False
    fail_window: dt.timedelta | None = None
    archives: bool = True
    said: Intake = field(default_factory=Intake)

    @property
    def intake(self) -> Intake:
        """How its files are taken in, as they are read."""
        return replace(self.said, patterns=self.patterns)


@dataclass(frozen=True)
class Settings:
    """What copydesk.toml says.

    Attributes:
        sources: in its order.
        keep_versions: published versions that are kept.
        workers: processes that read files; 0 for as many as there are processors.
        document_timeout: seconds that reading one document may take.
        worker_memory: bytes that each of those processes may take.
        schedule_time: when the daily run starts.
        schedule_timezone: the IANA time zone of that time.
        alert_command: program and arguments to run when something needs a person; empty for none.
        limits: what one file may expand to.
    """

    sources: tuple[Source, ...]
    keep_versions: int = 5
    workers: int = 0
    document_timeout: int = 60
    worker_memory: int = 1_000_000_000
    schedule_time: dt.time = dt.time(5, 30)
    schedule_timezone: str = "UTC"
    alert_command: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


class Home:
    """A home folder and what lies where in it. Making one of these touches nothing on disk."""

    def __init__(self, folder: str | Path) -> None:
        # Not resolved: a home may be reached through a link, and people know it by that name.
        self.folder = absolute(folder)
        if unfit := re.search(
            r"[^/]*%[0-9A-Fa-f]{2}[^/]*|[^/]*[?\\\x00-\x1f\x7f\udc80-\udcff][^/]*|[^/]+=[^/]*", str(self.folder)
        ):
            # DuckDB takes what follows a ? for parameters and a folder key=value for a partition; Delta Lake
            # takes %20 for a space.
            raise SetupFault(f"A home cannot lie below a folder named {readable(unfit[0])!r}")

    @classmethod
    def find(cls, folder: str | Path | None = None) -> Home:
        """The home that was named, else that of the environment, else ./data."""
        if folder is not None and not str(folder):
            raise SetupFault("--home is empty")
        return cls(folder or os.environ.get(ENVIRONMENT) or DEFAULT_HOME)

    def __str__(self) -> str:
        return str(self.folder)

    def command(self, name: str) -> str:
        """A command on this home as messages name it: in backquotes, to be pasted into a shell."""
        return f"`copydesk {name} --home {shlex.quote(str(self.folder))}`"

    @property
    def lake(self) -> Path:
        """The folder of the Delta tables."""
        return self.folder / "lake"

    @property
    def staging(self) -> Path:
        """Where runs in progress put what they have read.

        It is the first thing that a writer makes and the last that it removes: where it is there and nobody writes,
        something was left to be cleared away.
        """
        return self.lake / ".staging"

    @property
    def versions(self) -> Path:
        """The folder of the published versions."""
        return self.folder / "versions"

    @property
    def link(self) -> Path:
        """The link to the newest published file."""
        return self.folder / "warehouse.duckdb"

    @property
    def next_link(self) -> Path:
        """The link that is about to replace it: it is there only while a publish goes on, or where one was killed."""
        return self.folder / ".warehouse.duckdb.new"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.folder / "dagster"

    @property
    def alerts(self) -> Path:
        """The folder of the alert files: what needs a person, one file each."""
        return self.folder / "alerts"

    @property
    def reference(self) -> Path:
        """The folder of the user's own reference."""
        return self.folder / "reference"

    @property
    def forgotten(self) -> Path:
        """The list of what was forgotten."""
        return self.folder / "forgotten.txt"

    @property
    def next_forgotten(self) -> Path:
        """The list that is about to replace it: it is there only while it is written, or where that was killed."""
        return self.folder / ".forgotten.txt.new"

    @property
    def settings_file(self) -> Path:
        """copydesk.toml."""
        return self.folder / "copydesk.toml"

    @property
    def exists(self) -> bool:
        """Whether this is a home already."""
        return self.settings_file.exists() or self.versions.exists() or self.lake.exists()

    def create(self) -> None:
        """Make whatever of the home is missing. What is there stays as it is.

        Raises:
            SetupFault: it cannot be written.
        """
        try:
            for folder in (self.folder, self.lake, self.versions, self.dagster):
                folder.mkdir(parents=True, exist_ok=True)
            if not self.reference.exists():
                self.reference.mkdir()
                for name in OWN_FILES:
                    self._copy_template(f"reference/{name}", self.reference / name)
            if not self.settings_file.exists():
                (self.folder / "inbox").mkdir(exist_ok=True)
                self._copy_template("copydesk.toml", self.settings_file)
            if not (self.dagster / "dagster.yaml").exists():
                self._copy_template("dagster.yaml", self.dagster / "dagster.yaml")
        except OSError as error:
            raise SetupFault(
                f"Cannot write the home {self.folder}: {error.strerror}. Name another with --home"
            ) from None

    @staticmethod
    def _copy_template(name: str, target: Path) -> None:
        temporary = target.with_name(f".{target.name}.new")
        temporary.write_bytes(files("warehouse").joinpath(name).read_bytes())
        temporary.replace(target)

    def require(self) -> None:
        """Check that the home exists.

        Raises:
            SetupFault: it does not.
        """
        if not self.exists:
            raise SetupFault(f"No home at {self.folder}: `copydesk run SOURCE` makes one; --home DIR names another")

    @cached_property
    def settings(self) -> Settings:
        """What copydesk.toml says; the defaults if there is none.

        Raises:
            SetupFault: it is not TOML, or says what is not allowed.
        """
        try:
            # Editors of Windows put a byte order mark before it.
            content = tomllib.loads(self.settings_file.read_text("utf-8-sig"))
        except FileNotFoundError:
            return Settings(())
        except OSError as error:
            raise SetupFault(f"Cannot read {self.settings_file}: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            # Besides what is no TOML: what is nested without end, numbers of thousands of digits.
            raise SetupFault(f"{self.settings_file} is not valid TOML: {error}") from None
        return _Checker(self, content).settings()

    def warnings(self) -> list[str]:
        """What is unwise about the home's place, as sentences for people."""
        kind = _file_system(self.folder)
        if kind in _NETWORK_FILE_SYSTEMS:
            return [f"{self.folder} lies on a network file system ({kind}): locks and renames may fail there"]
        return []


class _Checker:
    """Turns the content of copydesk.toml into settings, or says what is wrong with it."""

    def __init__(self, home: Home, content: dict[str, Any]) -> None:
        self._home = home
        self._content = content

    def settings(self) -> Settings:
        self._allow("", self._content, {"source", "publish", "load", "schedule", "alerts", "limits"})
        publish = self._table("publish", {"keep_versions"})
        load = self._table("load", {"workers", "document_timeout", "worker_memory"})
        schedule = self._table("schedule", {"time", "timezone"})
        alerts = self._table("alerts", {"command"})
        limits = self._checked(check_limits, self._table("limits", set(LIMITS)))
        sources = tuple(self._source(entry, limits) for entry in self._entries())
        for kind, values in (("name", [s.name for s in sources]), ("root", [str(s.root) for s in sources])):
            for value in values:
                if values.count(value) > 1:
                    raise self._fault(f"two sources have the {kind} {value!r}")
        return Settings(
            sources,
            # With one only, a reader could find it gone between reading the link and opening the file.
            keep_versions=self._number("publish.keep_versions", publish.get("keep_versions", 5), 2),
            workers=self._number("load.workers", load.get("workers", 0), 0),
            document_timeout=self._number(
                "load.document_timeout", load.get("document_timeout", Settings.document_timeout), 1
            ),
            worker_memory=self._memory(load["worker_memory"]) if "worker_memory" in load else Settings.worker_memory,
            schedule_time=self._time(schedule.get("time", Settings.schedule_time)),
            schedule_timezone=self._timezone(schedule.get("timezone", Settings.schedule_timezone)),
            alert_command=self._command(alerts.get("command", [])),
            limits=limits,
        )

    def _entries(self) -> list[dict[str, Any]]:
        entries = self._content.get("source", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self._fault("sources are written as [[source]] tables")
        return entries

    def _checked(self, check: Callable[..., _T], *arguments: object) -> _T:
        try:
            return check(*arguments)
        except ValueError as error:
            raise self._fault(str(error)) from None

    def _source(self, entry: dict[str, Any], limits: Limits) -> Source:
        self._allow("source.", entry, {"name", "root", "patterns", "on_missing", "fail_window", "archives", *KEYS})
        root, name = entry.get("root"), entry.get("name")
        if not isinstance(root, str) or not root or "\0" in root:
            raise self._fault("each source needs a root, the path of its folder")
        folder = absolute(self._home.folder / os.path.expanduser(root))  # noqa: PTH111
        if folder == self._home.folder:
            raise self._fault("a source cannot be the home itself")
        default = (*DEFAULT_PATTERNS, *RECORD_PATTERNS) if entry.get("fields") else DEFAULT_PATTERNS
        patterns = entry.get("patterns", list(default))
        if not isinstance(patterns, list) or not patterns or not all(isinstance(p, str) and p for p in patterns):
            raise self._fault(f"source.patterns is a list of glob patterns, not {patterns!r}")
        on_missing = entry.get("on_missing", "keep")
        if on_missing not in ON_MISSING:
            raise self._fault(f"source.on_missing is {' or '.join(ON_MISSING)}, not {on_missing!r}")
        if name is not None and (not isinstance(name, str) or not name.strip()):
            raise self._fault(f"source.name is a name, not {name!r}")
        archives = entry.get("archives", True)
        if not isinstance(archives, bool):
            raise self._fault(f"source.archives is true or false, not {archives!r}")
        return Source(
            name or folder.name,
            folder,
            tuple(patterns),
            on_missing,
            is_configured=True,
            fail_window=self._duration(entry["fail_window"]) if "fail_window" in entry else None,
            archives=archives,
            said=self._checked(check_intake, entry, self._home.folder, limits),
        )

    def _table(self, name: str, allowed: set[str]) -> dict[str, Any]:
        table = self._content.get(name, {})
        if not isinstance(table, dict):
            raise self._fault(f"[{name}] is a table")
        self._allow(f"{name}.", table, allowed)
        return table

    def _number(self, name: str, value: object, least: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self._fault(f"{name} is a whole number of at least {least}, not {value!r}")
        return value

    def _memory(self, value: object) -> int:
        found = re.fullmatch(r"([1-9]\d{0,5}) ?(MB|GB)", value) if isinstance(value, str) else None
        if found is None or (size := int(found[1]) * _BYTES[found[2]]) < LEAST_MEMORY:
            raise self._fault(f"load.worker_memory is a size of at least 512MB, such as 512MB or 2GB, not {value!r}")
        return size

    def _time(self, value: object) -> dt.time:
        """A time of day, which TOML has a type for; as text it is taken, too."""
        if isinstance(value, str) and re.fullmatch(r"\d\d:\d\d", value):
            with contextlib.suppress(ValueError):
                value = dt.time.fromisoformat(value)
        if not isinstance(value, dt.time) or value.second or value.microsecond:
            raise self._fault(f"schedule.time is a time of day such as 05:30, not {value!s}")
        return value

    def _timezone(self, value: object) -> str:
        try:
            return zoneinfo.ZoneInfo(str(value)).key
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise self._fault(f"schedule.timezone is a time zone such as UTC or Europe/Paris, not {value!r}") from None

    def _command(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(
            isinstance(part, str) and part and "\0" not in part for part in value
        ):
            raise self._fault(
                f'alerts.command is a list of program and arguments such as ["mail", "desk@example.org"], not {value!r}'
            )
        return tuple(value)

    def _duration(self, value: object) -> dt.timedelta:
        found = duration(value) if isinstance(value, str) else None
        if found is None:
            raise self._fault(
                f"source.fail_window is a number of minutes, hours or days such as 90m, 36h or 2d, not {value!r}"
            )
        return found

    def _allow(self, prefix: str, table: dict[str, Any], allowed: set[str]) -> None:
        for key in table:
            if key not in allowed:
                raise self._fault(f"{prefix}{key} is not a setting; allowed are {', '.join(sorted(allowed))}")

    def _fault(self, message: str) -> SetupFault:
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[:LONGEST_MESSAGE]}…"
        return SetupFault(f"{self._home.settings_file}: {message}")


def duration(text: str) -> dt.timedelta | None:
    """A number of minutes, hours or days, such as 90m, 36h or 2d; None if it is none."""
    found = re.fullmatch(r"([1-9]\d{0,4})([mhd])", text, re.ASCII)
    return int(found[1]) * _UNITS[found[2]] if found else None


def absolute(folder: str | Path) -> Path:
    """A path as people name it, made absolute: links in it stay, `~` is the user's own folder."""
    return Path(os.path.abspath(os.path.expanduser(folder)))  # noqa: PTH100, PTH111


def _file_system(folder: Path) -> str | None:
    """The kind of file system that a folder lies on, where the system tells."""
    try:
        mounts = Path("/proc/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    location = os.path.realpath(folder)
    best: tuple[str, str | None] = ("", None)
    for line in mounts:
        _, point, kind, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if (location + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]
