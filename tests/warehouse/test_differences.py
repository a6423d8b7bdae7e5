import pytest

from warehouse import differences
from warehouse.differences import MAXIMUM_LINE, MAXIMUM_LINES, MAXIMUM_SHOWN, TextDifference, compare_texts


def shown(found: TextDifference) -> list[str]:
    """A comparison as text, with what differs inside a line between brackets."""
    return [
        line.sign + "".join(f"[{part.text}]" if part.is_changed else part.text for part in line.parts)
        for line in found.lines
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "Titre\n\nUn pont a été ouvert lundi.\n\nFin.",
            "Titre\n\nUn pont a été fermé lundi.\n\nFin.",
            [
                "@@ -1,3 +1,3 @@",
                " Titre",
                "-Un pont a été [ouvert] lundi.",
                "+Un pont a été [fermé] lundi.",
                " Fin.",
            ],
        ),
        ("a\nb\nc", "a\nc", ["@@ -1,3 +1,2 @@", " a", "-b", " c"]),
        ("a", "a\nb", ["@@ -1,1 +1,2 @@", " a", "+b"]),
        ("", "neu", ["@@ -0,0 +1,1 @@", "+neu"]),
        ("alles weg", "", ["@@ -1,1 +0,0 @@", "-alles weg"]),
        # Nothing in common but a word or two: no marks, which would only confuse.
        (
            "Der Minister reist morgen ab.",
            "Ein Schiff lief heute ein, ohne Ladung.",
            ["@@ -1,1 +1,1 @@", "-Der Minister reist morgen ab.", "+Ein Schiff lief heute ein, ohne Ladung."],
        ),
        # Neighbouring words are one mark; scripts without spaces are compared by sign.
        (
            "on the old stone bridge over the river",
            "on the new wooden bridge over the river",
            [
                "@@ -1,1 +1,1 @@",
                "-on the [old stone] bridge over the river",
                "+on the [new wooden] bridge over the river",
            ],
        ),
        (
            "新华社北京九月三日电",
            "新华社上海九月三日电",
            ["@@ -1,1 +1,1 @@", "-新华社[北京]九月三日电", "+新华社[上海]九月三日电"],
        ),
    ],
)
def test_texts_are_compared_by_lines_and_words(old: str, new: str, expected: list[str]) -> None:
    found = compare_texts(old, new)
    assert shown(found) == expected
    assert found.notes == ()


def test_far_apart_changes_stand_in_places_of_their_own() -> None:
    lines = [f"Absatz {number} bleibt, wie er ist." for number in range(20)]
    changed = [*lines]
    changed[2], changed[15] = "Absatz 2 wird anders.", "Absatz 15 wird anders."
    found = compare_texts("\n\n".join(lines), "\n\n".join(changed))
    assert [line.text for line in found.lines if line.sign == "@"] == ["@ -2,3 +2,3 @@", "@ -15,3 +15,3 @@"]


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("a\nb", "a\nb", "The text is the same."),
        ("a\n\nb", "a\nb\n", "Only white space between the lines differs."),
    ],
)
def test_what_does_not_differ_is_said(old: str, new: str, note: str) -> None:
    assert compare_texts(old, new) == TextDifference((), (note,))


def test_one_line_of_millions_of_characters_is_cut_around_its_first_difference() -> None:
    before, after = (" ".join(f"{word}{number}" for number in range(200_000)) for word in ("wort", "ende"))
    found = compare_texts(f"{before} links {after}", f"{before} rechts {after}")
    removed, added = (line for line in found.lines if line.sign in "-+")
    # What follows is alike, but for the last word, which is cut.
    assert next(part.text for part in removed.parts if part.is_changed) == "links"
    assert next(part.text for part in added.parts if part.is_changed) == "rechts"
    assert all(sum(not part.is_changed for part in line.parts) <= 3 for line in (removed, added))
    assert max(len(removed.text), len(added.text)) <= MAXIMUM_LINE + 2
    assert removed.text.startswith("…")
    assert removed.text.endswith("…")
    assert "first difference" in found.notes[0]


def test_too_many_lines_are_not_compared_with_each_other() -> None:
    count = MAXIMUM_LINES + 1
    old, new = ("\n".join(f"{word} {number}" for number in range(count)) for word in ("alt", "neu"))
    found = compare_texts(f"gleich\n{old}", f"gleich\n{new}")
    assert "Too much differs" in found.notes[0]
    assert [line.text for line in found.lines][:3] == ["@ -1,3 +1,3 @@", "gleich", "alt 0"]
    # But a text of many lines of which few differ is.
    found = compare_texts(f"{old}\n{old}\nalt", f"{old}\n{old}\nneu")
    assert (shown(found)[-2:], found.notes) == (["-alt", "+neu"], ())


def test_a_long_comparison_is_cut_and_says_so() -> None:
    old, new = ("\n".join(f"{word} {number}" for number in range(MAXIMUM_SHOWN)) for word in ("alt", "neu"))
    found = compare_texts(old, new)
    assert len(found.lines) == MAXIMUM_SHOWN
    assert found.notes == (f"{MAXIMUM_SHOWN + 1} more lines of the comparison are not shown.",)


def test_words_are_compared_as_long_as_that_is_bearable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "MAXIMUM_WORK", 100)
    long = "lang " * 50
    found = compare_texts(f"eins zwei\nalt {long}alt", f"eins drei\nneu {long}neu")
    assert shown(found)[1] == "-eins [zwei]"
    assert "[" not in shown(found)[2]
    assert "too long to be compared by words" in found.notes[0]
