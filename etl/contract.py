"""The table contract: every table and column that Copydesk publishes, written once.

The Arrow schemas that every write is cast to, the Delta tables, the comments in the published DuckDB file, the
column metadata in the web UI, docs/tables.md and the `columns` table all derive from this module. The closed
lists that columns take their values from (quality flags, reject reasons) stand here too. What does not belong
here: how a value is found.

Names are snake_case of IPTC ninjs 3.1 where it has the term, else NewsML-G2, else schema.org/NewsArticle.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache

import pyarrow as pa

CONTRACT_VERSION = 1
"""Rises with every change to the tables that needs former homes to be upgraded."""

PARSER_VERSION = "6"
"""Rises with every change to the code of `etl` that reads any value differently: documents are then re-parsed."""

UNDATED = "undated"
"""The `month` of documents whose date is not known to the month."""

STRING = pa.string()
INTEGER = pa.int32()
BIGINT = pa.int64()
DOUBLE = pa.float64()
BOOLEAN = pa.bool_()
DATE = pa.date32()
TIMESTAMP = pa.timestamp("us")
STRINGS = pa.list_(pa.string())
STRING_MAP = pa.map_(pa.string(), pa.string())

SQL_TYPES: dict[pa.DataType, str] = {
    STRING: "VARCHAR",
    INTEGER: "INTEGER",
    BIGINT: "BIGINT",
    DOUBLE: "DOUBLE",
    BOOLEAN: "BOOLEAN",
    DATE: "DATE",
    TIMESTAMP: "TIMESTAMP",
    STRINGS: "VARCHAR[]",
    STRING_MAP: "MAP(VARCHAR, VARCHAR)",
}


@dataclass(frozen=True)
class Column:
    """One column of one table.

    Attributes:
        name: snake_case; needs no quoting in SQL.
        type: the Arrow type; `sql_type` is DuckDB's word for it.
        meaning: one plain sentence or two, for people.
        standard: the term of ninjs, NewsML-G2 (G2) or schema.org (schema) that the column carries.
        is_nullable: whether NULL (unknown) is a value.
        is_volatile: whether two homes that went through the same source states may differ in it.
        is_set_on_load: whether `warehouse.load` fills it, and not `etl.transform`.
        is_computed: whether it exists in the published view only.
        allowed: the closed list that its values come from; empty if it is open.
    """

    name: str
    type: pa.DataType
    meaning: str
    standard: str | None = None
    is_nullable: bool = True
    is_volatile: bool = False
    is_set_on_load: bool = False
    is_computed: bool = False
    allowed: tuple[str, ...] = ()

    @property
    def comment(self) -> str:
        """Meaning and standard, for `COMMENT ON` and the web UI."""
        return f"{self.meaning} [{self.standard}]" if self.standard else self.meaning

    @property
    def sql_type(self) -> str:
        """The type in DuckDB's words."""
        return SQL_TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: plural noun; but `snapshot`, as a file is of one version only.
        row: completes "one row per ...".
        columns: in the order of the published view.
        key: the columns that together are unique.
        order: the columns that stored rows are sorted by.
        is_by_month: whether the lake keeps one partition for each month.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    order: tuple[str, ...] = field(default=())
    is_by_month: bool = False

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that the lake holds."""
        return tuple(column for column in self.columns if not column.is_computed)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the stored rows."""
        return _schema(self.stored)

    @property
    def parsed_schema(self) -> pa.Schema:
        """The Arrow schema of what `etl.transform` gives: the stored rows without what loading adds."""
        return _schema(tuple(column for column in self.stored if not column.is_set_on_load))

    @property
    def comment(self) -> str:
        """One sentence for `COMMENT ON` and the web UI."""
        return f"One row per {self.row}."

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")


def _schema(columns: tuple[Column, ...]) -> pa.Schema:
    return pa.schema([pa.field(c.name, c.type, nullable=c.is_nullable) for c in columns])


@dataclass(frozen=True)
class RejectReason:
    """Why a record could not be loaded: at which stage that shows, and what its owner can do."""

    stage: str
    advice: str


