"""Agreement of raters beyond chance: Cohen's and Fleiss' kappa, Krippendorff's alpha."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import FloatArray, as_count, as_floats, check_confidence
from harness.statistics.raters.agreement_intervals import Agreement, jackknifed, posterior, without_spread

#: Beyond it floats do not hold every whole number.
_LARGEST_COUNT = 2.0**53

Level = Literal["nominal", "ordinal", "interval", "ratio"]


def cohen_kappa(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    confidence_level: float = 0.95,
    weights: Literal["linear", "quadratic"] | None = None,
) -> Agreement:
    """Cohen's kappa of two raters on the same units.

    Parameters
    ----------
    first, second : (n_units,) categories, numbers or texts; weighted kappa needs numbers, whose order counts
    confidence_level : in (0, 1), two-sided
    weights : None counts any disagreement alike, "linear" and "quadratic" by its distance on the scale of the
        categories used, numbered in order

    Raises
    ------
    ValueError
        Different numbers of units, fewer than 2, missing ratings, or both raters using one and the same category only:
        then there is no agreement beyond chance to speak of.

    References
    ----------
    J. Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20:37-46;
    (1968), Weighted kappa, Psychological Bulletin 70:213-220. The standard error is the jackknife's over units.

    Where a rater gave one category only, kappa is 0 whatever the other said (A. R. Feinstein, D. V. Cicchetti (1990),
    High agreement but low kappa, Journal of Clinical Epidemiology 43:543-549), and neither jackknife nor bootstrap has
    any spread. Then the interval is that of kappa's posterior, as S. Basu, M. Banerjee, A. Sen (2000), Bayesian
    inference for kappa, Biometrics 56:577-582, take it, under the Dirichlet prior of one unit spread over all cells:
    J. O. Berger, J. M. Bernardo, D. Sun (2015), Overall objective priors, Bayesian Analysis 10:189-221.

    Examples
    --------
    >>> round(cohen_kappa(["yes"] * 25 + ["no"] * 25, ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15).value, 3)
    0.4
    """
    if weights not in (None, "linear", "quadratic"):
        raise ValueError(f"weights = {weights!r} is not one of None, 'linear', 'quadratic'.")
    rows, columns, k = _numbered(*_pair_of_ratings(first, second))
    kappa, table = _kappa_of(_costs(k, weights)), np.zeros((k, k))
    np.add.at(table, (rows, columns), 1.0)
    left_out = _left_out(kappa, table, list(zip(rows.tolist(), columns.tolist(), strict=True)))
    value, all_agree = kappa(table), bool((rows == columns).all())
    if np.ptp(left_out) < 1e-12 and not all_agree:
        return posterior(table, kappa, value, confidence_level)
    return jackknifed(value, left_out, confidence_level, "Cohen's kappa")


def _pair_of_ratings(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The ratings of both, one of each for each unit."""
    one, other = _categories(first), _categories(second)
    if one.ndim != 1 or one.shape != other.shape:
        raise ValueError(f"Ratings of shapes {one.shape} and {other.shape}; give one of each rater for each unit.")
    if _missing(one) or _missing(other):
        raise ValueError("A rating is missing; leave out units that one rater did not see.")
    return one, other


def _left_out(kappa: Callable[[FloatArray], float], table: FloatArray, cells: Sequence[tuple[int, int]]) -> FloatArray:
    """Kappa without each unit; units of one cell of the table leave the same."""

    def without(cell: tuple[int, int]) -> float:
        fewer = table.copy()
        fewer[cell] -= 1
        return kappa(fewer)

    replicates = {cell: without(cell) for cell in set(cells)}
    return np.array([replicates[cell] for cell in cells])


def _numbered(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], int]:
    """The ratings as numbers of the categories used, in order, and how many there are."""
    try:
        categories, codes = np.unique(np.concatenate([one, other]), return_inverse=True)
    except TypeError:
        raise ValueError("Ratings are of several kinds; give numbers or texts.") from None
    _check_units(len(one), len(categories))
    return codes[: len(one)], codes[len(one) :], len(categories)


def _costs(k: int, weights: Literal["linear", "quadratic"] | None) -> FloatArray:
    """The cost of each disagreement of two raters, (k, k)."""
    distance: FloatArray = np.abs(np.subtract.outer(np.arange(k), np.arange(k))).astype(np.float64)
    if weights is None:
        return (distance > 0).astype(np.float64)
    return distance**2 if weights == "quadratic" else distance


