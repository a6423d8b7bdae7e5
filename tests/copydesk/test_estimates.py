"""Shares and intervals against values that others have published, or that can be worked out by hand."""

import random

import pytest

from copydesk.estimates import Estimate, Outcome, estimate, score_field, wilson


@pytest.mark.parametrize(
    ("hits", "size", "low", "high"),
    [
        # R. G. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998),
        # table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(hits: int, size: int, low: float, high: float) -> None:
    found = wilson(hits / size, size)
    assert found == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    mirrored = wilson(1 - hits / size, size)
    assert mirrored == (pytest.approx(1 - high, abs=5e-5), pytest.approx(1 - low, abs=5e-5))


def made(*parts: tuple[int, int, float]) -> Estimate:
    """The estimate from parts of (exact, others, weight)."""
    found = estimate(
        [(counts, weight) for exact, others, weight in parts for counts in [True] * exact + [False] * others]
    )
    assert found is not None
    return found


def test_equal_weights_are_a_simple_random_sample() -> None:
    found = made((81, 182, 3.7))
    assert found.effective_size == pytest.approx(263)
    assert (found.low, found.high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))


def test_without_any_error_the_weights_alone_cost_size() -> None:
    found = made((10, 0, 1), (5, 0, 4))
    assert found.share == found.high == 1
    # (10 + 20)² / (10 + 80)
    assert found.effective_size == pytest.approx(10)
    assert found.low == pytest.approx(wilson(1, 10)[0])
    none = made((0, 10, 1), (0, 5, 4))
    assert (none.share, none.low) == (0, 0)


def test_errors_among_heavy_weights_cost_more_than_the_weights() -> None:
    heavy = made((90, 0, 1), (8, 2, 9))
    # p = 162 / 180 = 0.9; v = (90 * 0.1² + 81 * (8 * 0.1² + 2 * 0.9²)) / 180² = 138.6 / 32,400
    assert heavy.share == pytest.approx(0.9)
    assert heavy.effective_size == pytest.approx(0.09 / (138.6 / 32_400))
    light = made((72, 18, 1), (10, 0, 9))
    # Kish: 180² / (90 + 810)
    assert light.share == pytest.approx(0.9)
    assert light.effective_size == pytest.approx(36)
    assert heavy.high - heavy.low > light.high - light.low


def test_nothing_judged_is_no_estimate() -> None:
    assert estimate([]) is None


def test_precision_and_recall_are_of_what_each_is_about() -> None:
    outcomes: list[Outcome] = [*("exact",) * 6, "wrong", "missing", "missing", "invented", "neither"]
    score = score_field("located", [("all", outcome) for outcome in outcomes], {"all": 1000}, 1000)
    assert score.counts == {"exact": 6, "wrong": 1, "missing": 2, "invented": 1, "neither": 1}
    assert score.precision is not None
    assert score.recall is not None
    assert (score.precision.share, score.precision.effective_size) == (pytest.approx(6 / 8), pytest.approx(8))
    assert (score.recall.share, score.recall.effective_size) == (pytest.approx(6 / 9), pytest.approx(9))
    assert score.covered == 1
    nothing = score_field("byline", [("all", "neither")], {"all": 1000}, 1000)
    assert (nothing.precision, nothing.recall) == (None, None)


def test_a_stratum_counts_for_its_documents_however_many_were_coded() -> None:
    judged: list[tuple[str, Outcome]] = [
        *(("large", "exact"),) * 9, ("large", "wrong"), ("small", "exact"), ("small", "missing"),
    ]  # fmt: skip
    score = score_field("located", judged, {"large": 900, "small": 100, "left": 250}, 1250)
    assert score.precision is not None
    assert score.recall is not None
    # Of 900 + 50 documents with a value, 810 + 50 are right; of 900 + 100 that should have one, as many.
    assert score.precision.share == pytest.approx(860 / 950)
    assert score.recall.share == pytest.approx(860 / 1000)
    assert score.covered == pytest.approx(1000 / 1250)


@pytest.mark.parametrize(
    "strata",
    [
        {"all": (5000, 60, 0.95)},
        {"large": (9000, 60, 0.97), "middle": (900, 10, 0.8), "small": (90, 2, 0.5), "least": (10, 1, 0.9)},
        {"large": (9000, 30, 0.9), "small": (300, 30, 0.99)},
    ],
    ids=["one", "floors", "equal"],
)
def test_intervals_hold_the_truth_as_often_as_they_say(strata: dict[str, tuple[int, int, float]]) -> None:
    chance = random.Random(7)
    population = {name: [at < round(size * right) for at in range(size)] for name, (size, _, right) in strata.items()}
    sizes = {name: len(found) for name, found in population.items()}
    truth = sum(map(sum, population.values())) / sum(sizes.values())
    held, draws = 0, 2000
    for _ in range(draws):
        judged: list[tuple[str, Outcome]] = [
            (name, "exact" if is_right else "wrong")
            for name, (_, count, _) in strata.items()
            for is_right in chance.sample(population[name], count)
        ]
        found = score_field("located", judged, sizes, sum(sizes.values())).precision
        assert found is not None
        held += found.low <= truth <= found.high
    assert held / draws >= 0.935
