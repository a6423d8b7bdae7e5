"""The user's own reference: how its files are read, and what is said where one of them is not as it has to be."""

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl import agencies, places
from etl.errors import SetupFault
from etl.own_reference import keep_own, load_own, own_literals, own_origins
from etl.reading import Reading, read_document
from etl.reference import Reference
from etl.reference.own import FILES
from tests.conftest import ROOT

TEMPLATES = ROOT / "warehouse" / "reference"
TODAY = dt.date(2026, 3, 1)
SHUSHA = "147105"


def own(folder: Path, **files: str) -> Reference:
    """Reference data with some files of the user's."""
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content, "utf-8")
    return load_own(folder)


def fault(folder: Path, **files: str) -> str:
    with pytest.raises(SetupFault) as found:
        own(folder, **files)
    message = str(found.value)
    assert "\n" not in message
    return message.removeprefix(f"{folder}/")


def read(reference: Reference, text: str) -> Reading:
    return read_document(f"{text}\n\nUn pont a été ouvert.", TODAY, reference)


def test_without_files_the_reference_is_ours(tmp_path: Path, reference: Reference) -> None:
    assert load_own(tmp_path / "nowhere") is reference
    assert load_own(tmp_path) is reference
    assert own(tmp_path, agencies="# nothing yet\n\nagency_id,literals\n# azertac,AZ\n") is reference
    assert keep_own(reference, tmp_path / "kept") is None


def test_the_same_files_are_read_once(tmp_path: Path) -> None:
    first = own(tmp_path, agencies="agency_id,literals\nazertac,AZTAG\n")
    assert load_own(tmp_path) is first
    (tmp_path / "agencies.csv").write_text("agency_id,literals\nazertac,AZTAK\n", "utf-8")
    assert load_own(tmp_path).version != first.version


def test_the_version_is_of_what_the_files_say_and_not_of_how_they_are_written(
    tmp_path: Path, reference: Reference
) -> None:
    first = own(tmp_path, agencies="agency_id,literals\nazertac,AZTAG|AzTAg\n").version
    alike = own(
        tmp_path, agencies="\ufeff# mine\nliterals;note;agency_id\n\nAZTAG | AzTAg;as in 1994;azertac\n"
    ).version
    assert alike == first != reference.version
    assert own(tmp_path, agencies="agency_id,literals\nazertac,AZTAG\n").version != first


def test_what_is_kept_for_workers_is_the_same(tmp_path: Path) -> None:
    first = own(tmp_path, agencies="agency_id,literals\nazertac,AZTAG\n", months="language,month,name\naz,2,fevralda\n")
    kept = keep_own(first, tmp_path / "kept")
    assert kept is not None
    (tmp_path / "agencies.csv").write_text("edited meanwhile", "utf-8")
    assert load_own(Path(kept)).version == first.version


def test_a_literal_is_added_to_an_agency_of_ours(tmp_path: Path, reference: Reference) -> None:
    merged = own(tmp_path, agencies="agency_id,literals,names\nazertac,AZTAG,ka=აზერტაჯი|sr-Latn=Azertadž\n")
    assert agencies.identify("AZTAG", None, merged) == "azertac"
    assert agencies.identify("AZERTAC", None, merged) == "azertac"
    former, now = reference.agencies["azertac"], merged.agencies["azertac"]
    assert (now.name, now.kind, now.country_code) == (former.name, former.kind, former.country_code)
    assert now.names == {**former.names, "ka": "აზერტაჯი", "sr-Latn": "Azertadž"}


def test_a_literal_is_found_again_in_a_shared_credit(tmp_path: Path) -> None:
    merged = own(tmp_path, agencies="agency_id,literals\nazertac,AZTAG\n")
    for credit in ("AFP/AZTAG", "afp aztag", "AZTAG-AFP", "aztag"):
        assert [name for _, name in own_literals(credit, merged)] == ["AZTAG"], credit
    assert own_literals("AZTAGIM", merged) == []


def test_a_new_agency_is_one_like_ours(tmp_path: Path) -> None:
    merged = own(
        tmp_path,
        agencies="agency_id,name,country_code,kind,literals\nqarabag,Qarabağ Xəbər,AZ,private,QX Xəbər|Qarabağ Xəbər\n",
    )
    found = read(merged, " date 2021-02 Şuşa, 27 fevral, QX Xəbər")
    assert found.credit is not None
    assert (found.credit.agency_id, found.credit.role) == ("qarabag", "dateline")
    assert own_origins(found, merged)["agency_id"] == ("agencies.csv", 2)


