"""JSON Lines, CSV, TSV and Parquet: one record a line or row, each with its key and what is given of it."""

import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.containers import read_records
from etl.decode import Decoded, decode
from etl.intake import Intake, Limits
from etl.records import Share
from tests.etl.packing import COMPRESS, read, texts, zipped


def lines(*rows: Any) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    held = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), held)
    return held.getvalue()


def keyed(raw: bytes, name: str, intake: Intake | None = None) -> dict[str, str]:
    return {key: text for (_, key), text in texts(raw, name, intake).items()}


ROWS = [{"id": "a", "text": "one, two"}, {"id": "b", "text": 'three\nfour "five"'}]


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("r.jsonl", lines(*ROWS)),
        ("r.ndjson", b"\xef\xbb\xbf" + lines(*ROWS)),
        ("r.jsonl", lines(*ROWS).decode().encode("utf-16")),
        ("r.csv", b'id,text\na,"one, two"\nb,"three\nfour ""five"""\n'),
        ("r.csv", b'\xef\xbb\xbfid;text\r\na;one, two\r\nb;"three\nfour ""five"""\r\n'),
        ("r.csv", 'id,text\na,"one, two"\nb,"three\nfour ""five"""\n'.encode("utf-16")),
        ("r.tsv", b'id\ttext\na\tone, two\n\nb\t"three\nfour ""five"""\n'),
        ("r.parquet", parquet(ROWS)),
        ("r.JSONL.gz", COMPRESS["gz"](lines(*ROWS))),
        ("r.parquet.zst", COMPRESS["zst"](parquet(ROWS))),
    ],
    ids=["json", "marked", "utf-16", "commas", "semicolons", "csv-utf-16", "tsv", "parquet", "gz", "zst"],
)
def test_each_row_is_a_record_with_its_own_id(name: str, raw: bytes) -> None:
    assert keyed(raw, name) == {"a": "one, two", "b": 'three\nfour "five"'}


def test_columns_have_the_names_that_the_mapping_says() -> None:
    intake = Intake(fields=(("text", "body"), ("id", "meta.nr"), ("date", "meta.published"), ("title", "t")))
    (record,) = read(
        lines({"body": "one", "meta": {"nr": 7, "published": "2021-02-27"}, "t": " A\n b "}), "r.jsonl", intake
    )
    assert (record.key, record.raw) == ("7", b"one")
    assert json.loads(record.given or "") == {
        "date": {"origin": "mapping", "value": "2021-02-27"},
        "title": {"origin": "mapping", "value": "A b"},
    }


def test_an_id_that_is_not_unique_is_no_key() -> None:
    rows = [{"id": "a", "text": "0"}, {"id": "b", "text": "1"}, {"id": "a", "text": "2"}, {"text": "3"}]
    assert keyed(lines(*rows), "r.jsonl") == {"0": "0", "b": "1", "2": "2", "3": "3"}


def test_an_index_is_never_taken_for_another_records_id() -> None:
    rows = [{"id": "1", "text": "0"}, {"text": "1"}, {"id": "#1", "text": "2"}]
    assert keyed(lines(*rows), "r.jsonl") == {"1": "0", "#1": "1", "2": "2"}


def test_a_bad_line_costs_itself_only() -> None:
    raw = (
        lines({"id": "a", "text": "one"})
        + b"{bad\n[1]\n"
        + lines({"id": "c"}, {"id": "d", "text": ["x"]}, {"text": " "})
    )
    assert keyed(raw + b"[" * 100_000 + b"\n" + lines({"id": "z", "text": "two"}), "r.jsonl") == {
        "a": "one",
        "1": "! malformed",
        "2": "! malformed",
        "c": "! no_text",
        "d": "! no_text",
        "5": "! no_text",
        "6": "! malformed",
        "z": "two",
    }


