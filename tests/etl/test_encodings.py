import codecs
import random
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.codec_list import CODECS, HOMES, WIDE_CODECS, named
from etl.decode import clean, decode
from etl.errors import RecordFault
from etl.likelihood import letters

RUSSIAN = "В городском саду открылась выставка редких растений, которую подготовили студенты."
BULGARIAN = "Министерският съвет прие наредба за безопасността на водните паркове, съобщи службата."
UKRAINIAN = "Верховна Рада ухвалила у першому читанні законопроєкт про підтримку сільських бібліотек."
FRENCH = "Le musée a prêté vingt tableaux à la médiathèque, où l'été s'achève déjà sous les marronniers."
GERMAN = "Künftig könnten Verstöße gegen die Straßenverkehrsordnung höhere Bußgelder nach sich ziehen."
POLISH = "Sejm odrzucił wniosek o odwołanie ministra środowiska; większość nie chciała słuchać argumentów."
CZECH = "Řidiči se musejí připravit na zdržení, u Humpolce začala oprava mostu a potrvá až do března."
HUNGARIAN = "Őszre készülhet el a Lánchíd déli följárójának fölújítása, a hídfőnél új kamerák működnek."
TURKISH = "Çiftçilere ödenecek mazot ve gübre desteğinin bugün hesaplara yatırılacağı bildirildi."
GREEK = "Στο νοσοκομείο νοσηλεύονται δύο ναυτικοί μετά τη σύγκρουση φορτηγού πλοίου με αλιευτικό."
HEBREW = "הכנסת אישרה אמש בקריאה ראשונה את הצעת החוק להגנה על חופי הים."
ARABIC = "أكد وزير الري أن منسوب المياه في البحيرة آمن تماما، وأن أعمال الصيانة تنتهي قبل نهاية العام."
LATVIAN = "Saeima galīgajā lasījumā pieņēma grozījumus, kas paredz stingrākus sodus par ātruma pārsniegšanu."
THAI = "กรมอุตุนิยมวิทยาเตือนประชาชนในภาคเหนือให้ระวังฝนตกหนักและน้ำท่วมฉับพลัน"
JAPANESE = "気象庁は台風が週末にも沖縄地方に接近するおそれがあると発表した。学校は休校にする。"
KOREAN = "기상청은 강원 영동 지역에 대설주의보를 내렸다. 경찰은 안전 운행을 당부했다."
CHINESE = "国家统计局发布的数据显示，全国居民消费价格同比上涨，其中食品价格下降较多。"
TAIWANESE = "中央氣象署今天表示，颱風外圍環流影響，北部地區將有局部大雨，民眾應避免前往山區。"
MALTESE = "Il-Pulizija qed tinvestiga serqa li seħħet ilbieraħ filgħodu f'ħanut tad-deheb; ħadd ma weġġa'."
ESPERANTO = "La ĵurnalistoj kolektiĝis antaŭ la urbodomo; ĉiuj lernejoj ricevos novajn librojn ĝis julio."
WELSH = "Dywedodd y gweinidog y byddai'r arian ar gael ar gyfer pob tŷ fferm, ac y bydd y dŵr yn lân."

