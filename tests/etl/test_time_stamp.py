import datetime as dt

import pytest

from etl.reference import Reference
from etl.time_stamp import read_stamp

UTC = dt.UTC


@pytest.mark.parametrize(
    ("line", "date", "time"),
    [
        ("9 May 2023 11:22 (UTC+04:00)", (2023, 5, 9), dt.time(11, 22, tzinfo=dt.timezone(dt.timedelta(hours=4)))),
        ("12.02.2025 [17:07]", (2025, 2, 12), None),
        ("2021-05-03 09:15:00 UTC", (2021, 5, 3), dt.time(9, 15, tzinfo=UTC)),
        ("Publié le 3 mai 2021 à 14h30", (2021, 5, 3), None),
        ("Updated: May 3, 2021 2:30 GMT-5", (2021, 5, 3), None),
        ("17:07 12 fevral 2025", (2025, 2, 12), None),
    ],
)
def test_reads_time_stamps(reference: Reference, line: str, date: tuple[int, int, int], time: dt.time | None) -> None:
    found = read_stamp(f"x {line}", 2, 2 + len(line), reference.calendar)
    assert found is not None
    assert (found.date.year, found.date.month, found.date.day) == date
    if time is not None:
        assert found.time == time


@pytest.mark.parametrize(
    "line",
    [
        "",
        "11:22",
        "9 May 2023",
        "9 May 11:22",
        "The council met on 9 May 2023 at 11:22 and closed the old bridge",
        "Ratio 3:45 in 2021",
        "25:99 on 9 May 2023",
        "9 May 2023 11:22 " + "x" * 80,
    ],
)
def test_reads_no_time_stamp_in_other_lines(reference: Reference, line: str) -> None:
    assert read_stamp(line, 0, len(line), reference.calendar) is None
