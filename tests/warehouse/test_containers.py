"""Archives and files of records through whole runs: identity, versions, faults, and what copydesk.toml says of them."""

import json
from pathlib import Path

import pytest

from etl.errors import SetupFault
from tests.etl.packing import COMPRESS, tarred, zipped
from tests.support import dispatch, patch_reading, patch_workers, query, run, stable_rows, write
from warehouse import load as loading
from warehouse.home import Home
from warehouse.load import load
from warehouse.lock import WriterLock
from warehouse.plan import make_plan


def texts(*days: int) -> dict[str, bytes]:
    return {f"{day}.txt": dispatch(day).encode() for day in days}


def lines(*days: int, **more: str) -> bytes:
    rows = [{"id": f"n{day}", "text": dispatch(day).replace(" date 2021-02 ", ""), **more} for day in days]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def configured(home: Home, source: Path, *settings: str) -> Home:
    home.settings_file.write_text("\n".join([f"[[source]]\nroot = '{source}'", *settings]), "utf-8")
    return Home(home.folder)


def current(home: Home) -> list[tuple[object, ...]]:
    return query(home, "SELECT path, record_key, version FROM documents ORDER BY ALL")


def former(home: Home) -> list[tuple[object, ...]]:
    return query(home, "SELECT path, record_key, version, reason FROM document_versions ORDER BY ALL")


def test_an_archive_is_one_file_of_many_records(home: Home, source: Path) -> None:
    write(source, "z.zip", zipped({**texts(1, 2), "empty.txt": b"", "../evil.txt": b"x"}))
    write(source, "z.zip!/a.txt", dispatch(3))
    run(home, source)
    assert current(home) == [
        ("z.zip!/1.txt", "0", 1),
        ("z.zip!/2.txt", "0", 1),
        # A folder of that name, which is told from the archive.
        ("z.zip\ufffd21/a.txt", "0", 1),
    ]
    assert query(home, "SELECT path, reason FROM rejects ORDER BY ALL") == [
        ("z.zip!/../evil.txt", "unsafe_member"),
        ("z.zip!/empty.txt", "empty"),
    ]
    assert query(home, "SELECT path, status, record_count FROM files ORDER BY ALL") == [
        ("z.zip", "loaded", 4),
        ("z.zip\ufffd21/a.txt", "loaded", 1),
    ]
    assert run(home, source) is None


def test_one_changed_member_is_one_new_version(home: Home, source: Path) -> None:
    write(source, "t.tar.gz", COMPRESS["gz"](tarred(texts(1, 2, 3))))
    run(home, source)
    changed = {**texts(1, 3, 4), "3.txt": dispatch(3, "Une école rouvre.").encode()}
    write(source, "t.tar.gz", COMPRESS["gz"](tarred(changed)), age=60)
    run(home, source)
    assert current(home) == [("t.tar.gz!/1.txt", "0", 1), ("t.tar.gz!/3.txt", "0", 2), ("t.tar.gz!/4.txt", "0", 1)]
    assert former(home) == [("t.tar.gz!/2.txt", "0", 1, "vanished"), ("t.tar.gz!/3.txt", "0", 1, "changed")]


def test_one_changed_line_is_one_new_version(home: Home, source: Path) -> None:
    home = configured(home, source, "fields = { text = 'text' }")
    write(source, "r.jsonl", lines(1, 2, 3))
    run(home)
    write(source, "r.jsonl", lines(0) + lines(1) + lines(2, title="Un titre") + lines(3), age=60)
    run(home)
    assert current(home) == [("r.jsonl", "n0", 1), ("r.jsonl", "n1", 1), ("r.jsonl", "n2", 2), ("r.jsonl", "n3", 1)]
    assert former(home) == [("r.jsonl", "n2", 1, "changed")]


def test_an_archive_that_moves_takes_its_members_along(home: Home, source: Path) -> None:
    home = configured(home, source, "on_missing = 'withdraw'")
    write(source, "a.zip", zipped(texts(1)))
    write(source, "other.txt", dispatch(9))
    run(home)
    (source / "a.zip").rename(source / "b.zip")
    run(home)
    assert current(home) == [("b.zip!/1.txt", "0", 1), ("other.txt", "0", 1)]
    assert former(home) == [("a.zip!/1.txt", "0", 1, "moved")]
    (source / "b.zip").unlink()
    run(home)
    assert former(home)[1:] == [("b.zip!/1.txt", "0", 1, "withdrawn")]