REJECT_REASONS: dict[str, RejectReason] = {
    "empty": RejectReason("read", "The file has no bytes. Fetch it again, or delete it."),
    "blank": RejectReason("decode", "The file holds only white space. Fetch it again, or delete it."),
    "binary": RejectReason("decode", "This is not text. Move it out of the source, or narrow the source's patterns."),
    "undecodable": RejectReason(
        "decode",
        "Name its encoding as `encoding` of its source in copydesk.toml, or mend what is named there, and call "
        "`copydesk retry --reason undecodable`; or convert the file to UTF-8: the next run takes it again.",
    ),
    "unreadable": RejectReason(
        "read", "Make the file readable for the user who runs Copydesk; the next run takes it again."
    ),
    "too_large": RejectReason(
        "read",
        "The file is too large for one text, or takes more memory than load.worker_memory in copydesk.toml allows: cut "
        "it into its dispatches, move it out of the source, or raise that setting and call "
        "`copydesk retry --reason too_large`.",
    ),
    "unparsable": RejectReason(
        "parse", "The text could not be parsed. If it reads well to you, please report it as a bug."
    ),
    "timeout": RejectReason(
        "parse",
        "The text took longer than load.document_timeout in copydesk.toml allows: cut the file into its dispatches, "
        "move it out of the source, or raise that setting and call `copydesk retry --reason timeout`.",
    ),
    "crashed": RejectReason(
        "parse",
        "A worker process died of this text, twice. If that may have been the machine's fault, call `copydesk retry "
        "--reason crashed`; else move the file out of the source, and if it reads well to you, please report it as a "
        "bug.",
    ),
    "damaged": RejectReason("read", "It is cut or damaged: fetch it again."),
    "unsupported": RejectReason(
        "read",
        "It is not damaged, but packed in a way that is not read here. Pack it again in another way (a zip with the "
        "method deflate, xz and zstd at their usual levels), or unpack it, and put the texts into the source.",
    ),
    "no_records": RejectReason(
        "read",
        "Delete it, or see to its source in copydesk.toml: the last parts of `patterns` say which members of an "
        "archive are texts, `fields` that files of many records are read.",
    ),
    "encrypted": RejectReason("read", "Decrypt it, and put the texts into the source."),
    "unsafe_member": RejectReason("read", "It was not read. Pack the archive again, with plain files and plain names."),
    "over_limit": RejectReason(
        "read",
        "If you trust the file, unpack it yourself, and put its texts into the source.",
    ),
    "malformed": RejectReason("read", "Mend the record in its file; the next run reads the file again."),
    "no_text": RejectReason(
        "read",
        'Say in copydesk.toml which column holds the text: `fields = { text = "..." }` in the [[source]].',
    ),
    "outside_source": RejectReason("read", "The link leads out of its source. Copy the file itself into the source."),
    "forgotten": RejectReason(
        "read",
        "This content was forgotten and is not loaded: delete the file from its source. How to take it back is said in "
        "forgotten.txt in the home.",
    ),
}
"""The closed list of reasons in `rejects`, with their standing advice."""

QUALITY_FLAGS: dict[str, str] = {
    "mojibake_repaired": "UTF-8 that had been read in another encoding was put right.",
    "encoding_guessed": "The encoding was detected, not given by the bytes.",
    "truncated": "The bytes begin or end inside a character, which is left out: the text was cut.",
    "replacement_character": "A U+FFFD stands in the source: a character was lost before it came to Copydesk.",
    "control_characters_removed": "Control characters other than line ends and tabs were taken out.",
    "no_header": "The text does not begin with the prefix `date YYYY-MM`.",
    "no_dateline": "No dateline was recognised.",
    "furniture_removed": "Lines of the page around the article were taken off: menus, buttons, copyright notes.",
    "empty_body": "Nothing stands after the header and the dateline.",
}
"""The closed list of `documents.quality_flags`."""

DATE_CORRECTED = "correction"

DATE_METHODS: dict[str, str] = {
    "dateline": "The dateline alone.",
    "header+dateline": "Day and month of the dateline, the year of the header.",
    "trailer+dateline": "Day and month of the dateline, the year of the sign-off.",
    "timestamp+dateline": "Day and month of the dateline, the year of a time stamp.",
    "trailer": "The sign-off.",
    "timestamp": "A line before the body that is a time stamp.",
    "lead": "The only day that the first paragraph names with its weekday, which the calendar bears out.",
    "header": "The header.",
    "given": "What is given from outside the text: a column of its file, its path, or a sidecar.",
    "given+dateline": "Day and month of the dateline, the year of what is given from outside the text.",
    DATE_CORRECTED: "A correction of the user's own.",
}
"""The closed list of `documents.date_method`."""

