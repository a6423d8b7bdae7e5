"""The parsers of bytes that come from outside, each with what holds whatever the bytes are.

`tests/test_fuzzed.py` tries them with bytes that hypothesis makes, `bench/fuzz.py` with bytes that find new branches.
"""

from __future__ import annotations

import bz2
import contextlib
import datetime as dt
import gzip
import io
import lzma
import re
import tarfile
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assets.markdown import escape
from copydesk.coding import CodingFault, judge
from copydesk.render import FORMS, no_formula, visible
from copydesk.sheet import VALUES, cell_text, read_sheet, sheet_bytes
from etl.containers import read_records
from etl.contract import DOCUMENTS, PARAGRAPHS, RECORDS_SCHEMA, REJECTS
from etl.decode import decode
from etl.errors import RecordFault, SetupFault
from etl.given import read_given
from etl.intake import Intake, Limits
from etl.outside import read_sidecar
from etl.own_reference import load_own
from etl.reading import read_document
from etl.records import given_json
from etl.reference import load_reference
from etl.reference.own import FILES
from etl.sources import on_disk, readable
from etl.transform import excerpt, transform
from warehouse.forgotten import read_forgotten
from warehouse.home import Home
from warehouse.manifest import MANIFEST, Manifest
from warehouse.safe import UnsafeQuery, only_select
from warehouse.sampling import Drawn, Sample, Stratum

ROOT = Path(__file__).parent.parent

TODAY = dt.date(2026, 11, 22)


def decoded(raw: bytes) -> None:
    """A text without control characters that stays what it is, or a fault with what to do."""
    try:
        found = decode(raw)
    except RecordFault as fault:
        assert fault.message
        return
    text = found.text
    assert unicodedata.is_normalized("NFC", text)
    assert not any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\t" for sign in text)
    text.encode()


def document(raw: bytes) -> None:
    """One document whose offsets hold, or one reject that is not for a fault of ours."""
    record = dict.fromkeys(RECORDS_SCHEMA.names) | {
        "source": "s", "path": "p", "record_key": "0", "raw": raw, "seen_on": TODAY, "content_sha256": "0" * 64,
    }  # fmt: skip
    tables = transform(pa.RecordBatch.from_pylist([record], schema=RECORDS_SCHEMA))
    documents, rejects = tables[DOCUMENTS.name].to_pylist(), tables[REJECTS.name].to_pylist()
    assert len(documents) + len(rejects) == 1
    for row in rejects:
        assert row["reason"] != "unparsable", row["message"]
        assert row["message"]
        assert row["raw_excerpt"] is None or row["raw_excerpt"].isprintable()
    for row in documents:
        for name in ("dateline", "located", "agency"):
            literal = row["agency_literal" if name == "agency" else name]
            start, end = row[f"{name}_start"], row[f"{name}_end"]
            assert (literal is None) == (start is None) == (end is None)
            assert literal is None or row["text"][start:end] == literal
        assert 0 <= row["body_start"] <= row["body_end"] <= len(row["text"])
        for span in tables[PARAGRAPHS.name].to_pylist():
            assert row["body_start"] <= span["char_start"] < span["char_end"] <= row["body_end"]


def text(raw: bytes) -> None:
    """Evidence lies where it says, in any text at all."""
    given = raw.decode("utf-8", "ignore")
    reading = read_document(given, TODAY, load_reference())
    for entry in reading.evidence:
        if entry.start is not None and entry.end is not None:
            assert 0 <= entry.start <= entry.end <= len(given)


def own_reference(raw: bytes) -> None:
    """A file of the user's own reference can be read with, or is a fault that names it."""
    # The first byte chooses the file: behind its heading, or with whatever heading there is.
    which, has_heading = divmod(raw[0] if raw else 0, 2)
    name = tuple(FILES)[which % len(FILES)]
    folder = _folder()
    for other in FILES:
        (folder / other).unlink(missing_ok=True)
    path = folder / name
    path.write_bytes((_heading(name) if has_heading else b"") + raw[1:])
    try:
        reference = load_own(folder)
    except SetupFault as fault:
        assert str(fault).startswith(str(path)), fault
        return
    read_document(" date 2021-02 Bakou, 27 février, AZERTAC\n\nUn pont.", TODAY, reference)


