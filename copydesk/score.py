"""`copydesk score`: how often each field is right, from a coding sheet that a person has filled in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from copydesk.coding import CodingFault, is_same, judge
from copydesk.estimates import CONFIDENCE, Estimate, FieldScore, Outcome, score_field
from copydesk.render import as_table, csv_lines, echo, print_lines, to_json, visible
from copydesk.sheet import VALUES, Sheet, cell_text, read_sheet
from etl.errors import SetupFault
from warehouse.connection import connect
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.sampling import stored_values

_COUNTS: tuple[Outcome, ...] = ("exact", "wrong", "missing", "invented")


def score_command(name: str, form: str, home_folder: str | None) -> int:
    """Score a sheet; see `copydesk score --help`. Returns the exit status."""
    from copydesk.cli import DONE

    sheet = read_sheet(Path(name))
    scores = score_sheet(sheet)
    since = compare(sheet, Home.find(home_folder))
    if form == "csv":
        objects = [_object(score) for score in scores]
        print_lines(csv_lines(list(objects[0]), [list(found.values()) for found in objects]))
        if not since.is_current or since.changed_count:
            echo(f"copydesk: {visible(f'version {sheet.version}: {since.words}')}", err=True)
    elif form == "json":
        echo(
            to_json(
                {
                    "sheet": visible(name),
                    "snapshot_version": sheet.version,
                    "seed": sheet.seed,
                    "document_count": sheet.document_count,
                    "row_count": len(sheet.rows),
                    "stratum_count": len(sheet.sizes),
                    "confidence": CONFIDENCE,
                    "is_current": since.is_current,
                    "changed_count": since.changed_count,
                    "fields": [_object(score) for score in scores],
                }
            )
        )
    else:
        echo(_describe(sheet, scores, since))
    return DONE


def score_sheet(sheet: Sheet) -> list[FieldScore]:
    """The score of each field of which something is coded.

    Raises:
        SetupFault: a cell says nothing clear, or nothing is coded at all.
    """
    scores = []
    for field in sheet.fields:
        try:
            outcomes = judge(field, sheet.cells(field))
        except CodingFault as fault:
            raise sheet.fault(fault) from None
        coded = [(row.stratum, outcome) for row, outcome in zip(sheet.rows, outcomes, strict=True) if outcome]
        if coded:
            scores.append(score_field(field.name, coded, sheet.sizes, sheet.document_count))
    if not scores:
        raise SetupFault(f"{sheet.path}: nothing is coded yet in the columns true_...")
    return scores


@dataclass(frozen=True)
class Since:
    """What has become of the version that a sheet was drawn from.

    Attributes:
        is_current: whether it is still the published one; None if there is none here to compare with.
        changed_count: documents of the sheet that are gone by now, or are read otherwise than the sheet says; None as
            before.
        words: the same for people.
    """

    is_current: bool | None
    changed_count: int | None
    words: str


def compare(sheet: Sheet, home: Home) -> Since:
    """Compare a sheet with what is published."""
    try:
        with storage_faults(home), connect(home.folder) as connection:
            version, stored = stored_values(connection, [row.document_id for row in sheet.rows], VALUES)
    except SetupFault as fault:
        # The sheet holds all that the score needs, wherever it was drawn.
        return Since(None, None, f"whether it is still the published one is not known: {fault}")
    changed = 0
    for row in sheet.rows:
        now = stored.get(row.document_id)
        changed += now is None or not all(
            is_same(field, row.cells[field.name], cell_text(now[field.name])) for field in sheet.fields
        )
    count = f"{changed:,} of these {len(sheet.rows):,} documents"
    if version != sheet.version:
        words = f"the published version is {version} by now: {count} are gone from it or read otherwise"
        return Since(False, changed, words)
    if changed:
        return Since(True, changed, f"our values of {count} are not those of it: they were changed in the sheet")
    return Since(True, 0, "still the published one")


def _object(score: FieldScore) -> dict[str, object]:
    found: dict[str, object] = {"field": score.field, "coded": sum(score.counts.values())}
    found |= {name: score.counts.get(name, 0) for name in _COUNTS}
    for name, estimate in (("precision", score.precision), ("recall", score.recall)):
        found[name] = estimate and round(estimate.share, 4)
        found[f"{name}_low"] = estimate and round(estimate.low, 4)
        found[f"{name}_high"] = estimate and round(estimate.high, 4)
        found[f"{name}_effective_size"] = estimate and round(estimate.effective_size, 1)
    found["covered"] = round(score.covered, 4)
    return found


def _describe(sheet: Sheet, scores: list[FieldScore], since: Since) -> str:
    names = ("field", "coded", *_COUNTS, "precision (95 %)", "recall (95 %)")
    rows = []
    for score in scores:
        values = _object(score)
        rows.append([*(values[name] for name in names[:6]), _percent(score.precision), _percent(score.recall)])
    lines = [
        f"Sheet    {visible(str(sheet.path))}: {len(sheet.rows):,} of {sheet.document_count:,} documents, "
        f"seed {visible(sheet.seed)}",
        f"Version  {visible(f'{sheet.version}: {since.words}')}",
        "",
        as_table(names, rows),
    ]
    for score in scores:
        if score.covered < 1:
            lines.append(
                f"{score.field}: {100 * (1 - score.covered):.1f} % of the documents are in strata of which no row is "
                "coded; its shares are not about these"
            )
    return "\n".join(lines)


def _percent(estimate: Estimate | None) -> str | None:
    if estimate is None:
        return None
    return f"{100 * estimate.share:.1f} ({100 * estimate.low:.1f}–{100 * estimate.high:.1f})"
