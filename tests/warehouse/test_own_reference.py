"""The user's own reference, from its files to the published tables."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from etl.contract import DOCUMENTS
from etl.errors import SetupFault
from etl.stage import StoredChunk, stage
from tests.support import candidate, dispatch, query, rebuild, run, stable_rows, write
from warehouse.checks import run_checks
from warehouse.home import Home
from warehouse.manifest import current, locations
from warehouse.plan import make_plan

SHUSHA = 147105


def own(home: Home, name: str, *lines: str) -> None:
    """Write a file of the user's own reference."""
    (home.reference / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")


def say_agency(home: Home) -> None:
    own(home, "agencies.csv", "agency_id,literals", "azertac,AZTAG")


def say_new_agency(home: Home) -> None:
    own(home, "agencies.csv", "agency_id,name,kind,country_code,literals", "qx,Qarabağ Xəbər,private,AZ,AZTAG")


def say_place(home: Home) -> None:
    own(home, "places.csv", "located,place_id", f"Tchoucha,{SHUSHA}")


def say_own_place(home: Home) -> None:
    own(
        home,
        "places.csv",
        "located,place_id,place_name,country_code,latitude,longitude",
        "Tchoucha,-7,Camp Nord,AZ,39.9,46.8",
    )


def say_country(home: Home) -> None:
    own(home, "places.csv", "located,country_code", "Tchoucha,AZ")


def say_month(home: Home) -> None:
    own(home, "months.csv", "language,month,name", "tk,2,fewral aýy")


def say_form(home: Home) -> None:
    own(
        home,
        "forms.csv",
        "name,needs,confidence,pattern,example",
        "boxed,agency,0.95,agency [ place ] date,AFP [Paris] 3 mai",
    )


def say_correction(home: Home) -> None:
    own(
        home,
        "corrections.csv",
        "source,path,field,expect,value,reason",
        "wire,a.txt,located,Bakou,Gandja,seen in print",
    )


@pytest.mark.parametrize(
    ("dateline", "say", "columns", "before", "after"),
    [
        ("Bakou, 27 février, AZTAG", say_agency, "agency_id", (None,), ("azertac",)),
        ("Bakou, 27 février, AZTAG", say_new_agency, "agency_id", (None,), ("qx",)),
        ("Tchoucha, 27 février, AZERTAC", say_place, "place_id, place_name", (None, None), (SHUSHA, "Shusha")),
        ("Tchoucha, 27 février, AZERTAC", say_own_place, "place_id, place_name", (None, None), (-7, "Camp Nord")),
        ("Tchoucha, 27 février, AZERTAC", say_country, "place_id, country_code", (None, None), (None, "AZ")),
        ("Bakou, 27 fewral aýy, AZERTAC", say_month, "content_created::VARCHAR", (None,), ("2021-02-27",)),
        ("AZERTAC [Bakou] 27 février", say_form, "dateline_form, located", (None, None), ("boxed", "Bakou")),
        ("Bakou, 27 février, AZERTAC", say_correction, "located, place_name", ("Bakou", "Baku"), ("Gandja", "Ganja")),
    ],
)  # fmt: skip
def test_what_the_user_says_is_read_from_the_next_run_on_and_taken_back(
    home: Home, source: Path, dateline: str, say: Callable[[Home], None], columns: str, before: object, after: object
) -> None:
    text = "Un pont a été ouvert à Gandja."
    write(source, "a.txt", f" date 2021-02 {dateline}\n\n{text}")
    write(source, "b.txt", dispatch(28, text))
    run(home, source)
    asked = f"SELECT {columns} FROM documents WHERE path = 'a.txt'"
    other = stable_rows(home)
    assert query(home, asked) == [before]
    shutil.rmtree(source)
    say(home)
    assert run(home) is not None
    assert query(home, asked) == [after]
    assert query(home, "SELECT path, version FROM documents ORDER BY path") == [("a.txt", 1), ("b.txt", 1)]
    assert query(home, "SELECT count(*) FROM document_versions") == [(0,)]
    now = stable_rows(home)
    unchanged = [row for row in other["documents"] if "b.txt" in row]
    assert [row for row in now["documents"] if "b.txt" in row] == unchanged
    assert run(home) is None
    for name in ("agencies", "places", "months", "forms", "corrections"):
        (home.reference / f"{name}.csv").unlink(missing_ok=True)
    assert run(home) is not None
    assert stable_rows(home) == other


def test_a_place_of_the_users_own_is_in_places(home: Home, source: Path) -> None:
    say_own_place(home)
    write(source, "a.txt", " date 2021-02 Tchoucha, 27 février, AZERTAC\n\nUn pont.")
    write(source, "b.txt", dispatch())
    run(home, source)
    assert query(home, "SELECT place_id, name, names, latitude, population FROM places ORDER BY place_id")[0] == (
        -7, "Camp Nord", ["tchoucha"], 39.9, 0,
    )  # fmt: skip
    assert query(home, "SELECT count(*) FROM places") == [(2,)]


def test_the_reference_version_says_what_a_version_was_read_with(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    run(home, source)
    first = current(home)
    say_place(home)
    plan = make_plan(home)
    assert plan.is_reparse
    run(home)
    second = current(home)
    assert first is not None
    assert second is not None
    assert second.reference_version == plan.reference.version != first.reference_version
    assert query(home, "SELECT DISTINCT reference_version FROM documents") == [(second.reference_version,)]


def test_a_correction_touches_the_documents_that_it_is_for_and_no_others(home: Home, source: Path) -> None:
    for name in ("a", "b", "c"):
        write(source, f"{name}.txt", dispatch(body=f"Texte {name} de Gandja."))
    write(source, "d.txt", dispatch(1, month="2021-03", name="mars"))
    first = run(home, source)
    assert first is not None
    march = [name for name in locations(home, current(home), DOCUMENTS) if "2021-03" in str(name)]
    say_correction(home)
    published = run(home)
    assert published is not None
    assert (published.summary.documents_written, published.summary.months) == (1, ("2021-02",))
    rows = "SELECT path FROM documents WHERE run_id = '{}' ORDER BY path"
    assert query(home, rows.format(published.run_id)) == [("a.txt",)]
    assert [name for name in locations(home, current(home), DOCUMENTS) if "2021-03" in str(name)] == march
    own(home, "corrections.csv", "source,path,field,expect,value,reason", "wire,[bc].txt,located,Bakou,Gandja,print")
    published = run(home)
    assert published is not None
    assert query(home, rows.format(published.run_id)) == [("a.txt",), ("b.txt",), ("c.txt",)]
    assert query(home, "SELECT path FROM documents WHERE located = 'Gandja' ORDER BY path") == [("b.txt",), ("c.txt",)]


def test_a_part_of_a_chunk_is_parsed_again_like_the_whole(home: Home, source: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(source, f"{name}.txt", dispatch(body=f"Texte {name} de Gandja."))
    run(home, source)
    own(home, "corrections.csv", "source,path,field,expect,value,reason", "wire,[ac].txt,located,Bakou,Gandja,print")
    (location,) = locations(home, current(home), DOCUMENTS)
    chunk = StoredChunk("reparsed", str(location), 0, 3, query(home, "SELECT parser_version FROM documents")[0][0])
    seen: list[int | None] = []
    (_, first, rest) = chunk.around(0)
    assert rest is not None
    (_, second, last) = rest.around(0)
    assert last is not None
    for number, (part, expected) in enumerate([(chunk, [0, 2]), (first, [0]), (rest, [1]), (second, []), (last, [0])]):
        object.__setattr__(part, "reference", str(home.reference))
        seen.clear()
        (folder := tmp_path / str(number)).mkdir()
        stage(part, folder, 1, seen.append)
        assert [index for index in seen if index is not None] == expected


def test_a_corrected_date_moves_the_document_to_its_month(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    run(home, source)
    (identity,) = query(home, "SELECT document_id FROM documents")[0]
    own(
        home,
        "corrections.csv",
        "document_id,field,expect,value,reason",
        f"{identity},content_created,2021-02-27,2019-02-27,a misprint",
    )
    published = run(home)
    assert published is not None
    assert published.summary.months == ("2019-02", "2021-02")
    assert query(home, "SELECT month, date_method FROM documents") == [("2019-02", "correction")]
    assert query(home, "SELECT DISTINCT month FROM paragraphs") == [("2019-02",)]
    given = json.loads(query(home, "SELECT given FROM documents")[0][0])
    assert given == {
        "content_created": {
            "origin": "corrections.csv", "read": "2021-02-27", "reason": "a misprint", "value": "2019-02-27",
        }
    }  # fmt: skip


def test_a_correction_holds_through_new_contents_and_rebuilds(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch(body="Texte de Gandja."))
    say_correction(home)
    run(home, source)
    rows = "SELECT located, version FROM documents"
    assert query(home, rows) == [("Gandja", 1)]
    write(source, "a.txt", dispatch(body="Autre texte de Gandja."), age=60)
    run(home, source)
    assert query(home, rows) == [("Gandja", 2)]
    assert query(home, "SELECT located FROM document_versions") == [("Gandja",)]
    before = stable_rows(home)
    rebuild(home)
    assert stable_rows(home) == before
    (home.reference / "corrections.csv").unlink()
    run(home)
    assert query(home, rows) == [("Bakou", 2)]
    assert query(home, "SELECT located, given FROM document_versions") == [("Bakou", None)]


def message(home: Home) -> str:
    """What the check says of the user's own reference in the next candidate."""
    _, loaded = candidate(home)
    (check,) = [check for check in run_checks(home, loaded.run_id) if check.name == "own_reference"]
    assert not check.is_blocking
    assert check.passed == (check.message == "nothing odd")
    return check.message


def test_a_correction_whose_expect_no_longer_holds_is_reported_and_not_applied(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch(body="Texte de Gandja."))
    say_correction(home)
    run(home, source)
    assert message(home) == "nothing odd"
    write(source, "a.txt", dispatch(body="Texte de Gandja.").replace("Bakou", "Tbilissi"), age=60)
    run(home, source)
    assert query(home, "SELECT located, given FROM documents") == [("Tbilissi", None)]
    (identity,) = query(home, "SELECT document_id FROM documents")[0]
    assert message(home) == (
        "corrections.csv, line 2: not applied: located expects Bakou, but Tbilissi is read "
        f"(`copydesk explain {identity}`)"
    )


def test_corrections_that_come_to_nothing_are_reported(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.txt", dispatch(28).replace("Bakou", "Tbilissi"))
    run(home, source)
    own(
        home,
        "corrections.csv",
        "source,path,field,expect,value,reason",
        "wire,a.txt,language,en,fr,print",
        "wire,*.txt,agency_id,azertac,afp,print",
        "wire,*.txt,located,Bakou,Lyon,print",
        "wire,z.txt,language,fr,az,print",
    )
    first, second, third = message(home).split("; ")
    assert first == "corrections.csv, line 2: language reads fr without it by now"
    assert second.startswith("corrections.csv, line 4: not applied to 2 of 2 documents: located cannot be applied (")
    assert third == "corrections.csv, line 5: there is no document z.txt in wire"


def test_entries_of_no_use_are_reported(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    run(home, source)
    own(home, "agencies.csv", "agency_id,literals", "azertac,AZERTAC|AZTAG", "afp,AFRANCE", "aap,")
    own(home, "places.csv", "located,located_region,place_id", "Bakou,,587084", f"Bakou,Iran,{SHUSHA}")
    own(home, "months.csv", "language,month,name", "fr,2,février", "tk,2,fewral aýy")
    say_form(home)
    own(home, "place.csv", "located,place_id")
    assert message(home).split("; ") == [
        "place.csv: is not read: files are agencies.csv, places.csv, months.csv, forms.csv, corrections.csv",
        "agencies.csv, line 2: no document is credited to 'AZTAG'",
        "agencies.csv, line 3: no document is credited to 'AFRANCE'",
        "agencies.csv, line 4: no document has the agency_id aap",
        "forms.csv, line 2: no document's dateline has the form boxed",
        "and 2 more",
    ]


def test_months_and_places_of_no_use_are_reported(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    run(home, source)
    own(home, "places.csv", "located,located_region,place_id", "Bakou,,587084", f"Bakou,Iran,{SHUSHA}")
    own(home, "months.csv", "language,month,name", "fr,2,février", "tk,2,fewral aýy")
    assert message(home).split("; ") == [
        "months.csv, line 3: no document has 'fewral aýy' in its dateline or its sign-off",
        "places.csv, line 3: no document has 'Bakou' with 'Iran' beside it in its dateline",
    ]


def test_a_file_that_is_edited_while_a_run_goes_on_counts_for_the_next(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "a.txt", " date 2021-02 Bakou, 27 février, AZTAG\n\nUn pont.")
    say_agency(home)
    import warehouse.load

    stage_all = warehouse.load._stage

    def edit_and_stage(*arguments: object) -> None:
        own(home, "agencies.csv", "no longer CSV at all,")
        stage_all(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(warehouse.load, "_stage", edit_and_stage)
    run(home, source)
    assert query(home, "SELECT agency_id FROM documents") == [("azertac",)]
    published = current(home)
    assert published is not None
    with pytest.raises(SetupFault, match=r"agencies.csv, line 1: 'no longer csv at all' is no column"):
        make_plan(home)
    say_agency(home)
    assert run(home) is None


def test_nothing_is_published_with_a_file_that_is_wrong(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    run(home, source)
    own(home, "months.csv", "language,month,name", "fr,13,treizembre")
    write(source, "b.txt", dispatch(28))
    with pytest.raises(SetupFault, match=r"months.csv, line 2: a month is a number from 1 to 12, not '13'"):
        make_plan(home, [str(source)])
