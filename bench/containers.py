"""What it saves to have dispatches in one file: `python -m bench.containers [--files N] [--rounds N]`.

The same made-up dispatches loose, and packed in several ways, each loaded by `copydesk run` into a new home; the ways
take turns. Prints medians, the ratio to loose files of the same round, and the peak memory of all processes. With
`--rounds 1 --ways tar,jsonl --files 1000000`: whether memory stays bounded. With `--cold`, which takes root on Linux:
nothing is in the system's cache when a load begins, as with an archive that is loaded for the first time.
"""

import argparse
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from bench.corpus import MONTHS, SEED, dispatches
from bench.measure import Measured, machine, measure, median, table

FILES = 100_000
ROUNDS = 3
DROP_CACHES = Path("/proc/sys/vm/drop_caches")
COMMAND = Path(sys.executable).with_name("copydesk")
FIELDS = "fields = { text = 'text' }\n"

Texts = Iterator[tuple[str, str]]


def _loose(texts: Texts, folder: Path) -> None:
    for path, text in texts:
        target = folder / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(text.encode())


def _tar(texts: Texts, folder: Path, compression: str | None = None) -> None:
    with (
        pa.output_stream(str(folder / f"wire.tar{'.zst' if compression else ''}"), compression=compression) as stream,
        tarfile.open(fileobj=stream, mode="w|") as archive,
    ):
        for path, text in texts:
            info = tarfile.TarInfo(path)
            raw = text.encode()
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
            archive.members.clear()  # type: ignore[attr-defined]


def _zip(texts: Texts, folder: Path) -> None:
    with zipfile.ZipFile(folder / "wire.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in texts:
            archive.writestr(path, text.encode())


def _jsonl(texts: Texts, folder: Path, compression: str | None = None) -> None:
    name = f"wire.jsonl{'.zst' if compression else ''}"
    with pa.output_stream(str(folder / name), compression=compression) as stream:
        for path, text in texts:
            stream.write(json.dumps({"id": path, "text": text}, ensure_ascii=False).encode() + b"\n")


WAYS: dict[str, Callable[[Texts, Path], None]] = {
    "loose": _loose,
    "tar": _tar,
    "tar.zst": lambda texts, folder: _tar(texts, folder, "zstd"),
    "zip": _zip,
    "jsonl": _jsonl,
    "jsonl.zst": lambda texts, folder: _jsonl(texts, folder, "zstd"),
}


def run(folder: Path, home: Path, is_cold: bool) -> Measured:
    """Load a folder into a new home, if need be with nothing in the system's cache."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    (home / "copydesk.toml").write_text(f"[[source]]\nroot = '{folder}'\n{FIELDS}", "utf-8")
    if is_cold:
        os.sync()
        DROP_CACHES.write_text("3")
    return measure([COMMAND, "run", "--home", home, "--json"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--ways", default=",".join(WAYS), help="those to measure, parted by commas")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder by default")
    parser.add_argument("--cold", action="store_true", help="empty the system's cache before each load")
    options = parser.parse_args()
    if options.cold and not os.access(DROP_CACHES, os.W_OK):
        parser.error("--cold takes root on Linux")
    ways = options.ways.split(",")
    taken: dict[str, list[Measured]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for way in ways:
            (Path(folder) / way).mkdir()
            WAYS[way](dispatches(options.files, MONTHS, SEED), Path(folder) / way)
        for _ in range(options.rounds):
            for way in ways:
                taken[way].append(run(Path(folder) / way, Path(folder) / "home", options.cold))
    first = taken[ways[0]]
    rows = [
        (
            way,
            f"{median(m.wall for m in runs):.1f}",
            f"{median(one.wall / m.wall for one, m in zip(first, runs, strict=True)):.2f}",
            f"{median(m.cpu for m in runs) / options.files * 1e6:,.0f}",
            f"{median(m.memory for m in runs) / 2**20:,.0f}",
        )
        for way, runs in taken.items()
    ]
    print(f"{options.files:,} dispatches, {options.rounds} rounds{', cold' if options.cold else ''}. {machine()}\n")
    print(table(("way", "wall s", f"times as fast as {ways[0]}", "CPU µs per document", "peak MiB"), rows))


if __name__ == "__main__":
    main()
