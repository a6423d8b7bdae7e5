"""Places by name, from the baked gazetteer. Which of several places is meant belongs to `etl.places`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Place:
    """A populated place of GeoNames.

    Attributes:
        place_id: GeoNames id.
        name: its main name there.
        country_code: ISO 3166-1 alpha-2.
        admin1: GeoNames code of its first-order division, if it has one.
        latitude, longitude: degrees, WGS 84.
        population: inhabitants.
        is_capital: of its country.
        spelling_count: names by which the gazetteer knows it, in all languages: how well known it is.
    """

    place_id: int
    name: str
    country_code: str
    admin1: str | None
    latitude: float
    longitude: float
    population: int
    is_capital: bool
    spelling_count: int


class _Sorted:
    """An Arrow array as the sequence that `bisect` wants, without making Python objects of it all."""

    def __init__(self, array: pa.Array) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: int) -> Any:
        return self._array[index].as_py()


_BLOCK = 512


class _Names:
    """A table of names: their keys, sorted, with the row of the place that bears each, and whether as its main one."""

    def __init__(self, path: Path) -> None:
        table = pq.read_table(path).combine_chunks()
        key, self.rows, self._primary = (table.column(name).chunk(0) for name in ("key", "row", "is_primary"))
        self.keys = _Sorted(key)
        # The heads of blocks as Python strings: half of a search is then done without Arrow.
        self._heads = key.take(pa.array(range(0, len(key), _BLOCK), pa.int32())).to_pylist()

    def find(self, key: str) -> Iterator[tuple[int, bool]]:
        """The rows of the places of a name, each with whether it is the main one."""
        block = bisect_left(self._heads, key)
        at = bisect_left(self.keys, key, max(block - 1, 0) * _BLOCK, min(block * _BLOCK, len(self.keys)))
        while at < len(self.keys) and self.keys[at] == key:
            yield self.rows[at].as_py(), bool(self._primary[at].as_py())
            at += 1


class Gazetteer:
    """The baked gazetteer, read on first use.

    The names stay an Arrow array, sorted, and are searched by bisection: 950,000 of them in a dict took 240 MB
    and more than a second in each worker.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.named = lru_cache(maxsize=20_000)(self._named)
        self.spelt_like = lru_cache(maxsize=20_000)(self._spelt_like)
        self._population_of_tenth = lru_cache(maxsize=300)(self._tenth)

    @cached_property
    def _names(self) -> _Names:
        return _Names(self._folder / "place_names.parquet")

    @cached_property
    def _folded(self) -> _Names:
        return _Names(self._folder / "place_folded.parquet")

    @cached_property
    def _places(self) -> pa.Table:
        return pq.read_table(self._folder / "places.parquet").combine_chunks()

    def _named(self, key: str) -> tuple[tuple[Place, bool], ...]:
        """The places that bear a name, each with whether it is its main name.

        Args:
            key: the name, normalised (see `etl.reference.normalise`).
        """
        return tuple((self._place(row), is_primary) for row, is_primary in self._names.find(key))

    def _spelt_like(self, key: str) -> tuple[tuple[Place, bool], ...]:
        """The places of which some name folds to a key, each with whether its main name does.

        Args:
            key: the name, folded (see `etl.reference.fold`).
        """
        # The names that are their own folded key are not stored twice.
        found = dict(self.named(key))
        for row, is_primary in self._folded.find(key):
            place = self._place(row)
            found[place] = found.get(place, False) or is_primary
        return tuple(found.items())

    def _tenth(self, country_code: str) -> int:
        """The inhabitants of the tenth largest place of a country; 0 where there are fewer."""
        is_there = pa.compute.equal(self._places.column("country_code"), country_code)
        found = sorted(self._places.column("population").filter(is_there).to_pylist(), reverse=True)
        return found[9] if len(found) > 9 else 0

    def place(self, place_id: int) -> Place | None:
        """The place of a GeoNames id; None if the gazetteer does not hold it."""
        ids = _Sorted(self._places.column("place_id").chunk(0))
        row = bisect_left(ids, place_id)
        return self._place(row) if row < len(ids) and ids[row] == place_id else None

    def is_among_largest(self, place: Place) -> bool:
        """Whether a place is one of the ten largest of its country."""
        return place.population >= self._population_of_tenth(place.country_code)

    def holds(self, place_ids: Iterable[int]) -> dict[int, bool]:
        """Whether the gazetteer has a place of each id. Reads little of it."""
        column = pq.ParquetFile(self._folder / "places.parquet").read(columns=["place_id"]).column(0)
        ids = _Sorted(column.combine_chunks())
        rows = {place_id: bisect_left(ids, place_id) for place_id in place_ids}
        return {place_id: row < len(ids) and ids[row] == place_id for place_id, row in rows.items()}

    @cached_property
    def _columns(self) -> tuple[pa.Array, ...]:
        return tuple(self._places.column(field.name).chunk(0) for field in fields(Place))

    def _place(self, row: int) -> Place:
        return Place(*(column[row].as_py() for column in self._columns))

    def table(self, place_ids: pa.Array) -> pa.Table:
        """The given places with all their spellings, as `etl.contract.PLACES`.

        Args:
            place_ids: distinct GeoNames ids; those that the gazetteer does not hold are left out.
        """
        from etl.contract import PLACES

        wanted: dict[int, list[str]] = {place_id: [] for place_id in place_ids.to_pylist()}
        ids = self._places.column("place_id").to_pylist()
        row_of = {row: place_id for row, place_id in enumerate(ids) if place_id in wanted}
        if row_of:
            names = self._names
            mask = pa.compute.is_in(names.rows, pa.array(list(row_of), pa.int32()))
            for index in pa.compute.indices_nonzero(mask).to_pylist():
                wanted[row_of[names.rows[index].as_py()]].append(names.keys[index])
        found = []
        for row in row_of:
            place = self._place(row)
            found.append(
                {
                    "place_id": place.place_id,
                    "name": place.name,
                    "names": wanted[place.place_id],
                    "country_code": place.country_code,
                    "admin1": place.admin1,
                    "latitude": place.latitude,
                    "longitude": place.longitude,
                    "population": place.population,
                }
            )
        found.sort(key=lambda entry: int(entry["place_id"]))  # type: ignore[call-overload]
        return pa.Table.from_pylist(found, schema=PLACES.schema)