NAMES = (
    "a.zip", "a.tar", "a.tgz", "a.tar.zst", "a.txt.gz", "a.txt.bz2", "a.txt.xz", "a.txt.zst", "a.jsonl", "a.csv",
    "a.tsv", "a.parquet", "a.jsonl.gz",
)  # fmt: skip
SMALL = Limits(record_bytes=20_000, expanded_bytes=200_000, free_bytes=200_000, members=50, path_length=100)


def container(raw: bytes) -> None:
    """A file of many records gives records within its limits, each with its bytes or with why it has none."""
    # The first byte chooses the kind.
    name = NAMES[raw[0] % len(NAMES)] if raw else NAMES[0]
    content = raw[1:]
    spent = 0
    for index, record in enumerate(
        read_records(io.BytesIO(content), name, len(content), Intake(limits=SMALL), spool=str(_folder()))
    ):
        assert record.index == index
        assert (record.raw is None) <= (record.fault is not None)
        assert record.path == name or record.path.startswith(f"{name}!/")
        assert visible(record.path).isprintable()
        assert ".." not in record.path.split("/") or record.fault is not None
        assert record.fault is None or record.fault.message
        spent += len(record.raw or b"")
        assert len(record.raw or b"") <= SMALL.record_bytes
    assert spent <= SMALL.expanded_bytes + SMALL.record_bytes


def given(raw: bytes) -> None:
    """A date that is given is a day that there is, or none; whatever is given is JSON that comes back."""
    value = raw.decode("utf-8", "replace")
    found = read_given(given_json({"date": value, "language": value, "title": value}, "mapping"))
    if found.date is not None and found.date.year is not None:
        dt.date(found.date.year, found.date.month or 1, found.date.day or 1)
    assert found.title == (value or None)


def sidecar(raw: bytes) -> None:
    """A sidecar says things by path, or is a fault that names it."""
    path = _folder() / "sidecar.csv"
    path.write_bytes(raw)
    try:
        assert all(name and all(said.values()) for name, said in read_sidecar(str(path)).items())
    except SetupFault as fault:
        assert str(path) in str(fault)


def settings(raw: bytes) -> None:
    """copydesk.toml gives settings, or is a fault that names it."""
    home = Home(_folder())
    home.settings_file.write_bytes(raw)
    try:
        _ = home.settings
    except SetupFault as fault:
        assert str(home.settings_file) in str(fault), fault


def forgotten(raw: bytes) -> None:
    """forgotten.txt gives whole digests, or is a fault that names it."""
    home = Home(_folder())
    home.forgotten.write_bytes(raw)
    try:
        found = read_forgotten(home)
    except SetupFault as fault:
        assert "forgotten.txt" in str(fault)
        return
    assert len(found.content) == 32 * len(found)
    assert len(found) <= len(re.findall(rb"[0-9A-Fa-f]{64}", raw))


def manifest(raw: bytes) -> None:
    """A manifest is one, or damage."""
    path = _folder() / "versions" / "v" / MANIFEST
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    with contextlib.suppress(SetupFault):
        Manifest.read(path)


def sheet(raw: bytes) -> None:
    """A coding sheet can be scored, or is a fault that names it."""
    path = _folder() / "sheet.csv"
    path.write_bytes(raw)
    try:
        found = read_sheet(path)
        for field in found.fields:
            try:
                judge(field, found.cells(field))
            except CodingFault as fault:
                raise found.fault(fault) from None
    except SetupFault as fault:
        assert str(path) in str(fault)


def output(raw: bytes) -> None:
    """Whatever is shown is harmless, and files' names come back to the byte."""
    given = raw.decode("utf-8", "surrogateescape")
    assert visible(given).isprintable()
    assert excerpt(raw).isprintable()
    assert "\n" not in escape(given)
    for cell in (no_formula(given), cell_text(given)):
        # Signs of which spreadsheets take none for a number's.
        assert not re.match(r'[\s"]*[=@＝＠]', cell)
    for form, lines in FORMS.items():
        for line in lines([given], [(given,), ([given],)]):
            assert form == "csv" or line.isprintable()
    if "/" not in given and "\0" not in given:
        assert on_disk(readable(given)) == given


def query(raw: bytes) -> None:
    """SQL is one SELECT, which stays one between brackets, or it is refused."""
    with contextlib.suppress(UnsafeQuery):
        only = only_select(raw.decode("utf-8", "replace"))
        assert only_select(f"SELECT * FROM (\n{only}\n)")


