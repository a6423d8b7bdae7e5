import os
from pathlib import Path

import pytest

from etl.errors import RecordFault, SetupFault
from etl.sources import is_temporary, list_file, list_files, matcher, open_file, readable, split_glob
from tests.support import write


def paths(root: Path, *patterns: str, under: str = "", skip: Path | None = None) -> list[str]:
    return sorted(file.path for file in list_files(root, patterns or ("**/*.txt",), under, skip))


@pytest.fixture
def tree(source: Path) -> Path:
    for name in ("a.txt", "B.TXT", "c.dat", "sub/d.txt", "sub/deep/e.txt", "[x] ö'\n.txt"):
        write(source, name, "text")
    return source


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (("**/*.txt",), ["B.TXT", "[x] ö'\n.txt", "a.txt", "sub/d.txt", "sub/deep/e.txt"]),
        (("*.txt",), ["B.TXT", "[x] ö'\n.txt", "a.txt"]),
        (("sub/*.txt",), ["sub/d.txt"]),
        (("?.dat", "a.*"), ["a.txt", "c.dat"]),
        (("[ab].txt",), ["B.TXT", "a.txt"]),
        (("[!ab].txt",), []),
        (("[[]x[]]*",), ["[x] ö'\n.txt"]),
    ],
)
def test_lists_what_the_patterns_match(tree: Path, patterns: tuple[str, ...], expected: list[str]) -> None:
    assert paths(tree, *patterns) == expected


def test_walks_below_a_folder_and_skips_the_home(tree: Path) -> None:
    assert paths(tree, under="sub") == ["sub/d.txt", "sub/deep/e.txt"]
    assert paths(tree, skip=tree / "sub") == ["B.TXT", "[x] ö'\n.txt", "a.txt"]


def test_follows_no_folder_links_and_marks_files_that_lead_out(tree: Path, tmp_path: Path) -> None:
    outside = write(tmp_path, "outside.txt", "secret")
    (tree / "loop").symlink_to(tree)
    (tree / "in.txt").symlink_to(tree / "a.txt")
    (tree / "out.txt").symlink_to(outside)
    (tree / "nothing.txt").symlink_to(tree / "gone")
    os.mkfifo(tree / "pipe.txt")
    found = {file.path: file.is_outside for file in list_files(tree, ["*.txt"])}
    assert found == {"B.TXT": False, "[x] ö'\n.txt": False, "a.txt": False, "in.txt": False, "out.txt": True}


def test_names_that_are_no_utf8_can_be_stored_and_opened(source: Path) -> None:
    with open(os.fsencode(source) + b"/caf\xe9.txt", "wb") as handle:
        handle.write(b"text")
    (file,) = list_files(source, ["*.txt"])
    assert file.path == "caf\ufffde9.txt"
    assert Path(file.location).read_bytes() == b"text"


def test_no_two_names_are_stored_alike(source: Path) -> None:
    stored = {
        b"caf\xe9.txt": "caf\ufffde9.txt",
        "caf\ufffde9.txt".encode(): "caf\ufffd00e9.txt",
        "caf\ufffd00e9.txt".encode(): "caf\ufffd0000e9.txt",
        "caf\ufffd.txt".encode(): "caf\ufffd.txt",
        "\ufffd".encode() + b"\xe9.txt": "\ufffd\ufffde9.txt",
    }
    for name in stored:
        with open(os.fsencode(source) + b"/" + name, "wb") as handle:
            handle.write(name)
    assert paths(source, "*.txt") == sorted(stored.values())
    for name, path in stored.items():
        found = list_file(source, path)
        assert found is not None
        assert found.path == readable(os.fsdecode(name)) == path
        assert Path(found.location).read_bytes() == name


def test_a_folder_that_cannot_be_listed_is_a_fault(source: Path) -> None:
    with pytest.raises(SetupFault, match="Cannot list"):
        list(list_files(source / "gone", ["*.txt"]))