def test_a_literal_that_the_user_gives_to_an_agency_is_that_ones_alone(tmp_path: Path, reference: Reference) -> None:
    assert len(agencies.candidates("APA", reference)) > 1
    owner = next(
        name for name in agencies.candidates("APA", reference) if reference.agencies[name].country_code == "AZ"
    )
    merged = own(tmp_path, agencies=f"agency_id,literals\n{owner},APA\n")
    assert agencies.identify("APA", None, merged) == owner


def test_a_place_as_written_means_what_the_user_says(tmp_path: Path, reference: Reference) -> None:
    merged = own(
        tmp_path,
        places="located,located_region,place_id,place_name,country_code,latitude,longitude,population\n"
        f"Tchoucha,,{SHUSHA},,,,,\n"
        "Villa Verde,Chile,,Valparaíso,CL,,,\n"
        "Mer Noire,,,,TR,,,\n"
        "Camp Nord,,-1,Camp Nord,AZ,39.9,46.8,12\n"
        "Lager Nord,,-1,,,,,\n",
    )
    at = places.locate("TCHOUCHA", None, merged)
    assert at.place is not None
    assert (str(at.place.place_id), at.country_code, at.margin) == (SHUSHA, "AZ", 1.0)
    assert places.locate("Villa Verde", "Chile", merged).place == places.locate("Villa Verde", "CHILI", merged).place
    assert places.locate("Villa Verde", None, merged) == places.locate("Villa Verde", None, reference)
    sea = places.locate("Mer Noire", None, merged)
    assert (sea.place, sea.country_code, sea.margin) == (None, "TR", None)
    camp = places.locate("Lager Nord", None, merged).place
    assert camp is not None
    assert (camp.place_id, camp.name, camp.country_code, camp.population) == (-1, "Camp Nord", "AZ", 12)
    assert places.is_known("Lager Nord", merged)
    turkish = own(tmp_path, places=f"located,place_id\nQızıl Çay,{SHUSHA}\n")
    assert places.locate("QIZIL ÇAY", None, turkish).country_code == "AZ"
    assert places.is_city("Camp Nord", merged)


def test_a_place_of_the_users_is_not_meant_where_another_country_stands_beside_it(tmp_path: Path) -> None:
    merged = own(tmp_path, places=f"located,place_id\nParis,{SHUSHA}\n")
    assert places.locate("PARIS", None, merged).country_code == "AZ"
    assert places.locate("PARIS", "Azerbaïdjan", merged).country_code == "AZ"
    assert places.locate("PARIS", "Texas", merged).country_code == "US"
    assert places.locate("PARIS", "France", merged).country_code == "FR"


def test_a_month_in_a_language_is_read(tmp_path: Path, reference: Reference) -> None:
    text = " date 2021-02 Bakou, 27 fewral aýy, AZERTAC"
    former = read(reference, text)
    assert former.date.content_created is None
    merged = own(tmp_path, months="language,month,name\ntk,2,fewral aýy\n")
    found = read(merged, text)
    assert found.date.content_created == dt.date(2021, 2, 27)
    assert own_origins(found, merged)["content_created"] == ("months.csv", 2)


FORM = "name,needs,confidence,pattern,example\n"


def test_a_form_is_read(tmp_path: Path, reference: Reference) -> None:
    text = " date 2021-02 AZERTAC [Bakou] 27 février"
    assert read(reference, text).dateline is None
    merged = own(tmp_path, forms=f"{FORM}place_in_brackets,agency,0.95,agency [ place ] date,AFP [Paris] 3 mai\n")
    found = read(merged, text)
    assert found.dateline is not None
    assert found.dateline.form == "place_in_brackets"
    assert found.dateline.place is not None
    assert found.dateline.place.literal == "Bakou"
    assert own_origins(found, merged)["dateline"] == ("forms.csv", 2)


