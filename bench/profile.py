"""Where a document's microseconds go: `python -m bench.profile [--files N] [--rounds N]`.

Two tables. The first times the steps of reading one document, each over the same made-up dispatches in this process;
the second the phases of a whole load, as they follow one another, without Dagster. Medians of some rounds.
"""

import argparse
import datetime as dt
import gc
import hashlib
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from bench.corpus import SEED, write_corpus
from bench.measure import machine, median, table
from etl.contract import RECORDS_SCHEMA
from etl.dateline import find_dateline
from etl.dates import Written, decide_date
from etl.decode import decode
from etl.header import read_header
from etl.identity import document_id
from etl.language import detect_language
from etl.paragraphs import count_words, kinds_of_signs, paragraphs
from etl.reading import read_document
from etl.reference import load_reference
from etl.sources import list_files
from etl.stage import FileChunk, stage
from etl.trailer import find_trailer
from etl.transform import transform
from warehouse import load as loading
from warehouse.checks import run_checks
from warehouse.home import Home
from warehouse.lock import WriterLock
from warehouse.plan import make_plan
from warehouse.publish import build_candidate, publish, write_registries

FILES = 20_000
ROUNDS = 5
READ_FILES = 2_000
"""Documents over which the steps of reading are timed: they fit into the processor's caches about as in a worker."""

MONTHS = 60


def steps(root: Path, rounds: int) -> list[tuple[str, float]]:
    """The steps of reading, with the median of microseconds for a document."""
    reference = load_reference()
    today = dt.date.today()
    files = sorted(list_files(root, ("**/*.txt",)), key=lambda file: file.path)[:READ_FILES]
    raws = [Path(file.location).read_bytes() for file in files]
    texts = [decode(raw).text for raw in raws]
    headers = [read_header(text) for text in texts]
    starts = [header.end if header else 0 for header in headers]
    readings = [read_document(text, today, reference) for text in texts]
    pieces = [[text[p.start : p.end] for p in r.paragraphs] for text, r in zip(texts, readings, strict=True)]
    bodies = [(text, r.body_start, r.body_end) for text, r in zip(texts, readings, strict=True)]
    dated = [
        (
            header,
            Written(
                r.dateline.date if r.dateline else None,
                r.trailer.sent_at if r.trailer else None,
                lead=piece[0] if piece else "",
            ),
            r.language,
        )
        for header, r, piece in zip(headers, readings, pieces, strict=True)
    ]
    row = dict.fromkeys(RECORDS_SCHEMA.names) | {"source": "wire", "record_key": "0", "seen_on": today}
    rows = [
        row | {"path": file.path, "raw": raw, "content_sha256": hashlib.sha256(raw).hexdigest()}
        for file, raw in zip(files, raws, strict=True)
    ]
    batch = pa.RecordBatch.from_pylist(rows, schema=RECORDS_SCHEMA)

    def staged() -> None:
        with tempfile.TemporaryDirectory() as folder:
            stage(FileChunk("wire", tuple(files), today), Path(folder), 0)

    timed: dict[str, Callable[[], object]] = {
        "open, read": lambda: [Path(file.location).read_bytes() for file in files],
        "SHA-256": lambda: [hashlib.sha256(raw).hexdigest() for raw in raws],
        "decode, repair, NFC": lambda: [decode(raw) for raw in raws],
        "header": lambda: [read_header(text) for text in texts],
        "language": lambda: [detect_language(text[start:]) for text, start in zip(texts, starts, strict=True)],
        "dateline": lambda: [
            find_dateline(text, start, reference, r.language)
            for text, start, r in zip(texts, starts, readings, strict=True)
        ],
        "sign-off": lambda: [find_trailer(*body, reference) for body in bodies],
        "paragraphs": lambda: [list(paragraphs(*body)) for body in bodies],
        "words": lambda: [
            [count_words(kinds[p.start : p.end]) for p in r.paragraphs]
            for r, kinds in ((r, kinds_of_signs(r.text)) for r in readings)
        ],
        "date": lambda: [
            decide_date(header, written, reference.calendar, today, language) for header, written, language in dated
        ],
        "document_id": lambda: [document_id("wire", file.path, "0") for file in files],
        "all of a text's reading": lambda: [read_document(text, today, reference) for text in texts],
        "reading, with decoding and Arrow rows": lambda: transform(batch),
        "all of a worker's work, staged Parquet included": staged,
    }
    # As in a worker, whose garbage collection does not go through the reference data again and again.
    gc.freeze()
    gc.disable()
    taken: dict[str, list[float]] = {name: [] for name in timed}
    for at in range(rounds + 1):
        for name, function in timed.items():
            begun = time.process_time()
            function()
            if at:
                taken[name].append((time.process_time() - begun) / len(files) * 1e6)
        gc.collect()
    gc.enable()
    return [(name, median(values)) for name, values in taken.items()]


def phases(root: Path, rounds: int) -> tuple[int, list[tuple[str, float]]]:
    """The phases of a load into a new home, with the median of seconds on the clock."""
    taken: dict[str, list[float]] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        taken.setdefault(name, []).append(time.perf_counter() - begun)

    count = 0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            home = Home(folder)
            home.create()
            begun = staged = time.perf_counter()

            def on_progress(*_: int) -> None:
                nonlocal staged
                staged = time.perf_counter()

            with WriterLock(home, "bench"):
                with timed("plan: list the files, compare"):
                    plan = make_plan(home, [str(root)])
                count = plan.files_to_read
                begun = time.perf_counter()
                loaded = loading.load(home, plan, str(uuid.uuid4()), on_progress)
                taken.setdefault("stage: read and parse, in workers", []).append(staged - begun)
                taken.setdefault("merge: sort, write, commit", []).append(time.perf_counter() - staged)
                with timed("registries"):
                    write_registries(home, loaded)
                with timed("candidate: the DuckDB file"):
                    build_candidate(home, loaded)
                with timed("checks"):
                    run_checks(home, loaded.run_id)
                with timed("publish, clear away"):
                    publish(home, loaded.run_id)
    return count, [(name, median(values)) for name, values in taken.items()]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--corpus", type=Path, help="a folder of files, instead of a corpus that is made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = options.corpus or Path(folder) / "wire"
        if options.corpus is None:
            write_corpus(root, options.files, MONTHS, SEED)
        print(f"{machine()}. Medians of {options.rounds} rounds\n")
        rows = [(name, f"{micros:,.1f}") for name, micros in steps(root, options.rounds)]
        print(table((f"step, over {READ_FILES:,} documents", "µs of processor"), rows))
        count, parts = phases(root, options.rounds)
        rows_of_phases = [(name, f"{wall:.2f}", f"{wall / count * 1e6:,.0f}") for name, wall in parts]
        print("\n" + table((f"phase, of a load of {count:,} files", "wall s", "µs per document"), rows_of_phases))


if __name__ == "__main__":
    main()