def test_what_may_be_in_the_rest_of_an_archive_inside_another_is_rejected_and_not_vanished(
    home: Home, source: Path
) -> None:
    whole = tarred(texts(2, 3))
    write(source, "t.tar", tarred({**texts(1), "in.tar": whole, **texts(4)}))
    run(home, source)
    cut = whole[: whole.rindex(b"3.txt")]
    write(source, "t.tar", tarred({**texts(1), "in.tar": cut}), age=60)
    run(home, source)
    assert current(home) == [("t.tar!/1.txt", "0", 1), ("t.tar!/in.tar!/2.txt", "0", 1)]
    assert former(home) == [("t.tar!/4.txt", "0", 1, "vanished"), ("t.tar!/in.tar!/3.txt", "0", 1, "rejected")]


def test_an_archive_that_cannot_be_read_at_all_is_rejected_once_and_its_documents_with_it(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "t.tar", tarred(texts(1, 2)))
    run(home, source)
    write(source, "t.tar", tarred(texts(1, 2, 3)), age=60)
    with monkeypatch.context() as patch:
        patch_workers(
            patch,
            tmp_path,
            "import os, tarfile\ndef die(*_):\n    raise MemoryError\ntarfile.TarInfo.fromtarfile = classmethod(die)\n",
        )
        run(home, source)
    assert former(home) == [("t.tar!/1.txt", "0", 1, "rejected"), ("t.tar!/2.txt", "0", 1, "rejected")]
    assert query(home, "SELECT path, record_key, reason FROM rejects") == [("t.tar", "0", "too_large")]
    assert run(home, source) is None


def test_what_may_be_in_the_rest_of_a_damaged_archive_is_rejected_and_not_vanished(home: Home, source: Path) -> None:
    write(source, "t.tar", tarred(texts(1, 2, 3)))
    run(home, source)
    raw = tarred(texts(1, 2, 3))
    write(source, "t.tar", raw[: raw.rindex(b"3.txt")], age=60)
    run(home, source)
    assert current(home) == [("t.tar!/1.txt", "0", 1), ("t.tar!/2.txt", "0", 1)]
    assert former(home) == [("t.tar!/3.txt", "0", 1, "rejected")]
    assert query(home, "SELECT path, record_key, reason FROM rejects") == [("t.tar", "0", "damaged")]
    assert query(home, "SELECT status, record_count FROM files") == [("loaded", 3)]


def test_what_is_said_of_a_source_is_read_anew_when_it_changes(home: Home, source: Path) -> None:
    write(source, "2021-02-28/a.txt", dispatch(27).replace(" date 2021-02 ", ""))
    write(source, "b.zip", zipped(texts(1)))
    home = configured(home, source)
    run(home)
    assert query(home, "SELECT content_created_edtf FROM documents WHERE path LIKE '%a.txt'") == [("XXXX-02-27",)]
    (home.folder / "side.csv").write_text("path,title\nb.zip!/1.txt,Le titre\n", "utf-8")
    home = configured(home, source, r"path = '(?P<date>\d{4}-\d{2}-\d{2})/'", "sidecar = 'side.csv'")
    run(home)
    assert query(
        home, "SELECT version, date_method, content_created::VARCHAR, headline FROM documents ORDER BY path"
    ) == [
        (1, "given+dateline", "2021-02-27", None),
        (1, "header+dateline", "2021-02-01", "Le titre"),
    ]
    assert former(home) == []
    assert run(home) is None
    (home.folder / "side.csv").write_text("path,title\nb.zip!/1.txt,Un autre\n", "utf-8")
    run(Home(home.folder))
    assert query(home, "SELECT headline FROM documents WHERE headline IS NOT NULL") == [("Un autre",)]
    (home.folder / "side.csv").unlink()
    with pytest.raises(SetupFault, match=r"Cannot read the sidecar .*side\.csv"):
        run(Home(home.folder))


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        (("patterns = ['**/*.txt', '**/*.xml']",), 5),
        (("[limits]", "record_size = '1kB'"), 3),
        (("[limits]", "nesting = 1"), 3),
    ],
)
def test_archives_are_read_anew_when_what_is_read_of_them_changes(
    home: Home, source: Path, tmp_path: Path, settings: tuple[str, ...], count: int
) -> None:
    write(source, "a.txt", dispatch(1))
    inner = zipped({"in.zip": zipped({"deep.txt": dispatch(5).encode()})})
    write(
        source,
        "z.zip",
        zipped(
            {
                "1.txt": dispatch(1, "Un pont. " * 200).encode(),
                **texts(2),
                "m.xml": dispatch(2).encode(),
                "in.zip": inner,
            }
        ),
    )
    home = configured(home, source)
    run(home)
    assert run(home) is None
    home = configured(home, source, *settings)
    plan = make_plan(home)
    assert [file.path for file in plan.read["wire"]] == ["z.zip"]
    run(home)
    assert query(home, "SELECT count(*) FROM documents") == [(count,)]
    clean = Home(tmp_path / "clean")
    clean.create()
    clean = configured(clean, source, *settings)
    run(clean)
    for table in ("documents", "rejects"):
        sql = f"SELECT path, record_key FROM {table} ORDER BY ALL"
        assert query(home, sql) == query(clean, sql)
    assert run(home) is None


