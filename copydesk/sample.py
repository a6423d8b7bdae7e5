"""`copydesk sample`: a coding sheet of documents drawn at random, in which a person says what is true."""

from __future__ import annotations

import sys
from pathlib import Path

from copydesk.coding import NONE, RIGHT, WRONG
from copydesk.files import require_outside, write_file
from copydesk.render import as_table, echo, visible
from copydesk.sheet import VALUES, sheet_bytes
from etl.errors import SetupFault
from warehouse.connection import connect
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.sampling import STRATIFIERS, Sample, draw_sample

STRATA = 20
"""Strata that are listed, the largest first."""


def sample_command(most: int, by: str | None, seed: int, output: str | None, home_folder: str | None) -> int:
    """Draw a sample; see `copydesk sample --help`. Returns the exit status."""
    from copydesk.cli import DONE

    names = _stratifiers(by)
    home = Home.find(home_folder)
    if output is None:
        if sys.stdout.isatty():
            raise SetupFault("A coding sheet is opened in a spreadsheet: name a file with --output FILE")
    else:
        require_outside(home, output)
        if Path(output).is_file():
            raise SetupFault(f"{output} is there already, and somebody may have coded it: name another file")
    with storage_faults(home), connect(home.folder) as connection:
        sample = draw_sample(connection, VALUES, most, names, seed)
    content = sheet_bytes(sample)
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        write_file(Path(output), content)
        echo(_describe(sample, output))
    return DONE


def _stratifiers(by: str | None) -> list[str]:
    if by is None:
        return []
    names = [name.strip() for name in by.split(",")]
    for name in names:
        if name not in STRATIFIERS:
            raise SetupFault(f"--by takes {', '.join(STRATIFIERS)}, with commas between them; not {name!r}")
    return list(dict.fromkeys(names))


def _describe(sample: Sample, output: str) -> str:
    lines = [
        f"{visible(output)}: {len(sample.documents):,} of {sample.document_count:,} documents of version "
        f"{sample.version}, seed {sample.seed}"
    ]
    if len(sample.strata) > 1:
        rows = [(stratum.name, stratum.document_count, stratum.drawn) for stratum in sample.strata[:STRATA]]
        lines += ["", as_table(("stratum", "documents", "drawn"), rows)]
        if more := len(sample.strata) - len(rows):
            lines.append(f"… and {more:,} smaller ones")
        lines.append("")
    lines.append(
        f"Write {RIGHT}, {NONE}, {WRONG} or the true value into the columns true_...; then `copydesk score` reads it."
    )
    return "\n".join(lines)
