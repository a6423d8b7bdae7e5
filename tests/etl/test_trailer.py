import datetime as dt

import pytest

from etl.reading import read_document
from etl.reference import Reference
from etl.trailer import find_trailer

# text, sign-off, agency, (hour, minute, is_utc, day, month, year)
READ = [
    ("Le texte finit. (Belga)", "(Belga)", "Belga", None),
    ("Le texte finit.\n(Belga)", "(Belga)", "Belga", None),
    ("Mətn bitir. /APA/", "/APA/", "APA", None),
    ("O texto acaba. Lusa/Fim", "Lusa/Fim", "Lusa", None),
    ("O texto acaba.\nLusa/fim", "Lusa/fim", "Lusa", None),
    ("The text ends. — ONA", "— ONA", "ONA", None),
    ("Er sagte: „So ist es.“ (Belga)", "(Belga)", "Belga", None),
    ("Han sade: »Så är det.» (Belga)", "(Belga)", "Belga", None),
    ("The text ends. - Trend", "- Trend", "Trend", None),
    ("The text ends.\n\nReuter", "Reuter", "Reuter", None),
    ("THE TEXT ENDS.\nREUTER", "REUTER", "REUTER", None),
    ("The text ends. Xinhua/VNA", "Xinhua/VNA", "Xinhua", None),
    ("The text ends. (END)", "(END)", None, None),
    ("El texto acaba.\nFIN", "FIN", None, None),
    ("The text ends.\n###", "###", None, None),
    ("Le texte finit.\nMAP 311234 GMT juil 2024", "MAP 311234 GMT juil 2024", "MAP", (12, 34, True, 31, 7, 2024)),
    ("The text ends. 1530 GMT", "1530 GMT", None, (15, 30, True, None, None, None)),
    ("The text ends. (END)\nmb KUNA 171234 Dec 19", "mb KUNA 171234 Dec 19", "KUNA", (12, 34, False, 17, 12, 19)),
    ("Le texte finit.\nAFP 030915 GMT MAI 19", "AFP 030915 GMT MAI 19", "AFP", (9, 15, True, 3, 5, 19)),
]

NOT_READ = [
    "Le texte finit (hier).",
    "Le texte (Belga) continue.",
    "It was told by the Algerian state news agency (APS)",
    "La foule.\nPhoto (AFP)",
    "Le texte finit. (Inconnue)",
    "Le train part à 1530",
    "The fund closed at 1530",
    "They play Trend",
    "Read more - Reuters",
    "He works for Reuters/AFP",
]


@pytest.mark.parametrize(("text", "signoff", "agency", "sent_at"), READ, ids=[row[0] for row in READ])
def test_reads_signoffs(
    reference: Reference, text: str, signoff: str, agency: str | None, sent_at: tuple[int | bool | None, ...] | None
) -> None:
    found = find_trailer(text, 0, len(text), reference)
    assert found is not None
    assert found.span.literal == signoff == text[found.span.start : found.span.end]
    assert (found.agency and found.agency.literal) == agency
    sent = found.sent_at
    assert (sent and (sent.hour, sent.minute, sent.is_utc, sent.day, sent.month, sent.year)) == sent_at
    if found.agency:
        assert text[found.agency.start : found.agency.end] == agency


@pytest.mark.parametrize("text", NOT_READ)
def test_reads_no_signoff_where_there_is_none(reference: Reference, text: str) -> None:
    assert find_trailer(text, 0, len(text), reference) is None


def test_every_form_reads_its_own_example(reference: Reference) -> None:
    for row in reference.trailers:
        found = find_trailer(row.example, 0, len(row.example), reference)
        assert found is not None, row.name
        assert found.form == row.name


def test_a_time_of_greenwich_gives_the_moment(reference: Reference) -> None:
    text = " date 2024-07 Tétouan, 31 juillet (MAP) - Le pont est ouvert.\n\nMAP 311234 GMT juil 2024"
    reading = read_document(text, dt.date(2026, 11, 21), reference)
    assert reading.date.content_created_at == dt.datetime(2024, 7, 31, 12, 34, tzinfo=dt.UTC)
    assert reading.text[reading.body_start : reading.body_end] == "Le pont est ouvert."


def test_a_signoff_gives_the_year_that_a_dateline_lacks(reference: Reference) -> None:
    text = "Tétouan, 31 juillet (MAP) - Le pont est ouvert.\n\nMAP 311234 GMT juil 2024"
    date = read_document(text, dt.date(2026, 11, 21), reference).date
    assert (date.content_created, date.date_method) == (dt.date(2024, 7, 31), "trailer+dateline")


def test_a_signoff_alone_gives_the_date(reference: Reference) -> None:
    text = " date 2024-08 Le pont est ouvert depuis ce matin.\n\nMAP 311234 GMT juil 2024"
    date = read_document(text, dt.date(2026, 11, 21), reference).date
    assert (date.content_created, date.date_method) == (dt.date(2024, 7, 31), "trailer")