def test_a_bad_row_costs_itself_only() -> None:
    raw = b'id,text\na,one\nb,two,three\nc\nd,four\n"e"x,five\nf,"si\x00x"\ng,"and ""seven""\nof it"\n'
    assert keyed(raw, "r.csv") == {
        "a": "one",
        "1": "! malformed",
        "2": "! malformed",
        "d": "four",
        "4": "! malformed",
        "f": "si\x00x",
        "g": 'and "seven"\nof it',
    }


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b'b,"two\n', "A quotation mark that begins a cell is never closed"),
        (b'b,"two\nof it\n', "A quotation mark that begins a cell is never closed"),
        (b"b,two,three\n", "The row has 3 cells, its header 2"),
        (b'b,"two" of it\n', "A quotation mark stands within a cell that is in quotation marks, and is not doubled"),
        (b"b," + b"x" * 300 + b"\n", "The line has more than 200 characters"),
    ],
)
def test_what_follows_a_bad_row_is_read(bad: bytes, said: str) -> None:
    raw = b"id,text\na,one\n" + bad + b"c,three\nd,four\n"
    found = read(raw, "r.csv", Intake(limits=Limits(record_bytes=200)))
    assert [record.key for record in found if record.fault is None] == ["a", "c", "d"]
    faults = [record.fault for record in found if record.fault is not None]
    assert said in faults[0].message
    assert len(faults) == 1


def test_no_line_of_a_text_is_taken_for_a_row() -> None:
    text = b"".join(b"Line %d of it, which goes on" % n + (b"\n" if n % 3 else b", and on\n") for n in range(30))
    for bad in (b'b,"He said "no" to them.\n' + text + b'"\n', b'b,"' + b"x" * 30 + b'"y\n' + text):
        raw = b"id,text\na,one\n" + bad + b"".join(b'k%d,"row %d"\n' % (n, n) for n in range(5))
        rest = {f"k{n}": f"row {n}" for n in range(5)}
        assert keyed(raw, "r.csv") == {"a": "one", "1": "! malformed", **rest}


def test_where_nothing_tells_rows_from_lines_of_a_text_none_is_invented() -> None:
    assert keyed(b'text\none\n"two\nthree\nfour\nfive\n', "r.csv") == {"0": "one", "1": "! malformed"}


def test_a_cell_that_is_too_large_is_one_reject_and_its_lines_are_no_rows() -> None:
    text = b"x, password\n" * 100
    raw = b'id,text\na,one\nb,"' + text + b'"\nc,three\nd,"' + text + b'",\ne,five\n'
    assert keyed(raw, "r.csv", Intake(limits=Limits(record_bytes=200))) == {
        "a": "one",
        "1": "! too_large",
        "c": "three",
        "3": "! too_large",
        "e": "five",
    }


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("r.csv", b"\n\nid,text\na,one\n"),
        ("r.csv", b"sep=;\r\nid;text\r\na;one\r\n"),
        ("r.csv", "id,text\na,one\n".encode("utf-16-le")),
        ("r.tsv", "id\ttext\na\tone\n".encode("utf-16-be")),
        ("r.jsonl", '{"id": "a", "text": "one"}\n'.encode("utf-16-le")),
        ("r.jsonl", '{"id": "a", "text": "one"}\n'.encode("utf-32-be")),
    ],
)
def test_what_stands_before_the_header_and_how_wide_signs_are_is_seen(name: str, raw: bytes) -> None:
    assert keyed(raw, name) == {"a": "one"}


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_a_unit_of_utf16_that_is_none_costs_its_own_record(name: str) -> None:
    rows = {
        "r.csv": "id,text\n" + "".join(f"{n},text {n}\n" for n in range(300)),
        "r.jsonl": "".join(f'{{"id": "{n}", "text": "text {n}"}}\n' for n in range(300)),
    }[name]
    raw = rows.encode("utf-16").replace("text 100".encode("utf-16-le"), b"t\0e\0\x00\xd8x\0")
    found = keyed(raw[:-1], name)
    assert next(key for key, text in found.items() if text.startswith("!")) == "100"
    assert len(found) >= 299
    assert found["101"] == "text 101"