DATE_CONFLICTS: dict[str, str] = {
    "other_calendar": "The dateline's day is of the Islamic or the Persian calendar.",
    "given_differs": "The date that is given from outside the text is not of the header's month.",
    "month_differs": "The dateline's month is not that of the header, or of the date given.",
    "after_header": "The dateline's day lies after that of the header, or after the date given.",
    "year_typo": "The dateline's year is not of the header's time: it is taken for a misprint.",
    "weekday_differs": "The weekday that the text names is not that of the date.",
    "impossible_day": "A date that no calendar has, such as 31 February.",
    "future": "A date that lay in the future when the record was first read.",
}
"""The closed list of `documents.date_conflict`, in order of gravity: the last one that holds is stored."""


AGENCY_KINDS = ("state", "cooperative", "private", "press_release", "redistributor", "historical")
"""The closed list of `agencies.kind`."""


def _identity(standard: str | None = "ninjs uri") -> tuple[Column, ...]:
    return (
        Column("source", STRING, "Name of the source that the record came from.", is_nullable=False),
        Column(
            "path",
            STRING,
            "Path below the source's root, with / between its parts.",
            standard,
            is_nullable=False,
        ),
        Column(
            "record_key",
            STRING,
            "The record's own id where it has a unique one, else its index in the file; 0 for a one-document file.",
            is_nullable=False,
        ),
    )


_RUN_ID = Column(
    "run_id",
    STRING,
    "The run that last wrote the row.",
    is_nullable=False,
    is_volatile=True,
    is_set_on_load=True,
)

