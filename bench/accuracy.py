"""How often the readings are right: `python -m bench.accuracy FILE ...`.

A file is either lines of {name, text, gold} as JSON (.jsonl, .jsonl.gz), or a table (.tsv): of dateline forms with the
columns language, line, located, day, month, year, agency_literal, and perhaps agency and agency_id; of places as
written with the columns language, located, region, agency_country, place_id, country_code; or of texts with the columns
language, kind, text. Every field that the gold holds is compared:

exact     read, and the same
wrong     read, and another
missing   not read
invented  read where the gold says that there is none

The day, month and year of a gold file count where its text holds them: with `day_in_text` false, the month alone is
asked for; an agency outside the dateline counts where the text's last line names it. Every miss is listed with
`--misses`. `--part open|held` takes two thirds of the documents, or the third that is left out while writing rules:
by the digest of the name. `--by` lists by language, by form of the dateline that was read, or by kind of text. `--save`
writes the outcomes, and `--against` compares with such a file.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import gzip
import hashlib
import json
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measure import table
from etl.decode import decode
from etl.places import locate
from etl.reading import Reading, read_document
from etl.reference import Reference, load_reference

FIELDS = ("located", "day", "month", "year", "agency", "agency_id", "place_id", "country", "language", "headline")
"""What is compared, as far as a gold file has it."""

OUTCOMES = ("exact", "wrong", "missing", "invented")


@dataclass(frozen=True)
class Case:
    """A text with its true values.

    Attributes:
        name: which.
        text: as it would stand in a file.
        gold: the true value of each field that is known; an empty one says that the text holds none.
        language: of the text, as far as the gold file says.
        kind: what sort of text it is, as far as the gold file says.
    """

    name: str
    text: str
    gold: dict[str, str]
    language: str = ""
    kind: str = ""


@dataclass
class Score:
    """Outcomes by field and group, with every miss."""

    counts: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    misses: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)

    def add(self, case: Case, group: str, name: str, wanted: str, found: str) -> None:
        """Count one value in a group."""
        if not wanted and not found:
            return
        outcome = "exact" if wanted == found else "missing" if not found else "wrong" if wanted else "invented"
        self.counts[name, group][outcome] += 1
        self.outcomes[f"{case.name} {name}"] = outcome
        if outcome != "exact":
            self.misses.append((case.name, name, outcome, wanted, found))


def cases(path: Path) -> Iterator[Case]:
    """The texts of a gold file."""
    if path.suffix == ".tsv":
        with path.open(encoding="utf-8", newline="") as handle:
            rows = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
            columns = rows.fieldnames or ()
            case = _place_case if "place_id" in columns else _text_case if "text" in columns else _dateline_case
            yield from (case(f"line {number}", row) for number, row in enumerate(rows, start=2))
        return
    content = path.read_bytes()
    for line in (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines():
        entry = json.loads(line)
        gold = entry["gold"]
        yield Case(entry["name"], entry["text"], _gold(entry["text"], gold), gold.get("language") or "")


def _dateline_case(name: str, row: dict[str, str]) -> Case:
    # An empty figure of a day that is written in part is not asked for.
    gold = {name: row[name] for name in ("day", "month", "year") if row[name]}
    gold["located"] = row["located"].removesuffix(" (sic)")
    gold["agency"] = row["agency_literal"]
    if "agency_id" in row:
        gold["agency_id"] = row["agency_id"]
    return Case(name, row["line"], gold, row["language"])


def _place_case(name: str, row: dict[str, str]) -> Case:
    written = [row[column] for column in ("located", "region", "agency_country")]
    gold = {"place_id": row["place_id"], "country": row["country_code"]}
    return Case(f"{name} {', '.join(filter(None, written))}", "\t".join(written), gold, row["language"])


def _text_case(name: str, row: dict[str, str]) -> Case:
    return Case(name, row["text"], {"language": row["language"]}, row["language"], row["kind"])


def _gold(text: str, gold: dict[str, Any]) -> dict[str, str]:
    wanted = {"located": gold.get("place_head") or ""} if "place_head" in gold or "place" in gold else {}
    if gold.get("dateline_status", "parsed") == "parsed" and gold.get("day_in_text", True):
        wanted["day"] = str(gold.get("day") or "")
    wanted |= {name: str(gold[name]) for name in ("month", "year") if gold.get(name)}
    last = text.rstrip().rpartition("\n")[2]
    agency = gold.get("agency") or ""
    if gold.get("agency_in_dateline"):
        wanted["agency"] = agency
    elif not agency or last.casefold() == agency.casefold():
        wanted["agency"] = last if agency else ""
    wanted |= {name: gold[name] for name in ("agency_id", "country", "headline") if gold.get(name)}
    if gold.get("language"):
        wanted["language"] = gold["language"]
    return wanted


def found(reading: Reading) -> dict[str, str]:
    """What was read, as text, under the names of FIELDS; and the form of the dateline."""
    year, _, rest = (reading.date.content_created_edtf or "").partition("-")
    month, _, day = rest.partition("-")
    place = reading.dateline.place if reading.dateline else None
    return {
        "located": place.literal if place else "",
        **{name: _number(value) for name, value in (("year", year), ("month", month), ("day", day))},
        "agency": reading.credit.span.literal if reading.credit else "",
        "agency_id": (reading.credit.agency_id or "") if reading.credit else "",
        "country": (reading.located.country_code or "") if reading.located else "",
        "headline": reading.front_matter.headline or "",
        "language": reading.language or "",
        "form": reading.dateline.form if reading.dateline else "",
    }


def located(written: str, reference: Reference) -> dict[str, str]:
    """What a place is located as, from the place, its region and a national agency's country, parted by tabs."""
    place, region, context = written.split("\t")
    read = locate(place, region or None, reference, context or None, is_national=True)
    return {"place_id": str(read.place.place_id) if read.place else "", "country": read.country_code or ""}


