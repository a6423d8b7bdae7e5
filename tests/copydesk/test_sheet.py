"""The coding sheet: what goes into a spreadsheet does no harm there, and what comes back is understood."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydesk.coding import FIELDS, Cell, CodingFault, judge
from copydesk.sheet import VALUES, Sheet, cell_text, read_sheet, sheet_bytes
from etl.errors import SetupFault
from warehouse.sampling import Drawn, Sample, Stratum

BY_NAME = {field.name: field for field in FIELDS}
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")

Rows = list[dict[str, str]]


def sample(*values: dict[str, object]) -> Sample:
    """A sample of two strata, the first with two documents of ten."""
    documents = [
        Drawn(
            f"{at:032x}",
            "wire",
            f"{at}.txt",
            "few" if at > 1 else "many",
            "Bakou, 27 février.\nTexte",
            {**dict.fromkeys(VALUES), **found},
        )
        for at, found in enumerate(values)
    ]
    return Sample("v-1", 1, (Stratum("many", 10, 2), Stratum("few", len(values), 1)), tuple(documents))


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "sheet.csv"
    path.write_bytes(sheet_bytes(sample({"located": "Bakou", "place_id": 587084}, {}, {"language": "fr"})))
    return path


def rows_of(path: Path) -> Rows:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))


def save(path: Path, rows: Rows, encoding: str = "utf-8-sig", **form: str) -> None:
    """Save rows as a spreadsheet does."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), **{"lineterminator": "\r\n", **form})  # type: ignore[arg-type]
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))


def test_a_sheet_is_csv_that_spreadsheets_take_for_utf_8(sheet: Path) -> None:
    assert sheet.read_bytes().startswith(b"\xef\xbb\xbfdocument_id,source,path,text,located,true_located,")
    first, second, _ = rows_of(sheet)
    assert first["text"] == "Bakou, 27 février. ⏎ Texte"
    assert (first["place_id"], first["true_place_id"]) == ("587084", "")
    assert second["located"] == ""
    assert (second["stratum"], second["stratum_count"], second["document_count"]) == ("many", "10", "13")
    assert len(sheet.read_text("utf-8").splitlines()) == 4
    for field in FIELDS:
        assert f"true_{field.name}" in first


HOSTILE = [
    '=cmd|\'/C calc\'!A0', "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", 'a;"=1', "a;=1", "a,  =1",
    'x"\n=HYPERLINK("http://a")', "a\u202eb", "a\x1b[31m", "a\x00b", "a\u2028=1", "'=1", '"=1', ";;\"\";=1",
]  # fmt: skip


def cells_in_any_spreadsheet(content: bytes) -> list[str]:
    text = content.decode("utf-8-sig")
    return [
        cell for mark in ",;\t" for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark) for cell in row
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_can_become_a_formula_or_hide(text: str) -> None:
    drawn = Drawn("0" * 32, text, text, "all", text, {**dict.fromkeys(VALUES), "located": text, "headline": text})
    content = sheet_bytes(Sample("v", 1, (Stratum("all", 1, 1),), (drawn,)))
    cells = cells_in_any_spreadsheet(content)
    assert not [cell for cell in cells if cell.strip(' "').startswith(FORMULA)]
    assert not set("\x1b\x00\r\u2028\u202e") & set("".join(cells))
    assert len(content.splitlines()) == 2


@given(st.lists(st.sampled_from(["=", "-", "'", '"', ";", ",", "\t", "\n", " ", "a", "1", "＋"]), max_size=12))
def test_no_row_of_signs_becomes_a_formula(signs: list[str]) -> None:
    drawn = Drawn("0" * 32, "wire", "a.txt", "all", "".join(signs), dict.fromkeys(VALUES))
    cells = cells_in_any_spreadsheet(sheet_bytes(Sample("v", 1, (Stratum("all", 1, 1),), (drawn,))))
    assert not [cell for cell in cells if cell.strip(' "').startswith(FORMULA)]


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\n" not in text])
def test_a_defused_value_is_still_the_same(text: str) -> None:
    shown = cell_text(text).strip()
    (outcome,) = judge(BY_NAME["headline"], [Cell(2, shown, shown.replace("'", "") or "x")])
    assert outcome == "exact"


def test_words_of_every_script_are_left_alone() -> None:
    text = "« Şuşa » (می\u200cخواهم) – 북한\xa0»"
    assert cell_text(text) == text


def as_numbers(rows: Rows) -> Rows:
    return [
        {**row, "place_id": row["place_id"] and f"{row['place_id']}.0", "stratum_count": f"{row['stratum_count']}.0"}
        for row in rows
    ]


