"""A month of real use: hundreds of runs over a source in which things come, change, move and go, then one clean load.

What is current in the end is what one load of the final state gives; only the versions tell that there was a past, and
they are what this simulation counts itself.
"""

import json
import random
from pathlib import Path

import pytest

from tests.etl.packing import COMPRESS, tarred, zipped
from tests.support import dispatch, query, run, write
from warehouse.home import Home

BAD = (b"", b" \n", bytes(range(256)) * 4, b"\x00\x01\x02")
LOOSE = [f"{year}/{name}.txt" for year in (2020, 2021) for name in ("a", "b", "c", "déjà")]
PACKED = ["2021/w.zip", "x.tar", "y.tar.gz", "z.jsonl", "2020/q.jsonl.gz", "k.txt.xz"]
MONTHS = (("2020-12", "décembre"), ("2021-01", "janvier"), ("2021-02", "février"))
BODIES = ("Un pont a été ouvert.", "Une école rouvre.", "Le marché du livre ferme ses portes.", "La grève est levée.")


def is_one(path: str) -> bool:
    """Whether a file is one record."""
    return path.endswith((".txt", ".txt.xz"))


def folder_of(path: str) -> str:
    """The folder that a file lies in; empty for the source itself."""
    return path.rpartition("/")[0]


class Simulation:
    """A source, and what ought to be known of it.

    Attributes:
        files: what is there: by path, the content of each record by the rest of its path and its key.
        versions: the last version of each record that ever was a document, by path and key.
        held: the contents that are current documents, by path and key.
        away: what lies outside the source, by the folder that is a link to there now.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.draw = random.Random(seed)
        self.files: dict[str, dict[tuple[str, str], bytes]] = {}
        self.versions: dict[tuple[str, str], int] = {}
        self.held: dict[tuple[str, str], bytes] = {}
        self.away: dict[str, dict[str, dict[tuple[str, str], bytes]]] = {}
        self.writes = 0

    def go_on(self) -> None:
        """Change one to four things."""
        for _ in range(self.draw.randint(1, 4)):
            actions = [self.put, self.change, self.rename, self.remove, self.touch, self.link]
            self.draw.choices(actions, [4, 5, 2, 2, 1, 1])[0]()

    def put(self) -> None:
        path = self.draw.choice(LOOSE + PACKED)
        if folder_of(path) in self.away:
            return
        self.files[path] = self.records(path)
        self.write(path)

    def change(self) -> None:
        if not self.files:
            return
        path = self.draw.choice(sorted(self.files))
        held = self.files[path]
        if is_one(path):
            self.files[path] = self.records(path)
        else:
            place = self.draw.choice(sorted(held))
            what = self.draw.random()
            if what < 0.3 and len(held) > 1:
                del held[place]
            elif what < 0.6:
                held.update(self.records(path, 1))
            else:
                held[place] = self.content(path, place[1])
        self.write(path)

    def rename(self) -> None:
        if not self.files:
            return
        path = self.draw.choice(sorted(self.files))
        ending = path[path.index(".") :]
        target = self.draw.choice([other for other in LOOSE + PACKED if other.endswith(ending)])
        if target in self.files:
            target = f"moved/{self.draw.randrange(4)}{ending}"
        if target in self.files or folder_of(target) in self.away:
            return
        (self.folder / target).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).rename(self.folder / target)
        self.files[target] = self.files.pop(path)

    def remove(self) -> None:
        # A source that is suddenly empty is a fault of its own.
        if len(self.files) > 1:
            path = self.draw.choice(sorted(self.files))
            del self.files[path]
            (self.folder / path).unlink()

    def link(self) -> None:
        """Move a folder out of the source and leave a link to it there; or move it back."""
        name = self.draw.choice(["2020", "2021"])
        folder, outside = self.folder / name, self.folder.with_name(f"outside {name}")
        if name in self.away:
            folder.unlink()
            outside.rename(folder)
            self.files |= self.away.pop(name)
            return
        below = {path: held for path, held in self.files.items() if folder_of(path) == name}
        if below and len(below) < len(self.files):
            folder.rename(outside)
            folder.symlink_to(outside)
            self.away[name] = below
            self.files = {path: held for path, held in self.files.items() if path not in below}

    def touch(self) -> None:
        if self.files:
            self.write(self.draw.choice(sorted(self.files)))

    def content(self, path: str, key: str) -> bytes:
        """A record's bytes: a dispatch, or, now and then, something that is none."""
        is_bad = self.draw.random() < 0.15
        (month, name), day = self.draw.choice(MONTHS), self.draw.randint(1, 28)
        text = dispatch(day, self.draw.choice(BODIES), month, name)
        if ".jsonl" in path:
            row = {"id": key} if is_bad else {"id": key, "text": text}
            return json.dumps(row).encode()
        return self.draw.choice(BAD) if is_bad else text.encode(self.draw.choice(["utf-8", "utf-8", "utf-16"]))

    def records(self, path: str, most: int = 4) -> dict[tuple[str, str], bytes]:
        if is_one(path):
            return {("", "0"): self.content(path, "0")}
        names = [f"n{self.draw.randrange(6)}" for _ in range(self.draw.randint(1, most))]
        if ".jsonl" in path:
            return {("", name): self.content(path, name) for name in names}
        return {(f"!/{name}.txt", "0"): self.content(path, "0") for name in names}

    def write(self, path: str) -> None:
        held = self.files[path]
        ending = path.rpartition(".")[2]
        members = {within[2:]: content for (within, _), content in held.items()}
        if ".jsonl" in path:
            raw = b"\n".join(held.values())
        elif ".tar" in path:
            raw = tarred(members)
        else:
            raw = zipped(members) if ending == "zip" else held["", "0"]
        self.writes += 1
        write(self.folder, path, COMPRESS[ending](raw) if ending in COMPRESS else raw, age=self.writes)

    def count(self) -> None:
        """Note what a run has to come to."""
        now = {
            (path + within, key): content
            for path, held in self.files.items()
            for (within, key), content in held.items()
            if content not in BAD and not (".jsonl" in path and b'"text"' not in content)
        }
        for place, content in now.items():
            if self.held.get(place) != content:
                self.versions[place] = self.versions.get(place, 0) + 1
        self.held = now


