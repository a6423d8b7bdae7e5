"""docs/own-reference.md names every file, column, field and part of a pattern, and its examples load."""

import re
from pathlib import Path

import pytest

from etl.corrections import FIELDS
from etl.own_reference import load_own
from etl.reference.loader import FORM_ITEMS, FORM_NEEDS
from etl.reference.own import FILES
from tests.conftest import ROOT

GUIDE = (ROOT / "docs" / "own-reference.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (\S+\.csv)\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE))


def example(name: str) -> str:
    (found,) = re.findall(r"```csv\n(.*?)```", SECTIONS[name], re.DOTALL)
    return str(found)


def test_every_file_has_a_section() -> None:
    assert tuple(SECTIONS) == FILES


def test_the_examples_load(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_text(example(name), "utf-8")
    found = load_own(tmp_path).own
    assert found is not None
    assert found.counts == {name: len(example(name).splitlines()) - 1 for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_every_column_is_explained_and_stands_in_a_new_homes_file(name: str) -> None:
    template = (ROOT / "warehouse" / "reference" / name).read_text("utf-8")
    heading = example(name).splitlines()[0]
    assert template.splitlines()[-1] == heading
    for column in heading.split(","):
        assert f"`{column}`" in SECTIONS[name].replace("```", ""), column


def test_every_field_and_every_part_of_a_pattern_is_named() -> None:
    table = re.findall(r"^\| (`.*?) \|", SECTIONS["corrections.csv"], re.MULTILINE)
    fields = [name for cell in table for name in re.findall(r"`(\w+)`", cell)]
    assert set(FIELDS) <= set(fields)
    for name in (*FORM_ITEMS, *FORM_NEEDS):
        assert f"`{name}`" in SECTIONS["forms.csv"], name
