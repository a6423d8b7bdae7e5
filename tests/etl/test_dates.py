import datetime as dt

import pytest

from etl.dates import Written, decide_date
from etl.header import read_header
from etl.reference import Reference
from etl.time_stamp import TimeStamp, read_stamp
from etl.written_dates import WrittenDate

TODAY = dt.date(2026, 11, 21)

# header, (day, month, year, weekday) of the dateline, lead -> edtf, precision, method, conflict, weekday_ok
DECISIONS = [
    ("2021-02", (27, 2, None, None), "", "2021-02-27", "day", "header+dateline", None, None),
    ("2021-02-28", (27, 2, None, None), "", "2021-02-27", "day", "header+dateline", None, None),
    (None, (9, 12, 2018, None), "", "2018-12-09", "day", "dateline", None, None),
    ("2018-12", (9, 12, 2018, None), "", "2018-12-09", "day", "dateline", None, None),
    (None, (27, 2, None, None), "", "XXXX-02-27", "none", "dateline", None, None),
    ("2021-02", None, "", "2021-02", "month", "header", None, None),
    ("2021-02-10", None, "", "2021-02-10", "day", "header", None, None),
    (None, None, "", None, "none", None, None, None),
    # New Year: the page is younger than the dateline.
    ("2024-01", (31, 12, None, None), "", "2023-12-31", "day", "header+dateline", "month_differs", None),
    ("2024-01-01", (31, 12, None, None), "", "2023-12-31", "day", "header+dateline", "month_differs", None),
    ("2021-03", (27, 2, None, None), "", "2021-02-27", "day", "header+dateline", "month_differs", None),
    # Too far apart: neither year is sure, and the header is all that is left.
    ("2021-02", (27, 8, None, None), "", "2021-02", "month", "header", "month_differs", None),
    ("2021-02-10", (3, 3, None, None), "", "2021-02-10", "day", "header", "month_differs", None),
    # A day ahead of the header is a time zone.
    ("2021-02-10", (11, 2, None, None), "", "2021-02-11", "day", "header+dateline", "after_header", None),
    # Impossible days.
    ("2021-02", (30, 2, None, None), "", "2021-02", "month", "header", "impossible_day", None),
    ("2021-02", (29, 2, None, None), "", "2021-02", "month", "header", "impossible_day", None),
    (None, (31, 4, 2018, None), "", None, "none", None, "impossible_day", None),
    (None, (29, 2, None, None), "", "XXXX-02-29", "none", "dateline", None, None),
    (None, (31, 2, None, None), "", None, "none", None, "impossible_day", None),
    ("2021-03-01", (29, 2, None, None), "", "2021-03-01", "day", "header", "impossible_day", None),
    # A year of another age is a misprint.
    ("2021-03", (12, 3, 1821, None), "", "2021-03-12", "day", "header+dateline", "year_typo", None),
    ("2021-03", (12, 3, 2019, None), "", "2019-03-12", "day", "dateline", "month_differs", None),
    ("2021-03", (12, 3, 20213, None), "", "2021-03-12", "day", "header+dateline", "year_typo", None),
    (None, (12, 3, 20213, None), "", "XXXX-03-12", "none", "dateline", "year_typo", None),
    # Two figures of a year.
    (None, (3, 1, 90, None), "", "1990-01-03", "day", "dateline", None, None),
    (None, (3, 1, 19, None), "", "2019-01-03", "day", "dateline", None, None),
    ("1990-01", (3, 1, 90, None), "", "1990-01-03", "day", "dateline", None, None),
    ("2001-01", (31, 12, 99, None), "", "1999-12-31", "day", "dateline", "month_differs", None),
    ("1990-03", (11, 3, 11, None), "", "1990-03-11", "day", "header+dateline", "year_typo", None),
    # The day alone.
    ("1931-05", (29, None, None, None), "", "1931-05-29", "day", "header+dateline", None, None),
    ("1931-05-02", (29, None, None, None), "", "1931-04-29", "day", "header+dateline", "month_differs", None),
    (None, (29, None, None, None), "", "XXXX-XX-29", "none", "dateline", None, None),
    # The lead's day, if its weekday proves it, and it is the only one.
    ("2022-12", None, "Il a reçu, jeudi 15 décembre, le maire.", "2022-12-15", "day", "lead", None, True),
    ("2022-12", None, "Il a reçu, mercredi 15 décembre, le maire.", "2022-12", "month", "header", None, None),
    ("2022-12", None, "De jeudi 15 décembre à vendredi 16 décembre.", "2022-12", "month", "header", None, None),
    ("2022-12", None, "Il viendra jeudi 12 janvier.", "2022-12", "month", "header", None, None),
    ("2022-12-20", None, "Il a reçu, jeudi 15 décembre, le maire.", "2022-12-20", "day", "header", None, None),
    (None, None, "Il a reçu, jeudi 15 décembre, le maire.", None, "none", None, None, None),
    ("2021-13", (9, 12, 2018, None), "", "2018-12-09", "day", "dateline", "impossible_day", None),
    ("2021-13", None, "", None, "none", None, "impossible_day", None),
    # What lies in the future is no date.
    ("2027-02", None, "", None, "none", None, "future", None),
    ("2026-11", (30, 11, None, None), "", "2026-11", "month", "header", "future", None),
    (None, (9, 12, 2027, None), "", None, "none", None, "future", None),
    ("2026-11-22", None, "", "2026-11-22", "day", "header", None, None),
    ("9999-12", (31, 12, None, None), "", None, "none", None, "future", None),
    ("1450-01", None, "", None, "none", None, None, None),
    # Weekdays: 15 December 2022 was a Thursday.
    ("2022-12", (15, 12, None, None), "Il a reçu, jeudi 15 décembre, le maire.", "2022-12-15", "day", "header+dateline",
     None, True),
    ("2022-12", (15, 12, None, None), "ouvert mercredi 15 décembre", "2022-12-15", "day", "header+dateline",
     "weekday_differs", False),
    ("2022-12", (15, 12, None, None), "ouvert jeudi 22 décembre", "2022-12-15", "day", "header+dateline", None, None),
    ("2022-12", (15, 12, None, None), "signé mercredi 15 décembre 2021", "2022-12-15", "day", "header+dateline", None, None),
    ("2022-12", (15, 12, None, None), "signé jeudi 15 décembre 2022", "2022-12-15", "day", "header+dateline", None, True),
    ("2022-12", (15, 12, None, None), "opened on Thursday, Dec. 15, in", "2022-12-15", "day", "header+dateline",
     None, True),
    ("2022-12", (15, 12, None, 4), "", "2022-12-15", "day", "header+dateline", None, True),
    ("2022-12", (15, 12, None, 5), "jeudi 15 décembre", "2022-12-15", "day", "header+dateline", "weekday_differs", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "dateline", "lead", "edtf", "precision", "method", "conflict", "weekday_ok"), DECISIONS
)
def test_decides(
    reference: Reference,
    header: str | None,
    dateline: tuple[int, int | None, int | None, int | None] | None,
    lead: str,
    edtf: str | None,
    precision: str,
    method: str | None,
    conflict: str | None,
    weekday_ok: bool | None,
) -> None:
    read = WrittenDate(*dateline, start=0, end=1) if dateline else None
    prefix = read_header(f" date {header}") if header else None
    decision = decide_date(prefix, Written(read, lead=lead), reference.calendar, TODAY)
    assert (
        decision.content_created_edtf,
        decision.date_precision,
        decision.date_method,
        decision.date_conflict,
        decision.weekday_ok,
    ) == (edtf, precision, method, conflict, weekday_ok)
    assert (decision.content_created is not None) == (precision == "day")
    assert decision.month == (edtf[:7] if edtf and precision in {"day", "month"} else "undated")


