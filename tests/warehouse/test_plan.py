import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import warehouse.plan
from etl.errors import SetupFault
from etl.intake import MAXIMUM_BYTES
from tests.support import candidate, dispatch, patch_workers, query, run, write
from warehouse.home import Home
from warehouse.lock import WriterLock
from warehouse.plan import make_plan, make_rebuild
from warehouse.publish import publish


@pytest.fixture
def loaded(home: Home, source: Path) -> Home:
    write(source, "a.txt", dispatch())
    write(source, "sub/b.txt", dispatch(28))
    run(home, source)
    return home


def test_a_path_inside_a_known_root_belongs_to_that_source(loaded: Home, source: Path) -> None:
    write(source, "sub/c.txt", dispatch(3))
    write(source, "sub/d.txt", dispatch(4))
    run(loaded, source / "sub" / "c.txt")
    run(loaded, source / "sub")
    assert query(loaded, "SELECT DISTINCT source FROM files") == [("wire",)]
    assert query(loaded, "SELECT count(*) FROM sources") == [(1,)]


def test_a_file_and_a_glob_are_sources_of_their_folders(home: Home, source: Path) -> None:
    write(source, "a.dat", dispatch())
    write(source, "deep/x/b.text", dispatch(28))
    write(source, "c.txt", dispatch(3))
    run(home, source / "a.dat")
    assert query(home, "SELECT source, root, patterns FROM sources") == [("wire", str(source), ["a.dat"])]
    run(home, source / "**" / "*.text")
    run(home, source)
    assert query(home, "SELECT path FROM files ORDER BY 1") == [("a.dat",), ("c.txt",), ("deep/x/b.text",)]
    assert query(home, "SELECT DISTINCT status FROM files") == [("loaded",)]


