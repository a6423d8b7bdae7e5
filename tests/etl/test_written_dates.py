import pytest

from etl.reference import Reference
from etl.written_dates import GREGORIAN, read_date

# text, (day, month, year), what is left, the calendar
READ = [
    ("10 février, AZERTAC", (10, 2, None), ", AZERTAC", GREGORIAN),
    ("1er juillet (AFP)", (1, 7, None), " (AFP)", GREGORIAN),
    ("le 31 juillet 2024 (MAP)", (31, 7, 2024), " (MAP)", GREGORIAN),
    ("den 23. Februar", (23, 2, None), "", GREGORIAN),
    ("19 de enero de 2017.", (19, 1, 2017), ".", GREGORIAN),
    ("1º de mayo", (1, 5, None), "", GREGORIAN),
    ("02nd March 2024", (2, 3, 2024), "", GREGORIAN),
    ("March 3, 2024 (WAFA)", (3, 3, 2024), " (WAFA)", GREGORIAN),
    ("Sept. 9 -", (9, 9, None), " -", GREGORIAN),
    ("JAN 3 90 --", (3, 1, 90), " --", GREGORIAN),
    ("3 JAN 90 (EFE)", (3, 1, 90), " (EFE)", GREGORIAN),
    ("20 May 15 people", (20, 5, None), " 15 people", GREGORIAN),
    ("31/07 (BELGA)", (31, 7, None), " (BELGA)", GREGORIAN),
    ("12/09/2017 (MAP)", (12, 9, 2017), " (MAP)", GREGORIAN),
    ("09/25/2017", (25, 9, 2017), "", GREGORIAN),
    ("11.05.19 /", (11, 5, 19), " /", GREGORIAN),
    ("14.3.2025, Kraków", (14, 3, 2025), ", Kraków", GREGORIAN),
    ("1996-08-22", (22, 8, 1996), "", GREGORIAN),
    ("３月５日电", (5, 3, None), "电", GREGORIAN),
    ("2018年1月25日電", (25, 1, 2018), "電", GREGORIAN),
    ("2024년 5월 5일", (5, 5, 2024), "", GREGORIAN),
    ("14日 ロイター", (14, None, None), " ロイター", GREGORIAN),
    ("2021. május 5., szerda", (5, 5, 2021), "., szerda", GREGORIAN),
    ("2018 m. vasario 16 d.", (16, 2, 2018), "", GREGORIAN),
    ("5 мая 2020 г. -", (5, 5, 2020), " -", GREGORIAN),
    ("17 تشرين الثاني", (17, 11, None), "", GREGORIAN),
    ("19 رمضان 1442", (19, 9, 1442), "", "islamic"),
    ("5 خرداد 1400", (5, 3, 1400), "", "persian"),
    ("15 असार", (15, 3, None), "", "nepali"),
    ("12 حمل 1397", (12, 1, 1397), "", "persian"),
    ("22 حزيران/ يونيو", (22, 6, None), "", GREGORIAN),
    ("09-May", (9, 5, None), "", GREGORIAN),
    ("3 mai 20233", (3, 5, 20233), "", GREGORIAN),
]

NOT_READ = [
    "3",
    "3 ponts",
    "mai",
    "mai 2021",
    "May 11:22",
    "3,5 mai",
    "3.5",
    "2021",
    "le pont",
    "NO DATA",
    "5:30 mai",
]


@pytest.mark.parametrize(("text", "date", "rest", "calendar"), READ, ids=[row[0] for row in READ])
def test_reads(
    reference: Reference, text: str, date: tuple[int, int | None, int | None], rest: str, calendar: str
) -> None:
    found = read_date(f"x {text}", 2, len(text) + 2, reference.calendar)
    assert found is not None
    assert (found.day, found.month, found.year) == date
    assert (text[found.end - 2 :], found.calendar) == (rest, calendar)


def test_a_month_of_two_calendars_is_that_of_the_language(reference: Reference) -> None:
    text = "21 ሚያዝያ 2014"
    found = read_date(text, 0, len(text), reference.calendar, "am")
    assert found is not None
    assert (found.calendar, found.month) == ("ethiopic", 8)
    found = read_date(text, 0, len(text), reference.calendar, "ti")
    assert found is not None
    assert (found.calendar, found.month) == (GREGORIAN, 4)


@pytest.mark.parametrize("text", NOT_READ)
def test_reads_no_day_where_there_is_none(reference: Reference, text: str) -> None:
    found = read_date(text, 0, len(text), reference.calendar)
    assert found is None or (found.month is not None and not 1 <= found.month <= 12)


def test_figures_may_be_of_another_order(reference: Reference) -> None:
    found = read_date("05/11/2019", 0, 10, reference.calendar)
    assert found is not None
    assert (found.day, found.month, found.swapped.day, found.swapped.month) == (5, 11, 11, 5)
    for text in ("25/11/2019", "11/25/2019", "2019-05-11", "5 mai"):
        found = read_date(text, 0, len(text), reference.calendar)
        assert found is not None
        assert found.swapped == found