PAIRS = [
    *((codec, RUSSIAN) for codec in ("windows-1251", "koi8-r", "iso-8859-5", "mac-cyrillic", "cp866")),
    *((codec, BULGARIAN) for codec in ("windows-1251", "iso-8859-5")),
    *((codec, UKRAINIAN) for codec in ("windows-1251", "koi8-u")),
    *((codec, FRENCH) for codec in ("windows-1252", "iso-8859-1", "iso-8859-15", "mac-roman")),
    *((codec, GERMAN) for codec in ("windows-1252", "cp850")),
    *((codec, POLISH) for codec in ("windows-1250", "iso-8859-2", "iso-8859-16")),
    *((codec, CZECH) for codec in ("windows-1250", "iso-8859-2", "cp852")),
    *((codec, HUNGARIAN) for codec in ("windows-1250", "iso-8859-2")),
    *((codec, TURKISH) for codec in ("windows-1254", "iso-8859-9")),
    *((codec, GREEK) for codec in ("windows-1253", "iso-8859-7")),
    *((codec, HEBREW) for codec in ("windows-1255", "iso-8859-8")),
    *((codec, ARABIC) for codec in ("windows-1256", "iso-8859-6")),
    *((codec, LATVIAN) for codec in ("windows-1257", "iso-8859-4", "iso-8859-13")),
    *((codec, THAI) for codec in ("cp874", "iso-8859-11")),
    *((codec, JAPANESE) for codec in ("shift_jis", "euc-jp", "iso2022_jp", "utf-16-le", "utf-16-be")),
    *((codec, KOREAN) for codec in ("euc-kr", "iso2022_kr", "utf-32-le")),
    *((codec, CHINESE) for codec in ("gb18030", "gb2312", "hz", "utf-16-le", "utf-16-be", "utf-32-be")),
    *((codec, TAIWANESE) for codec in ("big5", "gb18030")),
    ("iso-8859-3", MALTESE),
    ("iso-8859-3", ESPERANTO),
    ("iso-8859-14", WELSH),
]


@pytest.mark.parametrize(("codec", "text"), PAIRS)
def test_tells_encodings_of_single_sentences(codec: str, text: str) -> None:
    decoded = decode(text.encode(codec))
    assert decoded.text == text
    assert decoded.quality_flags == ("encoding_guessed",)


# The switches of these encodings are controls themselves.
SWITCHED = ("iso2022_jp", "iso2022_kr", "hz")


@pytest.mark.parametrize(("codec", "text"), [pair for pair in PAIRS if pair[0] not in SWITCHED])
def test_the_wires_controls_make_no_difference(codec: str, text: str) -> None:
    raw = f"\x16\x16\x01a12\x1f\x02\r\r\n{text}\r\r\n\x03\x04".encode(codec)
    decoded = decode(raw)
    assert decoded.text.strip() == f"a12\n\n{text}"
    assert decoded.quality_flags == ("encoding_guessed", "control_characters_removed")


ENGLISH = "LONDON, March 3 (Reuters) - {} said on Tuesday that prices rose 8 percent on average since 2011."


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("windows-1250", "Dvořák"),
        ("windows-1250", "Kaczyński"),
        ("windows-1252", "Søren Müller"),
        ("windows-1252", "The bank’s chief"),
        ("windows-1254", "İnönü"),
        ("windows-1257", "Šķēle"),
        ("windows-1253", "Πέτρος"),
        ("koi8-r", "Путин"),
    ],
)
def test_tells_an_encoding_by_one_foreign_name(codec: str, name: str) -> None:
    assert decode(ENGLISH.format(name).encode(codec)).text == ENGLISH.format(name)


@pytest.mark.parametrize(
    ("raw", "named_ones"),
    [
        # The same in Icelandic, Croatian and Turkish.
        (ENGLISH.format("Erdoğan").encode("windows-1254"), ("windows-1250 (“Erdođan”)", "windows-1252 (“Erdoðan”)")),
        # A cedilla in the one, a comma in the other, at the same place of both.
        ("Ploile torenţiale căzute".encode("iso-8859-2"), ("windows-1250 (“torenţiale”)", "16 (“torențiale”)")),
        (b"caf\xe9", ("windows-1252 (“café”)",)),
    ],
)
def test_what_may_be_two_things_is_rejected_with_both(raw: bytes, named_ones: tuple[str, ...]) -> None:
    with pytest.raises(RecordFault) as fault:
        decode(raw)
    assert fault.value.reason == "undecodable"
    assert all(one in fault.value.message for one in named_ones)
    assert "`encoding` of its source in copydesk.toml" in fault.value.message


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (f"{FRENCH} …".encode()[:-1], f"{FRENCH} "),
        ("It costs 5 €".encode()[:-1], "It costs 5 "),
        (f"é{FRENCH}".encode()[1:], FRENCH),
        (JAPANESE.encode("shift_jis")[:-1], JAPANESE[:-1]),
        (CHINESE.encode("gb18030")[:-1], CHINESE[:-1]),
        (KOREAN.encode("euc-kr") + b"\xb0", KOREAN),
        (RUSSIAN.encode("utf-16-le")[:-1], RUSSIAN[:-1]),
        (RUSSIAN.encode("utf-16")[:-1], RUSSIAN[:-1]),
        (RUSSIAN.encode("utf-32-be")[:-3], RUSSIAN[:-1]),
        (JAPANESE.encode("iso2022_jp")[:-4], JAPANESE[:-1]),
    ],
)
def test_a_sign_that_is_cut_is_left_out_and_flagged(raw: bytes, text: str) -> None:
    decoded = decode(raw)
    assert decoded.text == text
    assert "truncated" in decoded.quality_flags


