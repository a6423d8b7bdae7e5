"""What copydesk.toml says of how files are taken in, checked: encodings, columns, patterns on paths, sidecars, limits.

What is done with it belongs to `etl.intake` and those who read it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from etl.intake import FIELDS, GIVEN, Intake, Limits

KEYS = ("encoding", "fields", "path", "sidecar")
"""What an entry of [[source]] may say of it."""

_SIZES = {"kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000}

_LIMITS = {
    "record_size": "record_bytes",
    "expanded_size": "expanded_bytes",
    "expansion_ratio": "expansion_ratio",
    "nesting": "nesting",
    "members": "members",
    "path_length": "path_length",
}


def check_intake(entry: dict[str, Any], folder: Path, limits: Limits) -> Intake:
    """How a source is taken in.

    Args:
        entry: its table in copydesk.toml.
        folder: what relative paths are relative to.
        limits: for all sources.

    Raises:
        ValueError: it says what is not allowed; the message names the setting, without the file.
    """
    return Intake(
        encoding=_encoding(entry.get("encoding")),
        fields=_fields(entry.get("fields", {})),
        path=_path(entry.get("path")),
        sidecar=_sidecar(entry.get("sidecar"), folder),
        limits=limits,
    )


def check_limits(table: dict[str, Any]) -> Limits:
    """The table [limits].

    Raises:
        ValueError: it says what is not allowed.
    """
    values = {}
    for name, value in table.items():
        if name not in _LIMITS:
            raise ValueError(f"limits.{name} is not a setting; allowed are {', '.join(_LIMITS)}")
        values[_LIMITS[name]] = _size(name, value) if name.endswith("_size") else _count(name, value)
    return Limits(**values)


def _size(name: str, value: object) -> int:
    found = re.fullmatch(r"([1-9]\d{0,5}) ?(kB|MB|GB|TB)", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"limits.{name} is a size such as 64MB or 2GB, not {value!r}")
    return int(found[1]) * _SIZES[found[2]]


def _count(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"limits.{name} is a whole number of at least 1, not {value!r}")
    return value


def _encoding(value: object) -> str | None:
    if value is None:
        return None
    # Not before it is needed: it loads tables.
    from etl.codec_list import named

    known = named(value) if isinstance(value, str) else None
    if known is None:
        raise ValueError(f"source.encoding is the name of a text encoding such as windows-1251, not {value!r}")
    return known


def _fields(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise ValueError(f'source.fields is a table such as {{ text = "body", date = "published" }}, not {value!r}')
    for name, column in value.items():
        if name not in FIELDS:
            raise ValueError(f"source.fields.{name} is not a field; allowed are {', '.join(FIELDS)}")
        if not isinstance(column, str) or not column:
            raise ValueError(f"source.fields.{name} is the name of a column, not {column!r}")
    return tuple(sorted(value.items()))


def _path(value: object) -> str | None:
    if value is None:
        return None
    allowed = f"allowed are {', '.join(f'(?P<{name}>...)' for name in GIVEN)}"
    try:
        pattern = re.compile(value) if isinstance(value, str) else None
    except re.error as error:
        raise ValueError(f"source.path is no regular expression: {error} in {value!r}") from None
    if pattern is None or not pattern.groupindex:
        raise ValueError(f"source.path is a regular expression with named groups, not {value!r}; {allowed}")
    if unknown := sorted(set(pattern.groupindex) - set(GIVEN)):
        raise ValueError(f"source.path has a group {unknown[0]}; {allowed}")
    return str(value)


def _sidecar(value: object, folder: Path) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise ValueError(f"source.sidecar is the path of a CSV file, not {value!r}")
    return str(folder / Path(value).expanduser())
