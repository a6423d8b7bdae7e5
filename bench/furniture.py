"""What is cut from around articles: `python -m bench.furniture FILE ...`, with files of written pages or sentences.

A file has pages below headings `#### name kind`. In a page, ⟦ and ⟧ stand where its body begins and ends; they are
taken out before it is read. The kind is `page`, of an article with something around it, or `negative`, of an article
whose own lines look like what is cut. Counted are, in code points:

right  pages whose body is exactly the true one
left   of other text that is in the bodies
eaten  of the articles that is not in the bodies, and of that whole sentences

A file whose name ends in `.tsv` has sentences, below the heading `language kind sentence`: of the kind `site`, which
stand around articles, `article`, which articles may end with, and `report`, the same, but written against the rules.
Counted is how many are known as a site's.

`--part open|held` takes some three quarters of the pages, or the others, which are left out while rules are written:
by the digest of the name.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.measure import table
from etl.furniture import end_of_article, end_of_page_head
from etl.reading import read_document
from etl.reference import Reference, load_reference
from etl.words import SENTENCE_END

SEEN_ON = dt.date(2026, 11, 21)
"""The day on which the pages count as read."""

_ARTICLE = "The bridge over the river is open.\nPeople walk across it again."
"""What a sentence is put above and below."""

_HEADING = re.compile(r"^#### (\S+) (page|negative)\n", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """A written page.

    Attributes:
        name: which; begins with its language.
        kind: page or negative.
        text: as it would stand in a file.
        start, end: of its true body.
    """

    name: str
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Outcome:
    """What was read of a page.

    Attributes:
        page: the page.
        left: what else is in its body, before and behind the article.
        eaten: what of the article is missing from it, at its beginning and at its end.
    """

    page: Page
    left: tuple[str, str]
    eaten: tuple[str, str]

    @property
    def is_right(self) -> bool:
        """Whether the body is exactly the true one."""
        return not any(self.left) and not any(self.eaten)

    @property
    def sentences(self) -> list[str]:
        """The lines with whole sentences that were eaten."""
        lines = "\n".join(self.eaten).splitlines()
        return [line for line in lines if SENTENCE_END.search(line.rstrip()[-8:])]


def pages(path: Path) -> Iterator[Page]:
    """The pages of a file."""
    parts = _HEADING.split(path.read_text("utf-8"))[1:]
    for name, kind, marked in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        before, _, rest = marked.strip("\n").partition("⟦")
        body, _, after = rest.partition("⟧")
        yield Page(name, kind, before + body + after, len(before), len(before) + len(body))


def outcome(page: Page, reference: Reference) -> Outcome:
    """Read a page, and compare its body with the true one."""
    reading = read_document(page.text, SEEN_ON, reference)
    start, end = reading.body_start, reading.body_end

    def between(first: int, last: int) -> str:
        return page.text[first:last].strip()

    left = between(start, page.start), between(max(page.end, start), end)
    eaten = between(page.start, min(start, page.end)), between(max(end, page.start), page.end)
    return Outcome(page, left, eaten)


def sentences(path: Path) -> Iterator[tuple[str, str, str]]:
    """The sentences of a file, as language, kind and sentence."""
    for line in path.read_text("utf-8").splitlines()[1:]:
        language, kind, sentence = line.split("\t")
        yield language, kind, sentence


def is_cut(sentence: str, reference: Reference) -> bool:
    """Whether a sentence would not be in the body if it stood above an article, or below one."""
    below, above = f"{_ARTICLE}\n\n{sentence}", f"{sentence}\n\n{_ARTICLE}"
    return end_of_article(below, 0, len(below), reference) < len(below) or end_of_page_head(above, 0, reference) > 0


def _count_sentences(path: Path, reference: Reference, is_listing: bool) -> None:
    counts: dict[str, list[bool]] = defaultdict(list)
    for language, kind, sentence in sentences(path):
        found = is_cut(sentence, reference)
        counts[kind].append(found)
        if is_listing and found != (kind == "site"):
            print(f"{language} | {kind} | {sentence}")
    names = ("sentences of", "in all", "cut")
    print(table(names, [(kind, str(len(found)), str(sum(found))) for kind, found in counts.items()]))


def is_held(name: str) -> bool:
    """Whether a page is of the part that is not looked at while rules are written."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 4 == 0


def _row(label: str, found: list[Outcome]) -> tuple[str, ...]:
    left = sum(len(text) for one in found for text in one.left)
    eaten = sum(len(text) for one in found for text in one.eaten)
    around = sum(len(one.page.text) - (one.page.end - one.page.start) for one in found)
    right = sum(one.is_right for one in found)
    sentences = sum(len(one.sentences) for one in found)
    share = f"{100 * right / len(found):.1f}"
    return label, *map(str, (len(found), right)), share, *map(str, (around, left, eaten, sentences))


def main() -> None:
    """Measure the files and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--part", choices=("open", "held"), help="some three quarters of them, or those left out")
    parser.add_argument("--misses", action="store_true", help="list what was left and eaten, and sentences mistaken")
    options = parser.parse_args()
    reference = load_reference()
    for path in options.files:
        if path.suffix == ".tsv":
            _count_sentences(path, reference, options.misses)
    written = [path for path in options.files if path.suffix != ".tsv"]
    found = [outcome(page, reference) for path in written for page in pages(path)]
    found = [one for one in found if options.part is None or is_held(one.page.name) == (options.part == "held")]
    if options.misses:
        for one in found:
            for label, texts in (("left", one.left), ("eaten", one.eaten)):
                for text in filter(None, texts):
                    print(f"{one.page.name} | {label} | {text!r}")
    names = ("kind", "pages", "right", "right %", "around", "left", "eaten", "sentences")
    groups = {kind: [one for one in found if one.page.kind == kind] for kind in ("page", "negative")}
    if found:
        print(table(names, [_row(kind, group) for kind, group in groups.items() if group]))


if __name__ == "__main__":
    main()