def test_one_line_of_another_encoding_is_read_with_the_rest() -> None:
    raw = f"{GERMAN}\n".encode() + FRENCH.encode("windows-1252")
    decoded = decode(raw)
    assert (decoded.text, decoded.encoding) == (f"{GERMAN}\n{FRENCH}", "utf-8+windows-1252")


def test_punctuation_of_another_encoding_within_utf8() -> None:
    raw = "L’été à Orléans – déjà, naïvement. ".encode() + b"It\x92s a \x93test\x94 \x96 no more."
    assert decode(raw).text == "L’été à Orléans – déjà, naïvement. It’s a “test” – no more."


@pytest.mark.parametrize("byte", [0x80, 0x9D, 0xC3, 0xFF])
def test_a_byte_that_means_nothing_is_neither_kept_nor_dropped(byte: int) -> None:
    with pytest.raises(RecordFault) as fault:
        decode(FRENCH[:40].encode() + bytes([byte]) + FRENCH[40:].encode())
    assert fault.value.message.startswith("UTF-8, but not at byte 46 (line 1)")


def test_nul_padding_goes() -> None:
    decoded = decode(f"{FRENCH}\n".encode() + bytes(600))
    assert (decoded.text, decoded.quality_flags) == (f"{FRENCH}\n", ("control_characters_removed",))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (bytes(600), "NUL bytes only"),
        (b"%PDF-1.7\n1 0 obj", "PDF"),
        (b"name".ljust(257, b"\0") + b"ustar" + bytes(200), "tar archive"),
        (bytes(range(32)) * 9 + b"abc", "control characters"),
    ],
)
def test_what_is_no_text_is_told_by_name(raw: bytes, said: str) -> None:
    with pytest.raises(RecordFault) as fault:
        decode(raw)
    assert fault.value.reason == "binary"
    assert said in fault.value.message


def test_a_named_encoding_decides() -> None:
    text = "Ploile torenţiale căzute"
    decoded = decode(text.encode("windows-1250"), "windows-1250")
    assert (decoded.text, decoded.encoding, decoded.quality_flags) == (text, "windows-1250", ())


def test_latin_1_is_taken_for_what_is_meant_by_it() -> None:
    assert decode("it’s".encode("windows-1252"), "iso-8859-1").encoding == "windows-1252"


def test_a_byte_order_mark_goes_before_a_named_encoding() -> None:
    assert decode(RUSSIAN.encode("utf-8-sig"), "windows-1251").encoding == "utf-8"


@pytest.mark.parametrize(
    ("raw", "encoding", "said"),
    [
        (RUSSIAN.encode(), "windows-1251", "names windows-1251, but this looks like utf-8"),
        (RUSSIAN.encode("windows-1251"), "utf-8", "but byte 1 (line 1) is not; it looks like windows-1251"),
        (TAIWANESE.encode("big5"), "gb18030", "names gb18030, but this looks like big5"),
        (b"hello world!", "utf-16", "names utf-16, but this looks like utf-8"),
    ],
)
def test_a_named_encoding_that_does_not_fit_is_a_reject_with_what_was_found(
    raw: bytes, encoding: str, said: str
) -> None:
    with pytest.raises(RecordFault) as fault:
        decode(raw, encoding)
    assert said in fault.value.message


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("cp1252", "windows-1252"),
        ("Latin1", "iso-8859-1"),
        ("UTF8", "utf-8"),
        ("KOI8_R", "koi8-r"),
        ("sjis", "shift_jis"),
        ("cp037", "cp037"),
        *(
            (name, None)
            for name in ("rot13", "hex", "zlib", "idna", "punycode", "unicode_escape", "utf-7", "undefined")
        ),
        *((name, None) for name in ("", "windows-9999", "\0", "utf-8\n", "mbcs")),
    ],
)
def test_only_codecs_of_text_can_be_named(given_name: str, name: str | None) -> None:
    assert named(given_name) == name