def current(home: Home) -> dict[str, list[tuple[object, ...]]]:
    volatile = "run_id, ingested_at, parser_version, reference_version"
    return {
        "documents": query(home, f"SELECT * EXCLUDE (version, {volatile}) FROM documents ORDER BY document_id"),
        "paragraphs": query(home, "SELECT * FROM paragraphs ORDER BY ALL"),
        "rejects": query(home, "SELECT * EXCLUDE (run_id, first_seen) FROM rejects ORDER BY ALL"),
        "files": query(home, "SELECT path, status FROM files WHERE status IN ('loaded', 'rejected') ORDER BY ALL"),
    }


def configured(home: Home, source: Path) -> Home:
    home.settings_file.write_text(
        f"[[source]]\nroot = '{source}'\non_missing = 'withdraw'\nfields = {{ text = 'text' }}\n", "utf-8"
    )
    return Home(home.folder)


@pytest.mark.parametrize(("seed", "runs"), [(1, 15), pytest.param(2, 300, marks=pytest.mark.slow)])
def test_a_month_of_use_ends_in_what_one_clean_load_gives(
    home: Home, source: Path, tmp_path: Path, seed: int, runs: int
) -> None:
    simulation = Simulation(source, seed)
    home = configured(home, source)
    for _ in range(runs):
        simulation.go_on()
        simulation.count()
        run(home)
    clean = Home(tmp_path / "clean")
    clean.create()
    clean = configured(clean, source)
    run(clean)
    assert current(home) == current(clean)
    versions = query(home, "SELECT path, record_key, version FROM documents")
    assert {(path, key): version for path, key, version in versions} == {
        place: simulation.versions[place] for place in simulation.held
    }
    assert max(simulation.versions.values()) > 3
