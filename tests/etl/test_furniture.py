"""Page furniture: what is cut from around written articles, and what never is."""

import pytest

from bench.furniture import Page, outcome, pages
from etl.furniture import end_of_article
from etl.reference import Reference
from tests.conftest import ROOT

ARTICLE = "The bridge is open.\nPeople walk across it."


@pytest.mark.parametrize(
    "below",
    [
        "© 2021 The Agency",
        "All rights reserved.",
        "Tous droits réservés à l'agence",
        "Share Facebook Twitter\n\nComments (0)\nLeave a comment\nYour name *",
        "Read also: The tunnel",
        "À lire aussi\n12.02.2025 [17:07] Another headline\n11.02.2025 [09:00] A third one",
        "Tags: bridge, river\nViews: 1,234",
        "Home | News | Contact",
        "Photo: Jane Doe",
        "We use cookies to improve this page",
        "12.02.2025 [17:07]",
    ],
)
def test_furniture_below_an_article_is_no_part_of_it(reference: Reference, below: str) -> None:
    text = f"{ARTICLE}\n\n{below}"
    assert text[: end_of_article(text, 0, len(text), reference)] == ARTICLE


@pytest.mark.parametrize(
    "below",
    [
        "They share the cost.",
        "Comments were made by three of them.",
        "Copyright law was not changed, the minister said.",
        "Read also means to understand.",
        "Tags were found on the walls of the old mill.",
        "The rights were reserved",
        "Five views of the same hill",
        "He came home > and went.",
    ],
)
def test_no_sentence_is_taken_for_furniture(reference: Reference, below: str) -> None:
    text = f"{ARTICLE}\n\n{below}"
    assert end_of_article(text, 0, len(text), reference) == len(text)


WRITTEN = [page for path in sorted((ROOT / "tests/etl/pages").glob("*.txt")) for page in pages(path)]


def test_the_written_pages_are_in_many_languages_and_half_as_many_have_lists_of_their_own() -> None:
    assert len({page.name.partition("-")[0] for page in WRITTEN}) >= 12
    kinds = [page.kind for page in WRITTEN]
    assert kinds.count("page") >= 60
    assert kinds.count("negative") >= kinds.count("page") / 2
    assert len({page.name for page in WRITTEN}) == len(WRITTEN)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_nothing_of_an_article_is_eaten(reference: Reference, page: Page) -> None:
    assert page.start < page.end
    assert outcome(page, reference).eaten == ("", "")


def test_most_bodies_are_exactly_the_article(reference: Reference) -> None:
    found = [outcome(page, reference) for page in WRITTEN]
    assert sum(one.is_right for one in found) / len(found) >= 0.95
    assert all(one.is_right for one in found if one.page.kind == "negative")
