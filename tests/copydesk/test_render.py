import datetime as dt
import json

import pytest

from copydesk.render import as_csv, as_json, as_jsonl, as_markdown, as_table, visible

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
