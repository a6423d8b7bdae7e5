"""`copydesk explain` finds a file, and what is said of it, however its path is written."""

from pathlib import Path

import pytest

from copydesk.explain import explain_command
from etl.errors import SetupFault
from tests.etl.packing import zipped
from tests.support import write
from warehouse.home import Home

TEXT = "Un pont a été ouvert dans la ville lundi matin, ont annoncé les autorités de la région."


@pytest.fixture
def folder(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a source below it, with links to it, to one of its files and to a file from elsewhere."""
    folder = tmp_path / "desk"
    write(folder / "wire" / "sub", "m.txt", TEXT)
    write(folder / "wire" / "sub", "a.zip", zipped({"m.txt": TEXT.encode()}))
    (folder / "wire" / "sub" / "named.txt").symlink_to("m.txt")
    (folder / "linked").symlink_to("wire")
    (folder / "by-root").symlink_to("wire/sub/m.txt")
    write(
        home.folder,
        "side.csv",
        "path,title\nsub/m.txt,Of the file\nsub/a.zip!/m.txt,Of the member\nsub/named.txt,Of the link\n",
    )
    home.settings_file.write_text(
        f"[[source]]\nroot = '{folder / 'linked'}'\nname = 'wire'\narchives = true\nsidecar = 'side.csv'\n", "utf-8"
    )
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("path", "headline"),
    [
        ("wire/sub/m.txt", "Of the file"),
        ("./wire/sub/m.txt", "Of the file"),
        ("wire//sub/./m.txt", "Of the file"),
        ("../desk/wire/sub/m.txt", "Of the file"),
        ("linked/sub/m.txt", "Of the file"),
        ("HERE/wire/sub/m.txt", "Of the file"),
        ("HERE/linked/../wire//sub/m.txt", "Of the file"),
        ("by-root", "Of the file"),
        ("wire/sub/named.txt", "Of the link"),
        ("wire/sub/a.zip!/m.txt", "Of the member"),
        ("./wire/sub/a.zip!/m.txt", "Of the member"),
        ("../desk/wire//sub/a.zip!/m.txt", "Of the member"),
        ("./linked/sub/a.zip!/m.txt", "Of the member"),
        ("HERE//linked/sub/a.zip!/m.txt", "Of the member"),
    ],
)
def test_a_path_is_found_as_it_is_written(
    folder: Path, home: Home, path: str, headline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain_command(path.replace("HERE", str(folder)), None, str(home.folder)) == 0
    assert headline in capsys.readouterr().out


def test_a_file_is_found_from_its_own_folder(
    folder: Path, home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "wire" / "sub")
    for path in ("m.txt", "./m.txt", ".//m.txt"):
        assert explain_command(path, None, str(home.folder)) == 0
        assert "Of the file" in capsys.readouterr().out
    for path in ("a.zip!/m.txt", "./a.zip!/m.txt", "./a.zip", "../sub/a.zip"):
        assert explain_command(path, None, str(home.folder)) == 0
        assert "Of the member" in capsys.readouterr().out
    with pytest.raises(SetupFault, match="holds no record"):
        explain_command("./a.zip!/n.txt", None, str(home.folder))
