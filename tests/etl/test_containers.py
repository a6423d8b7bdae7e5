"""Archives and compressed files: every record or its reject, and nothing that leads out of them."""

import errno
import io
import lzma
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.containers import read_records
from etl.intake import Intake, Limits
from etl.records import Share
from tests.etl.packing import COMPRESS, link, read, tarred, texts, zipped

TWO = {"a.txt": b"one", "in/b.txt": b"two"}


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_compressed_text_is_one_record(ending: str) -> None:
    assert texts(COMPRESS[ending](b"Un pont."), f"2021/a.txt.{ending}") == {(f"2021/a.txt.{ending}", "0"): "Un pont."}


@pytest.mark.parametrize("ending", COMPRESS)
@pytest.mark.parametrize("short", [True, False])
def test_a_compressed_archive_is_its_members(ending: str, short: bool) -> None:
    name = f"a.t{ending}" if short else f"a.tar.{ending}"
    assert texts(COMPRESS[ending](tarred(TWO)), name) == {
        (f"{name}!/a.txt", "0"): "one",
        (f"{name}!/in/b.txt", "0"): "two",
    }


def test_only_what_the_patterns_mean_is_read() -> None:
    members = {"a.txt": b"one", "b.TXT": b"two", "c.xml": b"<x/>", "in/d.txt": b"four"}
    assert list(texts(zipped(members), "z.zip").values()) == ["one", "two", "four"]
    assert list(texts(zipped(members), "z.zip", Intake(("2021/*.xml",))).values()) == ["<x/>"]


def test_archives_lie_in_archives_up_to_a_depth() -> None:
    raw = tarred({"in.zip": zipped({"a.txt": b"one", "b.txt.gz": COMPRESS["gz"](b"two")}), "c.txt": b"three"})
    assert texts(raw, "t.tar") == {
        ("t.tar!/in.zip!/a.txt", "0"): "one",
        ("t.tar!/in.zip!/b.txt.gz", "0"): "two",
        ("t.tar!/c.txt", "0"): "three",
    }
    for _ in range(5):
        raw = zipped({"deeper.zip": raw})
    assert [record.fault.reason for record in read(raw, "z.zip") if record.fault] == ["over_limit"]


def test_a_name_that_stands_there_twice_is_two_records() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        raw = zipped([("a.txt", b"one"), ("a.txt", b"two"), ("./a.txt", b"three")])
    assert list(texts(raw, "z.zip").items()) == [
        (("z.zip!/a.txt", "0"), "one"),
        (("z.zip!/a.txt", "1"), "two"),
        (("z.zip!/a.txt", "2"), "three"),
    ]


def test_a_container_that_stands_there_twice_has_records_of_its_own() -> None:
    rows = b'{"text": "%s 0"}\n{"text": "%s 1"}\n'
    raw = tarred(
        [
            ("x.jsonl", rows.replace(b"%s", b"first")),
            ("x.jsonl", rows.replace(b"%s", b"second")),
            ("in.zip", zipped({"a.txt": b"one"})),
            ("in.zip", zipped({"a.txt": b"two"})),
            ("#1/in.zip", zipped({"a.txt": b"three"})),
        ]
    )
    assert texts(raw, "t.tar", Intake(("**/*.txt", "**/*.jsonl"))) == {
        ("t.tar!/x.jsonl", "0"): "first 0",
        ("t.tar!/x.jsonl", "1"): "first 1",
        ("t.tar!/#1/x.jsonl", "0"): "second 0",
        ("t.tar!/#1/x.jsonl", "1"): "second 1",
        ("t.tar!/in.zip!/a.txt", "0"): "one",
        ("t.tar!/#1/in.zip!/a.txt", "0"): "two",
        ("t.tar!/#1/#1/in.zip!/a.txt", "0"): "three",
    }


