"""A home with something of everything, and the ways in which disks and people damage one."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support import dispatch, run, write
from warehouse.home import Home
from warehouse.lock import WriterLock
from warehouse.manifest import require_current
from warehouse.repair import Repair, repair


@dataclass(frozen=True)
class Archive:
    """A loaded home with its source, of which a copy is kept to start each test from."""

    home: Home
    source: Path
    kept: Path

    def reset(self) -> None:
        for path in (self.home.folder, self.source):
            shutil.rmtree(path, ignore_errors=True)
            shutil.copytree(self.kept / path.name, path, symlinks=True)


def archive(folder: Path) -> Archive:
    """Three runs: new files, good and bad; a changed, a renamed, a vanished one; and another month beside."""
    home, source = Home(folder / "déjà vu [1] it's"), folder / "wire"
    home.create()
    for day in range(1, 6):
        write(source, f"2021-02/{day}.txt", dispatch(day, f"Un pont numéro {day} a été ouvert."))
    for day in range(1, 4):
        write(source, f"2021-03/{day}.txt", dispatch(day, f"Le marché {day} ouvre.", "2021-03", "mars"))
    write(source, "empty.txt", "")
    write(source, "binary.txt", bytes(range(256)) * 8)
    write(source, "undated.txt", "Une note sans date ni lieu.\n\nElle a deux paragraphes.")
    run(home, source)
    write(source, "2021-02/1.txt", dispatch(1, "Un pont numéro 1 a été ouvert, puis fermé."), age=60)
    (source / "2021-02/2.txt").rename(source / "2021-02/renamed.txt")
    (source / "2021-02/3.txt").unlink()
    run(home, source)
    write(source, "2021-04/1.txt", dispatch(1, "La gare ouvre.", "2021-04", "avril"))
    run(home, source)
    kept = folder / "kept"
    for path in (home.folder, source):
        shutil.copytree(path, kept / path.name, symlinks=True)
    return Archive(home, source, kept)


def mend(home: Home) -> Repair:
    with WriterLock(home, "test"):
        return repair(home)


def dispatch_again(day: int) -> str:
    """A text that has not come in before."""
    return dispatch(day, "Une nouvelle de plus.")


def delete(path: Path) -> None:
    path.chmod(0o644)
    path.unlink()


def cut(path: Path) -> None:
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def empty(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"")


def garble(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"\x00\xffnothing that anyone wrote\n" * 40)


def flip(path: Path) -> None:
    """One bit in each of the first pages, which neither size nor footer tells."""
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    for at in range(60, min(len(content) // 2, 600), 90):
        content[at] ^= 0x10
    path.write_bytes(content)


Damage = Callable[[Path], None]


def current_files(home: Home, table: str) -> list[Path]:
    """The Parquet files of a table in the current version."""
    return [home.lake / table / file for file in require_current(home).tables[table].files]