DOCUMENTS = Table(
    "documents",
    "document, in its current version",
    (
        Column(
            "document_id",
            STRING,
            "32 hex digits of BLAKE2b-128 over source, path and record key.",
            "ninjs uri",
            is_nullable=False,
        ),
        *_identity(None),
        Column(
            "version",
            INTEGER,
            "1 for the first content seen, then one more for each change of content.",
            "ninjs version",
            is_nullable=False,
            is_set_on_load=True,
        ),
        Column("content_sha256", STRING, "SHA-256 of the record's raw bytes, in hex.", is_nullable=False),
        Column(
            "month",
            STRING,
            "YYYY-MM of content_created_edtf, or undated: the partition of the lake.",
            is_nullable=False,
        ),
        Column(
            "text",
            STRING,
            "The whole text, header included: decoded, NFC, \\n line ends, no control characters but \\n and tab. "
            "All offsets count its code points.",
            is_nullable=False,
        ),
        Column("header", STRING, "The extractor's prefix as given, such as date 2021-02."),
        Column("date_published_edtf", STRING, "The header's date.", "schema datePublished"),
        Column(
            "headline", STRING, "Headline that stands before the dateline; else the title given.", "ninjs headlines"
        ),
        Column("section", STRING, "Section that stands before the dateline.", "schema articleSection"),
        Column("byline", STRING, "Byline that stands before the dateline; else the one given.", "ninjs by"),
        Column("version_label", STRING, "Note on the version, as given before the dateline.", "G2 edNote"),
        Column(
            "dateline",
            STRING,
            "The dateline as given, from its first character to its last, without the dash or colon after it.",
            "G2 dateline, schema dateline",
        ),
        Column("dateline_start", INTEGER, "Where the dateline starts in text."),
        Column("dateline_end", INTEGER, "Where the dateline ends in text (exclusive)."),
        Column("dateline_form", STRING, "Name of the grammar form that matched."),
        Column("dateline_confidence", DOUBLE, "How sure the dateline is, 0 to 1."),
        Column("located", STRING, "The place as written, without its region.", "ninjs located"),
        Column("located_start", INTEGER, "Where the place starts in text."),
        Column("located_end", INTEGER, "Where the place ends in text (exclusive)."),
        Column("located_region", STRING, "Region or country written beside the place."),
        Column(
            "place_id",
            BIGINT,
            "GeoNames id of the (first) place; negative for a place of the user's own.",
            "ninjs places.uri",
        ),
        Column("place_name", STRING, "The place's name in the gazetteer.", "ninjs places.name"),
        Column(
            "country_code",
            STRING,
            "The place's country, ISO 3166-1 alpha-2; that of the region or country written, where no place is sure.",
        ),
        Column("latitude", DOUBLE, "Latitude of the place in degrees north, WGS 84."),
        Column("longitude", DOUBLE, "Longitude of the place in degrees east, WGS 84."),
        Column("place_margin", DOUBLE, "Margin of the chosen place over the next candidate, 0 to 1."),
        Column(
            "content_created",
            DATE,
            "The best date of the content; NULL unless it is known to the day.",
            "ninjs contentCreated",
        ),
        Column(
            "content_created_at",
            TIMESTAMP,
            "The exact time (UTC) where the text gives it.",
            "ninjs contentCreated",
        ),
        Column(
            "content_created_edtf",
            STRING,
            "The best date as precisely as it is known, in EDTF: 2021, 2021-02, 2021-02-27, XXXX-02-27.",
            "ninjs truncatedDateTime",
        ),
        Column(
            "date_precision",
            STRING,
            "How precisely content_created_edtf is known in the calendar: day, month, year or none.",
            is_nullable=False,
            allowed=("day", "month", "year", "none"),
        ),
        Column(
            "date_method",
            STRING,
            f"The evidence that gave the date: {', '.join(DATE_METHODS)}.",
            allowed=tuple(DATE_METHODS),
        ),
        Column(
            "date_conflict",
            STRING,
            f"Why the evidence disagrees, if it does: {', '.join(DATE_CONFLICTS)}.",
            allowed=tuple(DATE_CONFLICTS),
        ),
        Column(
            "weekday_ok",
            BOOLEAN,
            "Whether the weekday named with the date in dateline or lead is the date's own; NULL where none is.",
        ),
        Column("agency_id", STRING, "The agency that the text is credited to: key into agencies.", "G2 provider"),
        Column(
            "agency_literal",
            STRING,
            "The agency as written, without brackets; a shared credit whole.",
            "ninjs infoSources",
        ),
        Column("agency_start", INTEGER, "Where the agency starts in text."),
        Column("agency_end", INTEGER, "Where the agency ends in text (exclusive)."),
        Column(
            "agency_role",
            STRING,
            "What the agency is credited as: dateline, shared, credit or redistributor.",
            "ninjs infoSources.role",
            allowed=("dateline", "shared", "credit", "redistributor"),
        ),
        Column("trailer", STRING, "Sign-off cut from the end of the text."),
        Column("language", STRING, "Language of the text, BCP 47.", "ninjs language"),
        Column("language_confidence", DOUBLE, "How sure the language is, 0 to 1."),
        Column("body_start", INTEGER, "Where the article starts in text.", is_nullable=False),
        Column("body_end", INTEGER, "Where the article ends in text (exclusive).", is_nullable=False),
        Column(
            "char_count",
            INTEGER,
            "Characters (code points) of the body.",
            "ninjs charCount",
            is_nullable=False,
        ),
        Column(
            "word_count",
            INTEGER,
            "Words of the body: runs between spaces that hold a letter or digit; each Han or kana sign is one.",
            "ninjs wordCount",
            is_nullable=False,
        ),
        Column("paragraph_count", INTEGER, "Paragraphs of the body.", is_nullable=False),
        Column(
            "quality_flags",
            STRINGS,
            f"What is odd about the record: {', '.join(QUALITY_FLAGS)}.",
            is_nullable=False,
            allowed=tuple(QUALITY_FLAGS),
        ),
        Column("encoding", STRING, "How the bytes were decoded.", is_nullable=False),
        Column("url", STRING, "The record's address, where a mapping gives it.", "ninjs uri"),
        Column(
            "given",
            STRING,
            "JSON of the values that came from outside the text by field, each with its origin; a corrected one with "
            "its reason and with what was read.",
        ),
        Column(
            "reference_version",
            STRING,
            "Digest of the reference data that the row was last parsed with, corrections of it included.",
            is_nullable=False,
            is_volatile=True,
        ),
        Column(
            "parser_version",
            STRING,
            "Version of the parser that the row was last parsed with.",
            is_nullable=False,
            is_volatile=True,
        ),
        _RUN_ID,
        Column(
            "ingested_at",
            TIMESTAMP,
            "When this version's content was first read (UTC).",
            is_nullable=False,
            is_volatile=True,
            is_set_on_load=True,
        ),
        Column(
            "body",
            STRING,
            "The article: text from body_start to body_end.",
            "schema articleBody",
            is_computed=True,
        ),
        Column("lead", STRING, "The first paragraph of the body.", is_computed=True),
        Column("duplicate_of", STRING, "Not filled yet: NULL.", is_computed=True),
        Column("cluster_id", STRING, "Not filled yet: NULL.", is_computed=True),
    ),
    key=("document_id",),
    order=("source", "path", "record_key"),
    is_by_month=True,
)

