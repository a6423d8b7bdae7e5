import csv
import datetime as dt
import io
import json
import unicodedata

import pytest

import copydesk.render
from copydesk.render import (
    FORMS,
    as_csv,
    as_json,
    as_jsonl,
    as_markdown,
    as_table,
    no_formula,
    print_lines,
    table_lines,
    visible,
)
from copydesk.sheet import cell_text

NAMES = ("name", "n")


def test_tables_are_aligned_by_what_is_seen() -> None:
    assert as_table(NAMES, [("北京", 1), ("é", 200), (None, None)]).splitlines() == [
        "name     n",
        "────  ────",
        "北京     1",
        "é      200",
        "NULL  NULL",
    ]
    assert as_table(NAMES, []) == "name  n\n────  ─"


def test_long_values_are_cut_in_tables_only() -> None:
    long = "x" * 200
    assert as_table(("a",), [(long,)]).splitlines()[2] == "x" * 119 + "…"
    assert long in as_csv(("a",), [(long,)])


def test_nothing_can_steer_the_terminal() -> None:
    assert visible("a\x1b[31m\nb\u202ec\x9b") == "a\\x1b[31m⏎b\\u202ec\\x9b"
    assert "\x1b" not in as_table(("a",), [("\x1b]0;x\x07",)])


ODD = "a\x1b[2J\x9b\x07\x08\r\u202e\u2066\u200b\u200d\u2028\xad\x7f\ufeff\U000e0041\xa0b"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_terminal", [True, False])
def test_no_form_steers_a_terminal(form: str, is_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    output = io.TextIOWrapper(content, write_through=True)
    monkeypatch.setattr(output, "isatty", lambda: is_terminal)
    monkeypatch.setattr("sys.stdout", output)
    print_lines(FORMS[form]([ODD], [(ODD,), ([ODD],), ({ODD: ODD},)]))
    printed = content.getvalue().decode()
    if is_terminal or form != "csv":
        assert printed.replace("\n", "").isprintable()
    else:
        assert printed.startswith(f'"{ODD}"\n"{ODD}"\n')
    if form in ("json", "jsonl"):
        first = json.loads(printed if form == "json" else f"[{printed.splitlines()[0]}]")[0]
        assert first == {ODD: ODD}


def test_a_table_is_made_as_its_rows_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copydesk.render, "BLOCK", 2)
    taken = []
    lines = table_lines(("a", "b"), ((taken.append(at) or "x" * at, at) for at in range(1, 6)))
    assert [next(lines) for _ in range(3)] == ["a   b", "──  ─", "x   1"]
    assert taken == [1, 2]
    assert list(lines) == ["xx  2", "xxx   3", "xxxx  4", "xxxxx  5"]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ('=HYPERLINK("http://example.org")', '\'=HYPERLINK("http://example.org")'),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+1+1", "'+1+1"),
        ("-1+1", "'-1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("\t=1", "\t'=1"),
        ("\r=1", "\r'=1"),
        (' "=1', ' "\'=1'),
        ("＝1＋1", "'＝1＋1"),
        ("- Trend reports", "'- Trend reports"),
        ("a;=1+1", "a;'=1+1"),
        ("a\n\n  =1+1\nb", "a\n\n  '=1+1\nb"),
        ('a\n"@x', 'a\n"\'@x'),
        ("a\n-1+cmd|'x'!A0", "a\n'-1+cmd|'x'!A0"),
        *((same, same) for same in (
            "+1", "-2", "-2.5", "-2,5", "+1e-5", "-infinity", "1-2", "a=1", "a, -2; -3", "a\n- one\n- two", "'=1", "",
        )),
    ],
)  # fmt: skip
def test_no_text_in_csv_is_a_formula_and_numbers_stay_numbers(text: str, safe: str) -> None:
    assert no_formula(text) == safe
    (row,) = csv.reader(io.StringIO(as_csv((text,), []), newline=""))
    assert row == [safe]


def test_what_cannot_be_seen_hides_no_formula() -> None:
    unseen = [
        chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zs", "Zl", "Zp")
    ]
    assert len(unseen) > 200
    for sign in (*unseen, "\u034f", "\ufe0f", "\u3164", "\u200e \ufeff\u200b"):
        assert no_formula(f"{sign}=1+1") == f"{sign}'=1+1", ascii(sign)
        assert no_formula(f"a;{sign}@x") == f"a;{sign}'@x", ascii(sign)
        assert no_formula(f"{sign}-2") == f"{sign}-2", ascii(sign)
        # A coding sheet shows some of them.
        assert "'=1" in cell_text(f"{sign}=1") or cell_text(sign).strip() not in ("", sign), ascii(sign)


def test_odd_texts_take_no_longer_than_they_are() -> None:
    for text in ("\n" * 200_000, ";" + " " * 200_000, "\n-" * 100_000, '"' * 200_000, "\n=" * 100_000, "-1" * 100_000):
        assert len(no_formula(text)) >= len(text)
    assert as_table(("a",), [("\u0301" * 1_000_000,)])


def test_markdown_cannot_be_broken_out_of() -> None:
    text = as_markdown(("a",), [("<script>|`x`\n[l](http://e) *b*",)])
    assert text.splitlines()[2] == r"| &lt;script&gt;\|\`x\`⏎\[l\](http://e) \*b\* |"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (float("nan"), None),
        (float("inf"), None),
        (dt.date(2021, 2, 27), "2021-02-27"),
        (dt.datetime(2021, 2, 27, 1, 2), "2021-02-27T01:02:00"),
        (["a", None], ["a", None]),
        ({"fr": "x"}, {"fr": "x"}),
        (b"\x00\xff", "00ff"),
    ],
)
def test_json_holds_every_value(value: object, plain: object) -> None:
    assert json.loads(as_json(("a",), [(value,), (value,)])) == [{"a": plain}, {"a": plain}]
    assert [json.loads(line) for line in as_jsonl(("a",), [(value,)]).splitlines()] == [{"a": plain}]


def test_csv_quotes_what_needs_it() -> None:
    assert as_csv(NAMES, [('a"b,c\n', None)]) == 'name,n\n"a""b,c\n",'
    assert as_csv(NAMES, [("", 1), (None, 2), ("a\rb", "'")]) == 'name,n\n"",1\n,2\n"a\rb",\''
    assert as_csv(("a",), [(None,), ("x",)]) == 'a\n""\nx'