@cache
def _heading(name: str) -> bytes:
    template = (ROOT / "warehouse" / "reference" / name).read_bytes().splitlines(keepends=True)
    return b"".join(line for line in template if not line.startswith(b"#"))


def _sheet() -> bytes:
    values = {**dict.fromkeys(VALUES), "located": "Bakou", "content_created": dt.date(2021, 2, 27), "language": "fr"}
    drawn = Drawn("0" * 32, "wire", "a.txt", "all", "Bakou, 27 février.", values)
    return sheet_bytes(Sample("v-1", 1, (Stratum("all", 10, 1),), (drawn,)))


def _containers() -> dict[str, bytes]:
    texts = {"b/a.txt": b"LYON, Oct 2 (Reuters) - A.", "c.txt": b"B"}
    zipped, tarred, table = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive, tarfile.open(fileobj=tarred, mode="w") as tar:
        for name, content in texts.items():
            archive.writestr(name, content)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    pq.write_table(pa.table({"id": ["1", "2"], "text": ["A", None]}), table)
    lines = b'{"id": 1, "text": "A", "date": "2021-02-27"}\n{"text": "B"}\n'
    zstd = pa.Codec("zstd")
    return {
        "a.zip": zipped.getvalue(),
        "a.tar": tarred.getvalue(),
        "a.tgz": gzip.compress(tarred.getvalue(), mtime=0),
        "a.tar.zst": zstd.compress(tarred.getvalue(), asbytes=True),
        "a.txt.gz": gzip.compress(texts["b/a.txt"], mtime=0),
        "a.txt.bz2": bz2.compress(texts["b/a.txt"]),
        "a.txt.xz": lzma.compress(texts["b/a.txt"]),
        "a.txt.zst": zstd.compress(texts["b/a.txt"], asbytes=True),
        "a.jsonl": lines,
        "a.csv": b'id,text,date\n1,"A, b",2021-02-27\n2,B,\n',
        "a.tsv": b"id\ttext\n1\tA\n",
        "a.parquet": table.getvalue(),
        "a.jsonl.gz": gzip.compress(lines, mtime=0),
    }


@cache
def seeds(name: str) -> list[bytes]:
    """Sound bytes of a target, for a fuzzer to begin with."""
    samples = [path.read_bytes() for path in sorted((ROOT / "samples").rglob("*.txt"))]
    manifests = (ROOT / "tests" / "fixtures" / "homes").rglob(MANIFEST)
    return {
        "decoded": samples,
        "document": samples,
        "text": samples,
        "container": [bytes([NAMES.index(name)]) + content for name, content in _containers().items()],
        "given": [
            b"2021-02-27T10:00:00Z",
            b"Sat, 27 Feb 2021 10:00:00 +0000",
            b"1614420000",
            b"20210227T1000",
            b"fr-FR",
        ],
        "sidecar": [b"path,date,title\na.txt,2021-02-27,x\n"],
        "own_reference": [
            b"\1azertac,AZTAG|AzTAg,,,,,\n",
            b"\3Tchoucha,,147105,,,,,\n",
            b"\5tk,2,fewral a\xc3\xbdy\n",
            b"\7place_in_brackets,agency,0.95,agency [ place ] date,AFP [Paris] 3 mai\n",
            b"\x09" + b"0" * 32 + b",,,located,,Bakou,\n",
        ],
        "settings": [(ROOT / "warehouse" / "copydesk.toml").read_bytes(), b"[[source]]\nroot = '/a'\nname = 'b'\n"],
        "forgotten": [b"# a\n" + b"0aF" * 21 + b"0 # b\n"],
        "manifest": [path.read_bytes() for path in manifests],
        "sheet": [_sheet()],
        "output": ["=1;\n@SUM(é)\x1b[2J\u202e".encode(), b"\xff\x80a"],
        "query": [
            b"SELECT ';' -- a; b\n FROM documents; /* c */;",
            b"WITH a AS (FROM b) PIVOT a ON c IN ('d') USING sum(e)",
        ],
    }[name]


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="copydesk-fuzz-"))


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        decoded,
        document,
        text,
        container,
        given,
        sidecar,
        own_reference,
        settings,
        forgotten,
        manifest,
        sheet,
        output,
        query,
    )
}
"""By name."""
