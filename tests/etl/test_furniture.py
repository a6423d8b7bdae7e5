"""Page furniture: what is cut from around written articles, and what never is."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.furniture import Page, is_cut, outcome, pages, sentences
from etl import furniture
from etl.furniture import end_of_article, end_of_page_head, kind_of_line
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
        "“We use cookies because everyone else does,” the director of the firm told them.",
        "‘All rights reserved’ is what it says on every one of them, the curator said.",
        '"All rights reserved is what it says on every one of them," the curator said.',
        "– Nous utilisons des cookies parce que tout le monde le fait.",
        "1,200 people said they had to accept all cookies before they saw the page.",
        "5 % der Leser wollten, dass alle Rechte vorbehalten bleiben.",
        "$3 is the price, the use of cookies and all rights reserved included.",
        "(The firm later said that all rights reserved in the contract had been given back.)",
        "[Some said that they had to accept all cookies.]",
        "(c) The third firm said that all rights reserved had been given back.",
        "¿Quién dijo que todos los derechos reservados son nuestros?, preguntó el ministro al final.",
        "14.05.2024 17:07 the ship sailed, all rights reserved.",
    ],
)
def test_no_sentence_is_taken_for_furniture(reference: Reference, below: str) -> None:
    text = f"{ARTICLE}\n\n{below}"
    assert end_of_article(text, 0, len(text), reference) == len(text)


SENTENCES_THAT_BEGIN_AS_THOSE_OF_PAGES = [
    "Share prices fell on Monday.",
    "Read more books, the minister urged pupils.",
    "Follow us, the general told his men.",
    "Follow us on Twitter, the minister told reporters.",
    "Subscribe to our newsletter, the advertisement said.",
    "Copyright law was amended on Tuesday.",
    "All rights reserved for women were withdrawn.",
    "Comments by the minister were not welcome.",
    "Cookies were sold at the fair.",
    "We use cookies, he said.",
    "Print media suffered losses.",
    "Sign up for our army, the posters say.",
    "Related articles of the treaty were repealed.",
    "Read also the constitution, the judge told him.",
    "Leave a comment, the sign at the museum says.",
    "Tags were put on the cattle.",
    "Photo: the minister arrived on Monday.",
    "Share this with your neighbours, the mayor said.",
    "Views differ on the matter.",
    "Advertisement spending rose by 3 percent.",
    "Contact us, the embassy asked its nationals.",
    "Click here, the fraudsters wrote.",
    "This website was blocked by the ministry.",
    "Our newsletter is read by 3,000 people, he said.",
    "Please enable JavaScript, the bank told its clients.",
    "Download the app, the ministry advised travellers.",
    "© is the sign for copyright, the court said.",
    "Suivez-nous, a dit le général à ses hommes.",
    "Partagez cet article de foi, a dit le prêtre.",
    "Abonnez-vous à la paix, a-t-il lancé.",
    "Lire aussi est un plaisir, a dit le ministre.",
    "Tous droits réservés aux femmes ont été retirés.",
    "Nous utilisons des cookies, a-t-il dit.",
    "Síganos, dijo el general a sus hombres.",
    "Compartir el pan es un deber, dijo.",
    "Leer más es importante, dijo la ministra.",
    "Todos los derechos reservados a la mujer fueron retirados.",
    "Teilen Sie Ihr Brot, sagte der Pfarrer.",
    "Lesen Sie mehr, sagte die Ministerin.",
    "Alle Rechte vorbehalten waren dem König.",
    "Folgen Sie uns, sagte der General.",
    "Wir verwenden Cookies, sagte er.",
    "Читайте также классиков, сказал министр.",
    "Подписывайтесь на газеты, призвал он.",
    "Поделиться хлебом просил священник.",
    "Все права защищены законом, сказал судья.",
    "تابعونا، قال الجنرال لرجاله.",
    "اقرأ أيضا كتب التاريخ، قال الوزير.",
    "Bizi takip edin, dedi general.",
    "Tüm hakları saklıdır, dedi yargıç.",
    "Seguici, disse il generale.",
    "Leggi anche i classici, ha detto il ministro.",
    "版权所有的问题引起争议。",
    "分享经验是会议的目的。",
    "Siga-nos, disse o general.",
    "Leia mais livros, disse o ministro.",
    "未经授权的无人机不得在机场附近飞行。",
    "Dilarang keras merokok di gedung itu.",
    "저작권자가 소송을 냈다.",
    "کلیه حقوق کارکنان پرداخت شد.",
    "Already a member of the union, the country wants more.",
    "Copyright 2021 rules were not kept in the town.",
    "© is what they painted on every wall.",
    "Si continúa navegando hacia el norte, el barco llegará el lunes.",
    "Перепечатка книги началась в понедельник.",
    "未经监护人同意，任何人不得使用未成年人的照片。",
    "無断使用の禁止を定めた改正法が1日、施行された。",
    "Перепечатка статей Солженицына в СССР каралась тюрьмой.",
    "The views expressed in Brussels are not necessarily shared in Berlin.",
    "Reproducción prohibida, su nueva novela, saldrá en mayo.",
    "حمل تطبيق القانون معنى جديدا.",
    "Unduh aplikasi ilegal meningkat pada 2021.",
    "Nachdruck nur mit Mühe verhindern konnte der Verlag.",
    "Если вы заметили ошибку в квитанции, сообщите об этом в налоговую службу.",
    "责任编辑、记者王某因涉嫌受贿被捕。",
    "제보는 카카오톡으로 시작됐다.",
    "Bültenimize abone olanların sayısı bini geçti.",
    "Saytdakı materiallar prokurorluğa göndərildi.",
    "All Rights Reserved, a band from Leeds, won the prize on Friday.",
]


@pytest.mark.parametrize("sentence", SENTENCES_THAT_BEGIN_AS_THOSE_OF_PAGES)
def test_a_sentence_that_begins_as_one_of_a_page_stays(reference: Reference, sentence: str) -> None:
    below, above = f"{ARTICLE}\n\n{sentence}", f"{sentence}\n\n{ARTICLE}"
    assert end_of_article(below, 0, len(below), reference) == len(below)
    assert end_of_page_head(above, 0, reference) == 0


SENTENCES = [
    "The bridge over the river is open again, the town said on Monday.",
    '"Who is going to pay for the new bridge over the river?"',
    "And who, the members asked again and again, is going to pay for all of it?",
    "3,000 visitors came!",
    "„Wir haben unser Ziel erreicht.“",
    "Müller sagte: ‚Wir haben unser Ziel erreicht!‘",
    "»Vi har nået vores mål.«",
    "”Vi har nått vårt mål.”",
    "« Nous avons atteint notre but. »",
    "¿Quién va a pagar el puente?",
    "(El puente se abrió el lunes.)",
    "Кто заплатит за новый мост через реку, спросили депутаты?",
    "他說：「我們會繼續努力，直到橋樑完工。」",
    "首相は『国民の理解を得たい！』",
    "谁来为新桥买单？",
    "وسأل النائب أمام الصحفيين: متى يبدأ العمل بهذا القانون الجديد؟",
    "وزیر نے کہا کہ یہ عوام کے لیے بہت اچھا دن ہے۔",
    "पुल सोमवार को फिर से खुल गया।",
    "ស្ពានបើកវិញហើយ។",
    "တံတားပြန်ဖွင့်ပြီ။",
    "ድልድዩ እንደገና ተከፈተ።",
    "Կամուրջը կրկին բաց է։",
    "Who will pay for it? (The town will.)",
]


@pytest.mark.parametrize("heading", ["Read also", "Lesen Sie auch", "相關新聞"])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_what_goes_on_behind_a_box_of_other_headlines_stays(reference: Reference, heading: str, sentence: str) -> None:
    text = f"{ARTICLE}\n\n{heading}\n\nA quay opens\n\n{sentence}"
    assert end_of_article(text, 0, len(text), reference) == len(text)


@pytest.mark.parametrize(
    "below",
    [
        "Read also\nWho mends the road?\nA quay opens",
        "Read also\nA quay opens\nRain is expected\nWho mends the road?\nLeave a comment",
        "Read also\nA quay opens\nRain is expected\nWho mends it?\nWho paints it?\nLeave a comment",
        "17:40 A quay opens\n17:21 Who mends the road?\n17:07 A coach is named",
        "17:40 A quay opens\n17:21 A coach is named\n17:07 Who mends the road?",
        "14.05.2024 [17:07]\nA quay opens\n13.05.2024 [17:07]\nWho mends the road?",
        "14.05.2024 [17:07] Who mends the road?",
    ],
)
def test_headlines_that_ask_go_with_the_others(reference: Reference, below: str) -> None:
    text = f"{ARTICLE}\n\n{below}"
    assert text[: end_of_article(text, 0, len(text), reference)] == ARTICLE


@pytest.mark.parametrize(
    "below",
    [
        "Read also\nWho mends the road?",
        "Read also\nA quay opens\nRain is expected\nWho mends the road?",
        "Read also\nA quay opens\nWho mends the road?\nJane Doe",
        "A quay opens\nRain is expected\nWho mends the road?\nJane Doe",
    ],
)
def test_a_question_that_may_be_the_article_s_stays(reference: Reference, below: str) -> None:
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


WRITTEN_SENTENCES = list(sentences(ROOT / "tests/etl/site_sentences.tsv"))


@pytest.mark.parametrize(("kind", "fewest"), [("article", 450), ("report", 2_000)])
def test_no_sentence_that_an_article_may_end_with_is_cut(reference: Reference, kind: str, fewest: int) -> None:
    of_articles = [sentence for _, of_kind, sentence in WRITTEN_SENTENCES if of_kind == kind]
    assert len(of_articles) >= fewest
    assert [sentence for sentence in of_articles if is_cut(sentence, reference)] == []


@pytest.mark.parametrize(
    ("line", "is_known"),
    [
        # All words have to be of one language, and one of them its own.
        ("We use cookies to improve your experience.", True),
        ("We use cookies pour votre expérience.", False),
        ("Telegram Facebook WhatsApp Google.", False),
        # Names are told by their capitals, in German not.
        ("Subscribe to our newsletter, The Riverside Gazette.", True),
        ("Abonnieren Sie den Newsletter der Brücke.", False),
        # Where there are none, by what stands next to them.
        ("جميع الحقوق محفوظة لصحيفة النهر.", True),
        ("جميع الحقوق محفوظة للنهر.", False),
        ("未经河畔通讯社授权，禁止转载。", True),
        ("未经河畔的桥授权，禁止转载。", False),
        # More names than other words are a list, unless it says whose they are.
        ("Subscribe Anna Berta Clara Dora.", False),
        ("© Anna Berta Clara.", True),
        ("© is used by many publishers.", False),
        ("(c) the right to access personal data.", False),
        ("Copyright (Amendment) Act applies to photographs.", False),
        # A formula keeps to its sentence.
        ("All rights reserved.", True),
        ("All rights. Reserved material.", False),
        # A line that begins with a small letter goes on from the one above.
        ("we use cookies to improve your experience.", False),
        # Addresses are no words; accents and vowels may be left out.
        ("Write to us at news@example.com or visit www.example.com/tips.", True),
        ("Utilizamos cookies para mejorar su experiencia de navegacion.", True),
    ],
)
def test_a_sentence_of_a_site_is_told_by_all_of_its_words(reference: Reference, line: str, is_known: bool) -> None:
    assert (kind_of_line(line, reference) == "furniture") is is_known


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Lire aussi :", "heading"),
        ("Другие новости", "heading"),
        ("相关新闻", "heading"),
        ("اقرأ أيضا: سوق جديدة", "furniture"),
        ("Просмотров: 1 234", "furniture"),
        ("浏览：1234次", "furniture"),
        ("Bu haber 120 kez okundu", "furniture"),
        ("12.02.2025 [17:07]", "stamp"),
        ("Facebook", "button"),
        ("Share Facebook Twitter", "furniture"),
        ("Startseite > Kultur", "furniture"),
        ("Politique", "menu"),
        ("* * *", "button"),
        ("Lens - Nantes 3-1", None),
        ("17:07 New school opens", None),
        # A sentence is furniture only by how it begins, or as a whole.
        ("We use cookies to improve this page.", "furniture"),
        ("All rights reserved by The Agency. No copies.", "furniture"),
        ("Copyright 2021 The Associated Press.", "furniture"),
        ("Tous droits réservés Agence X.", "furniture"),
        ("Hak cipta dilindungi undang-undang.", "furniture"),
        ("版权所有，未经授权不得转载。", "furniture"),
        ("未经书面许可，禁止转载。", "furniture"),
        ("無断転載を禁じます。", "furniture"),
        ("무단전재 및 재배포 금지.", "furniture"),
        ("Bizi Facebook'ta takip edin.", "furniture"),
        ("Already a subscriber? Log in.", "furniture"),
        ("Subscribe to our newsletter for daily news.", "furniture"),
        ("Нашли ошибку? Выделите текст и нажмите Ctrl+Enter.", "furniture"),
        ("Already a subscriber?", "furniture"),
        ("Copyright © 2024 The Guardian.", "furniture"),
        ("Copyright 2020-2024 Example Media.", "furniture"),
        ("Copyright © The Associated Press. All rights reserved.", "furniture"),
        ("© dpa.", "furniture"),
        ("सर्वाधिकार सुरक्षित।", "furniture"),
        ("جميع الحقوق محفوظة لقناة الجزيرة.", "furniture"),
        ("版权所有侵权必究。", "furniture"),
        ("¿Ya eres suscriptor? Inicia sesión.", "furniture"),
        ("Follow us on X.", "furniture"),
        ("We use cookies.", "furniture"),
        ("Queda prohibida la reproducción.", "furniture"),
        ("저작권자 ⓒ 연합뉴스.", "furniture"),
        ("Нашли ошибку? Сообщите нам.", "furniture"),
        ("Alle Rechte vorbehalten durch die dpa.", "furniture"),
        ("Déjà abonné ? Connectez-vous.", "furniture"),
        ("Síganos en Twitter y en las redes sociales.", "furniture"),
        ("تابعونا على تويتر.", "furniture"),
        ("The court will rule on the use of cookies.", None),
        ("Photo: the bridge that the minister opened on Monday.", None),
        ("Published in 1995, the book sold 20,000 copies.", None),
    ],
)
def test_a_line_is_known_by_its_words(reference: Reference, line: str, kind: str | None) -> None:
    assert kind_of_line(line, reference) == kind


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        ("Home\nPolitics\nEconomy\n", "Sports\nThe bridge is open."),
        ("Accueil\nPolitique\nCulture\nA+ A\n", "Société\nUn marché rouvre"),
        ("VIDEO\n", "Baku, 3 May (APA) - The bridge is open."),
        # One or two names of sections are the article's own.
        ("", "Society\nThe market is open again"),
        ("", "News\nSociety\nThe market is open again"),
        ("", "The bridge is open."),
    ],
)
def test_the_menus_above_an_article_end_before_its_section(reference: Reference, head: str, rest: str) -> None:
    assert (head + rest)[end_of_page_head(head + rest, 0, reference) :].lstrip() == rest


def test_a_menu_goes_over_any_number_of_blank_lines(reference: Reference) -> None:
    looked = 0

    class Counted(str):
        def find(self, *arguments: Any) -> int:
            nonlocal looked
            looked += 1
            return super().find(*arguments)

    head = "\n".join(["", "Home", "Politics", "Economy", "Sports", ""]).replace("\n", "\n \n" * 1_000)
    text = Counted(f"{head}The bridge is open.")
    assert text[end_of_page_head(text, 0, reference) :].lstrip().startswith("Sports")
    assert looked <= 10


def test_news_go_back_in_time_and_a_programme_does_not(reference: Reference) -> None:
    news = f"{ARTICLE}\n17:40 A quay opens\n17:21 Rain is expected\n17:07 A coach is named"
    programme = f"{ARTICLE}\n17:07 The doors open\n17:21 The choir sings\n17:40 The prizes are given"
    assert news[: end_of_article(news, 0, len(news), reference)] == ARTICLE
    assert end_of_article(programme, 0, len(programme), reference) == len(programme)


def test_a_chronology_goes_on_and_stays(reference: Reference) -> None:
    last = "14.05.2024 [17:07]\nThe ship sails\n{} [16:40]\nThe ship arrives"
    chronology, news = (f"{ARTICLE}\n{last.format(day)}" for day in ("15.05.2024", "13.05.2024"))
    assert end_of_article(chronology, 0, len(chronology), reference) == len(chronology)
    assert news[: end_of_article(news, 0, len(news), reference)] == ARTICLE


def test_an_article_of_short_lines_alone_keeps_them(reference: Reference) -> None:
    text = "Lens - Nantes 3-1\nRelated\nLyon - Angers 2-0"
    assert end_of_article(text, 0, len(text), reference) == len(text)


LINES = st.sampled_from(
    ["Share", "Facebook", "Read also", "17:07 A quay opens", "12.02.2025 [17:07]", "Lens - Nantes 3-1", "© 2021 The Agency",
     "Home > News", "Comments (3)", "Tags: a, b", "", "Politics", "***", "Who mends the road?", "Your name *"]
)  # fmt: skip


SPOKEN = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "1,200 ", "$5 ", "5 % ", "“", "„", "»", "« ", "「", "『", "(", "[", "¿", "– ", '"', "'", "… "]),
    st.sampled_from(
        ["they said all rights reserved were theirs", "viele sollten alle Cookies akzeptieren", "то все права защищены",
         "dijo que todos los derechos reservados son suyos", "他们说版权所有", "قال إن جميع الحقوق محفوظة", "वे सर्वाधिकार सुरक्षित"]
    ),
    st.sampled_from([".", "!", "…", ".”", ".“", "!«", " ! »", "?”", "?)", "?“", "。", "。」", "！』", "۔", "؟»", "।", "॥'", "។"]),
)  # fmt: skip


@given(
    parts=st.one_of(
        st.tuples(st.just(""), st.sampled_from(SENTENCES)), st.tuples(st.sampled_from(["", f"{ARTICLE}\n"]), SPOKEN)
    ),
    above=st.lists(LINES, max_size=12),
    below=st.lists(LINES, max_size=30),
)
@settings(max_examples=300, deadline=None)
def test_a_sentence_is_never_cut(
    reference: Reference, parts: tuple[str, str], above: list[str], below: list[str]
) -> None:
    opening, sentence = parts
    # In a list of headlines a question may be one of them.
    is_listed = {"heading", "stamp"} & {kind_of_line(line, reference) for line in above if line}
    assume(not (is_listed and sentence.rstrip('”“"»).').endswith(("?", "？", "؟"))))
    text = opening + "\n".join([*above, sentence, *below])
    start = end_of_page_head(text, 0, reference)
    start += len(text[start:]) - len(text[start:].lstrip())
    assert sentence in text[start : end_of_article(text, start, len(text.rstrip()), reference)]


@pytest.mark.parametrize(
    "line", ["Share", "A A A A A A A A!", "a | a | a | a | a |", "17:07 x", "12.02.2025 [17:07]", "#a, "]
)
def test_only_so_many_lines_are_looked_at(reference: Reference, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    text = f"The bridge is open.\n{(line + chr(10)) * (1_000_000 // len(line))}".rstrip()
    looked_at = 0

    def counted(*arguments: Any) -> str | None:
        nonlocal looked_at
        looked_at += 1
        return kind_of_line(*arguments)

    monkeypatch.setattr(furniture, "kind_of_line", counted)
    end_of_article(text, 0, len(text), reference)
    end_of_page_head(text, len("The bridge is open."), reference)
    assert looked_at <= 300
