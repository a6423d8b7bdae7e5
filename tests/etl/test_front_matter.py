import pytest

from etl.front_matter import FrontMatter, read_front_matter, skip_furniture
from etl.reference import Reference


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", FrontMatter()),
        ("Société\nUn marché rouvre dans la vieille ville\n", FrontMatter("Société", "Un marché rouvre dans la vieille ville")),
        ("Un marché rouvre dans la vieille ville\n", FrontMatter(None, "Un marché rouvre dans la vieille ville")),
        ("Société\n", FrontMatter("Société", None)),
        ("UN GRAND MARCHÉ ROUVRE\nUn grand marché rouvre\n", FrontMatter(None, "UN GRAND MARCHÉ ROUVRE")),
        ("Un grand marché rouvre ses portes\nUn mot\nDeux mots\n", FrontMatter(None, "Un grand marché rouvre ses portes")),
        ("Un grand marché rouvre\nUn grand marché rouvre\nVIDEO\n", FrontMatter(None, "Un grand marché rouvre")),
        ("Toute l'actualité en ligne\nA+ A\nSport\nLe club gagne la coupe\n", FrontMatter("Sport", "Le club gagne la coupe")),
        ("MISE À JOUR 1\nLe club gagne la coupe\n", FrontMatter(None, "Le club gagne la coupe", None, "MISE À JOUR 1")),
        ("Details added (first version posted on 14:51)\n",
         FrontMatter(None, None, None, "Details added (first version posted on 14:51)")),
        ("The club has won the cup\nBy Ann Writer\n", FrontMatter(None, "The club has won the cup", "By Ann Writer")),
    ],
)  # fmt: skip
def test_sorts_the_lines_before_a_dateline(reference: Reference, text: str, expected: FrontMatter) -> None:
    assert read_front_matter(text, 0, len(text), reference) == expected


def test_skips_furniture_where_there_is_no_dateline(reference: Reference) -> None:
    text = "VIDEO\n\nUPDATE 2\nA river has risen."
    start, label = skip_furniture(text, 0, reference)
    assert text[start:] == "A river has risen."
    assert label == "UPDATE 2"
