"""Places by name, from the baked gazetteer. Which of several places is meant belongs to `etl.places`."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

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
    """

    place_id: int
    name: str
    country_code: str
    admin1: str | None
    latitude: float
    longitude: float
    population: int
    is_capital: bool


class _Sorted:
    """An Arrow array of strings as the sequence that `bisect` wants, without making Python strings of it all."""

    def __init__(self, array: pa.StringArray) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: int) -> str:
        value: str = self._array[index].as_py()
        return value


class Gazetteer:
    """The baked gazetteer, read on first use.

    The names stay an Arrow array, sorted, and are searched by bisection: 950,000 of them in a dict took 240 MB
    and more than a second in each worker.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.named = lru_cache(maxsize=20_000)(self._named)

    @cached_property
    def _names(self) -> tuple[_Sorted, pa.Array, pa.Array]:
        table = pq.read_table(self._folder / "place_names.parquet").combine_chunks()
        key, row, is_primary = (table.column(name).chunk(0) for name in ("key", "row", "is_primary"))
        return _Sorted(key), row, is_primary

    @cached_property
    def _places(self) -> pa.Table:
        return pq.read_table(self._folder / "places.parquet").combine_chunks()

    def _named(self, key: str) -> tuple[tuple[Place, bool], ...]:
        """The places that bear a name, each with whether it is its main name.

        Args:
            key: the name, normalised (see `etl.reference.normalise`).
        """
        keys, rows, primary = self._names
        found = []
        at = bisect_left(keys, key)
        while at < len(keys) and keys[at] == key:
            found.append((self._place(rows[at].as_py()), bool(primary[at].as_py())))
            at += 1
        return tuple(found)

    def place(self, place_id: int) -> Place | None:
        """The place of a GeoNames id; None if the gazetteer does not hold it."""
        row = self._places.column("place_id").index(place_id).as_py()
        return None if row < 0 else self._place(row)

    def _place(self, row: int) -> Place:
        return Place(**{name: self._places.column(name)[row].as_py() for name in self._places.column_names})

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
            keys, rows, _ = self._names
            mask = pa.compute.is_in(rows, pa.array(list(row_of), pa.int32()))
            for index in pa.compute.indices_nonzero(mask).to_pylist():
                wanted[row_of[rows[index].as_py()]].append(keys[index])
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