DOCUMENT_VERSIONS = Table(
    "document_versions",
    "former version of a document",
    (
        *(replace(column, is_set_on_load=True) for column in DOCUMENTS.columns if not column.is_computed),
        Column("valid_from", TIMESTAMP, "When this version was first read (UTC).", None, False, True, True),
        Column("valid_to", TIMESTAMP, "When it ceased to be current (UTC).", None, False, True, True),
        Column(
            "reason",
            STRING,
            "Why it is no longer current: changed, moved, vanished, rejected or withdrawn.",
            is_nullable=False,
            allowed=("changed", "moved", "vanished", "rejected", "withdrawn"),
            is_set_on_load=True,
        ),
        Column("body", STRING, "As in documents.", "schema articleBody", is_computed=True),
        Column("lead", STRING, "As in documents.", is_computed=True),
    ),
    key=("document_id", "version"),
    order=("source", "path", "record_key", "version"),
    is_by_month=True,
)

PARAGRAPHS = Table(
    "paragraphs",
    "paragraph of a body",
    (
        Column("document_id", STRING, "The document: key into documents.", is_nullable=False),
        Column("month", STRING, "The document's month.", is_nullable=False),
        Column("paragraph_index", INTEGER, "0 for the lead, then upwards.", is_nullable=False),
        Column("char_start", INTEGER, "Where it starts in documents.text.", is_nullable=False),
        Column("char_end", INTEGER, "Where it ends there (exclusive).", is_nullable=False),
        Column("word_count", INTEGER, "Its words, counted as in documents.", is_nullable=False),
        Column("text", STRING, "The paragraph itself.", is_computed=True),
    ),
    key=("document_id", "paragraph_index"),
    order=("document_id", "paragraph_index"),
    is_by_month=True,
)

SOURCES = Table(
    "sources",
    "source",
    (
        Column("source", STRING, "Name of the source.", is_nullable=False),
        Column("root", STRING, "Its folder, as an absolute path.", is_nullable=False),
        Column(
            "patterns",
            STRINGS,
            "Which files below the root belong to it, as glob patterns.",
            is_nullable=False,
        ),
    ),
    key=("source",),
    order=("source",),
)

FILES = Table(
    "files",
    "file that a source holds or held",
    (
        *_identity()[:2],
        Column("byte_count", BIGINT, "Size in bytes.", is_nullable=False),
        Column(
            "mtime",
            TIMESTAMP,
            "When it was last modified (UTC); NULL if that was too short before it was read to be relied on.",
            is_volatile=True,
        ),
        Column("sha256", STRING, "SHA-256 of its bytes, in hex; NULL where they could not be read."),
        Column(
            "status",
            STRING,
            "loaded; rejected (no record of it could be loaded); missing (no longer there); moved.",
            is_nullable=False,
            allowed=("loaded", "rejected", "missing", "moved"),
        ),
        Column("moved_to", STRING, "Its path now, where it has moved.", is_set_on_load=True),
        Column(
            "record_count",
            INTEGER,
            "Current records of it: documents and rejects.",
            is_nullable=False,
        ),
        Column(
            "first_seen",
            TIMESTAMP,
            "When it was first read (UTC).",
            is_nullable=False,
            is_volatile=True,
            is_set_on_load=True,
        ),
        _RUN_ID,
    ),
    key=("source", "path"),
    order=("source", "path"),
)