@pytest.mark.parametrize(
    ("change", "form"),
    [
        (lambda rows: rows, {}),
        (lambda rows: rows, {"delimiter": ";"}),
        (lambda rows: rows, {"delimiter": "\t", "encoding": "utf-16"}),
        (lambda rows: rows, {"lineterminator": "\n", "encoding": "utf-8"}),
        (lambda rows: rows, {"lineterminator": "\r"}),
        (lambda rows: rows[::-1], {}),
        (lambda rows: [*rows, dict.fromkeys(rows[0], "")], {}),
        (lambda rows: [{name: row[name] for name in sorted(row)} for row in rows], {}),
        (lambda rows: [{**row, "mine": "seen"} for row in rows], {}),
        (as_numbers, {}),
    ],
    ids=[
        "saved",
        "semicolons",
        "unicode-text",
        "unix",
        "old-mac",
        "sorted",
        "empty-row",
        "columns",
        "column",
        "numbers",
    ],
)
def test_what_spreadsheets_do_to_a_file_is_understood(
    sheet: Path, change: Callable[[Rows], Rows], form: dict[str, str]
) -> None:
    rows = rows_of(sheet)
    rows[0] |= {"true_place_id": "587084", "true_located": " OK ", "note": 'a;b, "c"\nd'}
    rows[2]["true_language"] = "de"
    save(sheet, change(rows), **form)
    read = read_sheet(sheet)
    assert (read.version, read.seed, read.document_count, read.sizes) == ("v-1", "1", 13, {"many": 10, "few": 3})
    assert read.fields == FIELDS
    assert outcomes(read, "place_id") == {f"{0:032x}": "exact"}
    assert outcomes(read, "located") == {f"{0:032x}": "exact"}
    assert outcomes(read, "language") == {f"{2:032x}": "wrong"}


def outcomes(sheet: Sheet, name: str) -> dict[str, str]:
    field = BY_NAME[name]
    found = zip(sheet.rows, judge(field, sheet.cells(field)), strict=True)
    return {row.document_id: outcome for row, outcome in found if outcome}


def test_rows_and_whole_fields_may_be_taken_out(sheet: Path) -> None:
    rows = [{name: text for name, text in row.items() if "byline" not in name} for row in rows_of(sheet)[:1]]
    save(sheet, rows)
    read = read_sheet(sheet)
    assert [field.name for field in read.fields] == [field.name for field in FIELDS if field.name != "byline"]
    assert read.sizes == {"many": 10}


def changed(at: int, **cells: str) -> Callable[[Rows], Rows]:
    return lambda rows: [{**row, **cells} if number == at else row for number, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed(1, document_id="1.2E+31"), "row 3: document_id has 32 hex digits, not '1.2E+31'"),
        (changed(2, document_id="0" * 32), "row 4: this document stands in row 2, too"),
        (changed(1, stratum_count="ten"), "row 3: stratum_count is a number of documents, not 'ten'"),
        (changed(1, stratum_count="0"), "row 3: stratum_count is a number of documents"),
        (changed(1, stratum_count="11"), "row 3: stratum_count is 11 here and 10 in a row above"),
        (changed(2, snapshot_version="v-2"), "row 4: it is of another sample"),
        (changed(2, seed="2"), "row 4: it is of another sample"),
        (changed(2, stratum_count="4"), "its strata hold more documents than document_count says: 13"),
        (lambda rows: [{name: text for name, text in row.items() if name != "stratum"} for row in rows], "row 1: the heading lacks stratum:"),
        (lambda rows: [{name: text for name, text in row.items() if name != "located"} for row in rows], "row 1: the heading lacks located:"),
        (lambda rows: [{"a": "1"}], "row 1: the heading lacks document_id, stratum"),
        (lambda rows: [dict.fromkeys(rows[0], "")], "no row is left"),
    ],
)  # fmt: skip
def test_a_bad_sheet_is_one_message_with_its_row(sheet: Path, change: Callable[[Rows], Rows], message: str) -> None:
    save(sheet, change(rows_of(sheet)))
    with pytest.raises(SetupFault) as fault:
        read_sheet(sheet)
    assert message in str(fault.value)
    assert str(fault.value).startswith(str(sheet))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "row 1: the heading lacks document_id, stratum"),
        (b"PK\x03\x04", "spreadsheet's own format"),
        ("a,b\nc,café".encode("latin-1"), "line 2: this is not UTF-8"),
        (b"\xff\xfea", "not UTF-8"),
        (b"a,a\n1,2", "row 1: the column a is there twice"),
    ],
)
def test_what_is_no_sheet_is_one_message(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)
    with pytest.raises(SetupFault) as fault:
        read_sheet(path)
    assert message in str(fault.value)


@pytest.mark.parametrize("rest", [b'"never closed', b'"closed" and on', b"x" * 200_000])
def test_what_is_no_csv_is_one_message(sheet: Path, rest: bytes) -> None:
    sheet.write_bytes(sheet.read_bytes() + rest)
    with pytest.raises(SetupFault, match="row 5: this is no CSV"):
        read_sheet(sheet)


