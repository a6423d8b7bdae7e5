import pytest

from etl.front_matter import FrontMatter, open_body, read_front_matter
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
        ("Un grand marché rouvre\nUn grand marché rouvre\nVIDEO\n", FrontMatter(None, "Un grand marché rouvre", has_furniture=True)),
        ("Toute l'actualité en ligne\nA+ A\nSport\nLe club gagne la coupe\n", FrontMatter("Sport", "Le club gagne la coupe", has_furniture=True)),
        ("MISE À JOUR 1\nLe club gagne la coupe\n", FrontMatter(None, "Le club gagne la coupe", None, "MISE À JOUR 1")),
        ("Details added (first version posted on 14:51)\n",
         FrontMatter(None, None, None, "Details added (first version posted on 14:51)")),
        ("The club has won the cup\nBy Ann Writer\n", FrontMatter(None, "The club has won the cup", "By Ann Writer")),
    ],
)  # fmt: skip
def test_sorts_the_lines_before_a_dateline(reference: Reference, text: str, expected: FrontMatter) -> None:
    assert read_front_matter(text, 0, len(text), reference) == expected


@pytest.mark.parametrize(
    ("text", "body", "expected"),
    [
        (
            "VIDEO\n\nUPDATE 2\nA river has risen.",
            "A river has risen.",
            FrontMatter(version_label="UPDATE 2", has_furniture=True),
        ),
        ("Économie\n\nLe pont qui relie les deux rives sera fermé lundi.", "Le pont", FrontMatter("Économie")),
        (
            "culture.gov.az\nUn vieux four est exposé\nLe four de verre du neuvième siècle est exposé depuis lundi.",
            "Le four",
            FrontMatter(None, "Un vieux four est exposé", has_furniture=True),
        ),
        (
            "Foto: Jane Doe - Lusa\n\nO elétrico mais curto do país voltou a circular hoje.",
            "O elétrico",
            FrontMatter(has_furniture=True),
        ),
        ("Un titre seul\nUn autre", "Un titre seul", FrontMatter()),
    ],
)
def test_opens_a_body_without_a_dateline(reference: Reference, text: str, body: str, expected: FrontMatter) -> None:
    start, found = open_body(text, 0, reference)
    assert text[start:].lstrip().startswith(body)
    assert found == expected
