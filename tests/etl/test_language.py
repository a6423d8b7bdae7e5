import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.language import detect_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Le conseil municipal a voté la rénovation du vieux marché couvert et de ses halles.", "fr"),
        ("The town council has voted to repair the old covered market and its halls.", "en"),
        ("Городской совет решил отремонтировать старый крытый рынок и его павильоны.", "ru"),
        ("Şəhər bələdiyyəsi köhnə bazarın təmiri haqqında qərar qəbul edib.", "az"),
        ("市议会决定修缮老市场及其大厅，工程将于明年春天开始。", "zh-Hans"),
        ("", None),
        ("12 345", None),
        ("\ufffe\U0010ffff", None),
        ("\u0300\u0301\u0302" * 30, None),
    ],
)
def test_detects(text: str, language: str | None) -> None:
    found, confidence = detect_language(text)
    assert found == language
    assert (confidence is None) == (language is None)


@given(st.text(max_size=200))
def test_arbitrary_text_never_raises(text: str) -> None:
    _, confidence = detect_language(text)
    assert confidence is None or 0 <= confidence <= 1
