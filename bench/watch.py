"""How long a look at the sources takes, and finding out what is new: `python bench/watch.py [FILES]`, else a million.

Makes empty files, a thousand in a folder, in a temporary folder (a million take about 1 GB of inodes), and prints the
medians of five looks. The sensor's tick has 60 seconds.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from warehouse.home import Home
from warehouse.plan import make_plan
from warehouse.watch import look

ROUNDS = 5


def measure(what: str, function: Callable[[], object]) -> None:
    """Print the median of some rounds, in seconds."""
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begun)
    print(f"{what:<45} {statistics.median(seconds):8.2f} s  ({min(seconds):.2f} to {max(seconds):.2f})")


def main() -> None:
    """Make the files and measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "wire"
        for number in range(count):
            if number % 1_000 == 0:
                (root / f"{number // 1_000:05}").mkdir(parents=True)
            (root / f"{number // 1_000:05}" / f"dispatch-{number}.txt").touch()
        home = Home(Path(folder) / "home")
        home.create()
        home.settings_file.write_text(f"[[source]]\nroot = '{root}'\n")
        time.sleep(2)
        print(f"{count:,} files")
        measure("a look (nothing has changed)", lambda: look(Home(home.folder)))
        measure(
            "what is new (all of them), by listing only",
            lambda: make_plan(Home(home.folder), is_settled_only=True, is_listing_only=True),
        )


if __name__ == "__main__":
    main()
