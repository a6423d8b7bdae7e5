"""A CSV file as a person writes it, as rows that know where they stand.

What the cells mean belongs to `etl.reference.own`.
"""

from __future__ import annotations

import csv
import errno
import io
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from etl.errors import SetupFault

NOTE = "note"
"""A column that every file may have, for people: it is not read."""

_DELIMITERS = ",;\t"
"""Spreadsheets part cells by what their country's figures leave free."""


def content_of(path: Path) -> bytes:
    """The bytes of a file that a person writes.

    Raises:
        OSError: it cannot be read; or it is a pipe, which might never say anything, or a device, which has no end.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "it is no file")
    return path.read_bytes()


class Origin(NamedTuple):
    """Where an entry stands: the file's name, and the line that it begins on."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


class CsvFile:
    """One file of comma-separated values with a heading; lines that begin with # are for people.

    Args:
        path: for messages.
        name: the file's name, as `Origin` has it.
        content: its bytes.
        required: columns that the heading must have.
        optional: columns that it may have, besides `note`.
        is_open: whether it may have any others, which are not read.
    """

    def __init__(
        self,
        path: str,
        name: str,
        content: bytes,
        required: Sequence[str],
        optional: Sequence[str] = (),
        is_open: bool = False,
    ) -> None:
        self._path = path
        self._name = name
        self._content = content
        self._required = tuple(required)
        self._columns = (*required, *optional)
        self._is_open = is_open

    def fault(self, line: int, message: str) -> SetupFault:
        """A fault that names file and line."""
        return SetupFault(f"{self._path}, line {line}: {message}")

    def rows(self) -> Iterator[tuple[Origin, dict[str, str]]]:
        """The rows below the heading: a value for each column that is known, empty where the file has none.

        Raises:
            SetupFault: it is not UTF-8, or no CSV, or its heading or one of its rows is not as it has to be.
        """
        try:
            text = self._content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise SetupFault(f"{self._path} is not UTF-8: save it as CSV UTF-8") from None
        heading: list[str] | None = None
        for line, cells in self._cells(text):
            if heading is None:
                heading = self._heading(line, cells)
                continue
            if len(cells) > len(heading):
                raise self.fault(
                    line, f"{len(cells)} cells, the heading has {len(heading)}: put a cell with a comma into quotes"
                )
            row = dict.fromkeys(self._columns, "")
            row.update((name, cell) for name, cell in zip(heading, cells, strict=False) if name in row)
            for name, cell in row.items():
                if not cell.isprintable():
                    raise self.fault(line, f"{name} has a line end or a control character in it")
            yield Origin(self._name, line), row

    def _cells(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """The rows that hold anything and are no comments, each with its line."""
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter(text), strict=True)
        line = 1
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise self.fault(line, f"not CSV: {error}") from None
            if row is None:
                return
            cells = [unicodedata.normalize("NFC", cell).strip() for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells and not cells[0].startswith("#"):
                yield line, cells
            line = reader.line_num + 1

    def _delimiter(self, text: str) -> str:
        """What parts the heading into the most columns that are known."""
        lines = (line for line in text.splitlines() if line.strip(" \t,;\"'") and not line.lstrip('"').startswith("#"))
        heading = next(lines, "")

        def known(delimiter: str) -> int:
            return sum(cell.strip(' "').lower() in self._columns for cell in heading.split(delimiter))

        return max(_DELIMITERS, key=known)

    def _heading(self, line: int, cells: list[str]) -> list[str]:
        names = [cell.lower() for cell in cells]
        allowed = ", ".join((*self._columns, NOTE))
        for name in names:
            if name not in (*self._columns, NOTE) and not self._is_open:
                raise self.fault(line, f"{name!r} is no column; the heading may have {allowed}")
            if names.count(name) > 1 and name in self._columns:
                raise self.fault(line, f"the column {name} stands there twice")
        if missing := [name for name in self._required if name not in names]:
            raise self.fault(
                line, f"the heading lacks {', '.join(missing)}; columns that a file has to have are "
                f"{', '.join(self._required)}"
            )  # fmt: skip
        return names
