"""What every judgement leaves behind, so that `copydesk explain` can show it. No judging here."""

from __future__ import annotations

from typing import NamedTuple


class Evidence(NamedTuple):
    """Something that was recognised, whether it won or lost.

    Attributes:
        field: the column that it speaks for, such as `dateline` or `content_created`.
        value: what it says, normalised, as text.
        rule: the form, method or look-up that read it.
        start, end: its place in the text (code points, end exclusive); None if it has none.
        has_won: whether the document's value is this one.
        reason: why it won or lost, in a few words.
    """

    field: str
    value: str
    rule: str
    start: int | None
    end: int | None
    has_won: bool
    reason: str
