"""Ways to decide whether a version is worse, as their users run them, each on many gates at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.decisions import Observations, decided_after, first_looks
from harness.decisions.questions import Question, questions
from harness.decisions.rule import red_levels, settling_level
from harness.records import Plan, VerdictKind

MARGIN, LEVEL = 0.05, 0.05
_Z_TWO_SIDED = 1.959963984540054

Scores = npt.NDArray[np.bool_]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outcomes:
    """What is said of each evaluation, (gates, evaluations), and how many samples of the candidate that takes."""

    red: Flags
    green: Flags
    samples: Numbers


#: Scores of candidate and baseline, (gates, evaluations, cases, samples) → outcomes.
Practice = Callable[[Scores, Scores], Outcomes]


def one_run(candidate: Scores, baseline: Scores) -> Outcomes:
    """Every case once; red if the mean is more than 0.05 below that of the baseline's recorded run."""
    return _two_ways(_lower(candidate[..., 0].mean(axis=2), baseline[..., 0].mean(axis=2)), candidate.shape[2])


def mean_of_all(candidate: Scores, baseline: Scores, tolerance: float = MARGIN) -> Outcomes:
    """The same with the mean of all samples of every case, of both versions."""
    lower = _lower(candidate.mean(axis=(2, 3)), baseline.mean(axis=(2, 3)), tolerance)
    return _two_ways(lower, candidate.shape[2] * candidate.shape[3])


def retry(candidate: Scores, baseline: Scores) -> Outcomes:
    """`one_run`, and an evaluation that is red runs again, up to twice, as under pytest's `--reruns 2`."""
    first, second, third = _three_runs(candidate, baseline)
    return _two_ways(first & second & third, candidate.shape[2] * (1.0 + first + (first & second)))


def two_of_three_runs(candidate: Scores, baseline: Scores) -> Outcomes:
    """`one_run` three times; red if two of them are."""
    return _two_ways(_three_runs(candidate, baseline).sum(axis=0) >= 2, 3 * candidate.shape[2])


def two_of_three_votes(candidate: Scores, baseline: Scores) -> Outcomes:
    """A case passes if two of its three samples do; red if the share of such cases is lower by more than 0.05."""
    ours, theirs = (scores[..., :3].sum(axis=3) >= 2 for scores in (candidate, baseline))
    return _two_ways(_lower(ours.mean(axis=2), theirs.mean(axis=2)), 3 * candidate.shape[2])


def z_test(candidate: Scores, baseline: Scores) -> Outcomes:
    """Every case once; red if lower with p < 0.05 (two-sided) by the z test of two independent proportions."""
    ours, theirs = candidate[..., 0].mean(axis=2), baseline[..., 0].mean(axis=2)
    both = (ours + theirs) / 2
    error = np.sqrt(np.maximum(2 * both * (1 - both) / candidate.shape[2], 1e-12))
    return _two_ways((ours - theirs) / error < -_Z_TWO_SIDED, candidate.shape[2])


def pooled_t_test(candidate: Scores, baseline: Scores) -> Outcomes:
    """All samples as if independent; red if lower with p < 0.05 (two-sided) by scipy's t test of two samples."""
    ours, theirs = (scores.reshape(*scores.shape[:2], -1).astype(np.float64) for scores in (candidate, baseline))
    return _lower_by_t(stats.ttest_ind(ours, theirs, axis=2), ours.shape[2])


def paired_t_test(candidate: Scores, baseline: Scores) -> Outcomes:
    """Means of all samples of a case; red if lower with p < 0.05 (two-sided) by scipy's paired t test over cases."""
    tested = stats.ttest_rel(candidate.mean(axis=3), baseline.mean(axis=3), axis=2)
    return _lower_by_t(tested, candidate.shape[2] * candidate.shape[3])


def pooled(candidate: Scores, baseline: Scores) -> Outcomes:
    """All samples as if independent: the 95 % normal interval of the difference, read as Steelyard reads its own."""
    ours, theirs = candidate.mean(axis=(2, 3)), baseline.mean(axis=(2, 3))
    n = candidate.shape[2] * candidate.shape[3]
    return _three_ways(ours - theirs, (ours * (1 - ours) + theirs * (1 - theirs)) / n, n)


def pooled_threshold(candidate: Scores, threshold: float) -> Outcomes:
    """All samples as if independent: the 95 % normal interval of the score against a threshold."""
    ours, n = candidate.mean(axis=(2, 3)), candidate.shape[2] * candidate.shape[3]
    return _three_ways(ours - threshold, ours * (1 - ours) / n, n)