REJECTS = Table(
    "rejects",
    "current record that could not be loaded",
    (
        *_identity(),
        Column(
            "stage",
            STRING,
            "Where it failed: read, decode or parse.",
            is_nullable=False,
            allowed=("read", "decode", "parse"),
        ),
        Column(
            "reason",
            STRING,
            f"Why: {', '.join(REJECT_REASONS)}.",
            is_nullable=False,
            allowed=tuple(REJECT_REASONS),
        ),
        Column("message", STRING, "What was found and what to do about it.", is_nullable=False),
        Column(
            "raw_excerpt",
            STRING,
            "Its first bytes as far as they are readable; others as \\x and two digits.",
        ),
        Column("content_sha256", STRING, "SHA-256 of the record's raw bytes, in hex; NULL if unreadable."),
        _RUN_ID,
        Column(
            "first_seen",
            TIMESTAMP,
            "When this content was first rejected (UTC).",
            is_nullable=False,
            is_volatile=True,
            is_set_on_load=True,
        ),
    ),
    key=("source", "path", "record_key"),
    order=("source", "path", "record_key"),
)

RUNS = Table(
    "runs",
    "run that changed something",
    tuple(
        replace(column, is_volatile=True, is_set_on_load=True)
        for column in (
            Column("run_id", STRING, "Dagster's id of the run.", is_nullable=False),
            Column("started", TIMESTAMP, "When it started (UTC).", is_nullable=False),
            Column("ended", TIMESTAMP, "When its candidate was complete (UTC).", is_nullable=False),
            Column("code_version", STRING, "Version of Copydesk.", is_nullable=False),
            Column("files_read", INTEGER, "Files parsed because they were new or changed.", is_nullable=False),
            Column(
                "documents_written",
                INTEGER,
                "Documents written, re-parsed ones included.",
                is_nullable=False,
            ),
            Column("rejects", INTEGER, "Rejects written.", is_nullable=False),
            Column("months", STRINGS, "Months rewritten.", is_nullable=False),
            Column("seconds", DOUBLE, "From start to the candidate's completion.", is_nullable=False),
        )
    ),
    key=("run_id",),
    order=("started", "run_id"),
)

AGENCIES = Table(
    "agencies",
    "news agency in the registry",
    (
        Column("agency_id", STRING, "Short name of our own, stable.", is_nullable=False),
        Column("name", STRING, "The agency's name.", "G2 provider name", is_nullable=False),
        Column("names", STRING_MAP, "Its name by language (BCP 47).", is_nullable=False),
        Column("country_code", STRING, "Its country, ISO 3166-1 alpha-2; NULL for an international one."),
        Column("wikidata_id", STRING, "Its Wikidata id; NULL where not verified."),
        Column(
            "kind",
            STRING,
            f"{', '.join(AGENCY_KINDS)}.",
            is_nullable=False,
            allowed=AGENCY_KINDS,
        ),
    ),
    key=("agency_id",),
    order=("agency_id",),
)

PLACES = Table(
    "places",
    "place that a document names in its dateline",
    (
        Column(
            "place_id",
            BIGINT,
            "GeoNames id; negative for a place of the user's own.",
            "ninjs places.uri",
            is_nullable=False,
        ),
        Column("name", STRING, "Its name in the gazetteer.", "ninjs places.name", is_nullable=False),
        Column("names", STRINGS, "The spellings that the gazetteer knows, case folded.", is_nullable=False),
        Column("country_code", STRING, "ISO 3166-1 alpha-2.", is_nullable=False),
        Column("admin1", STRING, "GeoNames code of its first-order division."),
        Column("latitude", DOUBLE, "Degrees north, WGS 84.", is_nullable=False),
        Column("longitude", DOUBLE, "Degrees east, WGS 84.", is_nullable=False),
        Column("population", BIGINT, "Inhabitants.", is_nullable=False),
    ),
    key=("place_id",),
    order=("place_id",),
)

COLUMNS = Table(
    "columns",
    "column of this contract",
    (
        Column("table_name", STRING, "The table.", is_nullable=False),
        Column("column_name", STRING, "The column.", is_nullable=False),
        Column("type", STRING, "Its type in DuckDB.", is_nullable=False),
        Column("meaning", STRING, "What it says.", is_nullable=False),
        Column("standard", STRING, "The standard's term for it."),
        Column("is_volatile", BOOLEAN, "Whether it may differ between equal homes.", is_nullable=False),
    ),
    key=("table_name", "column_name"),
    order=("table_name", "column_name"),
)