def test_every_codec_is_known_and_at_home_somewhere() -> None:
    names = [name for name, _ in (*CODECS, *WIDE_CODECS)]
    assert all(named(name) == name for name in names)
    homes = {name for codecs_of, _ in HOMES for name in codecs_of.split()}
    assert homes == set(names)
    assert {name for _, languages in HOMES for name in languages.split()} <= set(letters().languages)


@pytest.mark.parametrize(
    "text",
    [
        "The word café turned into cafÃ© in the old system.",
        "A page about mojibake: – becomes â€“, and naïve becomes naÃ¯ve.",
        "“Ã©” is what you see.",
        "AMANHÃ” disse; CITÉ™; Ä°; « Ã »; ĐÃ®; « â » ; Å™",
        "„Spaß“ – GROẞ“, PÂQUES… À “LÂ”; Â » Ê”",
        "П“С” и Р“С”; ЗРІСТ; В… в „в“ в–в",
        "√2, √x and √(a)",
        "The factor n√π appears twice in the formula of the paper.",
        "It grows as a√Ω and not as b√π, she said.",
        "a√Ω + b√π = c√µ; d√∂, e√∏, f√∫ and g√∞ follow, x√∑y too",
        "Le résultat est x√é, et non y√à ou z√ü.",
        "sin√πx + cos√πy ≈ 2√πxy, log√∂z: n≈π, √∆µ",
        "Done√, paid√£5 and √ ©; 3√ß, r√Ø and r√ø",
        "É™brand, Ä™brand and Å™brand; le prix É™x",
        "CafÉ™ and BarÉ™ and ThÉ™ are names",
        "LÃNH ĐẠO XÃ “TÂN HÒA” ĐÃ… BÀ Ã” VÀ",
        "ŞƏKİDƏ “Ə” HƏRFİ… İ–I; QƏBƏLƏ®",
    ],
)
def test_what_only_looks_like_mojibake_stays(text: str) -> None:
    assert clean(text) == (text, ())


@pytest.mark.parametrize(
    ("misread", "text"),
    [
        ("d√©j√†", "déjà"),
        ("S√£o Paulo", "São Paulo"),
        ("M√∂nchen und G√∂ttingen", "Mönchen und Göttingen"),
        ("L‚Äô√âtat, fran√ßais", "L’État, français"),
        ("gÉ™nc", "gənc"),
        # A formula next to what is misread.
        ("a√Ω and b√π\n\ndÃ©jÃ\u00a0", "a√Ω and b√π\n\ndéjà"),
        ("a√Ω and dÃ©jÃ\u00a0 n√π", "a√Ω and déjà n√π"),
    ],
)
def test_what_formulas_and_trade_marks_never_have_is_put_right(misread: str, text: str) -> None:
    assert clean(misread) == (text, ("mojibake_repaired",))


@given(
    st.lists(
        st.builds(
            "{}{}{}{}".format,
            st.sampled_from(["", "2", "n", "ab", "sin", "(", "Δ"]),
            st.sampled_from("√√√≈∆ƒ¬"),
            st.sampled_from("πΩµ∏∫∂∞∑ßØøÄÅÇÉÑÖÜáàâäãéèêëíìîïñóòôöúùû"),
            st.sampled_from(["", "x", "xy", ")", "²", " + "]),
            # Within a word, as in "wiƒôc", these are no formula: together with a root they tell of Mac Roman.
        ).filter(lambda formula: not re.search(r"[^\W\d_](?:ƒ[Éôü]|≈ü)[^\W\d_]", formula)),
        max_size=6,
    ),
    st.sampled_from([FRENCH, GERMAN, GREEK, "She wrote:"]),
)
def test_formulas_stay(formulas: list[str], text: str) -> None:
    written = f"{text}\n{' '.join(formulas)}"
    assert clean(written) == (unicodedata.normalize("NFC", written), ())