def test_a_value_of_parquet_that_is_none_of_pythons_costs_itself_only() -> None:
    table = pa.table(
        {
            "id": pa.array([Decimal(n) for n in range(600)], pa.decimal128(5, 0)),
            "text": pa.array([b"row %d" % n if n != 77 else "déjà vu à Besançon".encode("cp1252") for n in range(600)]),
            "date": pa.array([2**31 - 1 if n == 78 else 18_000 for n in range(600)], pa.int32()).cast(pa.date32()),
            "title": pa.array([0] * 600, pa.timestamp("s", "America/Nowhere")),
        }
    )
    text = pa.Array.from_buffers(pa.string(), 600, table["text"].chunk(0).buffers())
    held = io.BytesIO()
    pq.write_table(table.set_column(1, "text", text), held)
    found = read(held.getvalue(), "r.parquet")
    assert [record.key for record in found] == [str(n) for n in range(600)]
    assert [record.key for record in found if record.fault is not None] == []
    assert (found[77].raw or b"").decode() == "déjà vu à Besançon"
    assert json.loads(found[78].given or "")["date"]["value"] == "date32[day] 2147483647"
    assert json.loads(found[79].given or "")["date"]["value"] == "2019-04-14"


def test_signs_that_are_switched_to_within_ascii_are_read() -> None:
    for encoding, words in {
        "iso2022_jp": "東京は火曜日に雨が降り、市長は警報を出したと報道官が述べた。",
        "hz": "北京星期二下雨，市长发布了警报，发言人说。",
        "iso2022_kr": "서울은 화요일에 비가 내렸고 시장은 경보를 발령했다고 대변인이 밝혔다.",
    }.items():
        assert keyed(f"id,text\na,{words}\nb,two\n".encode(encoding), "r.csv") == {"a": words, "b": "two"}
        if encoding != "iso2022_kr":  # which says what it is but once a file
            raw = f'{{"id": "a", "text": "{words}"}}\n{{"id": "b", "text": "two"}}\n'.encode(encoding)
            assert keyed(raw, "r.jsonl") == {"a": words, "b": "two"}


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_an_encoding_that_is_named_has_to_be_the_files(name: str) -> None:
    text = "Мэр Саратова сообщил в среду о ремонте моста через Волгу"
    raw = f'{{"text": "{text}"}}\n' if name == "r.jsonl" else f"text\n{text}\n"
    assert keyed(raw.encode("koi8-r"), name, Intake(encoding="koi8-r")) == {"0": text}
    assert keyed(raw.encode(), name, Intake(encoding="koi8-r")) == {"0": "! undecodable"}


def test_an_open_quotation_mark_ends_where_another_row_has_one() -> None:
    raw = b'id,text\na,"one\nb,two\nc,"three"\nd,"four"\n'
    assert keyed(raw, "r.csv") == {"0": "! malformed", "b": "two", "c": "three", "d": "four"}


def test_lines_that_all_seem_to_go_on_to_the_end_are_not_read_again_and_again() -> None:
    raw = b"id,text\n" + b'a"b,"c\n' * 20_000
    (record,) = read(raw, "r.csv")
    assert record.fault is not None


def test_a_row_of_another_encoding_is_read_as_such() -> None:
    long = "Le président de la République a inauguré hier à Besançon un musée consacré à l'histoire de l'horlogerie française."
    row = f"a,{long},Musée\n".encode("cp1252")
    (first, second) = read(b"id,text,title\n" + row + "b,déjà,x\n".encode(), "r.csv")
    assert (first.raw or b"").decode() == long
    assert json.loads(first.given or "")["title"]["value"] == "Musée"
    assert second.fault is None


def test_a_file_can_have_its_encoding_named() -> None:
    raw = "id;text\na;Ночью шёл снег\n".encode("koi8-r")
    assert keyed(raw, "r.csv", Intake(encoding="koi8-r")) == {"a": "Ночью шёл снег"}
    line = '{"id": "a", "text": "Ночью шёл снег"}'.encode("koi8-r")
    assert keyed(line, "r.jsonl", Intake(encoding="koi8-r")) == {"a": "Ночью шёл снег"}


def test_halves_of_signs_are_taken_out() -> None:
    (record,) = read(b'{"text": "cut \\ud83d off", "title": "\\udc00x"}', "r.jsonl")
    assert (record.raw, record.quality_flags) == (b"cut  off", ("control_characters_removed",))
    assert json.loads(record.given or "")["title"]["value"] == "x"


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("r.csv", b"id,body\na,one\n", "It has no column text; it has id, body"),
        ("r.parquet", parquet([{"id": "a", "body": "one"}]), "It has no column text; it has id, body"),
        ("r.jsonl", b'[{"text": "one"}]', "It is one JSON array"),
        ("r.csv", b"\n", "There is no row in it"),
        ("r.csv", b"id,text\n", "There is no row in it"),
    ],
)
def test_a_file_without_texts_is_one_reject(name: str, raw: bytes, said: str) -> None:
    (record,) = read(raw, name)
    assert record.fault is not None
    assert said in record.fault.message
    assert (record.key, record.is_rest) == ("0", True)


