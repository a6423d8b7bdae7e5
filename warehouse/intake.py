"""What copydesk.toml says of how files are taken in, checked: encodings, columns, patterns on paths, sidecars, limits.

What is done with it belongs to `etl.intake` and those who read it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from etl.intake import FIELDS, GIVEN, Intake, Limits

KEYS = ("encoding", "fields", "path", "sidecar")
"""What an entry of [[source]] may say of it."""

_LONGEST = 200
"""Characters of a setting that a message shows."""

_SIZES = {"kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000}

LIMITS = {
    "record_size": "record_bytes",
    "expanded_size": "expanded_bytes",
    "expansion_ratio": "expansion_ratio",
    "nesting": "nesting",
    "members": "members",
    "path_length": "path_length",
}
"""What [limits] may say, and the attribute of `Limits` that it is."""


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
    """The table [limits], in which nothing but `LIMITS` stands.

    Raises:
        ValueError: it says what is not allowed.
    """
    values = {}
    for name, value in table.items():
        values[LIMITS[name]] = _size(name, value) if name.endswith("_size") else _count(name, value)
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
    # Not before it is needed: it loads Arrow.
    from etl.outside import groups_of

    allowed = f"allowed are {', '.join(f'(?P<{name}>...)' for name in GIVEN)}, each once"
    try:
        groups = groups_of(value) if isinstance(value, str) else []
    except ValueError as error:
        raise ValueError(
            f"source.path is no regular expression of RE2, which has no look-around and no back-references, and here "
            f"(?:...) for groups without a name: {_cut(str(error))}"
        ) from None
    if not isinstance(value, str) or not groups:
        raise ValueError(f"source.path is a regular expression with named groups, not {_cut(repr(value))}; {allowed}")
    for name in groups:
        if name not in GIVEN or groups.count(name) > 1:
            raise ValueError(f"source.path has a group {_cut(name)}; {allowed}")
    return value


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _sidecar(value: object, folder: Path) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"source.sidecar is the path of a CSV file, not {value!r}")
    # Not the method of Path, which fails where there is no such user.
    return str(folder / os.path.expanduser(value))  # noqa: PTH111
