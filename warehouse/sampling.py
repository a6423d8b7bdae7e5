"""Drawing documents for people to judge: which strata there are, how many documents of each, and which.

Which documents are drawn follows from the seed, their ids and the sizes of the strata alone. What people make of them
belongs to `copydesk.coding` and `copydesk.estimates`.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from etl.errors import SetupFault

STRATIFIERS = {"source": "source", "agency": "agency_id", "language": "language"}
"""What a sample can be stratified by, each with its column of `documents`."""

ALL, OTHERS = "all", "all others"
"""The stratum of a sample that is not stratified; the one that holds what is too small for one of its own."""

SHOWN, BEYOND_DATELINE, SHOWN_AT_MOST = 600, 200, 2000
"""Characters of a text's beginning that are shown; after the start of the body; in any case."""

SHOWN_END = 200
"""Characters of a text's end: sign-offs stand there."""

CUT = " […] "
"""Stands in the place of what is left out of a text."""

_START = f"greatest({SHOWN}, least(body_start + {BEYOND_DATELINE}, {SHOWN_AT_MOST}))"
_EXCERPT = f"""
    CASE WHEN length(text) <= {_START} + {SHOWN_END} THEN text
    ELSE left(text, {_START}) || '{CUT}' || right(text, {SHOWN_END}) END
"""


@dataclass(frozen=True)
class Stratum:
    """A part of the documents: how many there are, and how many of these were drawn."""

    name: str
    document_count: int
    drawn: int


@dataclass(frozen=True)
class Drawn:
    """A document that was drawn.

    Attributes:
        document_id, source, path: which.
        stratum: name of its stratum.
        excerpt: beginning and end of its text.
        values: of the columns that were asked for, as SQL gives them.
    """

    document_id: str
    source: str
    path: str
    stratum: str
    excerpt: str
    values: dict[str, object]


@dataclass(frozen=True)
class Sample:
    """Documents drawn from a published version.

    Attributes:
        version: its name.
        seed: that the draw was made with.
        strata: the largest first.
        documents: in random order, so that those down to any row are a smaller sample of the same kind.
    """

    version: str
    seed: int
    strata: tuple[Stratum, ...]
    documents: tuple[Drawn, ...]

    @property
    def document_count(self) -> int:
        """How many documents the version holds."""
        return sum(stratum.document_count for stratum in self.strata)


def draw_sample(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[str], most: int, by: Sequence[str], seed: int
) -> Sample:
    """Draw documents at random, without replacement, from each stratum.

    In each stratum documents stand in the order of the MD5 of seed and id, and the first ones are taken: the same seed
    and version give the same documents, and a larger sample holds a smaller one if their strata are the same.

    Args:
        connection: to a published version.
        columns: of `documents`, whose values are wanted.
        most: how many documents, if there are as many; at least 1.
        by: keys of STRATIFIERS; none for a sample without strata.
        seed: any whole number.

    Raises:
        SetupFault: there are no documents.
    """
    # What is unknown is a stratum, too.
    parts = [f"'{name} ' || coalesce({STRATIFIERS[name]}, 'NULL')" for name in by]
    stratum = " || ' / ' || ".join(parts) or f"'{ALL}'"
    counted = connection.execute(
        f"SELECT {stratum} AS stratum, count(*) FROM documents GROUP BY ALL HAVING count(*) > 0"
    ).fetchall()
    if not counted:
        raise SetupFault("There are no documents to draw from: `copydesk status` shows what is loaded")
    sizes = pool_small(dict(counted), max(1, most // 2))
    quotas = allocate(sizes, most)
    wanted = "".join(f", d.{column}" for column in columns)
    rows = connection.execute(
        f"""
        WITH quotas AS (SELECT unnest($1::VARCHAR[]) AS stratum, unnest($2::BIGINT[]) AS quota),
        numbered AS (
            SELECT *, row_number() OVER (PARTITION BY stratum ORDER BY lot) AS position
            FROM (
                SELECT document_id, coalesce(q.stratum, '{OTHERS}') AS stratum,
                       md5($3::VARCHAR || ' ' || document_id) AS lot
                FROM (SELECT document_id, {stratum} AS stratum FROM documents) d LEFT JOIN quotas q USING (stratum)
            )
        )
        SELECT d.document_id, d.source, d.path, n.stratum, {_EXCERPT} AS excerpt{wanted}
        FROM numbered n JOIN quotas USING (stratum) JOIN documents d USING (document_id)
        WHERE n.position <= quota
        ORDER BY n.lot
        """,
        [list(quotas), list(quotas.values()), str(seed)],
    ).fetchall()
    documents = (
        Drawn(document_id, source, path, name, excerpt, dict(zip(columns, values, strict=True)))
        for document_id, source, path, name, excerpt, *values in rows
    )
    strata = (Stratum(name, size, quotas[name]) for name, size in sizes.items())
    return Sample(_version(connection), seed, tuple(strata), tuple(documents))


def pool_small(sizes: Mapping[str, int], most: int) -> dict[str, int]:
    """The sizes of at most so many strata, the largest first: the smallest ones become one, OTHERS.

    So at least half of a sample is left to be shared out in proportion when each stratum has had its one document.
    """
    found = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    if len(found) <= most:
        return dict(found)
    kept, pooled = found[: most - 1], found[most - 1 :]
    return {**dict(kept), OTHERS: sum(size for _, size in pooled)}


def allocate(sizes: Mapping[str, int], most: int) -> dict[str, int]:
    """How many documents to draw from each stratum: in proportion to its size, at least one, never more than it has.

    In proportion, as it is the whole archive that is estimated, which equal shares would do with wider intervals. At
    least one, so that no stratum is without evidence. Fractions are settled as Sainte-Laguë does: each further document
    goes to the stratum that has the fewest for its size.

    Args:
        sizes: documents of each stratum, at least one each; no more strata than `most`.
        most: documents in all.
    """
    drawn = dict.fromkeys(sizes, 1)
    # The least drawn for its size comes first; of equals, the one named first.
    waiting = [(-size / 3, at, name) for at, (name, size) in enumerate(sizes.items()) if size > 1]
    heapq.heapify(waiting)
    for _ in range(most - len(drawn)):
        if not waiting:
            break
        _, at, name = waiting[0]
        drawn[name] += 1
        if drawn[name] < sizes[name]:
            heapq.heapreplace(waiting, (-sizes[name] / (2 * drawn[name] + 1), at, name))
        else:
            heapq.heappop(waiting)
    return drawn


def stored_values(
    connection: duckdb.DuckDBPyConnection, document_ids: Sequence[str], columns: Sequence[str]
) -> tuple[str, dict[str, dict[str, object]]]:
    """What a published version holds of some documents.

    Returns:
        The version's name, and for each document that is current in it the values of the columns.
    """
    wanted = ", ".join(columns)
    rows = connection.execute(
        f"SELECT document_id, {wanted} FROM documents WHERE document_id IN (SELECT unnest($1::VARCHAR[]))",
        [list(document_ids)],
    ).fetchall()
    return _version(connection), {row[0]: dict(zip(columns, row[1:], strict=True)) for row in rows}


def _version(connection: duckdb.DuckDBPyConnection) -> str:
    """The name of the version that a connection reads: of its folder, as files of former times have no `snapshot`."""
    ((path,),) = connection.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchall()
    return Path(path).parent.name