def test_cells_beyond_the_heading_are_a_fault(sheet: Path) -> None:
    content = sheet.read_bytes().splitlines()
    content[2] += b",more"
    sheet.write_bytes(b"\n".join(content))
    with pytest.raises(SetupFault, match="row 3: it has more cells than"):
        read_sheet(sheet)


@pytest.mark.parametrize(
    ("name", "ours", "true", "outcome"),
    [
        ("located", "Bakou", "", None),
        ("located", "Bakou", "ok", "exact"),
        ("located", "", "ok", "neither"),
        ("located", "Bakou", "none", "invented"),
        ("located", "Bakou", "–", "invented"),
        ("located", "", "NONE", "neither"),
        ("located", "Bakou", "wrong", "wrong"),
        ("located", "", "wrong", "missing"),
        ("located", "Bakou", "Gandja", "wrong"),
        ("located", "", "Gandja", "missing"),
        ("located", "Ok", '"ok"', "exact"),
        ("located", "Bakou", '"none"', "wrong"),
        ("located", "BAKOU", "Bakou", "exact"),
        ("located", "L'Aquila", "L’Aquila", "exact"),
        ("located", "İsmayıllı", "İsmayıllı", "exact"),
        ("located", "Şuşa", "Susa", "wrong"),
        ("headline", "One \xa0two -- “three”…", 'One two -- "three"...', "exact"),
        ("place_id", "587084", "587084.0", "exact"),
        ("place_id", "587084", "587085", "wrong"),
        ("country_code", "AZ", "az", "exact"),
        ("language", "zh-Hans", "ZH-hans", "exact"),
        ("language", "zh-Hans", "zh-Hant", "wrong"),
        ("language", "no", "no", "exact"),
        ("agency_id", "azertac", "trend", "wrong"),
        ("content_created", "2021-02-27", "2021-02-27", "exact"),
        ("content_created", "27/02/2021", "27.02.2021", "exact"),
        ("content_created", "2021-02-27 00:00:00", "2021-02-28", "wrong"),
        ("content_created", "2021. 2. 27.", "2/27/2021", "exact"),
        ("content_created", "", "2021-02-27", "missing"),
        ("content_created", "27-Feb-21", "ok", "exact"),
        ("content_created", "05/05/2021", "2021-05-05", "exact"),
    ],
)
def test_marks_and_values(name: str, ours: str, true: str, outcome: str | None) -> None:
    assert judge(BY_NAME[name], [Cell(2, ours, true)]) == [outcome]


@pytest.mark.parametrize(
    ("name", "ours", "true", "message"),
    [
        ("place_id", "587084", "Baku", "true_place_id is ok, none, wrong or a GeoNames id, in digits; not 'Baku'"),
        ("country_code", "AZ", "Azerbaijan", "two letters of ISO 3166-1"),
        ("agency_id", "afp", "Agence France-Presse", "an agency_id"),
        ("language", "fr", "French", "a code of BCP 47"),
        ("content_created", "2021-02-27", "27 février", "a date such as 2021-02-27"),
        ("content_created", "2021-02-27", "2021-02-30", "a date such as 2021-02-27"),
        ("content_created", "27-Feb-21", "2021-02-27", "to which the spreadsheet has changed our date"),
        ("content_created", "2021-02-27", "03/04/2021", "may be 2021-04-03 or 2021-03-04"),
        ("located", "Bakou", "#NAME?", "took it for a formula"),
    ],
)
def test_a_cell_that_says_nothing_clear_is_a_fault(name: str, ours: str, true: str, message: str) -> None:
    with pytest.raises(CodingFault) as fault:
        judge(BY_NAME[name], [Cell(2, "", ""), Cell(3, ours, true)])
    assert message in str(fault.value)
    assert fault.value.row == 3


@pytest.mark.parametrize(
    ("clear", "true", "outcome"),
    [
        ("27/02/2021", "04/03/2021", "exact"),
        ("02/27/2021", "03/04/2021", "exact"),
        ("27/02/2021", "03/04/2021", "wrong"),
    ],
)
def test_one_clear_date_tells_how_the_others_are_written(clear: str, true: str, outcome: str) -> None:
    cells = [Cell(2, clear, ""), Cell(3, "2021-03-04", true)]
    assert judge(BY_NAME["content_created"], cells) == [None, outcome]


def test_clear_dates_of_both_kinds_tell_nothing() -> None:
    cells = [Cell(2, "27/02/2021", ""), Cell(3, "02/27/2021", ""), Cell(4, "2021-03-04", "03/04/2021")]
    with pytest.raises(CodingFault, match="may be"):
        judge(BY_NAME["content_created"], cells)