def _lower(candidate: Numbers, baseline: Numbers, tolerance: float = MARGIN) -> Flags:
    lower: Flags = candidate - baseline < -tolerance - 1e-9
    return lower


def _three_runs(candidate: Scores, baseline: Scores) -> Flags:
    """Which of three runs of every case are red, (3, gates, evaluations)."""
    recorded = baseline[..., 0].mean(axis=2)
    return np.stack([_lower(candidate[..., i].mean(axis=2), recorded) for i in range(3)])


def _lower_by_t(tested: Any, samples: int) -> Outcomes:
    """What is significant is red; where no score differs, t is 0 / 0 and nothing is."""
    return _two_ways((tested.statistic < 0) & (tested.pvalue < LEVEL), samples)


def _two_ways(red: Flags, samples: float | Numbers) -> Outcomes:
    return Outcomes(red, ~red, np.broadcast_to(np.asarray(samples, dtype=np.float64), red.shape))


def _three_ways(difference: Numbers, variance: Numbers, n: int) -> Outcomes:
    width = _Z_TWO_SIDED * np.sqrt(variance)
    green = difference - width > -MARGIN
    return Outcomes(~green & (difference + width < 0), green, np.full(green.shape, float(n)))


def steelyard(
    candidate: Scores,
    baseline: Scores | None,
    design: Literal["sequential", "fixed"],
    threshold: float | None = None,
) -> Outcomes:
    """Steelyard on each gate, all its evaluations decided together."""
    red, green = np.zeros(candidate.shape[:2], dtype=np.bool_), np.zeros(candidate.shape[:2], dtype=np.bool_)
    samples = np.zeros(candidate.shape[:2])
    for gate, ours in enumerate(candidate):
        entries = [
            observed(str(i), scores, None if baseline is None else baseline[gate, i], design, threshold)
            for i, scores in enumerate(ours)
        ]
        red[gate], green[gate], samples[gate] = judged(entries)
    return Outcomes(red, green, samples)


def observed(
    name: str,
    candidate: Scores,
    baseline: Scores | None,
    design: Literal["sequential", "fixed"],
    threshold: float | None,
) -> Observations:
    return Observations(
        id=name,
        metric="score",
        plan=Plan(threshold=threshold, margin=MARGIN, design=design),
        case_ids=tuple(map(str, range(len(candidate)))),
        candidate=candidate.astype(np.float64),
        baseline=None if baseline is None else baseline.astype(np.float64),
        n_planned=len(candidate),
    )


def judged(entries: Sequence[Observations]) -> tuple[list[bool], list[bool], list[int]]:
    """Red, green and the candidate's samples of each evaluation: what `decide` says, without a report's intervals."""
    looks = first_looks(entry.id for entry in entries)
    level = LEVEL * looks[entries[0].id].share
    own = LEVEL * looks[entries[0].id].red_share
    used: list[Observations] = []
    tested: list[tuple[Observations, Question]] = []
    for entry in entries:
        end = decided_after([entry], level, own)
        used.append(entry if end is None else entry.first(end))
        tested += [(used[-1], asked) for asked in questions(used[-1], (level, settling_level([entry], own)))]
    levels = red_levels(tested, {name: look.at(LEVEL) for name, look in looks.items()}, dict.fromkeys(looks, 1))
    kinds = [asked.ruling((level, red))[0] for (_, asked), red in zip(tested, levels, strict=True)]
    samples = [entry.candidate.size for entry in used]
    return [kind.is_red for kind in kinds], [kind is VerdictKind.PASSED for kind in kinds], samples


PRACTICES: dict[str, Practice] = {
    "fixed tolerance, one run": one_run,
    "fixed tolerance, mean of 5": mean_of_all,
    "half the tolerance, mean of 5": partial(mean_of_all, tolerance=MARGIN / 2),
    "retry until green, 3 tries": retry,
    "2 of 3 runs": two_of_three_runs,
    "2 of 3 votes for each case": two_of_three_votes,
    "unpaired z test, one run": z_test,
    "unpaired t test on all samples": pooled_t_test,
    "paired t test on case means": paired_t_test,
    "pooled interval over cases × samples": pooled,
    "Steelyard, fixed": partial(steelyard, design="fixed"),
    "Steelyard, sequential": partial(steelyard, design="sequential"),
}