PLACES = "located,located_region,place_id,place_name,country_code,latitude,longitude,population\n"
CORRECTIONS = "document_id,source,path,field,expect,value,reason\n"
ID = "0" * 32


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("agencies", "agency_id,literal\n", "line 1: 'literal' is no column; the heading may have agency_id, literals"),
        ("agencies", "agency_id,name\n", "line 1: the heading lacks literals"),
        ("agencies", "agency_id,literals,literals\n", "line 1: the column literals stands there twice"),
        ("agencies", "\n# x\nagency_id,literals\n\nazertac,A, B\n", "line 5: 3 cells, the heading has 2: put a cell"),
        ("agencies", 'agency_id,literals\nazertac,"A\n', "line 2: not CSV: "),
        ("agencies", 'agency_id,literals\nx,y\n"azertac","A\nB"\n', "line 2: x is no agency of the registry"),
        ("agencies", 'agency_id,literals\n"azertac","A\nB"\n', "line 2: literals has a line end or a control"),
        ("agencies", "agency_id,literals\nAZERTAC,A\n", "line 2: an agency_id is a word in small letters"),
        ("agencies", "agency_id,literals\nazertac,A\nazertac,B\n", "line 3: azertac stands there twice"),
        ("agencies", "agency_id,literals\nazertac,A|7\n", "line 2: '7' has no letter"),
        ("agencies", "agency_id,literals,kind\nazertac,A,weekly\n", "line 2: 'weekly' is not a kind of agency; those"),
        ("agencies", "agency_id,literals,country_code\nazertac,A,Az\n", "line 2: 'Az' is no country's code"),
        ("agencies", "agency_id,literals,wikidata_id\nazertac,A,12\n", "line 2: a wikidata_id is like Q1234"),
        ("agencies", "agency_id,literals,names\nazertac,A,Azertac\n", "line 2: names are written as fr=Agence"),
        ("agencies", "agency_id,name,literals\nx,X,\n", "line 2: x is no agency of the registry; a new one needs kind, too"),
        ("places", "place_id\n1\n", "line 1: the heading lacks located"),
        ("places", PLACES + "Bakou,,,,,,,\n", "line 2: say what it means: a place_id, a place_name, or at least"),
        ("places", PLACES + '"Bakou, Azerbaïdjan",,587084,,,,,\n', "line 2: located is one place"),
        ("places", PLACES + "Bakou,,x,,,,,\n", "line 2: a place_id is a number of GeoNames, or a negative one"),
        ("places", PLACES + "Bakou,,1,,,,,\n", "line 2: the gazetteer has no place 1: it holds"),
        ("places", PLACES + "Bakou,,587084,,FR,,,\n", "line 2: place 587084 is Baku in AZ, not in FR"),
        ("places", PLACES + "Bakou,,587084,,,40.0,,\n", "line 2: latitude belongs to a place of your own"),
        ("places", PLACES + "Bakou,,,Springfield,US,,,\n", "line 2: the gazetteer has "),
        ("places", PLACES + "Bakou,,,Bakou sur Mer,,,,\n", "line 2: the gazetteer has no place with the main name 'Bakou sur"),
        ("places", PLACES + "Bakou,,,,Azerbaijan,,,\n", "line 2: 'Azerbaijan' is no country's code"),
        ("places", PLACES + "Bakou,,-1,Nord,AZ,,46.8,\n", "line 2: a place of your own needs latitude, too"),
        ("places", PLACES + "Bakou,,-1,Nord,AZ,400,46.8,\n", "line 2: latitude and longitude are degrees"),
        ("places", PLACES + "A,,-1,Nord,AZ,40,46,\nB,,-1,Sud,AZ,39,46,\n", "line 3: place -1 is another place in a line above"),
        ("places", PLACES + "Bakou,,587084,,,,,\nBAKOU,,587084,,,,,\n", "line 3: 'BAKOU' stands in line 2, too"),
        ("months", "language,month,name\nfra.,2,x\n", "line 2: a language is two or three small letters"),
        ("months", "language,month,name\nfr,13,treizembre\n", "line 2: a month is a number from 1 to 12, not '13'"),
        ("months", "language,month,name\nfr,2,fev2\n", "line 2: 'fev2' cannot be read in a date"),
        ("months", "language,month,name\nfr,2,\n", "line 2: '' cannot be read in a date"),
        ("months", "language,month,name\nfr,2,fv\nfr,3,FV\n", "line 3: 'FV' stands in line 2, too"),
        ("forms", FORM + "x y,,0.9,place date,A\n", "line 2: a form's name is a word in small letters"),
        ("forms", FORM + "x,,0.9,place date,\n", "line 2: a form needs an example"),
        ("forms", FORM + "x,luck,0.9,place date,A\n", "line 2: a form may need agency, known, place"),
        ("forms", FORM + 'x,,"0,9",place date,A\n', "line 2: a confidence is from 0 to 1"),
        ("forms", FORM + "x,,0.9,plcae date,A\n", "line 2: 'plcae' is no item of a form; those are signs and"),
        ("forms", FORM + "x,,0.9,place date place,A\n", "line 2: a form has one place and one date at most"),
        ("forms", FORM + "x,,0.9,date? place,A\n", "line 2: a form begins with a place, a date, an agency or a sign"),
        ("forms", FORM + "x,,0.9,place date,A\nx,,0.9,place date,A\n", "line 3: the form x stands in line 2, too"),
        ("forms", FORM + "x,agency,0.9,place date agency,Bakou * AFP\n", "line 2: the form does not read its example: the pattern does not fit it. The example's parts are: place"),
        ("corrections", CORRECTIONS + f"{ID},,,text,,x,y\n", "line 2: 'text' cannot be corrected; what can is headline"),
        ("corrections", CORRECTIONS + ",,,located,,x,y\n", "line 2: name the document by its document_id, or by source"),
        ("corrections", CORRECTIONS + ",wire,,located,,x,y\n", "line 2: name the document by its document_id, or by source"),
        ("corrections", CORRECTIONS + f"{ID},wire,a.txt,located,,x,y\n", "line 2: name the document by its document_id, or"),
        ("corrections", CORRECTIONS + "12,,,located,,x,y\n", "line 2: a document_id has 32 hex digits, not '12'"),
        ("corrections", CORRECTIONS + ",wire,[z-a],located,,x,y\n", "line 2: Not a glob pattern: [z-a]"),
        ("corrections", CORRECTIONS + f"{ID},,,located,x,y,\n", "line 2: a correction needs a reason"),
        ("corrections", CORRECTIONS + f"{ID},,,located,x,x,y\n", "line 2: expect and value are the same, 'x'"),
        ("corrections", CORRECTIONS + f"{ID},,,located,x,y,z\n{ID},,,located,x,z,z\n", "line 3: line 2 corrects located of the same"),
        ("corrections", CORRECTIONS + f"{ID},,,place_id,,Bakou,z\n", "line 2: 'Bakou' is no place_id of the gazetteer"),
        ("corrections", CORRECTIONS + f"{ID},,,place_id,,-1,z\n", "line 2: '-1' is no place_id of the gazetteer, nor one of"),
        ("corrections", CORRECTIONS + f"{ID},,,agency_id,,nobody,z\n", "line 2: 'nobody' is no agency_id of the registry"),
        ("corrections", CORRECTIONS + f"{ID},,,agency_role,,author,z\n", "line 2: a role is dateline, shared, credit"),
        ("corrections", CORRECTIONS + f"{ID},,,country_code,,az,z\n", "line 2: 'az' is no country's code"),
        ("corrections", CORRECTIONS + f"{ID},,,language,,French,z\n", "line 2: a language is a tag of BCP 47"),
        ("corrections", CORRECTIONS + f"{ID},,,content_created,,2021-02,z\n", "line 2: a day is written as 2021-02-27"),
        ("corrections", CORRECTIONS + f"{ID},,,content_created,27.2.2021,,z\n", "line 2: a date is 2021, 2021-02, 2021-02-27"),
        ("corrections", CORRECTIONS + f"{ID},,,content_created_edtf,,2021-02-30,z\n", "line 2: a date is 2021, 2021-02"),
        ("corrections", CORRECTIONS + f"{ID},,,content_created_edtf,,1599,z\n", "line 2: 1599 is before 1600"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    assert fault(tmp_path, **{name: content}).startswith(f"{name}.csv, {message}")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_bytes("located,place_id\nChoucha,1".encode("utf-16"))
    assert fault(tmp_path) == "places.csv is not UTF-8: save it as CSV UTF-8"
    (tmp_path / "places.csv").unlink()
    (tmp_path / "places.csv").mkdir()
    with pytest.raises(SetupFault, match=r"Cannot read .*places.csv: Is a directory"):
        load_own(tmp_path)


CELLS = st.sampled_from(
    ("", "#", '"', "azertac", "AZTAG|x", "-1", "0", "147105", "AZ", "fr", "2", "0.9", "place date agency", "located",
     "place ) (", "wire", "*.txt", "[", "0" * 32, "2021-02-27", "AFP [Paris] 3 mai", "\x00", "\r", "1e9", "nan")
)  # fmt: skip
ROWS = st.lists(st.lists(CELLS, max_size=8).map(",".join), max_size=4).map("\n".join)


@pytest.mark.parametrize("name", FILES)
@given(rows=ROWS, noise=st.binary(max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_a_file_is_read_or_named(tmp_path: Path, name: str, rows: str, noise: bytes) -> None:
    heading = (TEMPLATES / name).read_text("utf-8").splitlines()[-1]
    for content in (f"{heading}\n{rows}".encode(), rows.encode() + noise):
        (tmp_path / name).write_bytes(content)
        try:
            load_own(tmp_path)
        except SetupFault as found:
            assert str(found).startswith(f"{tmp_path}/{name}")


def test_several_places_of_a_name_are_listed_with_their_ids(tmp_path: Path) -> None:
    message = fault(tmp_path, places="located,place_name,country_code\nSpringfield,Springfield,US\n")
    assert "4409896 (US MO, " in message
    assert message.endswith("more. Give one's place_id")