HOSTILE = (
    "../a.txt",
    "in/../../a.txt",
    "/etc/passwd",
    "//server/share/a.txt",
    "\\\\server\\a.txt",
    "..\\a.txt",
    "C:\\a.txt",
    "c:a.txt",
    "CON",
    "con.txt",
    "in/AUX.tar.txt",
    "nul",
    "COM1.txt",
    "lpt9",
    "LPT¹.txt",
    "COM1 .txt",
    "a\x1b[31m.txt",
    "a\n.txt",
    "x" * 1100 + ".txt",
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_that_lead_anywhere_else_are_rejects(name: str, pack: Any) -> None:
    records = read(pack({name: b"evil", "good.txt": b"good"}), "z.zip" if pack is zipped else "z.tar")
    assert [record.fault.reason if record.fault else record.raw for record in records] == ["unsafe_member", b"good"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_of_a_tar_are_rejects(kind: bytes) -> None:
    raw = tarred([(link("folder", "/etc", kind), b""), ("folder/passwd.txt", b"a text")])
    assert texts(raw, "t.tar") == {
        ("t.tar!/folder", "0"): "! unsafe_member",
        ("t.tar!/folder/passwd.txt", "0"): "a text",
    }


def test_links_of_a_zip_are_rejects() -> None:
    info = zipfile.ZipInfo("a.txt")
    info.external_attr = 0o120777 << 16
    assert texts(zipped([(info, b"/etc/passwd")]), "z.zip") == {("z.zip!/a.txt", "0"): "! unsafe_member"}


def test_encrypted_members_are_rejects() -> None:
    raw = bytearray(zipped({"a.txt": b"one"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + offset] |= 1
    assert texts(bytes(raw), "z.zip") == {("z.zip!/a.txt", "0"): "! encrypted"}


def test_a_damaged_member_costs_itself_only() -> None:
    raw = bytearray(zipped({"a.txt": b"one" * 100, "b.txt": b"two" * 100}))
    raw[raw.index(b"a.txt") + 7] ^= 0xFF
    found = texts(bytes(raw), "z.zip")
    assert found == {("z.zip!/a.txt", "0"): "! damaged", ("z.zip!/b.txt", "0"): "two" * 100}


@pytest.mark.parametrize("ending", ["tar", *(f"tar.{ending}" for ending in COMPRESS)])
def test_what_comes_before_a_cut_is_read(ending: str) -> None:
    noise = bytes((7 * at * at + at // 3) % 251 for at in range(300_000))
    raw = tarred({"a.txt": b"one", "noise.bin": noise, "b.txt": b"two"})
    packed = COMPRESS[ending[4:]](raw) if ending != "tar" else raw
    whole = texts(packed, f"t.{ending}")
    cut = texts(packed[: len(packed) * 9 // 10], f"t.{ending}")
    assert list(whole.values()) == ["one", "two"]
    assert cut[f"t.{ending}", "0"] == "! damaged"
    assert set(cut) <= {*whole, (f"t.{ending}", "0")}
    if ending in ("tar", "tar.gz"):
        assert cut[f"t.{ending}!/a.txt", "0"] == "one"


def test_a_tar_without_its_end_mark_may_have_been_cut() -> None:
    raw = tarred(TWO)
    assert list(texts(raw[:2048], "t.tar").values()) == ["one", "two", "! damaged"]


def test_a_damaged_header_within_a_tar_is_no_end() -> None:
    raw = bytearray(tarred(TWO))
    raw[1024] ^= 0xFF
    assert list(texts(bytes(raw), "t.tar").values()) == ["one", "! damaged"]


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst"])
def test_a_wrong_checksum_is_seen_though_it_stands_behind_the_end_mark(ending: str) -> None:
    # Behind more zeros than are expanded at once.
    packed = COMPRESS[ending](tarred(TWO) + b"\0" * 300_000)
    # One of zstd may have no checksum: it is cut in its last block, of zeros.
    wrong = {"gz": flipped(packed, -8), "bz2": flipped(packed, -3), "xz": flipped(packed, -1), "zst": packed[:-3]}
    assert list(texts(wrong[ending], f"t.tar.{ending}").values()) == ["one", "two", "! damaged"]


def flipped(raw: bytes, at: int) -> bytes:
    """The same with one bit of one byte changed."""
    changed = bytearray(raw)
    changed[at] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv"])
@pytest.mark.parametrize("ending", COMPRESS)
def test_a_compressed_file_that_is_cut_anywhere_is_seen_to_be(ending: str, name: str) -> None:
    raw = {"a.txt": b"Un pont.", "a.jsonl": b'{"text": "Un pont."}\n', "a.csv": b"text\nUn pont.\n"}[name]
    packed = COMPRESS[ending](raw)
    for length in range(1, len(packed)):
        assert "damaged" in [
            record.fault and record.fault.reason for record in read(packed[:length], f"{name}.{ending}")
        ]


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
@pytest.mark.parametrize(
    "between",
    [
        pytest.param(b"\0" * 512, id="a lone block"),
        pytest.param(b"\0" * 1024, id="an end mark"),
        pytest.param(b"\0" * 10_240, id="more than one record of a tape"),
    ],
)
def test_what_stands_behind_an_end_mark_is_read_too(ending: str, between: bytes) -> None:
    one, two = tarred({"a.txt": b"one"})[:1024] + between, tarred({"b.txt": b"two"})
    packed = COMPRESS["gz"](one) + COMPRESS["gz"](two) if ending == "tar.gz" else one + two
    assert list(texts(packed, f"t.{ending}").values()) == ["one", "two"]
    whole = tarred(TWO)
    assert list(texts(whole + b"\0" * 102_400, "t.tar").values()) == ["one", "two"]
    for behind in (b"x", b"\0" * 100, b"x" * 512, b"\0" * 512 + b"x" * 600, two[:300], two[:512] + b"\0" * 100):
        assert list(texts(whole + behind, "t.tar").values())[-1] == "! damaged"


def test_zeros_behind_an_end_mark_count_as_what_comes_out() -> None:
    packed = COMPRESS["gz"](tarred(TWO) + b"\0" * 4_000_000)
    found = texts(packed, "t.tar.gz", Intake(limits=Limits(free_bytes=1_000_000)))
    assert list(found.values()) == ["one", "two", "! over_limit"]


@pytest.mark.parametrize("said", ["gnu", "pax"])
@pytest.mark.parametrize("name", ["evil.txt", "evil.bin", "evil.zip"])
@pytest.mark.parametrize("size", [1 << 62, 99999999999999999999, 513, -1, -1024])
@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_a_size_that_cannot_be_ends_a_tar_at_once(ending: str, size: int, name: str, said: str) -> None:
    info = tarfile.TarInfo(name)
    if said == "gnu":
        info.size = size
        header = info.tobuf(tarfile.GNU_FORMAT)
    else:
        info.pax_headers = {"size": str(size)}
        header = info.tobuf(tarfile.PAX_FORMAT)
    raw = tarred({"a.txt": b"one"})[:1024] + header + b"x" * 512
    packed = COMPRESS["gz"](raw) if ending == "tar.gz" else raw
    reads = 0

    def on_read() -> None:
        # It would be some billions of them.
        nonlocal reads
        reads += 1
        assert reads < 100

    path = f"t.{ending}"
    records = read_records(io.BytesIO(packed), path, len(packed), Intake(), on_read=on_read)
    found = [(record.path, record.fault.reason if record.fault else record.raw) for record in records]
    member = [] if size < 0 or name == "evil.bin" else [(f"{path}!/{name}", "damaged")]
    assert found == [(f"{path}!/a.txt", b"one"), *member, (path, "damaged")]


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.txt.xz", "a.jsonl.zst", "a.parquet"])
@pytest.mark.parametrize(("raw", "reason"), [(b"", "empty"), (b"nonsense" * 200, "damaged")])
def test_what_is_no_container_is_one_reject(name: str, raw: bytes, reason: str) -> None:
    (record,) = read(raw, name)
    assert record.fault is not None
    assert (record.path, record.key, record.fault.reason) == (name, "0", reason)


@pytest.mark.parametrize("raw", [zipped({}), zipped({"a.md": b"x"})])
def test_an_archive_without_a_text_is_one_reject(raw: bytes) -> None:
    assert texts(raw, "z.zip") == {("z.zip", "0"): "! no_records"}


def test_bombs_end_at_their_limits() -> None:
    bomb = b"\0" * 4_000_000
    intake = Intake(limits=Limits(free_bytes=1_000_000, record_bytes=10_000_000))
    for name, raw in (
        ("z.zip", zipped({"a.txt": bomb})),
        ("t.tar.gz", COMPRESS["gz"](tarred({"a.txt": bomb}))),
        ("t.tar.bz2", COMPRESS["bz2"](tarred({"a.txt": bomb}))),
        ("a.txt.xz", COMPRESS["xz"](bomb)),
        ("a.txt.zst", COMPRESS["zst"](bomb)),
        ("in.zip", zipped({"in.zip": zipped({"a.txt": bomb})})),
    ):
        faults = [record.fault for record in read(raw, name, intake) if record.fault]
        assert [fault.reason for fault in faults] == ["over_limit"], name
        assert "200 times its size" in faults[0].message


@pytest.mark.parametrize(
    ("name", "expected"), [("evil.zip", ["over_limit"]), ("a.txt", ["too_large", b"x"]), ("a.bin", [b"x"])]
)
def test_the_holes_of_a_member_count_as_what_comes_out(tmp_path: Path, name: str, expected: list[str | bytes]) -> None:
    raw = sparse(name, 1 << 40)[:1024] + tarred({"b.txt": b"x"})
    records = read_records(io.BytesIO(raw), "t.tar", len(raw), Intake(), spool=str(tmp_path))
    assert [record.fault.reason if record.fault else record.raw for record in records] == expected


def sparse(name: str, size: int) -> bytes:
    """A tar with one member of 512 bytes that says it has more, as GNU tar writes files with holes."""
    info = tarfile.TarInfo(name)
    info.size = 512
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"%011o\0%011o\0" % (0, 512)
    header[483:495] = b"\x80" + size.to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + b"A" * 512 + b"\0" * 1024


def test_a_member_that_lies_about_its_size_is_not_expanded_much_beyond_it() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.txt", b"\0" * 200_000_000)
    raw = bytearray(held.getvalue())
    struct.pack_into("<I", raw, raw.index(b"PK\x01\x02") + 24, 1_000)
    tracemalloc.start()
    (record,) = read(bytes(raw), "z.zip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert record.fault is not None or record.raw == b"\0" * 1_000
    # All at once it would be 500.
    assert peak < 250_000_000


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_of_all_methods_are_read(method: int) -> None:
    text = b"".join(b"Line %d of many. " % n for n in range(20_000))
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        archive.writestr("a.txt", text)
    assert texts(held.getvalue(), "z.zip") == {("z.zip!/a.txt", "0"): text.decode()}


@pytest.mark.parametrize(
    ("method", "name"), [(1, "shrink"), (9, "deflate64"), (93, "zstd"), (98, "PPMd"), (77, "without a name")]
)
def test_a_method_of_zip_that_is_not_read_costs_its_texts_only(method: int, name: str) -> None:
    raw = bytearray(zipped({"a.txt": b"one", "b.txt": b"two", "c.bin": b"three"}))
    for member in (b"a.txt", b"c.bin"):
        struct.pack_into("<H", raw, raw.rindex(member) - 46 + 10, method)
        struct.pack_into("<H", raw, raw.index(member) - 30 + 8, method)
    first, second = read(bytes(raw), "z.zip")
    assert first.fault is not None
    assert first.fault.reason == "unsupported"
    assert first.fault.message.startswith(f"It is compressed by zip's method {method}, {name}. ")
    assert second.raw == b"two"


def test_zstd_that_asks_for_gigabytes_is_not_damaged() -> None:
    # A frame with a window of 2 GiB, and one block as it is.
    raw = b"\x28\xb5\x2f\xfd\0" + bytes([(31 - 10) << 3]) + struct.pack("<I", 7 << 3 | 1)[:3] + b"bonjour"
    assert texts(raw, "a.txt.zst") == {("a.txt.zst", "0"): "! unsupported"}


ADVICE = "It is cut or damaged: fetch it again."
OTHER = "It does not begin as its name says, or something else stands behind it"


@pytest.mark.parametrize(
    ("name", "raw", "messages"),
    [
        (
            "z.zip",
            zipped(TWO)[:-30],
            [f"It has no directory at its end, as a zip has. Nothing of it is loaded. {ADVICE}"],
        ),
        ("a.txt.gz", COMPRESS["gz"](b"one")[:-1], [f"It ends too early. {ADVICE}"]),
        ("a.txt.bz2", COMPRESS["bz2"](b"one")[:-1], [f"It ends before its end mark. {ADVICE}"]),
        ("a.txt.zst", COMPRESS["zst"](b"one")[:-1], [f"It ends too early. {ADVICE}"]),
        (
            "a.txt.gz",
            flipped(COMPRESS["gz"](b"one"), -8),
            [f"Its checksum is wrong: what comes out is not what was packed. {ADVICE}"],
        ),
        ("t.tar", tarred(TWO)[:2048], [f"It ends without its end mark. What could be read of it is loaded. {ADVICE}"]),
        (
            "t.tar.gz",
            b"nonsense",
            [f"{OTHER}. Nothing of it is loaded. {ADVICE}"],
        ),
        (
            "t.tar",
            tarred({"a.txt.gz": b"nonsense"}),
            [f"{OTHER}. {ADVICE}"],
        ),
        (
            "t.tar",
            flipped(tarred(TWO), 1024),
            [f"The checksum of a header is wrong. What could be read of it is loaded. {ADVICE}"],
        ),
        ("a.parquet", b"nonsense", [f"It does not begin and end as Parquet does. Nothing of it is loaded. {ADVICE}"]),
    ],
)
def test_what_is_said_of_damage_is_true_and_in_plain_words(name: str, raw: bytes, messages: list[str]) -> None:
    intake = Intake(("*.txt", "*.parquet"))
    assert [record.fault.message for record in read(raw, name, intake) if record.fault] == messages


@pytest.mark.parametrize("value", ["x", "9" * 5_000])
def test_a_number_of_a_header_that_is_none_is_said_in_plain_words(value: str) -> None:
    info = tarfile.TarInfo("a.txt")
    info.pax_headers = {"GNU.sparse.size": value}
    raw = info.tobuf(tarfile.PAX_FORMAT) + b"\0" * 1024
    (record,) = read(raw, "t.tar")
    assert record.fault is not None
    assert record.fault.message == f"A number in a header is none. Nothing of it is loaded. {ADVICE}"


def test_xz_that_asks_for_gigabytes_costs_itself_only() -> None:
    # The size of the dictionary stands in the header, with a checksum: 4 GiB.
    raw = bytearray(lzma.compress(b"text", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]))
    assert raw[14:16] == b"\x21\x01"
    raw[16] = 40
    raw[20:24] = zlib.crc32(raw[12:20]).to_bytes(4, "little")
    found = texts(tarred({"a.txt": b"one", "evil.txt.xz": bytes(raw), "z.txt": b"two"}), "t.tar")
    assert found == {
        ("t.tar!/a.txt", "0"): "one",
        ("t.tar!/evil.txt.xz", "0"): "! unsupported",
        ("t.tar!/z.txt", "0"): "two",
    }


@pytest.mark.parametrize("ending", COMPRESS)
def test_several_streams_are_read_and_anything_else_behind_one_is_damage(ending: str) -> None:
    name, one, two = f"a.txt.{ending}", COMPRESS[ending](b"one "), COMPRESS[ending](b"two")
    assert texts(one + two, name) == {(name, "0"): "one two"}
    if ending != "zst":
        zeros = b"\0" * 200_000
        assert texts(one + zeros, name) == {(name, "0"): "one "}
        assert texts(one + zeros + two, name) == {(name, "0"): "one two"}
    for behind in (b"garbage", b"g", two[:1], two[:-1], flipped(two, 0), flipped(two, 1), two + b"x"):
        assert texts(one + behind, name) == {(name, "0"): "! damaged"}
    raw = tarred(TWO)
    packed = COMPRESS[ending](raw[:1024]) + flipped(COMPRESS[ending](raw[1024:]), 1)
    found = list(texts(packed, f"t.tar.{ending}").values())
    # Of zstd, what came out just before is lost with it.
    assert found == ["one", "! damaged"][ending == "zst" :]


def test_headers_that_take_quadratic_time_are_refused() -> None:
    long = tarfile.TarInfo("./" * 1_000_000 + "a.txt")
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(long)
    assert texts(held.getvalue(), "t.tar") == {("t.tar", "0"): "! damaged"}
    digits = tarfile.TarInfo("a.txt")
    digits.pax_headers = {"comment": "1" * 1_000_000}
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(digits)
    assert texts(held.getvalue(), "t.tar") == {("t.tar", "0"): "! damaged"}


def test_a_bomb_of_overlapping_members_is_stopped() -> None:
    # Many entries of the directory that lead to the same bytes.
    raw = zipped({"0.txt": b"\0" * 100_000})
    start = raw.index(b"PK\x01\x02")
    end = raw.index(b"PK\x05\x06")
    entry = raw[start:end]
    entries = b"".join(entry.replace(b"0.txt", b"%c.txt" % (97 + at)) for at in range(20))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 20, 20, len(entries), start, 0)
    records = read(raw[:start] + entries + tail, "z.zip", Intake(limits=Limits(free_bytes=1_000_000)))
    assert all(record.fault is not None for record in records)


def counted(raw: bytes, count: int) -> bytes:
    """A zip that says that it has so many members."""
    changed = bytearray(raw)
    struct.pack_into("<HH", changed, raw.rindex(b"PK\x05\x06") + 8, count, count)
    return bytes(changed)


def test_members_that_a_damaged_directory_of_a_zip_has_lost_are_one_reject() -> None:
    raw = zipped({f"{n}.txt": str(n).encode() for n in range(5)})
    swallowed = bytearray(raw)
    # The first entry's comment has the length of the next one.
    struct.pack_into("<H", swallowed, raw.index(b"PK\x01\x02") + 32, 46 + len("1.txt"))
    assert list(texts(bytes(swallowed), "z.zip").values()) == ["0", "2", "3", "4", "! damaged"]
    for count in (0, 4, 6, 0xFFFF):
        assert list(texts(counted(raw, count), "z.zip").values()) == ["0", "1", "2", "3", "4", "! damaged"]


def test_a_zip_of_many_members_may_count_them_through_two_bytes() -> None:
    raw = zipped({f"{n}.bin": b"" for n in range(0x10002)})
    entries, wide = raw.rindex(b"PK\x01\x02"), raw.rindex(b"PK\x06\x06")
    assert entries < wide
    short = raw[:wide] + struct.pack(
        "<4s4H2IH", b"PK\x05\x06", 0, 0, 2, 2, wide - raw.index(b"PK\x01\x02"), raw.index(b"PK\x01\x02"), 0
    )
    wrong = bytearray(raw)
    wrong[wide + 32] += 1
    for count in (2, 0xFFFF):
        assert texts(counted(short, count), "z.zip") == {("z.zip", "0"): "! no_records"}
    assert texts(raw, "z.zip") == {("z.zip", "0"): "! no_records"}
    for changed in (counted(short, 3), bytes(wrong)):
        assert texts(changed, "z.zip") == {("z.zip", "0"): "! damaged"}


def test_a_zip_behind_another_is_told_from_one_behind_a_program() -> None:
    one, two = zipped({"a.txt": b"one"}), zipped({"b.txt": b"two"})
    assert list(texts(b"#!/bin/sh\nexit\n" + one, "z.zip").values()) == ["one"]
    assert list(texts(one + two, "z.zip").values()) == ["two", "! damaged"]


@pytest.mark.parametrize("name", [b"a.tyt", b"a.tx/"])
def test_a_name_that_only_the_directory_of_a_zip_has_hides_no_text(name: bytes) -> None:
    raw = bytearray(zipped({"a.txt": b"one", "b.txt": b"two", "c.bin": b"three"}))
    at = raw.rindex(b"a.txt")
    raw[at : at + 5] = name
    assert list(texts(bytes(raw), "z.zip").values()) == ["! damaged", "two"]


def test_a_member_that_is_too_large_costs_itself_only() -> None:
    intake = Intake(limits=Limits(record_bytes=100))
    found = texts(tarred({"a.txt": b"x" * 101, "b.txt": b"two"}), "t.tar", intake)
    assert list(found.values()) == ["! too_large", "two"]


def claiming(names: Sequence[str], size: int, raw: bytes) -> bytes:
    """A zip whose directory says of some members that so many bytes come out of each."""
    changed = bytearray(raw)
    for name in names:
        struct.pack_into("<I", changed, raw.rindex(name.encode()) - 46 + 24, size)
    return bytes(changed)


def test_a_text_of_a_zip_that_says_it_is_larger_than_one_may_be_costs_itself_only() -> None:
    raw = claiming(["a.txt", "b.bin"], 0xFFFFFFF0, zipped({"a.txt": b"x", "b.bin": b"x", "c.txt": b"two"}))
    assert list(texts(raw, "z.zip").values()) == ["! too_large", "two"]


def test_what_texts_of_a_zip_say_comes_out_counts_in_shares_that_pass_over_them() -> None:
    names = [f"{n}.txt" for n in range(100, 300)]
    raw = claiming(names[:65], 2_000, zipped(dict.fromkeys(names, b"x")))
    # More than 64 of them are too many.
    intake = Intake(limits=Limits(free_bytes=129_000, expansion_ratio=1))
    found = [list(read_records(io.BytesIO(raw), "z.zip", len(raw), intake, Share(number, 2))) for number in (0, 1)]
    assert [[record.index for record in records] for records in found] == [[*range(64), 64], [64]]
    assert [records[-1].fault and records[-1].fault.reason for records in found] == ["over_limit", "over_limit"]


def test_too_many_members_end_it() -> None:
    intake = Intake(limits=Limits(members=2))
    assert list(texts(tarred({f"{n}.txt": b"x" for n in range(4)}), "t.tar", intake).values()) == [
        "x",
        "x",
        "! over_limit",
    ]


def test_names_are_utf8_though_a_zip_does_not_say_so() -> None:
    info = zipfile.ZipInfo("Şuşa.txt".encode().decode("cp437"))
    raw = bytearray(zipped([(info, b"one")]))
    # Python marks it as UTF-8, and writes it so.
    assert list(texts(bytes(raw), "z.zip").values()) == ["one"]
    plain = zipped({"AAAA.txt": b"one"}).replace(b"AAAA", "éé".encode())
    assert list(texts(plain, "z.zip")) == [("z.zip!/éé.txt", "0")]


def test_a_tar_keeps_names_that_are_not_utf8_apart() -> None:
    raw = tarred({"AA.txt": b"one"}).replace(b"AA.txt", b"A\xe9.txt")
    fixed = bytearray(raw)
    fixed[148:156] = b" " * 8
    fixed[148:156] = b"%06o\0 " % sum(fixed[:512])
    assert list(texts(bytes(fixed), "t.tar")) == [("t.tar!/A\ufffde9.txt", "0")]


@pytest.mark.parametrize("of", [1, 2, 3])
def test_shares_take_each_record_once(of: int) -> None:
    raw = tarred({f"{n}.txt": str(n).encode() for n in range(300)})
    whole = read(raw, "t.tar")
    taken = []
    for number in range(of):
        share = Share(number, of)
        taken += [r for r in read_records(io.BytesIO(raw), "t.tar", len(raw), Intake(), share) if not r.is_rest]
    assert sorted(taken, key=lambda record: record.index) == whole


@given(st.data())
def test_damage_never_raises(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["z.zip", "t.tar", "t.tar.gz", "a.txt.bz2", "a.txt.xz", "t.tar.zst"]))
    raw = zipped(TWO) if name == "z.zip" else tarred(TWO) if ".tar" in name else b"one"
    if name.rpartition(".")[2] in COMPRESS:
        raw = COMPRESS[name.rpartition(".")[2]](raw)
    damaged = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged))) :]
    texts_or_rejects = [record.raw is not None or record.fault is not None for record in read(bytes(damaged), name)]
    assert texts_or_rejects
    assert all(texts_or_rejects)


def test_a_compressed_text_beyond_the_limits_is_one_reject_under_its_own_key() -> None:
    intake = Intake(limits=Limits(free_bytes=1_000, record_bytes=10_000_000))
    assert texts(COMPRESS["xz"](b"\0" * 4_000_000), "a.txt.xz", intake) == {("a.txt.xz", "0"): "! over_limit"}


def test_a_share_is_read_no_further_than_it_goes() -> None:
    raw = tarred({f"{n}.txt": b"x" for n in range(10)})
    found = list(read_records(io.BytesIO(raw[:3072]), "t.tar", len(raw), Intake(), Share(stop=2)))
    assert [(record.index, record.raw) for record in found] == [(0, b"x"), (1, b"x")]


def test_a_disk_without_room_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("etl.containers.tempfile.SpooledTemporaryFile", lambda *_, **__: Full())
    raw = tarred({"a.txt": b"one", "in.zip": zipped({"in.zip": zipped({"b.txt": b"two"})})})
    found = read_records(io.BytesIO(raw), "t.tar", len(raw), Intake(), spool=str(tmp_path))
    assert next(found).raw == b"one"
    with pytest.raises(OSError, match="No space left"):
        next(found)
