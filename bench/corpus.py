"""A made-up archive of any size: distinct dispatches in eight languages, the same for the same seed.

`python -m bench.corpus FOLDER [--files N] [--months N] [--seed N]`. The words are those of samples/, in another
order; invented names and figures stand between them, so that texts are as hard to compress as real ones. Lengths
are log-normal around 2.4 KB. Of a hundred dispatches about eighty begin with their dateline, ten have a section or a
headline before it, ten have none.
"""

import argparse
import datetime as dt
import math
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from etl.decode import decode
from etl.errors import RecordFault
from etl.reading import read_document
from etl.reference import load_reference

SAMPLES = Path(__file__).parent.parent / "samples"
FILES = 100_000
MONTHS = 60
SEED = 2021
FIRST_YEAR = 2016
MEAN_BYTES = 2_400
SPREAD = 0.55
"""Standard deviation of the logarithm of a length: a third of all dispatches have less than half a page."""

FOLDER_FILES = 1_000

_SYLLABLES = "ba ka ra mi lo ne tu sha vel dor gan il em os ter kin zar bul ha ven pra jo qu lem fir ost und ach ey"


@dataclass(frozen=True)
class Language:
    """How dispatches of one language begin.

    Attributes:
        share: of a hundred dispatches.
        places: as its datelines have them.
        months: January to December, with spaces between.
        datelines: with the slots place, day, month, year.
        section: a section's name.
    """

    share: int
    places: tuple[str, ...]
    months: str
    datelines: tuple[str, ...]
    section: str


_ROMANCE = ("{place}, {day} {month}, AZERTAC\n\n", "{place}, {day} {month} {year} (AFP) - ")
LANGUAGES = {
    "fr": Language(
        26,
        ("Bakou", "Paris", "Islamabad", "Rabat", "Tunis", "Alger", "Genève", "Gandja"),
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        _ROMANCE,
        "Politique",
    ),
    "en": Language(
        26,
        ("LONDON", "BAKU", "NEW YORK", "TOKYO", "NAIROBI", "TASHKENT", "BRUSSELS", "SEOUL"),
        "January February March April May June July August September October November December",
        ("{place}, {month} {day} (Reuters) - ", "{place}, {month} {day}, {year} (AFP) -- "),
        "World",
    ),
    "es": Language(
        10,
        ("Madrid", "Bakú", "Lima", "Bogotá", "Sevilla", "Caracas"),
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        ("{place}, {day} {month} (EFE).- ", "{place}, {day} de {month}, AZERTAC\n\n"),
        "Economía",
    ),
    "de": Language(
        10,
        ("Berlin", "Wien", "Baku", "Hamburg", "München", "Zürich"),
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        ("{place}, {day}. {month} (AFP) - ", "{place}, {day}. {month}, AZERTAC\n\n"),
        "Wirtschaft",
    ),
    "ru": Language(
        10,
        ("Баку", "Москва", "Ташкент", "Минск", "Казань"),
        "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
        ("{place}, {day} {month}, АЗЕРТАДЖ\n\n",),
        "Общество",
    ),
    "tr": Language(
        6,
        ("Bakü", "Ankara", "İstanbul", "İzmir"),
        "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
        ("{place}, {day} {month}, AZERTAC\n\n",),
        "Ekonomi",
    ),
    "az": Language(
        6,
        ("Bakı", "Gəncə", "Şuşa", "Naxçıvan"),
        "yanvar fevral mart aprel may iyun iyul avqust sentyabr oktyabr noyabr dekabr",
        ("{place}, {day} {month}, AZƏRTAC\n\n",),
        "Siyasət",
    ),
    "ar": Language(
        6,
        ("باكو", "القاهرة", "الرباط", "بغداد"),
        "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
        ("{place}، {day} {month} (أذرتاج)\n\n",),
        "اقتصاد",
    ),
}


def dispatches(files: int, months: int = MONTHS, seed: int = SEED) -> Iterator[tuple[str, str]]:
    """Paths below a root and texts, in the order of the paths."""
    words = _words()
    languages = list(LANGUAGES)
    shares = [LANGUAGES[language].share for language in languages]
    for number in range(files):
        # Each by itself, so that a larger corpus begins like a smaller one.
        draw = random.Random(f"{seed}-{number}")  # noqa: S311
        language = draw.choices(languages, shares)[0]
        at = draw.randrange(months)
        day = dt.date(FIRST_YEAR + at // 12, at % 12 + 1, draw.randint(1, 28))
        text = _beginning(draw, LANGUAGES[language], day) + _body(draw, words[language])
        yield f"{number // FOLDER_FILES:05}/{day:%Y-%m}-{language}-{number}.txt", text


def write_corpus(root: Path, files: int, months: int = MONTHS, seed: int = SEED) -> int:
    """Write the dispatches below a root that does not exist yet; returns their bytes."""
    size = 0
    for path, text in dispatches(files, months, seed):
        target = root / path
        if not target.parent.exists():
            target.parent.mkdir(parents=True)
        size += target.write_bytes(text.encode())
    return size


def _words() -> dict[str, list[str]]:
    """The words of the samples by language, as often as they stand there."""
    reference = load_reference()
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(SAMPLES.rglob("*.txt")):
        try:
            text = decode(path.read_bytes()).text
        except RecordFault:
            continue
        reading = read_document(text, dt.date(2026, 1, 1), reference)
        if reading.language in LANGUAGES:
            found[reading.language] += text[reading.body_start : reading.body_end].lower().split()
    return found


def _beginning(draw: random.Random, language: Language, day: dt.date) -> str:
    header = f" date {day:%Y-%m}" if draw.random() < 0.8 else f" date {day:%Y-%m-%d}"
    kind = draw.random()
    if kind > 0.9:
        return f"{header} "
    before = f"{language.section}\n\n" if kind > 0.8 else ""
    dateline = draw.choice(language.datelines).format(
        place=draw.choice(language.places), day=day.day, month=language.months.split()[day.month - 1], year=day.year
    )
    return f"{header} {before}{dateline}"


def _body(draw: random.Random, words: list[str]) -> str:
    left = draw.lognormvariate(math.log(MEAN_BYTES) - SPREAD**2 / 2, SPREAD)
    paragraphs = []
    while left > 0:
        sentences = " ".join(_sentence(draw, words) for _ in range(draw.randint(1, 4)))
        paragraphs.append(sentences)
        left -= len(sentences.encode()) + 2
    return "\n\n".join(paragraphs) + "\n"


def _sentence(draw: random.Random, words: list[str]) -> str:
    chosen = draw.choices(words, k=draw.randint(8, 26))
    chosen[0] = chosen[0].capitalize()
    if draw.random() < 0.6:
        chosen[draw.randrange(1, 8)] = "".join(draw.choices(_SYLLABLES.split(), k=draw.randint(2, 4))).capitalize()
    if draw.random() < 0.4:
        chosen[draw.randrange(1, 8)] = str(draw.randint(2, 99_999))
    return f"{' '.join(chosen).rstrip('.,;:')}."


def main() -> None:
    """Write a corpus and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--months", type=int, default=MONTHS)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    size = write_corpus(options.folder, options.files, options.months, options.seed)
    print(f"{options.files:,} dispatches, {size:,} bytes, {size / options.files:,.0f} each, in {options.folder}")


if __name__ == "__main__":
    main()
