"""How fast a whole run is, beside what else one would do: `python -m bench.throughput [--files N] [--rounds N]`.

Four ways to make a table of the same folder, alternating, after one round that warms the file cache:

- floor: one process, one thread: list, read, SHA-256, write the bytes as zstd Parquet. Nothing is parsed.
- pandas: the script that one would write: pathlib, a regular expression for the dateline, to_parquet.
- duckdb: one query: read_blob, regexp_extract, COPY.
- copydesk: `copydesk run` into a new home, from start to end, Dagster included.

Prints medians and the ratio of each to the floor of the same round.
"""

import argparse
import hashlib
import re
import shutil
import sys
import tempfile
from pathlib import Path

from bench.corpus import FILES, MONTHS, SEED, write_corpus
from bench.measure import Measured, bytes_in, machine, measure, median, table

ROUNDS = 5
WAYS = ("floor", "pandas", "duckdb", "copydesk")
BATCH = 10_000
COMMAND = Path(sys.executable).with_name("copydesk")


def floor(root: Path, target: Path) -> None:
    """The least that must be done to have the bytes of all files in a table."""
    import os

    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("path", pa.string()), ("sha256", pa.string()), ("raw", pa.binary())])
    target.mkdir()
    with pq.ParquetWriter(target / "files.parquet", schema, compression="zstd", compression_level=3) as writer:
        rows: list[tuple[str, str, bytes]] = []

        def write() -> None:
            writer.write_table(pa.table(list(zip(*rows, strict=True)), schema=schema))
            rows.clear()

        for folder, _, names in os.walk(root):
            for name in names:
                path = f"{folder}/{name}"
                with open(path, "rb", buffering=0) as handle:  # noqa: PTH123
                    raw = handle.read()
                rows.append((path, hashlib.sha256(raw).hexdigest(), raw))
                if len(rows) == BATCH:
                    write()
        if rows:
            write()


def pandas(root: Path, target: Path) -> None:
    """What an analyst writes: one regular expression, and no notion of what was read before."""
    import pandas as pd

    dateline = re.compile(
        r"date (\S+)\s+(?:[^\n]{1,40}\n\n)?([^,\n(]{2,40}),? "
        r"(\d{1,2}\.?(?: de)? \w+|\w+ \d{1,2})[^(\n]{0,12}\(?([\w ]+)"
    )
    rows = []
    for path in root.rglob("*.txt"):
        text = path.read_text("utf-8", "replace")
        found = dateline.search(text)
        rows.append(
            {
                "path": str(path),
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
                "text": text,
                "date": found[1] if found else None,
                "place": found[2] if found else None,
                "day": found[3] if found else None,
                "agency": found[4] if found else None,
                "word_count": len(re.findall(r"\w+", text)),
            }
        )
    target.mkdir()
    pd.DataFrame(rows).to_parquet(target / "files.parquet", compression="zstd")


def duckdb(root: Path, target: Path) -> None:
    """The same in SQL."""
    import duckdb as db

    target.mkdir()
    pattern = (
        r"date (\S+)\s+(?:[^\n]{1,40}\n\n)?([^,\n(]{2,40}),? "
        r"(\d{1,2}\.?(?: de)? \pL+|\pL+ \d{1,2})[^(\n]{0,12}\(?([\pL ]+)"
    )
    with db.connect(config={"temp_directory": str(target)}) as connection:
        # With kept order and several threads it takes quadratic time.
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(
            f"""
            COPY (
                SELECT filename AS path, sha256(content) AS sha256, decode(content) AS text,
                       regexp_extract(decode(content), '{pattern}', ['date', 'place', 'day', 'agency']) AS dateline,
                       len(regexp_extract_all(decode(content), '[\\pL\\pN]+')) AS word_count
                FROM read_blob('{root}/*/*.txt')
            ) TO '{target}/files.parquet' (COMPRESSION zstd)
            """
        )


def run(way: str, root: Path, folder: Path) -> tuple[Measured, int]:
    """Make the table once in one way: what it took, and the bytes it wrote."""
    target = folder / way
    shutil.rmtree(target, ignore_errors=True)
    if way == "copydesk":
        taken = measure([COMMAND, "run", root, "--home", target, "--json"])
    else:
        taken = measure([sys.executable, "-m", "bench.throughput", "--way", way, "--root", root, "--target", target])
    return taken, bytes_in(target / "lake" if way == "copydesk" else target)


def main() -> None:
    """Measure, or, as one of the measured processes, do."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--months", type=int, default=MONTHS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--ways", default=",".join(WAYS), help="those to measure, parted by commas")
    parser.add_argument("--corpus", type=Path, help="a folder of files, instead of a corpus that is made")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder by default")
    parser.add_argument("--way", choices=WAYS[:3], help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--target", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        {"floor": floor, "pandas": pandas, "duckdb": duckdb}[options.way](options.root, options.target)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = options.corpus or Path(folder) / "wire"
        if options.corpus is None:
            write_corpus(root, options.files, options.months, SEED)
        count = sum(1 for path in root.rglob("*.txt") if path.is_file())
        ways = options.ways.split(",")
        taken: dict[str, list[Measured]] = {way: [] for way in ways}
        size: dict[str, int] = {}
        for at in range(options.rounds + 1):
            for way in ways:
                measured, size[way] = run(way, root, Path(folder))
                if at:
                    taken[way].append(measured)
    print(f"{count:,} files, {options.rounds} rounds. {machine()}\n")
    print(_report(count, taken, size))


def _report(count: int, taken: dict[str, list[Measured]], size: dict[str, int]) -> str:
    first = next(iter(taken.values()))
    rows = []
    for way, runs in taken.items():
        wall = median(measured.wall for measured in runs)
        ratios = [measured.wall / other.wall for measured, other in zip(runs, first, strict=True)]
        rows.append(
            (
                way,
                f"{wall:.1f}",
                f"{min(m.wall for m in runs):.1f} to {max(m.wall for m in runs):.1f}",
                f"{median(ratios):.2f}",
                f"{count / wall:,.0f}",
                f"{median(measured.cpu for measured in runs) * 100_000 / count:.1f}",
                f"{median(measured.memory for measured in runs) / 2**20:,.0f}",
                f"{size[way] / 1e6:,.0f}",
            )
        )
    names = ("way", "wall s", "from, to", "ratio", "documents/s", "CPU s per 100,000", "peak MiB", "MB written")
    return table(names, rows)


if __name__ == "__main__":
    main()