def test_a_source_can_name_its_encoding(home: Home, source: Path) -> None:
    text = "Баку, 27 февраля, АЗЕРТАДЖ\n\nМост открыт для движения, сообщили в пятницу власти города.\n"
    write(source, "a.txt", text.encode("mac-cyrillic"))
    home = configured(home, source, "encoding = 'mac-cyrillic'")
    run(home)
    assert query(home, "SELECT text, encoding FROM documents") == [(text.rstrip("\n") + "\n", "mac-cyrillic")]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("encoding = 'rot13'", "source.encoding is the name of a text encoding"),
        ("fields = { body = 'x' }", "source.fields.body is not a field; allowed are text, id"),
        ("path = '(?P<day>x)'", "source.path has a group day; allowed are"),
        ("path = '('", "source.path is no regular expression"),
        ("path = '(?=a)(?P<title>a)'", r"RE2, which has no look-around .*: invalid perl operator: \(\?="),
        (r"path = '(?P<title>a)\1'", r"no back-references, .*: invalid escape sequence: \\1"),
        ("path = '(?P<title>(a+)+)$'", r"\(\?:...\) for groups without a name: .* unnamed groups"),
        ("path = '(?P<date>a)|(?P<date>b)'", "source.path has a group date; allowed are .*, each once"),
        (f"path = '{'(?P<title>' * 5_000}'", "source.path is no regular expression of RE2, .{1,400}$"),
        ("path = '(?P<title>a{1001})'", "invalid repetition size"),
        ("path = 'x'", "source.path is a regular expression with named groups"),
        ("sidecar = 3", "source.sidecar is the path of a CSV file"),
        ("archives = 1", "source.archives is true or false"),
        ("[limits]\nrecord_size = 5", "limits.record_size is a size such as"),
        ("[limits]\nnesting = 0", "limits.nesting is a whole number of at least 1"),
        ("[limits]\ndepth = 1", "limits.depth is not a setting"),
    ],
)
def test_what_is_said_of_a_source_is_checked(home: Home, source: Path, said: str, message: str) -> None:
    with pytest.raises(SetupFault, match=message):
        make_plan(configured(home, source, said))


def test_archives_are_left_alone_where_they_are_not_wanted(home: Home, source: Path) -> None:
    write(source, "a.zip", zipped(texts(1)))
    write(source, "b.txt.gz", COMPRESS["gz"](dispatch(2).encode()))
    run(configured(home, source, "archives = false"))
    assert current(home) == [("b.txt.gz", "0", 1)]


def test_limits_hold_for_sources_that_the_settings_do_not_name(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch(1, "x" * 2000))
    write(source, "b.txt", dispatch(2))
    run(home, source)
    for size, rejects in (("1kB", [("a.txt", "too_large")]), ("3kB", [])):
        home.settings_file.write_text(f"[limits]\nrecord_size = '{size}'\n")
        run(Home(home.folder), source)
        assert query(home, "SELECT path, reason FROM rejects") == rejects
        assert make_plan(Home(home.folder), [str(source)]).is_empty


def test_a_source_can_have_limits_of_its_own(home: Home, source: Path) -> None:
    write(source, "a.txt", dispatch(1, "x" * 2000))
    write(source, "z.zip", zipped(texts(2, 3)))
    run(configured(home, source, "[limits]\nrecord_size = '1kB'\nmembers = 1"))
    assert query(home, "SELECT path, reason FROM rejects ORDER BY ALL") == [
        ("a.txt", "too_large"),
        ("z.zip", "over_limit"),
    ]


