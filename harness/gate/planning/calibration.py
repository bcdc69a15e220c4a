"""Measures how often a gate is wrong: gates against a known truth, decided by the rule of every gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.decisions import decide, first_looks, worst
from harness.gate.planning.simulation import Shape, simulated
from harness.records import Verdict, VerdictKind
from harness.statistics.intervals.proportions import clopper_pearson_interval

#: The drop to be found where no drop is allowed, so that there is no margin to take twice.
_DROP_WITHOUT_MARGIN = 0.05

Wrong = Literal["red", "green"]
State = Literal["holds", "open", "exceeded"]
KINDS: tuple[Wrong, ...] = ("red", "green")


@dataclass(frozen=True, slots=True)
class Truth:
    """A truth about the versions that a gate weighs.

    Attributes:
        name: for a person to read.
        wrong: the outcome that is an error; None where the drop is smaller than the margin, so that either is right.
        drop: how much lower the candidate truly is, as `true_means` takes it.
        in_margins: whether `drop` counts margins of the evaluation, not points of score.
        everywhere: whether it holds for every evaluation, or for one in turn; nothing is wrong with the others.
    """

    name: str
    wrong: Wrong | None
    drop: float | None
    in_margins: bool = False
    everywhere: bool = False

    def drops(self, shapes: Sequence[Shape], gate: int) -> list[float | None]:
        """The drop of each evaluation in the gate of this number."""
        return [
            self._of(shape) if self.everywhere or number == gate % len(shapes) else None
            for number, shape in enumerate(shapes)
        ]

    def _of(self, shape: Shape) -> float | None:
        if self.drop is None:
            return None
        return min(self.drop * shape.margin if self.in_margins else self.drop, shape.deepest)


def truths(shapes: Sequence[Shape], drop: float | None) -> tuple[Truth, ...]:
    """The truths that a gate of these evaluations is measured by.

    Args:
        drop: to be found; by default twice the margin.
    """
    if drop is None and any(shape.margin == 0 for shape in shapes):
        drop = _DROP_WITHOUT_MARGIN
    one = "" if len(shapes) == 1 else f"one of {len(shapes)} "
    against_baselines = any(shape.threshold is None for shape in shapes)
    against_thresholds = any(shape.threshold is not None for shape in shapes)
    even = "; ".join(
        ["other answers, the same on average"] * against_baselines + ["just at the threshold"] * against_thresholds
    )
    found = "2 margins" if drop is None else f"{drop:g}"
    harmful = drop is None or drop >= max(shape.margin for shape in shapes)
    differs = against_thresholds or any(shape.spread.differing > 0 for shape in shapes)
    return (
        Truth("a version against itself" if against_baselines else "as good as assumed", "red", None, everywhere=True),
        *([Truth(even, "red", 0.0, everywhere=True)] if differs else []),
        Truth(f"{one}worse by the margin", "green", 1.0, in_margins=True),
        Truth(f"{one}worse by {found}", "green" if harmful else None, drop or 2.0, in_margins=drop is None),
    )


@dataclass(frozen=True, slots=True)
class GateShare:
    """A share of gates, with exact one-sided bounds at 0.95, each."""

    count: int
    gates: int

    @property
    def value(self) -> float:
        """The share itself."""
        return self.count / self.gates

    @property
    def low(self) -> float:
        """The lower bound."""
        return clopper_pearson_interval(self.count, self.gates, alternative="greater").low

    @property
    def high(self) -> float:
        """The upper bound."""
        return clopper_pearson_interval(self.count, self.gates, alternative="less").high


@dataclass(frozen=True, slots=True)
class GateResult:
    """The result of one gate.

    Attributes:
        samples: of all versions that the verdicts rest on.
        drawn: of all versions that were drawn for it.
    """

    verdict: VerdictKind
    samples: int
    drawn: int


@dataclass(frozen=True, slots=True)
class MeasuredRates:
    """The rates that many gates came to where one thing is true.

    Attributes:
        samples: of all versions for each gate, that the verdicts rest on; `drawn` of them for it, of `most` at most.
    """

    truth: Truth
    red: GateShare
    green: GateShare
    samples: float
    drawn: float
    most: int

    @property
    def wrong(self) -> GateShare | None:
        """The share of gates whose outcome was an error; None where none would be."""
        if self.truth.wrong is None:
            return None
        return self.red if self.truth.wrong == "red" else self.green


def measured(truth: Truth, shapes: Sequence[Shape], results: Sequence[GateResult]) -> MeasuredRates:
    """Sum up these gates."""
    red = sum(result.verdict.is_red for result in results)
    green = sum(result.verdict is VerdictKind.PASSED for result in results)
    return MeasuredRates(
        truth=truth,
        red=GateShare(red, len(results)),
        green=GateShare(green, len(results)),
        samples=float(np.mean([result.samples for result in results])),
        drawn=float(np.mean([result.drawn for result in results])),
        most=sum(shape.cases * shape.samples * versions(shape) for shape in shapes),
    )


def versions(shape: Shape) -> int:
    """Count the versions that are sampled for an evaluation of this shape."""
    return 1 if shape.threshold is not None else 2


def decided_samples(shapes: Sequence[Shape], verdicts: Sequence[Verdict]) -> int:
    """The samples of all versions that verdicts rest on."""
    return sum(verdict.n_samples * versions(shape) for shape, verdict in zip(shapes, verdicts, strict=True))


def simulate(
    truth: Truth,
    shapes: Sequence[Shape],
    n_gates: int,
    confidence_level: float,
    seed: Sequence[int],
    advance: Callable[[], None] = lambda: None,
) -> MeasuredRates:
    """Decide so many gates on scores drawn from this truth, as a run decides them.

    Args:
        seed: of all that is drawn.
        advance: called after each gate.
    """
    results = []
    looks = first_looks(str(number) for number in range(len(shapes)))
    for gate in range(n_gates):
        rng = np.random.default_rng([*seed, gate])
        drops = truth.drops(shapes, gate)
        entries = [
            simulated(shape, drop, rng, str(i)) for i, (shape, drop) in enumerate(zip(shapes, drops, strict=True))
        ]
        verdicts = decide(entries, confidence_level, looks=looks, tells_claims=False)
        samples = decided_samples(shapes, verdicts)
        results.append(GateResult(worst(verdict.verdict for verdict in verdicts), samples, samples))
        advance()
    return measured(truth, shapes, results)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The rates that were measured for each truth: on simulated scores, and in whole runs (none where there was none).

    Attributes:
        nominal: what each rate of error may be.
    """

    simulated: tuple[MeasuredRates, ...]
    whole: tuple[MeasuredRates, ...]
    nominal: float

    def worst(self, kind: Wrong) -> GateShare | None:
        """The largest simulated rate of this error, over all truths in which it is one."""
        return _largest(self.simulated, kind)

    def state(self, kind: Wrong) -> State:
        """Tell whether the nominal rate is shown to hold: `exceeded` where chance does not explain the measured one."""
        simulated, whole = self.worst(kind), _largest(self.whole, kind)
        if any(rate is not None and rate.low > self.nominal for rate in (simulated, whole)):
            return "exceeded"
        return "holds" if simulated is not None and simulated.high <= self.nominal else "open"

    @property
    def is_contradicted(self) -> bool:
        """True where a nominal rate is exceeded."""
        return any(self.state(kind) == "exceeded" for kind in KINDS)


def _largest(results: Sequence[MeasuredRates], kind: Wrong) -> GateShare | None:
    rates = [each.wrong for each in results if each.truth.wrong == kind and each.wrong is not None]
    return max(rates, key=lambda rate: rate.value, default=None)