def test_a_name_can_be_given(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    run(home, source, name="azertac")
    assert query(home, "SELECT source FROM documents") == [("azertac",)]
    assert make_plan(home, [str(source)], "azertac").is_empty


def test_sources_given_once_are_not_listed_again_unless_named(loaded: Home, source: Path) -> None:
    write(source, "c.txt", dispatch(3))
    assert make_plan(loaded).is_empty
    assert make_plan(loaded, [str(source)]).files_to_read == 1


def test_an_inbox_that_never_held_a_file_is_no_fault(home: Home) -> None:
    plan = make_plan(home)
    assert plan.is_empty
    assert plan.files_seen == 0


@pytest.mark.parametrize("make_argument", [lambda s: s / "gone", lambda s: s / "gone" / "*.txt", lambda s: s / "*.dat"])
def test_a_source_that_is_not_there_is_a_fault(loaded: Home, source: Path, make_argument: object) -> None:
    with pytest.raises(SetupFault):
        make_plan(loaded, [str(make_argument(source))])  # type: ignore[operator]


def test_an_empty_folder_is_a_fault(home: Home, source: Path) -> None:
    with pytest.raises(SetupFault, match="No file"):
        make_plan(home, [str(source)])


def test_a_suddenly_empty_root_is_a_fault_and_an_absent_one(loaded: Home, source: Path) -> None:
    (source / "a.txt").unlink()
    (source / "sub" / "b.txt").unlink()
    with pytest.raises(SetupFault, match="empty"):
        make_plan(loaded, [str(source)])
    (source / "sub").rmdir()
    source.rmdir()
    with pytest.raises(SetupFault, match="No source"):
        make_plan(loaded, [str(source)])


@pytest.mark.parametrize("on_missing", ["keep", "withdraw"])
def test_a_root_that_was_emptied_on_purpose_can_be_accepted(loaded: Home, source: Path, on_missing: str) -> None:
    loaded.settings_file.write_text(f"[[source]]\nroot = '{source}'\non_missing = '{on_missing}'\n")
    home = Home(loaded.folder)
    for path in source.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for arguments in ([], [str(source)]):
        with pytest.raises(SetupFault, match="run again with --accept-shrink"):
            make_plan(home, arguments)
        plan = make_plan(home, arguments, accept_shrink=True)
        gone = [("wire", "a.txt"), ("wire", "sub/b.txt")]
        assert (sorted(plan.missing), sorted(plan.withdrawn)) == (gone, gone if on_missing == "withdraw" else [])
    _, emptied = candidate(home, plan=plan)
    with WriterLock(home, "test"):
        publish(home, emptied.run_id)
    assert query(home, "SELECT DISTINCT status FROM files") == [("missing",)]
    assert query(home, "SELECT count(*) FROM documents") == [(0 if on_missing == "withdraw" else 2,)]
    assert make_plan(home).is_empty
    write(source, "a.txt", dispatch())
    back = make_plan(home)
    assert (back.files_to_read, back.returned) == ((1, []) if on_missing == "withdraw" else (0, [("wire", "a.txt")]))


def test_names_and_roots_must_not_collide(loaded: Home, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "wire"
    write(other, "a.txt", dispatch())
    with pytest.raises(SetupFault, match="--as"):
        make_plan(loaded, [str(other)])
    assert make_plan(loaded, [str(other)], "wire2").files_to_read == 1
    with pytest.raises(SetupFault, match="overlaps"):
        make_plan(loaded, [str(tmp_path)])
    with pytest.raises(SetupFault, match="belongs to the source"):
        make_plan(loaded, [str(source / "sub")], "other")


def test_no_source_can_lie_in_what_is_copydesks_own(loaded: Home) -> None:
    write(loaded.folder / "lake" / "mine", "a.txt", dispatch())
    with pytest.raises(SetupFault, match="own"):
        make_plan(loaded, [str(loaded.folder / "lake" / "mine")])


def test_a_source_that_contains_the_home_skips_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "work" / "data")
    home.create()
    write(tmp_path / "work", "a.txt", dispatch())
    write(home.folder / "inbox", "b.txt", dispatch())
    assert make_plan(home, [str(tmp_path / "work")]).files_seen == 1
    (tmp_path / "link").symlink_to(home.folder)
    assert make_plan(Home(tmp_path / "link"), [str(tmp_path / "work")]).files_seen == 1


def test_a_file_changed_just_now_is_compared_by_its_digest_again(home: Home, source: Path) -> None:
    path = source / "a.txt"
    path.write_text(dispatch(1, "Texte un.", name="mars", month="2021-03"))
    run(home, source)
    assert query(home, "SELECT mtime FROM files") == [(None,)]
    status = path.stat()
    path.write_text(dispatch(2, "Texte un.", name="mars", month="2021-03"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert make_plan(home, [str(source)]).files_to_read == 1


def test_an_unreadable_file_is_a_reject_until_it_can_be_read(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "a.txt", dispatch())
    refusing = """
import etl.stage

def refuse(*_):
    raise PermissionError(13, "Permission denied")

etl.stage._read_bytes = refuse
"""
    # Tests may run as root, whom no mode stops.
    with monkeypatch.context() as patch:
        patch_workers(patch, tmp_path, refusing)
        patch.setattr("os.access", lambda *_: False)
        run(home, source)
        assert query(home, "SELECT reason FROM rejects") == [("unreadable",)]
        assert make_plan(home, [str(source)]).is_empty
    run(home, source)
    assert query(home, "SELECT count(*) FROM documents") == [(1,)]


def test_a_file_too_large_for_one_text_is_not_read(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    huge = write(source, "huge.txt", "")
    os.truncate(huge, MAXIMUM_BYTES + 1)
    run(home, source)
    assert query(home, "SELECT path, reason FROM rejects") == [("huge.txt", "too_large")]


def test_a_folder_reached_through_a_link_is_the_same_source(loaded: Home, source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source)
    plan = make_plan(loaded, [str(tmp_path / "link")])
    assert plan.is_empty
    assert plan.files_seen == 2
    (tmp_path / "mine").symlink_to(loaded.lake)
    with pytest.raises(SetupFault, match="own"):
        make_plan(loaded, [str(tmp_path / "mine")])


def test_a_file_beyond_the_patterns_of_a_configured_source_is_a_fault(home: Home) -> None:
    path = write(home.folder / "inbox", "a [1].md", dispatch())
    assert make_plan(home, [str(write(home.folder / "inbox", "b [1].txt", dispatch()))]).files_to_read == 1
    with pytest.raises(SetupFault, match="do not match"):
        make_plan(home, [str(path)])


def test_narrower_patterns_make_no_file_missing(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch())
    write(source, "b.text", dispatch(28))
    home.settings_file.write_text(f"[[source]]\nroot = '{source}'\npatterns = ['*.t*']\n")
    run(Home(home.folder))
    home.settings_file.write_text(f"[[source]]\nroot = '{source}'\npatterns = ['*.txt']\n")
    assert make_plan(Home(home.folder)).is_empty


def test_a_pattern_is_taken_from_where_one_is(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "x [1]"
    write(folder, "a.txt", dispatch())
    monkeypatch.chdir(folder)
    assert make_plan(home, ["*.txt"]).files_seen == 1


def test_names_that_differ_in_one_bad_byte_are_two_files(home: Home, source: Path) -> None:
    for name in (b"n\xff.txt", b"n\xfe.txt", b"n\\xff.txt"):
        with open(os.fsencode(source) + b"/" + name, "wb") as handle:
            handle.write(dispatch().encode())
    assert make_plan(home, [str(source)]).files_seen == 3


def test_a_link_that_leads_out_is_a_reject(home: Home, source: Path, tmp_path: Path) -> None:
    write(source, "a.txt", dispatch())
    (source / "b.txt").symlink_to(write(tmp_path, "secret.txt", dispatch()))
    run(home, source)
    assert query(home, "SELECT path, reason FROM rejects") == [("b.txt", "outside_source")]
    assert make_plan(home, [str(source)]).is_empty


def become_link_out(path: Path, tmp_path: Path) -> None:
    path.rename(tmp_path / "outside")
    path.symlink_to(tmp_path / "outside")


def become_inner_link(path: Path, tmp_path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def become_loop(path: Path, tmp_path: Path) -> None:
    path.rename(tmp_path / "outside")
    path.symlink_to(path.name)


def become_folder(path: Path, tmp_path: Path) -> None:
    path.rename(tmp_path / "outside")
    write(path, "inside.txt", dispatch(3))


@pytest.mark.parametrize(
    ("name", "become"),
    [
        ("sub", become_link_out),
        ("sub", become_inner_link),
        ("sub", become_loop),
        ("sub/deep", become_link_out),
        ("sub/deep/c.txt", become_link_out),
        ("sub/deep/c.txt", become_loop),
        ("sub/deep/c.txt", become_folder),
    ],
)
def test_what_a_listing_does_not_come_to_any_more_is_missing_as_if_it_had_never_been_there(
    home: Home, source: Path, tmp_path: Path, name: str, become: Callable[[Path, Path], None]
) -> None:
    for path, day in (("a.txt", 1), ("sub/b.txt", 2), ("sub/deep/c.txt", 3)):
        write(source, path, dispatch(day))
    homes = []
    for kept in (home, Home(tmp_path / "clean")):
        kept.create()
        kept.settings_file.write_text(f"[[source]]\nroot = '{source}'\non_missing = 'withdraw'\n")
        homes.append(Home(kept.folder))
    run(homes[0])
    become(source / name, tmp_path)
    for kept in homes:
        run(kept)
        assert make_plan(kept).is_empty
    then, now = (
        [
            query(kept, "SELECT path, lead FROM documents ORDER BY path"),
            query(kept, "SELECT path, reason FROM rejects ORDER BY path"),
            query(kept, "SELECT path, status FROM files WHERE status IN ('loaded', 'rejected') ORDER BY path"),
        ]
        for kept in homes
    )
    assert then == now


@pytest.fixture
def no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse.plan, "SECOND_LOOK_SECONDS", 0)
    # Ten minutes: what is young has to stay so on a busy machine, too.
    monkeypatch.setattr(warehouse.plan, "SETTLED_NS", 600 * 10**9)


@pytest.mark.usefixtures("no_second_look")
def test_files_that_may_still_be_written_to_are_left_for_later(loaded: Home, source: Path) -> None:
    write(source, "settled.txt", dispatch(3))
    (source / "young.txt").write_text(dispatch(4))
    plan = make_plan(loaded, [str(source)], is_settled_only=True)
    assert [file.path for file in plan.read["wire"]] == ["settled.txt"]
    assert (plan.files_seen, plan.waiting) == (4, 1)
    # Whoever starts a run by hand takes what is there.
    assert make_plan(loaded, [str(source)]).files_to_read == 2


@pytest.mark.usefixtures("no_second_look")
def test_a_known_file_that_is_being_written_is_neither_read_nor_missing(loaded: Home, source: Path) -> None:
    (source / "a.txt").write_text(dispatch(5))
    plan = make_plan(loaded, [str(source)], is_settled_only=True)
    assert plan.is_empty
    assert (plan.waiting, plan.missing) == (1, [])


@pytest.mark.usefixtures("no_second_look")
def test_a_source_of_young_files_only_is_not_taken_for_empty(loaded: Home, source: Path) -> None:
    for name in ("a.txt", "sub/b.txt"):
        (source / name).write_text(dispatch(6))
    assert make_plan(loaded, [str(source)], is_settled_only=True).is_empty


def test_a_file_that_grows_though_it_looks_old_is_left_for_later(
    loaded: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = write(source, "grows.txt", dispatch(7))
    write(source, "still.txt", dispatch(8))
    write(source, "goes.txt", dispatch(9))

    def meanwhile(_: float) -> None:
        write(source, "grows.txt", grown.read_text() + "\n\nEncore.")
        (source / "goes.txt").unlink()

    monkeypatch.setattr("warehouse.plan.time.sleep", meanwhile)
    plan = make_plan(loaded, [str(source)], is_settled_only=True)
    assert [file.path for file in plan.read["wire"]] == ["still.txt"]
    assert plan.waiting == 2


def test_by_listing_only_a_touched_file_counts_as_changed(loaded: Home, source: Path) -> None:
    os.utime(source / "a.txt", (1, 1))
    assert make_plan(loaded, [str(source)]).is_empty
    assert make_plan(loaded, [str(source)], is_listing_only=True).files_to_read == 1


def test_a_rebuild_names_months_that_there_are(loaded: Home) -> None:
    assert make_rebuild(loaded, ["2021-02"]).rebuild == {"2021-02"}
    assert make_rebuild(loaded, []).rebuild == {"2021-02"}
    assert not make_rebuild(loaded, []).is_empty
    with pytest.raises(SetupFault, match=r"No documents of 2021-03, never; .* there are 2021-02 to 2021-02"):
        make_rebuild(loaded, ["never", "2021-02", "2021-03"])


def test_a_rebuild_of_nothing_is_a_fault(home: Home) -> None:
    with pytest.raises(SetupFault, match="Nothing has been loaded"):
        make_rebuild(home, [])