@pytest.mark.parametrize("codec", ["windows-1252", "windows-1251", "windows-1250", "windows-1254"])
@pytest.mark.parametrize("text", [FRENCH, GERMAN, RUSSIAN, POLISH, TURKISH, ARABIC, CZECH])
def test_misread_lines_are_put_right_whole_or_not_at_all(codec: str, text: str) -> None:
    misread = "".join(_sign(byte, codec) for byte in text.encode())
    found, flags = clean(misread)
    if found == text:
        assert "mojibake_repaired" in flags
    else:
        assert "mojibake_repaired" not in flags


def _sign(byte: int, codec: str) -> str:
    return codecs.decode(bytes([byte]), codec, "ignore") or chr(byte)


@pytest.mark.parametrize("text", [FRENCH, GERMAN, RUSSIAN, POLISH, TURKISH, ARABIC, CHINESE, THAI, GREEK])
def test_what_was_misread_as_windows_1252_is_put_right(text: str) -> None:
    misread = "".join(_sign(byte, "windows-1252") for byte in text.encode())
    assert clean(misread) == (text, ("mojibake_repaired",))


TOWN = "Der Bürgermeister von Köln eröffnete die Brücke über den Fluß; größere Straßen werden gesperrt.\n"
MINISTER = "Министр сообщил журналистам, что работы начнутся весной и продлятся. Жители ждут открытия моста.\n"


@pytest.mark.parametrize("lines", [(1, 1), (400, 400), (300, 1), (1, 300)])
@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        (MINISTER, "windows-1251", "koi8-r"),
        (MINISTER, "windows-1251", "mac-cyrillic"),
        (TOWN, "windows-1252", "cp850"),
        (TOWN, "windows-1252", "mac-roman"),
    ],
)
def test_a_text_that_changes_its_encoding_is_a_reject(
    text: str, first: str, second: str, lines: tuple[int, int]
) -> None:
    def numbered(count: int) -> str:
        return "".join(f"{number} {text}" for number in range(count))

    with pytest.raises(RecordFault) as fault:
        decode(numbered(lines[0]).encode(first) + numbered(lines[1]).encode(second))
    assert fault.value.reason == "undecodable"


def test_a_reject_of_two_encodings_names_the_line_and_both() -> None:
    raw = MINISTER.encode("windows-1251") * 600 + MINISTER.encode("mac-cyrillic") + MINISTER.encode("windows-1251")
    with pytest.raises(RecordFault, match=r"line 601 looks like mac-cyrillic \(“.*”\), and in windows-1251 it reads"):
        decode(raw)


def test_long_lines_without_spaces_are_not_parted_within_a_sign() -> None:
    text = "".join(f"{'甲' * number}a{CHINESE * 100}\n" for number in range(3))
    assert decode(text.encode("gb18030")).text == text


def test_a_line_of_another_encoding_among_chinese_is_a_reject() -> None:
    raw = (CHINESE + "\n").encode("gb18030") * 20 + MINISTER.encode("koi8-r") + CHINESE.encode("gb18030")
    with pytest.raises(RecordFault, match="undecodable"):
        decode(raw)


@pytest.mark.parametrize(
    ("codec", "texts"),
    [
        (
            "windows-1252",
            [
                TOWN,
                "L’élève a été reçu à l’école « Molière »…\n",
                "• 5 % – § 3, ½ £\n",
                "20°C ©AFP\n",
                "El 5º y la 3ª, £5m\n",
                "• “Ja”\n",
                "É…\n",
                "O‘zbekiston, bo‘ladi\n",
            ],
        ),
        ("windows-1251", [MINISTER, "Урад Беларусі ўхваліў праграму.\n", "Їжак і ґанок у Києві.\n", "№ 5 – «О»\n"]),
        ("windows-1250", [TOWN, "Žluťoučký kůň úpěl ďábelské ódy.\n", "Zażółć gęślą jaźń w Łodzi.\n"]),
        ("mac-roman", [TOWN, "Le garçon a déjà été reçu à l’école.\n", "La señora Muñoz cayó aquí.\n"]),
    ],
)
def test_lines_in_other_languages_are_not_of_another_encoding(codec: str, texts: list[str]) -> None:
    text = "".join([*texts, texts[0] * 3])
    assert decode(text.encode(codec)).text == text


