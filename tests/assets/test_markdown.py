"""What the web UI is given to show inline is short, and nothing in it comes to life."""

import base64
import io
import random
import re

import pytest
from PIL import Image

from assets.markdown import INLINE_CHARACTERS, bar_chart, escape, share_table


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "![a](http://example.org/x.png)",
        "a | b",
        "**bold** _it_ `code` ~~no~~ # no",
        "\\[a](b)",
        "&lt;b&gt;",
        "line\n\n# another",
    ],
)
def test_nothing_in_a_text_is_markup(text: str) -> None:
    escaped = escape(text)
    assert "\n" not in escaped
    assert not re.search(r"<|>|(?<!\\)(?:\\\\)*[`*_\[\]|~#!]|&(?!amp;|lt;|gt;)", escaped)
    shown = re.sub(r"\\(.)", r"\1", escaped).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert shown == " ".join(text.split())


def picture(chart: str) -> Image.Image:
    found = re.match(r"!\[[^\]]*\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)\n\n", chart)
    assert found, chart
    return Image.open(io.BytesIO(base64.b64decode(found[1])))


def bars(image: Image.Image) -> list[int]:
    """The height of each bar."""
    alpha = image.convert("RGBA").getchannel("A")
    columns = [[alpha.getpixel((x, y)) for y in range(alpha.height)] for x in range(alpha.width)]
    heights = [sum(1 for value in column if value) for column in columns]
    width = next(width for width in range(3, 25) if image.width % width == 0 and heights[width - 1] == 0)
    return heights[::width]


def test_a_chart_has_a_bar_for_each_month_from_the_first_to_the_last() -> None:
    chart = bar_chart({"2021-03": 10, "2020-12": 5, "undated": 2}, "documents")
    assert bars(picture(chart)) == [24, 0, 0, 48]
    assert "2020-12 to 2021-03, one bar a month; most in 2021-03: 10\n\n2 undated" in chart


def test_one_document_is_seen_beside_many() -> None:
    assert bars(picture(bar_chart({"2021-01": 1, "2021-02": 100_000}, "documents"))) == [1, 48]


def test_many_months_are_grouped_into_years() -> None:
    chart = bar_chart({"1900-01": 1, "1900-12": 1, "2021-02": 4}, "documents")
    assert "1900 to 2021, one bar a year; most in 2021: 4" in chart
    heights = bars(picture(chart))
    assert (len(heights), heights[0], heights[-1]) == (122, 24, 48)


def test_no_months_no_chart() -> None:
    assert bar_chart({}, "documents") == "No documents with a month."
    assert bar_chart({"undated": 3}, "documents") == "No documents with a month; 3 undated."


@pytest.mark.parametrize("count", [1, 12, 120, 121, 600, 5_000])
def test_every_chart_is_short_enough_to_be_shown_in_place(count: int) -> None:
    numbers = random.Random(count)
    months = {f"{1600 + at // 12:04}-{at % 12 + 1:02}": numbers.randint(0, 10**6) for at in range(count)}
    assert len(bar_chart(months, "documents")) < INLINE_CHARACTERS


def test_a_table_of_shares() -> None:
    table = share_table([("wi|re", 1_234, {"dated": 1.0, "placed": 0.996}), ("b", 1, {"dated": 0.0, "placed": 0.5})])
    assert table.splitlines() == [
        "| source | dated | placed |",
        "|---|---|---|",
        "| wi\\|re (1,234) | █████\u00a0100% | ████░\u00a099% |",
        "| b (1) | ░░░░░\u00a00% | ██░░░\u00a050% |",
    ]


@pytest.mark.parametrize("count", [0, 1, 5, 50, 500])
def test_every_table_is_short_enough_to_be_shown_in_place(count: int) -> None:
    rows = [("|" * 200 + str(at), at, dict.fromkeys(("dated", "placed", "with an agency"), 0.5)) for at in range(count)]
    table = share_table(rows)
    assert len(table) < INLINE_CHARACTERS
    if count >= 50:
        assert re.search(r"\n\n… and \d+ more$", table)
