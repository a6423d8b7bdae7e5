import os
import re
from importlib.resources import files
from pathlib import Path

import pytest

from etl.errors import SetupFault
from etl.own_reference import load_own
from etl.reference import load_reference
from etl.reference.own import FILES
from tests.support import dispatch, write
from warehouse.home import LONGEST_MESSAGE, Home, Source
from warehouse.plan import make_plan


def test_a_new_home_names_one_source_its_inbox(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert not home.exists
    home.create()
    assert home.exists
    assert sorted(path.name for path in home.folder.iterdir()) == [
        "copydesk.toml",
        "dagster",
        "inbox",
        "lake",
        "reference",
        "versions",
    ]
    assert home.settings.sources == (Source("inbox", home.folder / "inbox", is_configured=True),)
    assert (home.dagster / "dagster.yaml").exists()
    assert sorted(path.name for path in home.reference.iterdir()) == sorted(FILES)


def test_the_users_own_reference_is_empty_at_first_and_its_examples_are_right(home: Home) -> None:
    assert load_own(home.reference) is load_reference()
    for path in home.reference.iterdir():
        lines = path.read_text("utf-8").splitlines()
        examples = [line for line in lines if line.startswith("#") and line.count(",") == lines[-1].count(",")]
        assert examples
        path.write_text("\n".join([*lines, *(line.removeprefix("#") for line in examples)]), "utf-8")
        assert load_own(home.reference).own is not None, path.name


def test_the_users_own_reference_is_left_alone(home: Home) -> None:
    (home.reference / "places.csv").unlink()
    (home.reference / "agencies.csv").write_text("agency_id,literals\n", "utf-8")
    home.create()
    assert not (home.reference / "places.csv").exists()
    assert (home.reference / "agencies.csv").read_text("utf-8") == "agency_id,literals\n"


def test_creating_again_changes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    home.settings_file.write_text("[publish]\nkeep_versions = 2\n")
    (home.dagster / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    Home(tmp_path / "home").create()
    assert Home(tmp_path / "home").settings.keep_versions == 2
    assert (home.dagster / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"


def test_is_found_by_argument_then_environment_then_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COPYDESK_HOME", raising=False)
    assert Home.find().folder == tmp_path / "data"
    monkeypatch.setenv("COPYDESK_HOME", str(tmp_path / "other"))
    assert Home.find().folder == tmp_path / "other"
    assert Home.find("third").folder == tmp_path / "third"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x", "not valid TOML"),
        ("\udcff", "not valid TOML"),
        ("colour = 'red'", "colour is not a setting"),
        ("[publish]\nkeep = 3", "publish.keep is not a setting"),
        ("[publish]\nkeep_versions = 1", "at least 2"),
        ("[publish]\nkeep_versions = true", "at least 2"),
        ("[load]\nworkers = 'two'", "at least 0"),
        ("load = 3", "is a table"),
        ("[load]\ndocument_timeout = 0", "at least 1"),
        ("[load]\nworker_memory = '100MB'", "at least 512MB"),
        ("[load]\nworker_memory = 2", "such as 512MB or 2GB"),
        ("[load]\nworker_memory = '2 gigabytes'", "such as 512MB or 2GB"),
        ("source = 'inbox'", "written as"),
        ("[[source]]\nname = 'x'", "needs a root"),
        ("[[source]]\nroot = 3", "needs a root"),
        ("[[source]]\nroot = '.'", "the home itself"),
        ("[[source]]\nroot = 'a'\nname = ''", "source.name"),
        ("[[source]]\nroot = 'a'\npatterns = '*.txt'", "list of glob patterns"),
        ("[[source]]\nroot = 'a'\non_missing = 'drop'", "keep or withdraw"),
        ("[[source]]\nroot = 'a'\n[[source]]\nroot = 'b'\nname = 'a'", "two sources have the name"),
        ("[[source]]\nroot = 'a'\n[[source]]\nroot = 'a/'\nname = 'b'", "two sources have the root"),
    ],
)
def test_wrong_settings_are_named(home: Home, content: str, message: str) -> None:
    home.settings_file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(SetupFault, match=message) as fault:
        _ = home.settings
    assert "copydesk.toml" in str(fault.value)
    assert "\n" not in str(fault.value)


_VALUES = (
    '"x"', '""', '"a\\u0000b"', '"a\\nb"', '"~nouser/x"', f'"{"x" * 5_000}"', f'"{"(" * 5_000}"', '"("', '"[z-a]"',
    '"(?P<source>a{99999999999})"', f'"(?P<source>{"(?:" * 5_000}{")" * 5_001}"', "0", "1", "-1", "9" * 30, "1.5", "nan",
    "inf", "true", "1979-05-27T07:32:00Z", "1979-05-27T07:32:00", "1979-05-27", "07:32:00", "07:32:01.5", "[]", "[1]",
    '["x"]', '["a\\u0000b"]', '["**/*[z-a]"]', "[[]]", "[{}]", "{}", "{ x = 1 }", '{ text = "x" }', "{ text = {} }",
    f"{'[' * 300}{']' * 300}",
)  # fmt: skip
"""One of each type of TOML at least, and what has been trouble."""


def _settings() -> list[tuple[str, str]]:
    """All there are, as (table, key), and the tables themselves, from what a new home is given."""
    found, table = [], ""
    for line in files("warehouse").joinpath("copydesk.toml").read_text("utf-8").splitlines():
        if heading := re.match(r"(?:# )?\[+(\w+)\]+$", line):
            table = heading[1]
            found.append(("", table))
        elif key := re.match(r"(?:# )?(\w+) = ", line):
            found.append((table, key[1]))
    return found


@pytest.mark.parametrize(("table", "key"), _settings())
def test_no_value_of_a_setting_is_more_than_a_fault_of_the_settings(home: Home, table: str, key: str) -> None:
    root = write(home.folder / "wire", "a.txt", dispatch()).parent
    wrong = 0
    for value in _VALUES:
        rooted = f"[[source]]\nroot = '{root}'\n" if table == "source" and key != "root" else f"[[{table}]]\n"
        heading = rooted if table == "source" else f"[{table}]\n" if table else ""
        for content in (f"{heading}{key} = {value}\n", *([] if table else [f"[{key}]\nx = {value}\n[[{key}]]\n"])):
            home.settings_file.write_text(content, "utf-8")
            try:
                make_plan(Home(home.folder))
            except SetupFault as fault:
                if str(fault).startswith(str(home.settings_file)):
                    assert len(str(fault)) < 2 * LONGEST_MESSAGE
                wrong += 1
    assert wrong > len(_VALUES) / 2


def test_settings_may_begin_with_a_byte_order_mark(home: Home) -> None:
    home.settings_file.write_text("\ufeff[publish]\nkeep_versions = 3\n", "utf-8")
    assert Home(home.folder).settings.keep_versions == 3


def test_limits_of_workers_are_set_in_seconds_and_bytes(home: Home) -> None:
    assert (home.settings.document_timeout, home.settings.worker_memory) == (60, 1_000_000_000)
    home.settings_file.write_text("[load]\ndocument_timeout = 5\nworker_memory = '512MB'\n")
    settings = Home(home.folder).settings
    assert (settings.document_timeout, settings.worker_memory) == (5, 512_000_000)


@pytest.mark.parametrize("name", ["what?", "100%20", "key=value", "back\\slash", "new\nline", "b\udcff"])
def test_names_that_duckdb_reads_otherwise_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SetupFault, match="cannot lie"):
        Home(tmp_path / name / "home")


def test_a_home_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupFault, match="--home"):
        Home(tmp_path / "file" / "home").create()


def test_the_home_of_a_command_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match="copydesk run"):
        Home(tmp_path / "none").require()
    assert os.listdir(tmp_path) == []
