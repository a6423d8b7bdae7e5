import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from etl.errors import SetupFault
from etl.reference import Reference, fold, load_reference, normalise
from etl.reference.bake import calendar_rows, country_rows, tsv
from etl.reference.loader import HERE


@pytest.mark.parametrize(
    ("file", "rows", "header"),
    [
        ("calendar.tsv", calendar_rows, ("language", "kind", "number", "name")),
        ("countries.tsv", country_rows, ("name", "country_code")),
    ],
)
def test_generated_files_are_what_cldr_gives(
    file: str, rows: Callable[[], list[object]], header: tuple[str, ...]
) -> None:
    assert (HERE / file).read_text("utf-8") == tsv(header, rows())


def test_every_language_has_twelve_months_and_seven_weekdays() -> None:
    found: dict[tuple[str, str], set[int]] = {}
    for language, kind, number, _ in calendar_rows():
        found.setdefault((language, kind), set()).add(number)
    for (language, kind), numbers in found.items():
        if language not in {"ja", "ko", "zh"}:
            assert numbers == set(range(1, (12 if kind == "month" else 7) + 1)), language
    assert len({language for language, _ in found}) >= 40


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("agencies.tsv", "x\tX\tAZ\tweekly\t\t\tX\ten=X", "not a kind of agency"),
        ("agencies.tsv", "azertac\tX\tAZ\tstate\t\t\tX\ten=X", "stands there twice"),
        ("agencies.tsv", "x\tX", "columns instead of 8"),
        ("agencies.tsv", "x\tX\tAZ\tstate\tfar\t\tX\ten=X", "reach of an agency is world, or left empty"),
        ("furniture.tsv", "x\tphrase\t\ta", "not a kind of furniture"),
        ("furniture.tsv", "furniture\tx\t\ta", "not a form of furniture"),
        ("furniture.tsv", "furniture\tpattern\t\t(", "not a regular expression"),
        ("site_sentences.tsv", "en\tcue\tcookies", "not a role of words"),
        ("site_sentences.tsv", "en\tword\tcookies|*", "would be almost any word"),
        ("site_sentences.tsv", "en\tword\tc*|cookies", "would be almost any word"),
        ("calendar_extra.tsv", "fr\tmonth\t13\ttreizembre", "is none of those that are allowed"),
        ("dateline_forms.tsv", "x\tluck\t0.9\tplace\tx", "a form may need"),
        ("dateline_forms.tsv", "x\t\t9\tplace\tx", "a confidence is from 0 to 1"),
        ("dateline_forms.tsv", "x\t\t0.9\tplace ,|plcae? date\tx", "'plcae' is no item of a form"),
        ("dateline_forms.tsv", "x\t\t0.9\tdate end\tx", "a form has a place or an agency"),
        ("trailer_forms.tsv", "x\t({agency}\tx", "not a regular expression"),
        ("regions.tsv", "Elsewhere\tXX", "columns instead of 3"),
        ("regions.tsv", "Elsewhere\tElsewhere\t01", "a region has a name"),
        ("countries_extra.tsv", "Elsewhere\tElsewhere", "a country has a name, and two letters"),
        ("territories.tsv", "XX\t\tElsewhere", "are two letters each"),
        ("place_words.tsv", "around\tcity", "before or after a place's name, not 'around'"),
        ("place_aliases.tsv", "Atlantis\t1\tAtlantis", "GeoNames id of a place of the gazetteer"),
        ("place_aliases.tsv", "GOUBA\t585221\tQuba", "stands there twice"),
        ("unlisted_places.tsv", "the moon\tMARS", "does not match its example"),
        ("front_matter.tsv", "byline\tby .*\tBEFORE", "does not match its example"),
        ("front_matter.tsv", "poem\tby .*\tby me", "not a kind of line"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, file: str, line: str, message: str) -> None:
    folder = tmp_path / "reference"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with (folder / file).open("a", encoding="utf-8") as handle:
        handle.write(line + "\n")
    with pytest.raises(SetupFault, match=message) as fault:
        load_reference(folder)
    assert f"{file}, line " in str(fault.value)


def test_the_version_is_a_digest_of_the_files(reference: Reference, tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    assert load_reference(folder).version == reference.version
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    with (other / "calendar_extra.tsv").open("a", encoding="utf-8") as handle:
        handle.write("fr\tmonth\t1\tjanv1\n")
    assert load_reference(other).version != reference.version


def test_literals_of_different_agencies_are_shared_only_where_that_is_known(reference: Reference) -> None:
    shared = {literal for literal, ids in reference.literals.items() if len(ids) > 1}
    assert shared == {"abp", "agp", "apa", "aps", "bna", "cna", "kna"}


def test_names_are_found_whatever_their_case(reference: Reference) -> None:
    assert normalise(" İZMİR ") == normalise("İzmir") == normalise("izmir.") == "izmir"
    for name in ("bakou", "баку", "إسلام آباد", "北京"):
        assert reference.gazetteer.named(name)
    assert reference.gazetteer.named("no such place") == ()


def test_names_fold_to_what_they_are_spelt_like() -> None:
    assert fold("ΘΕΣΣΑΛΟΝΙΚΗ") == fold("Θεσσαλονίκη")
    assert fold("Łódź") == fold("LODZ") == "lodz"
    assert fold("Saint-Étienne") == fold("St. Etienne") == "st etienne"
    assert fold("Frankfurt/Oder") == fold("Frankfurt (Oder)") == "frankfurt oder"
    assert fold("N’Djamena") == fold("Ndjamena")
    assert fold("ԵՐԵՎԱՆ") == fold("Երևան")
    assert fold("کابل") == fold("كابل")


def test_the_baked_gazetteer_holds_every_name_under_its_folded_key(reference: Reference) -> None:
    names = reference.gazetteer._names
    for at in range(0, len(names.keys), 997):
        key = names.keys[at]
        place = reference.gazetteer._place(names.rows[at].as_py())
        assert not fold(key) or place in {found for found, _ in reference.gazetteer.spelt_like(fold(key))}


def test_every_alias_says_which_place_it_means(reference: Reference) -> None:
    for line in (HERE / "place_aliases.tsv").read_text("utf-8").splitlines()[1:]:
        spelling, place_id, name = line.split("\t")
        assert reference.gazetteer.place(int(place_id)).name == name, spelling


def test_a_country_has_one_capital_of_its_name(reference: Reference) -> None:
    capitals = [place for place, _ in reference.gazetteer.named("washington") if place.is_capital]
    assert [place.place_id for place in capitals] == [4140963]
    assert not any(place.is_capital for place, _ in reference.gazetteer.named("delhi") if place.name == "Delhi")


def test_the_gazetteer_gives_places_with_all_their_names(reference: Reference) -> None:
    rows = reference.gazetteer.table(pa.array([587084, 1, 2988507])).to_pylist()
    assert [row["place_id"] for row in rows] == [587084, 2988507]
    assert {"bakou", "bakı", "баку", "baku"} <= set(rows[0]["names"])
    assert reference.gazetteer.table(pa.array([], pa.int64())).num_rows == 0