def test_windows_punctuation_that_became_controls() -> None:
    assert decode("It\u0092s \u0093so\u0094 \u0096 yes".encode()).text == "It’s “so” – yes"
    # One that stands nowhere: then they are controls.
    assert decode("It\u0092s \u0093so\u0094 \u0081".encode()).text == "Its so "


@given(
    st.sampled_from([RUSSIAN, FRENCH, CZECH, JAPANESE, THAI]),
    st.sampled_from(["utf-8", "windows-1251", "windows-1252", "windows-1250", "shift_jis", "cp874", "utf-16-le"]),
    st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=4)), max_size=3),
)
def test_damaged_bytes_are_text_or_a_fault(text: str, codec: str, damages: list[tuple[int, bytes]]) -> None:
    raw = text.encode(codec, "ignore")
    for at, damage in damages:
        raw = raw[:at] + damage + raw[at:]
    try:
        decoded = decode(raw)
    except RecordFault as fault:
        assert fault.reason in {"empty", "blank", "binary", "undecodable"}
        assert "\n" not in fault.message
        return
    assert unicodedata.is_normalized("NFC", decoded.text)
    assert "\ufffd" not in decoded.text or "replacement_character" in decoded.quality_flags
    assert not any(unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in decoded.text)
    assert decode(decoded.text.encode()).text == decoded.text


@given(st.binary(max_size=300), st.sampled_from([None, *(name for name, _ in (*CODECS, *WIDE_CODECS)), "utf-16"]))
def test_any_bytes_in_any_named_encoding_are_text_or_a_fault(raw: bytes, encoding: str | None) -> None:
    try:
        text = decode(raw, encoding).text
    except RecordFault:
        return
    assert not any(unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    try:
        once, _ = clean(text)
    except RecordFault:
        return
    assert clean(once)[0] == once


@given(st.lists(st.sampled_from("ÃÂâ€Äé©Å™É°вЂРС“”…»\x92\x81\u00a0\u0301 aA\n"), max_size=12).map("".join))
def test_cleaning_what_looks_like_mojibake_twice_changes_nothing(text: str) -> None:
    once, _ = clean(text)
    assert clean(once)[0] == once


def test_bytes_at_random_are_never_text() -> None:
    draw = random.Random(7)
    for size in (20, 60, 200, 1_000):
        for _ in range(20):
            with pytest.raises(RecordFault):
                decode(bytes(draw.randrange(0x20, 0x100) for _ in range(size)))


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Burmistrz otworzył w poniedziałek nowy most. ", "Iedzīvotāji to gaidīja daudzus gadus.".encode("iso-8859-4")),
        (
            "Der Bürgermeister eröffnete am Montag die neue Brücke über den Fluss, für die Bürger. ",
            "Obyvatelé na něj čekali řadu let, řekl úředník.".encode("cp852"),
        ),
        ("Le maire a inauguré le pont. ", b"\x93\x94\x93\x94\x93\x94"),
        ("Der Bürgermeister eröffnete die Brücke. ", b"\xc3\xc3" * 6),
    ],
)
def test_one_line_in_two_encodings_is_not_read_as_one(text: str, other: bytes) -> None:
    with pytest.raises(RecordFault):
        decode(text.encode() + other)


@pytest.mark.parametrize("codec", ["gb18030", "euc-kr", "euc-jp"])
def test_what_looks_like_utf_8_by_chance_alone_is_no_mixture_with_it(codec: str) -> None:
    assert decode(RUSSIAN.encode(codec)).encoding in (codec, "gb18030")