def test_a_large_file_is_shared_out_and_comes_to_the_same(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = configured(home, source, "fields = { text = 'text' }", "[load]\nworkers = 2")
    rows = lines(*range(1, 28)) * 12
    write(source, "r.jsonl", rows + b"{bad\n")
    write(
        source, "t.tar", tarred({f"{n}/{day}.txt": raw for n in range(12) for day, raw in texts(*range(1, 28)).items()})
    )
    run(home)
    whole = stable_rows(home)
    other = Home(tmp_path / "other")
    other.create()
    other = configured(other, source, "fields = { text = 'text' }", "[load]\nworkers = 2")
    monkeypatch.setattr(loading, "SHARED_BYTES", 1)
    run(other)
    assert stable_rows(other) == whole
    assert query(other, "SELECT record_count, sha256 IS NOT NULL, mtime IS NOT NULL FROM files") == [
        (325, True, True),
        (324, True, True),
    ]
    assert run(other) is None


def test_a_record_that_a_worker_dies_of_costs_itself_only(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tarred({**texts(*range(1, 6)), "bad.txt": dispatch(6, "ABORTS").encode(), **texts(*range(7, 12))})
    write(source, "a.txt", dispatch(20))
    write(source, "t.tar", raw)
    write(source, "z.txt", dispatch(21))
    patch_reading(
        monkeypatch,
        tmp_path,
        "import os\ndef patched(read, text, *rest):\n    'ABORTS' in text and os.abort()\n    return read(text, *rest)\n",
    )
    run(home, source)
    assert query(home, "SELECT path, reason FROM rejects") == [("t.tar!/bad.txt", "crashed")]
    assert query(home, "SELECT path, record_count FROM files ORDER BY ALL") == [
        ("a.txt", 1),
        ("t.tar", 11),
        ("z.txt", 1),
    ]
    assert query(home, "SELECT count(*) FROM documents") == [(12,)]


def test_a_record_that_a_worker_dies_of_when_it_is_read_costs_itself_only(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tarred({"bad.txt": b"ABORTS", **texts(2, 3), "worse.txt": b"ABORTS", **texts(5)})
    write(source, "t.tar", whole[: whole.rindex(b"5.txt")])
    write(source, "z.txt", dispatch(21))
    patch_workers(
        monkeypatch,
        tmp_path,
        "import os, etl.containers\nreal = etl.containers.digest\n"
        "etl.containers.digest = lambda raw: os.abort() if raw == b'ABORTS' else real(raw)\n",
    )
    run(home, source)
    assert query(home, "SELECT path, record_key, reason FROM rejects ORDER BY ALL") == [
        ("t.tar", "#0", "crashed"),
        ("t.tar", "#3", "crashed"),
        ("t.tar", "0", "damaged"),
    ]
    assert query(home, "SELECT path, record_count FROM files ORDER BY ALL") == [("t.tar", 5), ("z.txt", 1)]


@pytest.mark.parametrize("is_shared", [True, False])
def test_a_file_that_workers_die_of_between_its_records_is_one_reject_of_each(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_shared: bool
) -> None:
    write(source, "t.tar", tarred(texts(1, 2, 3)))
    write(source, "z.txt", dispatch(21))
    patch_workers(
        monkeypatch, tmp_path, "import os, tarfile\ntarfile.TarInfo.fromtarfile = classmethod(lambda *_: os.abort())\n"
    )
    home = configured(home, source, "[load]\nworkers = 2")
    if is_shared:
        monkeypatch.setattr(loading, "SHARED_BYTES", 1)
    run(home)
    expected = [("t.tar", "#0/1", "crashed"), ("t.tar", "0", "crashed")]
    assert query(home, "SELECT path, record_key, reason FROM rejects ORDER BY ALL") == expected[not is_shared :]
    assert current(home) == [("z.txt", "0", 1)]


def test_a_worker_that_reads_on_is_not_taken_for_one_that_hangs(
    home: Home, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "t.tar", tarred({"picture.bin": bytes(2_000_000), **texts(1)}))
    patch_workers(
        monkeypatch,
        tmp_path,
        "import time, etl.containers\nreal = etl.containers._Raw.readinto\n"
        "etl.containers._Raw.readinto = lambda *given: time.sleep(0.1) or real(*given)\n",
    )
    monkeypatch.setattr("warehouse.pool.BATCH_SECONDS", 1.0)
    home = configured(home, source, "[load]\ndocument_timeout = 1")
    run(home)
    assert current(home) == [("t.tar!/1.txt", "0", 1)]


def test_records_of_one_large_file_are_progress(home: Home, source: Path) -> None:
    write(source, "t.tar", tarred(texts(*range(1, 21))))
    seen: list[tuple[int, ...]] = []
    with WriterLock(home, "test"):
        load(home, make_plan(home, [str(source)]), "run", lambda *progress: seen.append(progress))
    assert seen[-1] == (1, 1, 20)


def test_a_file_that_has_just_been_written_is_compared_by_its_digest(home: Home, source: Path) -> None:
    path = write(source, "t.tar", tarred(texts(1, 2)))
    run(home, source)
    path.write_bytes(tarred(texts(1, 2, 3)))
    run(home, source)
    assert query(home, "SELECT mtime FROM files") == [(None,)]
    assert [row[0] for row in current(home)] == ["t.tar!/1.txt", "t.tar!/2.txt", "t.tar!/3.txt"]
    assert run(home, source) is None


def test_after_an_upgrade_what_could_not_be_decoded_in_an_archive_is_taken_up(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, "z.zip", zipped({**texts(1), "blank.txt": b" "}))
    write(source, "y.zip", zipped({**texts(2), "../x.txt": b" "}))
    run(home, source)
    monkeypatch.setattr("warehouse.plan.PARSER_VERSION", "test")
    assert {name: [file.path for file in files] for name, files in make_plan(home).read.items()} == {"wire": ["z.zip"]}
