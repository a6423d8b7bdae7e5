"""What a run brought is compared with each source's own history; every warning can be provoked."""

from pathlib import Path

import pytest

from tests.support import candidate, dispatch, patch_reading, run, write
from warehouse.checks import WARNINGS, Check, run_checks
from warehouse.home import Home
from warehouse.plan import make_rebuild

FRENCH = "La gare de Gandja a été rendue au public après deux ans de travaux, a annoncé le ministère des transports."


def fill(folder: Path, count: int, stem: str, text: str) -> None:
    for number in range(count):
        write(folder, f"{stem}{number}.txt", text.format(number=number))


def warnings(home: Home, *sources: Path) -> dict[str, Check]:
    """What the warnings say of the next run."""
    _, loaded = candidate(home, *sources)
    found = {check.name: check for check in run_checks(home, loaded.run_id)}
    assert all(check.passed for check in found.values() if check.is_blocking)
    return {name: found[name] for name in WARNINGS}


@pytest.fixture
def loaded(home: Home, source: Path) -> Home:
    """A home with sixty good dispatches of one source."""
    fill(source, 60, "old", f" date 2022-09 Gandja, 8 septembre, AZERTAC\n\n{FRENCH} {{number}}")
    run(home, source)
    return home


BAD = {
    "share_dated": f"Gandja (AZERTAC) -- {FRENCH} {{number}}",
    "share_placed": f" date 2022-09 Xyzzyville, 8 septembre, AZERTAC\n\n{FRENCH} {{number}}",
    "share_with_agency": f" date 2022-09 Gandja\n\n{FRENCH} {{number}}",
    "share_language_sure": " date 2022-09 Gandja, 8 septembre, AZERTAC\n\n{number} {number} 12 34 56.",
    "share_rejected": "",
}


@pytest.mark.parametrize("name", BAD)
def test_a_share_that_drops_is_a_warning(loaded: Home, source: Path, name: str) -> None:
    fill(source, 30, "new", BAD[name])
    fill(source, 2, "good", f" date 2022-09 Gandja, 9 septembre, AZERTAC\n\n{FRENCH} {{number}}")
    check = warnings(loaded, source)[name]
    assert not check.passed
    assert check.found == 1
    assert check.message.startswith("wire: ")
    assert "60 before" in check.message
    assert not check.is_blocking


def test_more_of_the_same_is_no_warning(loaded: Home, source: Path) -> None:
    fill(source, 30, "new", f" date 2022-10 Gandja, 8 octobre, AZERTAC\n\n{FRENCH} {{number}}")
    found = warnings(loaded, source)
    assert [name for name, check in found.items() if not check.passed] == []
    assert found["share_dated"].value == 1.0
    assert found["share_rejected"].value == 0.0


def test_a_rebuild_is_compared_with_what_was_read_in_the_same_documents(home: Home, source: Path) -> None:
    fill(source, 60, "dated", f" date 2022-09 Gandja, 8 septembre, AZERTAC\n\n{FRENCH} {{number}}")
    fill(source, 30, "undated", "Rien {number}.")
    run(home, source)
    _, loaded = candidate(home, plan=make_rebuild(home, ["undated"]))
    found = [check for check in run_checks(home, loaded.run_id) if not check.passed]
    assert found == []


def test_a_parser_that_reads_less_is_a_warning(loaded: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading_less = """
from dataclasses import replace

def patched(read, *arguments):
    return replace(read(*arguments), located=None)
"""
    patch_reading(monkeypatch, tmp_path, reading_less)
    _, run_ = candidate(loaded, plan=make_rebuild(loaded, []))
    check = {check.name: check for check in run_checks(loaded, run_.run_id)}["share_placed"]
    assert check.message == "wire: 0% of 60 documents placed, 100% of 60 of the same before"


def test_a_few_odd_documents_are_no_warning(loaded: Home, source: Path) -> None:
    fill(source, 19, "new", BAD["share_placed"])
    assert warnings(loaded, source)["share_placed"].passed


def test_a_source_is_compared_with_itself_only(loaded: Home, tmp_path: Path) -> None:
    other = tmp_path / "other"
    fill(other, 60, "new", BAD["share_placed"])
    assert warnings(loaded, other)["share_placed"].passed


def test_a_new_source_of_rejects_is_a_warning(home: Home, source: Path) -> None:
    fill(source, 20, "good", dispatch(3, "Texte {number}."))
    fill(source, 10, "bad", "")
    check = warnings(home, source)["share_rejected"]
    assert not check.passed
    assert check.message == "wire: 33% of 30 records rejected"


def test_an_agency_that_nobody_knows_is_named_once(home: Home, source: Path) -> None:
    write(source, "a.txt", " date 2022-09 GANDJA, 8 septembre (Nouvelagence) - Texte.")
    check = warnings(home, source)["unknown_agencies"]
    assert not check.passed
    assert check.message == "not in the registry: Nouvelagence (1)"
    run(home, source)
    write(source, "b.txt", " date 2022-09 GANDJA, 9 septembre (Nouvelagence) - Texte.")
    assert warnings(home, source)["unknown_agencies"].passed


def test_a_long_list_is_cut(home: Home, source: Path) -> None:
    for number in range(8):
        write(source, f"{number}.txt", f" date 2022-09 GANDJA, 8 septembre (Agence{'abcdefgh'[number]}) - Texte.")
    check = warnings(home, source)["unknown_agencies"]
    assert check.found == 8
    assert check.message.endswith("; and 3 more")