def _number(value: str) -> str:
    return str(int(value)) if value.isdigit() else ""


def bodies(
    wanted: list[Case], reference: Reference, seen_on: dt.date, by_paragraph: bool
) -> tuple[int, list[tuple[str, str]]]:
    """The datelines that are found in bodies cut from behind theirs, under the same header: hardly any is one.

    Args:
        wanted: the texts with their datelines.
        reference: the reference data.
        seen_on: as in `read_document`.
        by_paragraph: take each paragraph as a text of its own.

    Returns:
        How many texts there were, and the name and dateline of each in which one was found.
    """
    count = 0
    invented = []
    for case in wanted:
        reading = read_document(decode(case.text.encode()).text, seen_on, reference)
        if reading.dateline is None:
            continue
        header = f" {reading.header.literal} " if reading.header else ""
        whole = [(reading.body_start, reading.body_end)]
        spans = [(span.start, span.end) for span in reading.paragraphs] if by_paragraph else whole
        for start, end in spans:
            count += 1
            again = read_document(header + reading.text[start:end], seen_on, reference).dateline
            if again is not None:
                invented.append((case.name, again.span.literal))
    return count, invented


def score(wanted: list[Case], read: Callable[[str], dict[str, str]], by: str = "") -> tuple[Score, list[float]]:
    """Read every text; gives the outcomes and the seconds for each.

    Args:
        wanted: the texts.
        read: gives what is read of a text, under the names of FIELDS, and `form`.
        by: language, form or kind; empty for all in one.
    """
    result = Score()
    seconds = []
    for case in wanted:
        text = decode(case.text.encode()).text
        begun = time.perf_counter()
        values = read(text)
        seconds.append(time.perf_counter() - begun)
        groups = {"language": case.language, "kind": case.kind, "form": values.get("form") or "-"}
        for name in FIELDS:
            if name in case.gold:
                value = values[name]
                if name == "language" and "-" not in case.gold[name]:
                    value = value.partition("-")[0]
                result.add(case, groups.get(by, ""), name, case.gold[name], value)
    return result, seconds


def is_held(name: str) -> bool:
    """Whether a document is of the third that is not looked at while rules are written."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 3 == 0


def _rows(result: Score) -> list[tuple[str, ...]]:
    rows = []
    for name, group in sorted(result.counts, key=lambda key: (FIELDS.index(key[0]), key[1])):
        counts = result.counts[name, group]
        wanted = counts.total() - counts["invented"]
        share = f"{100 * counts['exact'] / wanted:.1f}" if wanted else ""
        rows.append((name, group, *(str(counts[outcome]) for outcome in OUTCOMES), share))
    return rows


def _without(row: tuple[str, ...]) -> tuple[str, ...]:
    """A row without its group."""
    return (row[0], *row[2:])


def main() -> None:
    """Score the files and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--part", choices=("open", "held"), help="only two thirds of them, or the third left out")
    parser.add_argument("--bodies", action="store_true", help="look for datelines in the bodies instead: there is none")
    parser.add_argument("--paragraphs", action="store_true", help="the same in each paragraph of them by itself")
    parser.add_argument("--by", choices=("language", "form", "kind"), default="", help="list each by itself")
    parser.add_argument("--misses", action="store_true", help="list every one")
    parser.add_argument("--save", type=Path, help="write the outcomes to compare with")
    parser.add_argument("--against", type=Path, help="outcomes of another run: what has changed is listed")
    options = parser.parse_args()
    reference = load_reference()
    outcomes: dict[str, str] = {}
    for path in options.files:
        wanted = [c for c in cases(path) if options.part is None or is_held(c.name) == (options.part == "held")]
        label = path.name.partition(".")[0]
        if options.bodies or options.paragraphs:
            count, invented = bodies(wanted, reference, dt.date.today(), options.paragraphs)
            kind = "paragraphs" if options.paragraphs else "bodies"
            print(f"{label}: a dateline in {len(invented)} of {count:,} {kind}")
            for name, literal in invented:
                print(f"  {name} | {literal}")
            continue
        if wanted and "place_id" in wanted[0].gold:
            result, seconds = score(wanted, lambda text: located(text, reference), options.by)
        else:
            result, seconds = score(
                wanted, lambda text: found(read_document(text, dt.date.today(), reference)), options.by
            )
        print(f"\n{label}: {len(wanted):,} texts, {statistics.median(seconds or [0]) * 1e6:,.0f} µs each\n")
        names = ("field", options.by, *OUTCOMES, "exact %")
        rows = _rows(result)
        print(table(names, rows) if options.by else table(_without(names), [_without(row) for row in rows]))
        if options.misses:
            for miss in result.misses:
                print("  " + " | ".join(miss))
        outcomes |= {f"{label} {key}": outcome for key, outcome in result.outcomes.items()}
    if options.save:
        options.save.write_text(json.dumps(outcomes, indent=0, sort_keys=True), "utf-8")
    if options.against:
        former = json.loads(options.against.read_text("utf-8"))
        for key in sorted(former.keys() | outcomes.keys()):
            if former.get(key) != outcomes.get(key):
                sys.stdout.write(f"{key}: {former.get(key, '-')} -> {outcomes.get(key, '-')}\n")


if __name__ == "__main__":
    main()
