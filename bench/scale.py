"""Whether time for each document and memory stay the same as an archive grows: `python -m bench.scale`.

For each size: `copydesk run` into a new home; again, with nothing new; again, with one file changed. Last, an archive
whose dispatches are all of one month. Prints wall time, time for each document and peak memory of all processes.
The default, up to a million, takes an hour and 15 GB of disk on two cores; `--sizes 10000,100000` takes some minutes.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from bench.corpus import FOLDER_FILES, MONTHS, SEED, write_corpus
from bench.measure import bytes_in, machine, measure, table

SIZES = "10000,30000,100000,300000,1000000"
ONE_MONTH = 300_000
COMMAND = Path(sys.executable).with_name("copydesk")
NAMES = (
    "files", "load, wall s", "µs per document", "CPU µs per document", "peak MiB", "lake MB",
    "nothing new, s", "peak MiB", "one changed, s", "peak MiB",
)  # fmt: skip


def run(root: Path, folder: Path) -> tuple[str, ...]:
    """Load a folder, look again, change a file and load that: a row of the table."""
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    files = sum(1 for path in root.rglob("*.txt") if path.is_file())
    command: list[str | Path] = [COMMAND, "run", root, "--home", home, "--json"]
    load = measure(command)
    lake = bytes_in(home / "lake")
    nothing = measure(command)
    changed = min(root.rglob("*.txt"))
    former = changed.read_bytes()
    # Not in place: it may be linked from a smaller corpus.
    changed.unlink()
    changed.write_bytes(former + b"\n\nOne paragraph more.")
    one = measure(command)
    changed.write_bytes(former)
    shutil.rmtree(home)
    return (
        f"{files:,}",
        f"{load.wall:.1f}",
        f"{load.wall / files * 1e6:,.0f}",
        f"{load.cpu / files * 1e6:,.0f}",
        f"{load.memory / 2**20:,.0f}",
        f"{lake / 1e6:,.0f}",
        f"{nothing.wall:.1f}",
        f"{nothing.memory / 2**20:,.0f}",
        f"{one.wall:.1f}",
        f"{one.memory / 2**20:,.0f}",
    )


def beginning(root: Path, size: int, target: Path) -> Path:
    """The first dispatches of a larger corpus, linked."""
    for folder in sorted(root.iterdir())[: size // FOLDER_FILES]:
        (target / folder.name).mkdir(parents=True)
        for path in folder.iterdir():
            os.link(path, target / folder.name / path.name)
    return target


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default=SIZES, help=f"multiples of {FOLDER_FILES:,}, parted by commas")
    parser.add_argument("--one-month", type=int, default=ONE_MONTH, help="files of the last archive; 0 for none")
    parser.add_argument("--corpus", type=Path, help="a folder that bench.corpus wrote, at least of the largest size")
    parser.add_argument("--folder", type=Path, help="where to write, on the same disk; a temporary folder by default")
    options = parser.parse_args()
    sizes = sorted(map(int, options.sizes.split(","))) if options.sizes else []
    print(machine(), flush=True)
    rows = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        largest = options.corpus or Path(folder) / "largest"
        if sizes and options.corpus is None:
            write_corpus(largest, sizes[-1], MONTHS, SEED)
        for size in sizes:
            root = beginning(largest, size, Path(folder) / "wire")
            rows.append(run(root, Path(folder)))
            print(rows[-1], file=sys.stderr, flush=True)
            shutil.rmtree(root)
        if options.one_month:
            root = Path(folder) / "one-month"
            write_corpus(root, options.one_month, 1, SEED)
            row = run(root, Path(folder))
            rows.append((f"{row[0]} of one month", *row[1:]))
    print("\n" + table(NAMES, rows))


if __name__ == "__main__":
    main()