def test_never_uses_the_day_of_collection(reference: Reference) -> None:
    assert decide_date(None, Written(), reference.calendar, TODAY).content_created is None


@pytest.mark.parametrize(
    ("name", "language", "number"),
    [
        ("février", "fr", 2),
        ("FÉVRIER", None, 2),
        ("Sept.", "en", 9),
        ("März", None, 3),
        ("марта", None, 3),
        ("listopad", None, None),
        ("listopad", "cs", 11),
        ("listopad", "hr", 10),
        ("listopad", "fr", None),
        ("mayhem", None, None),
    ],
)
def test_month_names_of_many_languages(
    reference: Reference, name: str, language: str | None, number: int | None
) -> None:
    assert reference.calendar.month(name, language) == number


def test_days_of_other_calendars_are_flagged_and_not_guessed(reference: Reference) -> None:
    dateline = WrittenDate(19, 9, 1442, None, 0, 1, "islamic")
    decision = decide_date(read_header(" date 2021-05"), Written(dateline), reference.calendar, TODAY)
    assert (decision.content_created_edtf, decision.date_conflict) == ("2021-05", "other_calendar")


def test_a_time_stamp_is_evidence_where_there_is_no_dateline(reference: Reference) -> None:
    line = "9 May 2023 11:22 (UTC+04:00)"
    stamp = read_stamp(line, 0, len(line), reference.calendar)
    decision = decide_date(read_header(" date 2023-05"), Written(stamp=stamp), reference.calendar, TODAY)
    assert (decision.content_created, decision.date_method) == (dt.date(2023, 5, 9), "timestamp")
    assert decision.content_created_at == dt.datetime(2023, 5, 9, 7, 22, tzinfo=dt.UTC)


def test_a_time_stamp_gives_the_year_that_a_dateline_lacks(reference: Reference) -> None:
    stamp = TimeStamp(WrittenDate(2, 1, 2024, None, 0, 1), None)
    decision = decide_date(None, Written(WrittenDate(31, 12, None, None, 0, 1), stamp=stamp), reference.calendar, TODAY)
    assert (decision.content_created, decision.date_method) == (dt.date(2023, 12, 31), "timestamp+dateline")
    assert decision.content_created_at is None
