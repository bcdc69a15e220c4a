"""The judges of an evaluation: how often they kept to their form, and how far they agree with themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.gate.evaluations.examples import Place
from harness.records import Estimate, Judgement, JudgeSummary
from harness.statistics.intervals.means import as_column, clustered_mean


@dataclass(frozen=True, slots=True)
class CountedBodies:
    """The bodies of an evaluation that count when it is decided.

    Attributes:
        cases: their numbers, in the order of the rows that are decided.
        n_samples: of each case, for each version.
        clusters: of the cases, or None.
        by_samples: whether samples are the units, because there is a single case.
    """

    cases: Sequence[int]
    n_samples: int
    clusters: Sequence[object] | None
    by_samples: bool

    def mean(self, values: Iterable[tuple[int, float | None]], confidence_level: float) -> Estimate | None:
        """The mean over cases of what their bodies have, by row, with its interval; None where none has any."""
        by_case: dict[int, list[float]] = {}
        for row, value in values:
            if value is not None:
                by_case.setdefault(row, []).append(value)
        if not by_case:
            return None
        table = np.full((len(self.cases), max(map(len, by_case.values()))), np.nan)
        for row, of_case in by_case.items():
            table[row, : len(of_case)] = of_case
        alone = self.by_samples or len(by_case) == 1
        scores, clusters = (as_column(table), None) if alone else (table, self.clusters)
        mean = clustered_mean(scores, clusters, confidence_level)
        return Estimate(mean.value, mean.standard_error, mean.low, mean.high, mean.method)


class Judges:
    """The judgements that the bodies of an evaluation asked for, in whatever order they ended."""

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[Place, Judgement]]] = {}
        self._are_complete = True

    def keep(self, place: Place, judgements: Iterable[Judgement]) -> None:
        """Take in what the judges of one body did."""
        for each in judgements:
            self._kept.setdefault(each.judge, []).append((place, each))
            self._are_complete = self._are_complete and each.is_complete

    def errors(self, counts: Callable[[Place], bool]) -> list[str]:
        """For each judge that left a body without a judgement: how many of its answers followed no form.

        Args:
            counts: whether a body counts.
        """
        errors: list[str] = []
        for name in () if self._are_complete else sorted(self._kept):
            given = [each for place, each in self._kept[name] if counts(place)]
            if left := sum(not each.is_complete for each in given):
                n_malformed, n_answers = sum(each.n_malformed for each in given), sum(each.n_answers for each in given)
                errors.append(
                    f"judge {name}: {n_malformed:,} of {n_answers:,} answers did not follow the form or the scale that "
                    f"it was given, so that {left:,} {'body' if left == 1 else 'bodies'} got no judgement; name a "
                    "judge that keeps to it, or draw anew with --fresh"
                )
        return errors

    def summaries(self, counted: CountedBodies, confidence_level: float) -> tuple[JudgeSummary, ...]:
        """Sum up what each judge did in the bodies that count, the judges by name."""
        rows = {case: row for row, case in enumerate(counted.cases)}
        summaries = []
        for name in sorted(self._kept):
            # Floating-point sums must not depend on which body ended first.
            entries = [
                (rows[case], role, sample, each)
                for (role, case, sample), each in self._kept[name]
                if case in rows and sample < counted.n_samples
            ]
            entries.sort(key=lambda entry: entry[:3])
            given = [(row, each) for row, _, _, each in entries]
            if given:
                summaries.append(
                    JudgeSummary(
                        name=name,
                        n_answers=sum(each.n_answers for _, each in given),
                        n_malformed=sum(each.n_malformed for _, each in given),
                        noise=_noise(each.values for _, each in given),
                        flip=counted.mean(((row, each.flip) for row, each in given), confidence_level),
                        first_wins=counted.mean(((row, each.first_wins) for row, each in given), confidence_level),
                    )
                )
        return tuple(summaries)


def _noise(repeats: Iterable[Sequence[float]]) -> float | None:
    """The standard deviation of a judge's scores of one answer, pooled over answers; None where none was repeated."""
    repeated = [values for values in repeats if len(values) > 1]
    if not repeated:
        return None
    means = [math.fsum(values) / len(values) for values in repeated]
    squares = math.fsum((value - mean) ** 2 for values, mean in zip(repeated, means, strict=True) for value in values)
    return math.sqrt(squares / sum(len(values) - 1 for values in repeated))