def _kappa_of(costs: FloatArray) -> Callable[[FloatArray], float]:
    """Kappa as a function of how often each pair of categories was given."""

    def kappa(counts: FloatArray) -> float:
        expected = float((np.outer(counts.sum(axis=1), counts.sum(axis=0)) * costs).sum() / counts.sum())
        return 1 - float((counts * costs).sum()) / expected if expected > 0 else 1.0

    return kappa


def fleiss_kappa(counts: npt.ArrayLike, confidence_level: float = 0.95) -> Agreement:
    """Fleiss' kappa of any number of raters, the same for each unit.

    Parameters
    ----------
    counts : (n_units, n_categories) how many raters put the unit in the category; equal sums over categories
    confidence_level : in (0, 1), two-sided

    Raises
    ------
    ValueError
        Unequal numbers of raters (use Krippendorff's alpha), fewer than 2 raters or units, one category only.

    References
    ----------
    J. L. Fleiss (1971), Measuring nominal scale agreement among many raters, Psychological Bulletin 76:378-382. The
    standard error is the jackknife's over units; Fleiss' own holds under no agreement only.

    Examples
    --------
    >>> round(fleiss_kappa([[3, 0], [0, 3], [3, 0], [2, 1]]).value, 3)
    0.625
    """
    table = as_floats(counts, "counts")
    if table.ndim != 2:
        raise ValueError(f"counts has {table.ndim} dimensions; give (n_units, n_categories).")
    if not bool(np.all((table >= 0) & (table <= _LARGEST_COUNT) & (table == np.floor(table)))):
        raise ValueError("counts holds a number that is not a count.")
    raters = table.sum(axis=1)
    _check_units(len(table), int((table.sum(axis=0) > 0).sum()))
    if not bool(np.all(raters == raters[0])) or raters[0] < 2:
        raise ValueError(f"Units have {int(raters.min())} to {int(raters.max())} raters; all need the same, 2 or more.")
    n = float(raters[0])
    agreeing = ((table**2).sum(axis=1) - n) / (n * (n - 1))
    totals = table.sum(axis=0)

    def kappa(observed: float, marginals: FloatArray) -> float:
        chance = float(((marginals / marginals.sum()) ** 2).sum())
        return (observed - chance) / (1 - chance) if chance < 1 else 1.0

    units = len(table)
    rest = (agreeing.sum() - agreeing) / (units - 1)
    left_out = np.array([kappa(float(rest[i]), totals - table[i]) for i in range(units)])
    how = "that all agree" if bool((agreeing == 1).all()) else "that all differ alike"
    return jackknifed(kappa(float(agreeing.mean()), totals), left_out, confidence_level, "Fleiss' kappa", how)


def krippendorff_alpha(
    ratings: npt.ArrayLike,
    level: Level = "nominal",
    confidence_level: float = 0.95,
    *,
    resamples: int = 1000,
    generator: np.random.Generator | None = None,
) -> Agreement:
    """Krippendorff's alpha of any number of raters, with missing ratings.

    Parameters
    ----------
    ratings : (n_raters, n_units) numbers, NaN for missing; units with fewer than 2 ratings say nothing and are left out
    level : of measurement: "nominal" (categories), "ordinal" (ranks), "interval", "ratio" (0 or more, 0 meaning none)
    confidence_level : in (0, 1), two-sided
    resamples, generator : of the bootstrap, which draws whole units; by default the same in every call

    Returns
    -------
    Agreement
        Percentile interval. Where every resample gives the same value (perfect agreement), the lower bound is that of
        so many units without any disagreement: one in 1 - tail^(1/units) could disagree as by chance.

    Raises
    ------
    ValueError
        Fewer than 2 units with 2 ratings, all ratings equal, an unknown level, negative ratings on the ratio level.

    References
    ----------
    K. Krippendorff (2011), Computing Krippendorff's alpha-reliability; (2004) Content Analysis, 2nd ed., chapter 11.
    Resampling units keeps what raters of one unit have in common: A. F. Hayes and Krippendorff's (2007) resampling of
    pairs treats dependent pairs as independent.

    Examples
    --------
    >>> round(krippendorff_alpha([[1, 2, 3, 3, 2], [1, 2, 3, 3, 1]], "interval").value, 3)
    0.87
    """
    check_confidence(confidence_level)
    table = _paired_ratings(ratings, level)
    as_count(resamples, "resamples", 100)
    counts, values = _counted(table)
    alpha = _alpha_of(counts, values, level)
    value = alpha(np.ones(len(counts)))
    drawn = _resampled(alpha, len(counts), resamples, generator or np.random.default_rng(0))
    low, high, error = _percentiles(drawn, value, (1 - confidence_level) / 2, len(counts))
    method = f"Krippendorff's alpha ({level}), bootstrap over {len(counts)} units"
    return Agreement(value, error, min(low, value), max(high, value), len(counts), method)


