"""How often a field is right in a whole archive, estimated from a coded sample: shares with their intervals.

Pure arithmetic: which documents were drawn is `warehouse.sampling`, what a coder's cell says is `copydesk.coding`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["exact", "wrong", "missing", "invented", "neither"]
"""What a judgement comes to.

exact: the text holds a value, and ours is the same; wrong: another; missing: we have none; invented: we have a value
and the text holds none; neither: it holds none, and we have none.
"""

CONFIDENCE = 0.95
Z = 1.959963984540054
"""The normal quantile of CONFIDENCE, two-sided."""


@dataclass(frozen=True)
class Estimate:
    """A share, estimated.

    Attributes:
        share: 0 to 1.
        low, high: its 95 % confidence interval.
        effective_size: how many judgements of a simple random sample tell as much.
    """

    share: float
    low: float
    high: float
    effective_size: float


@dataclass(frozen=True)
class FieldScore:
    """How often one field is right.

    Attributes:
        field: its name.
        counts: judgements by outcome, as they were coded: not weighted.
        precision: of the values that we have, the share that is exact; None where none was judged.
        recall: of the values that the texts hold, the share that is exact; None where none was judged.
        covered: share of the archive that the estimates are about: strata in which something was judged.
    """

    field: str
    counts: Mapping[Outcome, int]
    precision: Estimate | None
    recall: Estimate | None
    covered: float


def score_field(
    field: str, judgements: Sequence[tuple[str, Outcome]], sizes: Mapping[str, int], document_count: int
) -> FieldScore:
    """Estimate precision and recall of a field from its judgements.

    A judgement counts for as many documents as its stratum has for each judgement: what was not coded is taken to be as
    what was, in the same stratum.

    Args:
        field: its name.
        judgements: stratum and outcome of each.
        sizes: documents of each stratum that has a judgement.
        document_count: of the whole archive.
    """
    judged = Counter(stratum for stratum, _ in judgements)
    weights = {stratum: sizes[stratum] / count for stratum, count in judged.items()}

    def share_exact(*among: Outcome) -> Estimate | None:
        return estimate([(outcome == "exact", weights[stratum]) for stratum, outcome in judgements if outcome in among])

    return FieldScore(
        field,
        Counter(outcome for _, outcome in judgements),
        share_exact("exact", "wrong", "invented"),
        share_exact("exact", "wrong", "missing"),
        sum(sizes[stratum] for stratum in judged) / document_count,
    )


def estimate(judged: Sequence[tuple[bool, float]]) -> Estimate | None:
    """A share and its interval, from judgements with weights; None from none.

    The share is the weighted one (a ratio estimate: its denominator is estimated, too). Its interval is Wilson's (E. B.
    Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 1927) for the effective
    sample size in the place of the number of judgements, as C. Franco, R. J. A. Little, T. A. Louis and E. V. Slud
    compare and recommend it (Comparative study of confidence intervals for proportions in complex sample surveys,
    Journal of Survey Statistics and Methodology 7, 2019). The effective size is the smaller of two, so that the
    interval is rather too wide than too narrow:

    - Kish's for unequal weights, (Σw)² / Σw² (L. Kish, Survey Sampling, 1965);
    - p (1 - p) / v, v being the linearised variance of the share as if drawn with replacement and without strata,
      Σ w² (y - p)² / (Σw)²: it is the smaller one where the errors fall upon heavy weights.

    Equal weights give Wilson's interval as it is. What stratification and a small archive gain is left out.

    Args:
        judged: of each judgement, whether it counts, and its weight.
    """
    if not judged:
        return None
    total = math.fsum(weight for _, weight in judged)
    share = math.fsum(weight for counts, weight in judged if counts) / total
    size = total**2 / math.fsum(weight**2 for _, weight in judged)
    variance = math.fsum((weight * (counts - share)) ** 2 for counts, weight in judged) / total**2
    # A sample without error, or of errors only, shows no variance.
    if 0 < share < 1:
        size = min(size, share * (1 - share) / variance)
    return Estimate(share, *wilson(share, size), size)


def wilson(share: float, size: float) -> tuple[float, float]:
    """Wilson's 95 % interval for a share, 0 to 1, of so many trials; no whole number is needed."""
    middle = (share + Z**2 / (2 * size)) / (1 + Z**2 / size)
    half = Z / (1 + Z**2 / size) * math.sqrt(share * (1 - share) / size + Z**2 / (4 * size**2))
    # Exactly so at the ends, which rounding would miss by little.
    return 0.0 if share <= 0 else middle - half, 1.0 if share >= 1 else middle + half
