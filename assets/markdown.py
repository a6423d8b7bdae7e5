"""Markdown that the web UI shows inline: small charts and tables, with everything that comes from documents escaped.

The UI shows Markdown in place only below 1,000 characters; everything made here stays below. What is shown where is
decided in `assets.metadata`.
"""

import base64
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence

INLINE_CHARACTERS = 1_000
"""From so many characters on, the UI hides Markdown behind a button."""

BAR_COLOUR = (79, 110, 220)
"""A blue that can be seen on the light and on the dark theme."""

MAXIMUM_BARS = 120
"""More bars than this are grouped into years: with one or two pixels each they would say nothing."""

NAME_CHARACTERS = 40
"""Names of sources are cut here: they may be as long as a folder's name."""

BLOCKS = 5
"""Blocks of a bar that stands for a share."""


def escape(text: str) -> str:
    """Text from outside as Markdown that shows it and does nothing else: no markup, no HTML, on one line."""
    return re.sub(r"([\\`*_\[\]|~#!])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def bar_chart(counts: Mapping[str, int], what: str) -> str:
    """Counts per month as a chart with one bar a month, or a year if there are many months.

    Args:
        counts: by month (2021-02); other keys are named below the chart.
        what: what is counted, in the plural.
    """
    months = {month: count for month, count in counts.items() if re.fullmatch(r"\d{4}-\d{2}", month)}
    others = ", ".join(f"{count:,} {escape(name)}" for name, count in sorted(counts.items()) if name not in months)
    if not months:
        return f"No {what} with a month; {others}." if others else f"No {what} with a month."
    bars = _filled(months)
    step = "month"
    if len(bars) > MAXIMUM_BARS:
        bars, step = _by_year(bars), "year"
    most = max(bars, key=lambda name: bars[name])
    caption = f"{min(bars)} to {max(bars)}, one bar a {step}; most in {most}: {bars[most]:,}"
    if others:
        caption = f"{caption}\n\n{others}"
    for height in (48, 32, 16):
        picture = base64.b64encode(_png(list(bars.values()), height)).decode()
        chart = f"![{what} per {step}](data:image/png;base64,{picture})\n\n{caption}"
        if len(chart) < INLINE_CHARACTERS:
            return chart
    return caption


def share_table(rows: Sequence[tuple[str, int, Mapping[str, float]]]) -> str:
    """Shares as a table with small bars.

    Args:
        rows: name, number of documents, and shares of 0 to 1 by title, the same titles for each; the first rows
            are kept where not all fit.
    """
    if not rows:
        return "No documents."
    titles = list(rows[0][2])
    table = [
        f"| source | {' | '.join(titles)} |",
        f"|---|{'---|' * len(titles)}",
        *(
            f"| {escape(name[:NAME_CHARACTERS])} ({count:,}) | {' | '.join(map(_bar, shares.values()))} |"
            for name, count, shares in rows
        ),
    ]
    return _fitting(table, lambda left: f"\n\n… and {left} more")


def _bar(share: float) -> str:
    """A share as blocks and a number; only none is 0 %, and only all is 100 %."""
    percent = round(share * 100)
    if 0 < share < 1:
        percent = min(max(percent, 1), 99)
    full = percent * BLOCKS // 100
    # A no-break space: the number stays beside its bar.
    return f"{'█' * full}{'░' * (BLOCKS - full)}\u00a0{percent}%"


def _fitting(lines: Sequence[str], more: Callable[[int], str]) -> str:
    """As many lines as stay inline, and how many do not."""
    kept = list(lines)
    while len(kept) > 3:
        left = len(lines) - len(kept)
        text = "\n".join(kept) + (more(left) if left else "")
        if len(text) < INLINE_CHARACTERS:
            return text
        kept.pop()
    return "\n".join(kept)


def _filled(months: Mapping[str, int]) -> dict[str, int]:
    """Every month from the first to the last: gaps are part of the picture."""
    first, last = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (min(months), max(months)))
    names = (f"{at // 12:04}-{at % 12 + 1:02}" for at in range(first, last + 1))
    return {name: months.get(name, 0) for name in names}


def _by_year(months: Mapping[str, int]) -> dict[str, int]:
    years: dict[str, int] = {}
    for month, count in months.items():
        years[month[:4]] = years.get(month[:4], 0) + count
    return years


def _png(values: Sequence[int], height: int) -> bytes:
    """Bars on a transparent ground, one for each value."""
    # Only now: the command escapes Markdown, too, and draws nothing.
    from PIL import Image, ImageDraw

    width = max(3, min(24, 480 // len(values)))
    gap = 1 if width < 8 else 2
    image = Image.new("P", (width * len(values), height), 0)
    image.putpalette([0, 0, 0, *BAR_COLOUR])
    draw = ImageDraw.Draw(image)
    top = max(values) or 1
    for at, value in enumerate(values):
        # One document is a pixel, however high the others are.
        size = max(1, round(value / top * height)) if value else 0
        if size:
            draw.rectangle((at * width, height - size, (at + 1) * width - gap - 1, height - 1), fill=1)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True, bits=1, transparency=0)
    return out.getvalue()