def _counted(table: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Count how often each unit was given each value, (n_units, n_values); return that and the values."""
    values, codes = np.unique(table[~np.isnan(table)], return_inverse=True)
    _check_units(table.shape[1], len(values))
    counts = np.zeros((table.shape[1], len(values)))
    np.add.at(counts, (np.nonzero(~np.isnan(table))[1], codes), 1.0)
    return counts, values


def _resampled(
    alpha: Callable[[FloatArray], float], n_units: int, resamples: int, generator: np.random.Generator
) -> FloatArray:
    """Alpha of whole units drawn anew, without the draws that have none."""
    draws = generator.multinomial(n_units, np.full(n_units, 1 / n_units), resamples)
    drawn = np.array([alpha(weights.astype(np.float64)) for weights in draws])
    kept: FloatArray = drawn[~np.isnan(drawn)]
    return kept


def _percentiles(drawn: FloatArray, value: float, tail: float, n_units: int) -> tuple[float, float, float]:
    """Both bounds and the standard error of what was drawn anew; where that has no spread, those of so many units."""
    if not len(drawn) or np.ptp(drawn) < 1e-12:
        return *without_spread(value, tail, n_units), 0.0
    low, high = np.quantile(drawn, [tail, 1 - tail]).tolist()
    return low, high, float(drawn.std(ddof=1))


def _alpha_of(counts: FloatArray, values: FloatArray, level: Level) -> Callable[[FloatArray], float]:
    """Alpha as a function of how often each unit is drawn; NaN where one rating alone is left."""
    sizes = counts.sum(axis=1)

    def alpha(weights: FloatArray) -> float:
        marginals = weights @ counts
        n = float(marginals.sum())
        # Distances between ranks are squared sums of the frequencies between them: interval distances of midranks.
        scale = np.cumsum(marginals) - marginals / 2 if level == "ordinal" else values
        within = _disagreement(counts, scale, level) / (sizes - 1)
        expected = float(_disagreement(marginals[np.newaxis, :], scale, level)[0]) / (n - 1)
        return 1 - float(weights @ within) / expected if expected > 0 else float("nan")

    return alpha


def _disagreement(counts: FloatArray, scale: FloatArray, level: Level) -> FloatArray:
    """Sum of the squared distances over all ordered pairs of ratings, for each row of counts."""
    total: FloatArray = counts.sum(axis=1)
    if level == "nominal":
        same: FloatArray = (counts**2).sum(axis=1)
        return total**2 - same
    if level == "ratio":
        sums = np.add.outer(scale, scale)
        distances = np.divide(np.subtract.outer(scale, scale), sums, out=np.zeros_like(sums), where=sums > 0) ** 2
        ratio: FloatArray = ((counts @ distances) * counts).sum(axis=1)
        return ratio
    centred = scale - scale.mean()
    squared: FloatArray = 2 * (total * (counts @ centred**2) - (counts @ centred) ** 2)
    return squared


def _paired_ratings(ratings: npt.ArrayLike, level: str) -> FloatArray:
    """Ratings of the units that have at least two, (n_raters, n_units)."""
    if level not in ("nominal", "ordinal", "interval", "ratio"):
        raise ValueError(f"level = {level!r} is not one of 'nominal', 'ordinal', 'interval', 'ratio'.")
    table = as_floats(ratings, "ratings")
    if table.ndim != 2:
        raise ValueError(f"ratings has {table.ndim} dimensions; give (n_raters, n_units), NaN for missing.")
    if bool(np.isinf(table).any()):
        raise ValueError("ratings holds an infinite number.")
    if level == "ratio" and bool((table < 0).any()):
        raise ValueError("ratings holds a negative number; the ratio level starts at 0.")
    return table[:, (~np.isnan(table)).sum(axis=0) >= 2]


def _categories(ratings: npt.ArrayLike) -> npt.NDArray[Any]:
    """The ratings of one rater as an array of any kind."""
    try:
        return np.asarray(ratings)
    except ValueError:
        raise ValueError("Ratings are rows of different lengths; give one rating for each unit.") from None


def _missing(array: npt.NDArray[Any]) -> bool:
    """Tell whether any rating is masked, None or NaN."""
    if array.dtype.kind == "O":
        return any(each is None or each != each for each in array.tolist())
    return array.dtype.kind == "f" and bool(np.isnan(array).any())


def _check_units(n_units: int, n_categories: int) -> None:
    if n_units < 2:
        raise ValueError(f"{n_units} units with 2 ratings or more; agreement needs at least 2.")
    if n_categories < 2:
        raise ValueError("All ratings are the same: without any variation agreement beyond chance can't be told.")