SNAPSHOT = Table(
    "snapshot",
    "published version: the one that the file is of",
    (
        Column(
            "version",
            STRING,
            "Name of the published version, as `copydesk runs` has it: what to cite.",
            is_nullable=False,
            is_volatile=True,
        ),
        Column("run_id", STRING, "The last run that is in it: key into runs.", is_nullable=False, is_volatile=True),
        Column("published_at", TIMESTAMP, "When it was made (UTC).", is_nullable=False, is_volatile=True),
        Column(
            "code_version",
            STRING,
            "Version of Copydesk that made the run; NULL where that is not known any more.",
            is_volatile=True,
        ),
        Column(
            "parser_version",
            STRING,
            "Version of the parser that its documents were read with.",
            is_nullable=False,
            is_volatile=True,
        ),
        Column(
            "reference_version",
            STRING,
            "Digest of the reference data that its documents were read with.",
            is_nullable=False,
            is_volatile=True,
        ),
        Column("contract_version", INTEGER, "Version of these tables' contract.", is_nullable=False, is_volatile=True),
        Column("source_count", BIGINT, "Sources.", is_nullable=False),
        Column("file_count", BIGINT, "Files that the sources hold or held.", is_nullable=False),
        Column("document_count", BIGINT, "Documents.", is_nullable=False),
        Column("document_version_count", BIGINT, "Former versions of documents.", is_nullable=False),
        Column("paragraph_count", BIGINT, "Paragraphs of the documents' bodies.", is_nullable=False),
        Column("reject_count", BIGINT, "Records that could not be loaded.", is_nullable=False),
        Column("first_month", STRING, "The earliest month with documents, YYYY-MM; NULL if none is dated."),
        Column("last_month", STRING, "The latest month with documents, YYYY-MM; NULL if none is dated."),
    ),
    key=("version",),
    order=("version",),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        DOCUMENTS,
        DOCUMENT_VERSIONS,
        PARAGRAPHS,
        SOURCES,
        FILES,
        REJECTS,
        RUNS,
        AGENCIES,
        PLACES,
        COLUMNS,
    )
}
"""Every table of the lake by name, in the order in which people are shown them."""

PUBLISHED_TABLES: dict[str, Table] = {**TABLES, SNAPSHOT.name: SNAPSHOT}
"""Every table of a published file by name: those of the lake, as views, and the one that is made with the file."""

PARSED_TABLES = (DOCUMENTS, PARAGRAPHS, REJECTS)
"""What `etl.transform` gives."""

RECORDS_SCHEMA = pa.schema(
    [
        pa.field("source", STRING, nullable=False),
        pa.field("path", STRING, nullable=False),
        pa.field("record_key", STRING, nullable=False),
        pa.field("raw", pa.binary()),  # the record's bytes; NULL when a document is re-parsed
        pa.field("text", STRING),  # the stored text, when a document is re-parsed
        pa.field("encoding", STRING),  # kept, with the decoding's flags, when a document is re-parsed
        pa.field("source_encoding", STRING),  # what the text was in, where `raw` is another encoding of it
        pa.field("quality_flags", STRINGS),
        pa.field("content_sha256", STRING, nullable=False),
        pa.field("seen_on", DATE, nullable=False),  # day on which this content was first read
        pa.field("url", STRING),
        pa.field("given", STRING),
    ]
)
"""What `etl.transform` takes: one row per record, either its raw bytes or its stored text."""


@cache
def columns_table() -> pa.Table:
    """The `columns` table: this contract as rows."""
    rows = [
        (table.name, column.name, column.sql_type, column.meaning, column.standard, column.is_volatile)
        for table in PUBLISHED_TABLES.values()
        for column in table.columns
    ]
    rows.sort()
    return pa.table(list(zip(*rows, strict=True)), schema=COLUMNS.schema)


_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def is_name(name: str) -> bool:
    """Whether a table or column name keeps the grammar: lower-case words joined by underscores."""
    return _NAME.fullmatch(name) is not None