def test_a_single_file(tree: Path) -> None:
    found = list_file(tree, "sub/d.txt")
    assert found is not None
    assert (found.path, found.byte_count) == ("sub/d.txt", 4)
    assert list_file(tree, "gone.txt") is None


def test_a_single_file_behind_a_linked_folder_is_none_as_no_listing_comes_to_it(tree: Path, tmp_path: Path) -> None:
    write(tmp_path / "outside", "deep/d.txt", "secret")
    (tree / "inside").symlink_to(tree / "sub")
    (tree / "out").symlink_to(tmp_path / "outside")
    for path in ("inside/d.txt", "out/deep/d.txt", "sub/../../outside/deep/d.txt"):
        assert list_file(tree, path) is None


def read(root: Path, path: str) -> bytes:
    (file,) = (file for file in list_files(root, ["**/*"]) if file.path == path)
    with open_file(file) as handle:
        return handle.readall()


def test_opens_links_that_stay_inside_below_a_root_that_is_a_link(tree: Path, tmp_path: Path) -> None:
    (tree / "in.txt").symlink_to("sub/deep/e.txt")
    (tmp_path / "root").symlink_to(tree)
    assert read(tmp_path / "root", "in.txt") == read(tree, "sub/deep/e.txt") == b"text"


def test_what_becomes_a_link_after_the_listing_leads_nowhere(tree: Path, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", "e.txt", "secret")
    listed = {file.path: file for file in list_files(tree, ["**/*.txt"])}
    for path in ("a.txt", "sub/deep/e.txt"):
        (tree / path).unlink()
    (tree / "a.txt").symlink_to(outside)
    (tree / "sub" / "deep").rmdir()
    (tree / "sub" / "deep").symlink_to(outside.parent)
    for path in ("a.txt", "sub/deep/e.txt"):
        with pytest.raises(RecordFault, match="leads out"):
            open_file(listed[path])
    (tree / "sub" / "deep").unlink()
    (tree / "sub" / "deep").write_text("a file")
    with pytest.raises(NotADirectoryError):
        open_file(listed["sub/deep/e.txt"])


@pytest.mark.parametrize(
    ("pattern", "folder", "rest"),
    [("/a/b/*.txt", "/a/b", "*.txt"), ("/a/*/c/**/*.txt", "/a", "*/c/**/*.txt"), ("/*.txt", "/", "*.txt")],
)
def test_the_root_of_a_glob_is_its_deepest_fixed_folder(pattern: str, folder: str, rest: str) -> None:
    assert split_glob(pattern) == (Path(folder), rest)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("2021/a.txt", False),
        ("2021/.a.txt", True),
        (".cache/a.txt", True),
        ("~a.txt", True),
        ("#a.txt#", True),
        ("a.txt.part", True),
        ("a.tmp.txt", True),
        ("a.zip.crdownload", True),
        ("party.txt", False),
        ("a.b.txt", False),
        ("x/../a.txt", True),
    ],
)
def test_names_that_programs_give_while_they_write(path: str, expected: bool) -> None:
    assert is_temporary(path) == expected


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["**/*.txt"], ["a.txt", "a.txt.gz", "in/a.zip", "in/b.tar.zst"]),
        (["in/*.xml"], ["in/a.zip", "in/b.tar.zst", "in/c.xml.xz"]),
        (["a.jsonl"], ["a.jsonl", "a.jsonl.bz2"]),
        (["in/a.zip"], ["in/a.zip"]),
    ],
)
def test_patterns_are_about_texts_compressed_or_in_archives(patterns: list[str], found: list[str]) -> None:
    names = ["a.txt", "a.txt.gz", "a.jsonl", "a.jsonl.bz2", "in/a.zip", "in/b.tar.zst", "in/c.xml.xz", "d.gz"]
    assert list(filter(matcher(patterns), names)) == found
    without = [name for name in found if not name.startswith("in/") or name in patterns or name.endswith(".xz")]
    assert list(filter(matcher(patterns, with_archives=False), names)) == without