def test_a_line_that_is_too_long_costs_itself_only() -> None:
    raw = lines({"text": "x" * 300}, {"id": "b", "text": "two"})
    assert keyed(raw, "r.jsonl", Intake(limits=Limits(record_bytes=200))) == {"0": "! too_large", "b": "two"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_no_part_of_a_line_that_is_too_long_is_a_record(encoding: str) -> None:
    blank, smuggled = " " * 400, "x" * 201 + '{"text": "smuggled"}'
    raw = "\n".join([blank + '{"text": "far"}', smuggled, '{"text": "two"}']).encode(encoding)
    assert keyed(raw, "r.jsonl", Intake(limits=Limits(record_bytes=200))) == {
        "0": "! too_large",
        "1": "! too_large",
        "2": "two",
    }


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.parquet"])
def test_the_limit_of_a_record_holds_in_all_files(name: str) -> None:
    long, short = "x" * 150, "two"
    raw = {
        "r.jsonl": lines({"text": long}, {"text": short}),
        "r.csv": f"text\n{long}\n{short}\n".encode(),
        "r.parquet": parquet([{"text": long}, {"text": short}]),
    }[name]
    assert keyed(raw, name, Intake(limits=Limits(record_bytes=100))) == {"0": "! too_large", "1": "two"}


def test_a_bad_first_line_is_not_taken_for_an_array() -> None:
    assert keyed(b'[cut off\n{"text": "one"}\n', "r.jsonl") == {"0": "! malformed", "1": "one"}
    for raw in (b'[\n{"text": "one"},\n{"text": "two"}\n]\n', b'[{"text": "one"},\n {"text": "two"}]\n'):
        assert keyed(raw, "r.jsonl") == {"0": "! no_records"}


def test_it_is_said_what_each_text_was_in() -> None:
    text = "Der Fluß führte am Montag früh Hochwasser und die Behörde in Köln warnte."
    for name, raw in (
        ("r.csv", b"text\n" + f"{text}\n".encode("cp1252") + "déjà vu\n".encode()),
        ("r.jsonl", f'{{"text": "{text}"}}\n'.encode("cp1252") + '{"text": "déjà vu"}\n'.encode()),
        ("r.parquet", parquet([{"text": text.encode("cp1252")}, {"text": "déjà vu".encode()}])),
    ):
        first, second = read(raw, name)
        assert (first.raw or b"").decode() == text
        assert (first.source_encoding, first.quality_flags) == ("windows-1252", ("encoding_guessed",))
        assert (second.source_encoding, second.quality_flags) == ("utf-8", ())
    (marked,) = read('{"text": "déjà vu"}'.encode("utf-16"), "r.jsonl")
    assert (marked.raw, marked.source_encoding) == ("déjà vu".encode(), "utf-16")


def test_a_mark_of_the_byte_order_stands_before_the_file_and_not_before_its_cells() -> None:
    text = "Der Fluß führte am Montag früh Hochwasser und die Behörde in Köln warnte."
    raw = "id,text\na,één\n".encode("utf-8-sig") + f"b,{text}\n".encode("cp1252")
    assert keyed(raw, "r.csv") == {"a": "één", "b": text}


def test_a_column_that_stands_there_twice_is_none() -> None:
    (record,) = read(b"id,text,text\na,one,two\n", "r.csv")
    assert record.fault is not None
    assert "The column text stands in its header more than once" in record.fault.message


def test_no_key_of_a_record_looks_like_that_of_a_rest() -> None:
    assert keyed(lines({"id": "#0/1", "text": "one"}, {"id": "#x", "text": "two"}), "r.jsonl") == {
        "0": "one",
        "1": "two",
    }


def test_what_is_cut_is_read_up_to_there() -> None:
    raw = COMPRESS["gz"](b"".join(lines({"text": str(n) * 50}) for n in range(20_000)))
    found = list(keyed(raw[: len(raw) // 2], "r.jsonl.gz").items())
    assert len(found) > 2
    assert found[-1][1] == "! damaged"
    assert found[-1][0].startswith("#")


def test_lines_in_archives_have_paths_of_their_own() -> None:
    raw = zipped({"a.jsonl": lines({"text": "one"}), "b.csv": b"text\ntwo\n"})
    assert texts(raw, "z.zip", Intake(("**/*.jsonl", "**/*.csv"))) == {
        ("z.zip!/a.jsonl", "0"): "one",
        ("z.zip!/b.csv", "0"): "two",
    }


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.parquet"])
def test_shares_give_the_same_keys(name: str) -> None:
    rows = [{"id": str(n % 290), "text": f"text {n}"} for n in range(300)]
    raw = {
        "r.jsonl": lines(*rows),
        "r.csv": b"id,text\n" + b"".join(f"{row['id']},{row['text']}\n".encode() for row in rows),
        "r.parquet": parquet(rows),
    }[name]
    taken = [
        record
        for number in range(3)
        for record in read_records(io.BytesIO(raw), name, len(raw), Intake(), Share(number, 3))
    ]
    assert sorted(taken, key=lambda record: record.index) == read(raw, name)


@given(st.lists(st.binary(max_size=60), max_size=6), st.sampled_from(["r.jsonl", "r.csv", "r.tsv", "r.parquet"]))
def test_arbitrary_bytes_never_raise(rows: list[bytes], name: str) -> None:
    raw = b"text,id\n" + b"\n".join(rows)
    records = read(raw, name)
    assert records
    assert len({(record.path, record.key) for record in records}) == len(records)


RUSSIAN = "Депутаты одобрили законопроект о поддержке сельских школ во втором чтении."


@pytest.mark.parametrize(
    ("name", "ids", "detections"),
    [
        ("r.jsonl", ["a1", "a1", "b"], 3),
        ("r.jsonl", ["ё1", "ё1", "ж"], 6),
        ("r.jsonl", [["ё"], ["ё"], "ж"], 6),
        ("r.csv", ["a1", "a1", "b"], 3),
        ("r.csv", ["ё1", "ё1", "ж"], 6),
    ],
)
def test_ids_in_other_encodings_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, name: str, ids: list[Any], detections: int
) -> None:
    found = []

    def counted(raw: bytes, encoding: str | None = None) -> Decoded:
        found.append(raw)
        return decode(raw, encoding)

    monkeypatch.setattr("etl.record_files.decode", counted)
    written = [f"{RUSSIAN} {at}" for at in range(len(ids))]
    if name == "r.csv":
        raw = "id,text\n" + "".join(f"{own},{written[at]}\n" for at, own in enumerate(ids))
    else:
        raw = lines(*({"id": own, "text": written[at]} for at, own in enumerate(ids))).decode()
    records = read(raw.encode("windows-1251"), name)
    assert [(record.key, record.source_encoding) for record in records] == [
        ("0", "windows-1251"), ("1", "windows-1251"), (ids[2], "windows-1251"),
    ]  # fmt: skip
    # To find out in which encoding a line is takes long: for an id in ASCII it need not be known.
    assert len(found) == detections


def test_what_begins_as_no_object_is_in_no_encoding_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.record_files.decode", pytest.fail)
    record, whole = read(b"\xff\xfb\xcf no object\n" + lines({"id": "a", "text": "one"}), "r.jsonl")
    assert record.fault is not None
    assert (record.fault.reason, record.fault.detail) == ("malformed", "Not JSON: it does not begin with {")
    assert whole.raw == b"one"


def test_a_line_may_begin_by_switching_to_ascii() -> None:
    (record,) = read(
        b"\x1b(B" + json.dumps({"id": "b", "text": "橋が開いた"}, ensure_ascii=False).encode("iso2022_jp"), "r.jsonl"
    )
    assert (record.key, record.raw) == ("b", "橋が開いた".encode())


def test_an_id_stands_twice_although_one_of_its_records_cannot_be_read() -> None:
    bad, good = read(b'{"id": "a", "text": "\xff\xfe\x81\x8d\xff"}\n{"id": "a", "text": "fine"}\n', "r.jsonl")
    assert bad.fault is not None
    assert (good.key, good.raw) == ("1", b"fine")
