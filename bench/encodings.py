"""How often encodings are told right: `python -m bench.encodings [FILE ...]`.

Texts of `bench/encodings.tsv` and `tests/etl/languages.tsv` are written in the codecs that their languages were kept
in, and decoded again: as a headline (short), a paragraph (middle), several of them (long); between the wire's control
characters; cut within their last character; in two codecs of their language, one behind the other (switched); and, of
UTF-8, with a letter (stray) or a line (mixed) of another encoding, or with a byte that means nothing (junk). Each comes
out

right     exactly the text
rejected  with the candidates
wrong     any other text

A codec that lacks a quotation mark or a dash gets the typewriter's; a text that it cannot hold otherwise is left out.
FILE is a further one: lines of {name, text} as JSON (.jsonl, .jsonl.gz), or such a table. `--part open|held` takes half
of the texts, by their digests: the half that is left out while rules are written. Besides, 10,000 clean texts in UTF-8
are put together from the same ones, and from those of the kind `tricky`: none may be altered. `--misses` lists what
is not right, `--by codec` the table by codec alone. A third table says what becomes of UTF-8 that was misread before.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import random
import re
import statistics
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from bench.measure import table
from etl.decode import decode
from etl.errors import RecordFault

TEXTS = (Path(__file__).with_name("encodings.tsv"), Path(__file__).parent.parent / "tests" / "etl" / "languages.tsv")
CLEAN = 10_000
SEED = 7
OUTCOMES = ("right", "rejected", "wrong")
MISREAD_IN = ("windows-1252", "iso-8859-1", "windows-1254", "windows-1251", "windows-1250", "mac-roman")
_WEST = "windows-1252 iso-8859-1 iso-8859-15 mac-roman cp850"
_NORTH = "windows-1252 iso-8859-1 iso-8859-15 iso-8859-10"
_MIDDLE = "windows-1250 iso-8859-2 cp852"
_BALTIC = "windows-1257 iso-8859-13 iso-8859-4"
_EAST = "windows-1251 iso-8859-5 mac-cyrillic cp866"
_CELTIC = "windows-1252 iso-8859-14"
CODECS = {
    **dict.fromkeys(("de", "es", "fr", "it", "nl", "pt"), _WEST),
    **dict.fromkeys(("af", "ca", "eu", "gl", "lb", "sq", "br"), "windows-1252 iso-8859-1 iso-8859-15"),
    **dict.fromkeys(("da", "fi", "nb", "sv", "is", "fo"), _NORTH),
    **dict.fromkeys(("cs", "hu", "pl", "sk", "sl", "hr", "sr-Latn"), _MIDDLE),
    **dict.fromkeys(("lt", "lv"), _BALTIC),
    **dict.fromkeys(("be", "bg", "mk", "sr-Cyrl"), _EAST),
    **dict.fromkeys(("cy", "ga", "gd"), _CELTIC),
    "ar": "windows-1256 iso-8859-6",
    "el": "windows-1253 iso-8859-7 cp737",
    "en": "windows-1252 mac-roman",
    "eo": "iso-8859-3",
    "et": f"{_BALTIC} iso-8859-15",
    "fa": "windows-1256",
    "he": "windows-1255 iso-8859-8",
    "ja": "shift_jis cp932 euc-jp iso2022_jp",
    "kk": "kz1048",
    "ko": "euc-kr cp949 iso2022_kr",
    "mt": "iso-8859-3",
    "pl": f"{_MIDDLE} iso-8859-16",
    "ro": "windows-1250 iso-8859-2 iso-8859-16",
    "ru": f"{_EAST} koi8-r",
    "tg": "koi8-t",
    "th": "cp874 iso-8859-11",
    "tr": "windows-1254 iso-8859-9 cp857",
    "uk": "windows-1251 iso-8859-5 mac-cyrillic koi8-u",
    "ur": "windows-1256",
    "vi": "windows-1258",
    "zh-Hans": "gb18030 gbk gb2312 hz",
    "zh-Hant": "big5 cp950 gb18030",
}
"""The codecs that texts of a language are written in."""

UNICODE = "utf-8 utf-8-sig utf-16 utf-16-le utf-16-be utf-32-le utf-32-be"
"""And those of every language."""

_STRAIGHT = str.maketrans(
    {
        **dict.fromkeys("“”„«»‟″", '"'),
        **dict.fromkeys("’‘‚ʻʼ", "'"),
        **dict.fromkeys("–—−", "-"),
        "…": "...",
        "€": "EUR",
        "№": "No.",
        "\u00a0": " ",
        "\u200c": " ",
    }
)
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_CEDILLAS = str.maketrans("șțȘȚ", "şţŞŢ")
_COMMAS = str.maketrans("şţŞŢ", "șțȘȚ")


def encode(text: str, codec: str) -> tuple[bytes, str] | None:
    """A text in a codec, and the text that this then is; None if the codec cannot hold it."""
    for form in (text, text.translate(_CEDILLAS), text.translate(_COMMAS)):
        for straight in (form, form.translate(_STRAIGHT)):
            try:
                return written_as(straight, codec).encode(codec), unicodedata.normalize("NFC", straight)
            except UnicodeEncodeError:
                continue
    return None


def written_as(text: str, codec: str) -> str:
    """A text in the letters that a codec has: only Windows-1258 needs other ones."""
    return "".join(map(_with_tones_apart, text)) if codec == "windows-1258" else text


def _with_tones_apart(sign: str) -> str:
    """Vietnamese letters as Windows-1258 has them."""
    try:
        sign.encode("windows-1258")
    except UnicodeEncodeError:
        parts = unicodedata.normalize("NFD", sign)
        letter = "".join(part for part in parts if part not in _TONES)
        return unicodedata.normalize("NFC", letter) + "".join(part for part in parts if part in _TONES)
    return sign


def read_texts(paths: list[Path], part: str | None) -> dict[str, dict[str, list[str]]]:
    """Texts by language and kind."""
    texts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in paths:
        for language, kind, text in _rows_of(path):
            is_held = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 2 == 0
            if part is None or is_held == (part == "held"):
                texts[language][kind].append(unicodedata.normalize("NFC", text))
    return texts


def _rows_of(path: Path) -> Iterator[tuple[str, str, str]]:
    if path.suffix == ".tsv":
        with path.open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield row["language"], row["kind"], row["text"]
        return
    content = path.read_bytes()
    for line in (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines():
        entry = json.loads(line)
        yield entry.get("gold", {}).get("language") or "en", "text", entry["text"]


def documents(texts: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """The texts of one language as (variant, document)."""
    for text in texts["headline"]:
        yield "short", text
    for text in texts["text"]:
        yield "middle", text
        yield "wire", text
        yield "cut", text
        yield "stray", text
        yield "junk", text
    if texts["text"]:
        yield "long", "\n\n".join([*texts["headline"], *texts["text"]] * 3) + "\n"
        yield "mixed", "\n\n".join([*texts["headline"], *texts["text"]]) + "\n"
        yield "switched", "\n".join(texts["text"]) + "\n"


def written(variant: str, text: str, codec: str, language: str, draw: random.Random) -> tuple[bytes, set[str]] | None:
    """A document's bytes, and the texts that are right; None if there is no such thing."""
    if variant in ("stray", "junk", "mixed") and codec != "utf-8":
        return None
    encoded = encode(text, codec)
    if encoded is None:
        return None
    raw, wanted = encoded
    if variant == "wire":
        if codec in ("iso2022_jp", "iso2022_kr", "hz"):
            return None
        return f"{_WIRE_HEAD}{written_as(wanted, codec)}{_WIRE_TAIL}".encode(codec), {f"a1234 r p \n{wanted}\n\n"}
    if variant == "cut":
        for size in range(len(raw) - 1, len(raw) - 24, -1):
            if codec.startswith(("utf-16", "utf-32")) and size % 4 != 3:
                continue
            rest = raw[:size].decode(codec.removesuffix("-sig"), "ignore").lstrip("\ufeff")
            try:
                raw[:size].decode(codec)
            except UnicodeDecodeError:
                return raw[:size], {unicodedata.normalize("NFC", rest)}
        return None
    if variant == "stray":
        other = next((codec for codec in CODECS.get(language, "").split() if codec not in _MULTIBYTE), None)
        if other is None or not any(sign > "\x7f" for sign in text):
            return None
        at = draw.choice([at for at, sign in enumerate(wanted) if sign > "\x7f"])
        try:
            byte = wanted[at].encode(other)
        except UnicodeEncodeError:
            return None
        return wanted[:at].encode() + byte + wanted[at + 1 :].encode(), {wanted}
    if variant == "junk":
        at = draw.randrange(len(wanted))
        return wanted[:at].encode() + bytes([draw.randrange(0x80, 0x100)]) + wanted[at:].encode(), {wanted}
    if variant == "switched":
        others = [other for other in CODECS.get(language, "").split() if other != codec]
        lines = text.splitlines(keepends=True)
        if codec in UNICODE.split() or not others or len(lines) < 2:
            return None
        second = encode("".join(lines[len(lines) // 2 :]), draw.choice(others))
        first = encode("".join(lines[: len(lines) // 2]), codec)
        return (first[0] + second[0], {first[1] + second[1]}) if first and second else None
    if variant == "mixed":
        other = next(iter(CODECS.get(language, "").split()), None)
        lines = wanted.splitlines(keepends=True)
        if other is None or encode(lines[-1], other) is None or lines[-1].isascii():
            return None
        last, form = encode(lines[-1], other)  # type: ignore[misc]
        return "".join(lines[:-1]).encode() + last, {"".join(lines[:-1]) + form}
    return raw, {wanted}


_WIRE_HEAD, _WIRE_TAIL = "\x16\x16\x01a1234\x1f r p \x02\r\n", "\r\n\x03\x16\x16\x04\n"
_MULTIBYTE = {"shift_jis", "cp932", "euc-jp", "iso2022_jp", "euc-kr", "cp949", "iso2022_kr", "gb18030", "gbk", "gb2312"}
_MULTIBYTE |= {"hz", "big5", "cp950", "windows-1258"}


def outcome(raw: bytes, wanted: set[str]) -> tuple[str, str]:
    """How it came out, and what was read or said."""
    try:
        found = decode(raw)
    except RecordFault as fault:
        return "rejected", fault.message
    if found.text in wanted:
        return "right", ""
    return "wrong", f"{found.encoding} {', '.join(found.quality_flags)}: {_difference(found.text, wanted)}"


def _difference(text: str, wanted: set[str]) -> str:
    right = min(wanted)
    at = next((at for at, (a, b) in enumerate(zip(text, right, strict=False)) if a != b), min(len(text), len(right)))
    return f"{text[max(0, at - 10) : at + 20]!r} for {right[max(0, at - 10) : at + 20]!r}"


def clean_texts(texts: dict[str, dict[str, list[str]]]) -> Iterator[str]:
    """10,000 texts: lines of one language, sometimes of two, in any order, often in capitals, in quotation marks."""
    draw = random.Random(SEED)  # noqa: S311
    languages = sorted(texts)
    lines = {language: [line for kind in texts[language] for line in texts[language][kind]] for language in languages}
    # A fragment of a text about mojibake is mojibake.
    parted = {
        language: [line for kind in texts[language] if kind != "about" for line in texts[language][kind]]
        for language in languages
    }
    quotes = ["“{}”", "«{}»", "« {} »", "„{}“", "»{}«", "‘{}’", "{}…", "{} – ", "{}™", "{}®", "{}°", "({})"]
    for number in range(CLEAN):
        language = languages[number % len(languages)]
        words = draw.choice(parted[language]).split(" ")
        parts = [draw.choice(lines[language])]
        for _ in range(draw.randrange(4)):
            at = draw.randrange(len(words))
            some = " ".join(words[at : at + draw.randint(1, 4)])
            parts.append(draw.choice(quotes).format(some.upper() if draw.random() < 0.5 else some))
        if draw.random() < 0.2:
            parts.append(draw.choice(lines[draw.choice(languages)]))
        draw.shuffle(parts)
        yield unicodedata.normalize("NFC", draw.choice([" ", "\n", "\n\n"]).join(parts))


def altered(texts: dict[str, dict[str, list[str]]]) -> list[tuple[str, str]]:
    """Clean texts that did not come out as they were."""
    return [(text, found) for text in clean_texts(texts) for found in [_text_of(text.encode())] if found != text]


def _text_of(raw: bytes) -> str:
    try:
        return decode(raw).text
    except RecordFault as fault:
        return fault.message


def misread(texts: dict[str, dict[str, list[str]]]) -> Iterator[tuple[str, str, str, str]]:
    """UTF-8 read in another codec: in which, the text, what it was read as, and what is made of that."""
    for codec in MISREAD_IN:
        for language in sorted(texts):
            for text in [*texts[language]["headline"], *texts[language]["text"]]:
                if not text.isascii():
                    wrong = "".join(bytes([byte]).decode(codec, "ignore") or chr(byte) for byte in text.encode())
                    yield codec, text, _without_controls(wrong), _text_of(wrong.encode())


def _without_controls(text: str) -> str:
    return unicodedata.normalize("NFC", re.sub("[\x80-\x84\x86-\x9f]", "", text).replace("\x85", "\n"))


def main() -> None:
    """Encode, decode, count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="further texts")
    parser.add_argument("--part", choices=("open", "held"), help="only one half of the texts")
    parser.add_argument("--by", choices=("pair", "codec", "language"), default="pair", help="what the table lists")
    parser.add_argument("--misses", action="store_true", help="list every one")
    parser.add_argument("--no-clean", action="store_true", help="leave the clean texts out")
    options = parser.parse_args()
    texts = read_texts([*TEXTS, *options.files], options.part)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    variants: dict[str, Counter[str]] = defaultdict(Counter)
    pairs = set()
    misses = []
    seconds = []
    for language in sorted(texts):
        for codec in dict.fromkeys([*CODECS.get(language, "").split(), *UNICODE.split()]):
            draw = random.Random(f"{SEED}-{language}-{codec}")  # noqa: S311
            for variant, text in documents(texts[language]):
                document = written(variant, text, codec, language, draw)
                if document is None or (codec not in UNICODE.split() and min(document[1]).isascii()):
                    continue
                raw, wanted = document
                begun = time.perf_counter()
                how, said = outcome(raw, wanted)
                seconds.append(time.perf_counter() - begun)
                is_unicode = codec in UNICODE.split()
                if not is_unicode:
                    pairs.add((codec, language))
                key = {"pair": f"{codec} {'*' if is_unicode else language}", "codec": codec, "language": language}
                counts[key[options.by]][how] += 1
                variants[f"{variant}{' (Unicode)' if is_unicode else ''}"][how] += 1
                if how != "right":
                    misses.append((how, codec, language, variant, said))
    for title, groups in ((options.by, counts), ("document", variants)):
        print(table((title, *OUTCOMES, "right %", "right or rejected %"), [*_shares(groups)]), "\n")
    overall: Counter[str] = sum(counts.values(), Counter())
    print(table(("", *OUTCOMES, "right %", "right or rejected %"), [*_shares({"all": overall})]), "\n")
    print(f"{len(pairs)} pairs of codec and language besides Unicode; {statistics.median(seconds) * 1e3:.1f} ms each\n")
    if options.misses:
        for miss in misses:
            print("  " + " | ".join(miss))
    repaired: dict[str, Counter[str]] = defaultdict(Counter)
    for codec, text, wrong, found in misread(texts):
        how = "right" if found == text else "as it was" if found == wrong else "wrong"
        repaired[codec][how] += 1
        if options.misses and how == "wrong":
            print(f"  misread | {codec} | {_difference(found, {text})}")
    names = ("right", "as it was", "wrong")
    rows = [(codec, *(str(counts[name]) for name in names)) for codec, counts in repaired.items()]
    print(table(("UTF-8 misread in", *names), rows), "\n")
    if not options.no_clean:
        changed = altered(texts)
        print(f"{len(changed)} of {CLEAN:,} clean texts altered")
        for text, found in changed[: None if options.misses else 5]:
            print(f"  {_difference(found, {text})}")


def _shares(groups: dict[str, Counter[str]]) -> Iterator[tuple[str, ...]]:
    for name in groups:
        counts = groups[name]
        total = counts.total()
        right = 100 * counts["right"] / total
        safe = 100 * (counts["right"] + counts["rejected"]) / total
        yield name, *(str(counts[how]) for how in OUTCOMES), f"{right:.1f}", f"{safe:.1f}"


if __name__ == "__main__":
    main()
