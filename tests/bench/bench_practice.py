"""What people do today and what Steelyard does, on the same simulated data.

Two versions answer the same 300 cases, 5 samples each; some rows take more or fewer of the same cases. In each case a
version has a chance of being right, Beta(2, 0.5) over the cases (0.8 on average). "The same again" has the chances of
the baseline; "as good" has others in 30 % of the cases, with the same mean; those of a "lower" version are worse. In a
gate of ten only the first evaluation is lower, the others are as good.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from harness.statistics.intervals.proportions import exact_lower
from tests.bench.practices import LEVEL, MARGIN, PRACTICES, Numbers, Scores, pooled_threshold, steelyard
from tests.bench.sampling import Figure

GATES = 2000
SIZES = (1, 10)
CASES, MOST_CASES, SAMPLES = 300, 450, 5
DROP, THRESHOLD = 0.1, 0.8
#: Name → practice and number of cases.
ROWS = {
    **{name: (rule, CASES) for name, rule in PRACTICES.items()},
    "Steelyard, sequential, 450 cases": (PRACTICES["Steelyard, sequential"], MOST_CASES),
    "fixed tolerance, one run, 60 cases": (PRACTICES["fixed tolerance, one run"], 60),
    "Steelyard, sequential, 60 cases": (PRACTICES["Steelyard, sequential"], 60),
}
_CHANGED, _MEAN = 0.3, 0.8
_AT_ONCE = 50

#: How much lower the first evaluation of a gate is. None: no case differs in any evaluation.
SCENARIOS: dict[str, float | None] = {"the same again": None, "as good": 0.0, "0.05 lower": MARGIN, "0.10 lower": DROP}
#: What is counted: of which gates, the red ones or the green ones.
COLUMNS = (
    ("the same again", "red"),
    ("as good", "red"),
    ("as good", "green"),
    ("0.05 lower", "green"),
    ("0.10 lower", "red"),
)
#: Where a colour is wrong.
ERRORS = {
    "red": ("the same again", "as good", "on the threshold"),
    "green": ("0.05 lower", "0.05 below it"),
}
#: 100 cases × 20 samples against a requirement of 0.80: on it, and below it by the margin.
THRESHOLD_COLUMNS = (("on the threshold", "red"), ("0.05 below it", "green"))


def practice(_folder: Path) -> list[Figure]:
    """How often every practice is right and wrong, in gates of one evaluation and of ten, and Steelyard's goals."""
    figures = [*_against_a_baseline(), *_against_a_threshold()]
    return [*(_worst(figures, colour, scenarios) for colour, scenarios in ERRORS.items()), *figures]


def _worst(figures: list[Figure], colour: str, scenarios: tuple[str, ...]) -> Figure:
    """The highest error rate of the sequential design, whatever the gate."""
    endings = tuple(f"{scenario}: {colour}" for scenario in scenarios)
    ours = [figure for figure in figures if "sequential" in figure.name and figure.name.endswith(endings)]
    highest = max(ours, key=lambda figure: figure.value)
    what = f"sequential design, highest false {colour} of {len(ours)} kinds of gate, {GATES:,} of each"
    return Figure(what, highest.value, "of the gates", "≤ 0.05", highest.value <= LEVEL, highest.beside)


def _against_a_baseline() -> Iterator[Figure]:
    parts = [(scenario, part) for scenario in SCENARIOS for part in range(GATES // _AT_ONCE)]
    found: dict[tuple[str, int, str, str], list[float]] = {}
    with ProcessPoolExecutor() as workers:
        for said in workers.map(_part, *zip(*parts, strict=True)):
            for key, values in said.items():
                found.setdefault(key, []).extend(values)
    for size in SIZES:
        for name in ROWS:
            samples = float(np.mean(found[name, size, "as good", "samples"]))
            yield Figure(title(name, size, "as good", "samples"), samples, "samples an evaluation", "", True)
            for column in COLUMNS:
                yield _share(title(name, size, *column), found[(name, size, *column)])


def _part(scenario: str, part: int) -> dict[tuple[str, int, str, str], list[float]]:
    """What every practice says of some gates: which are red, which green, and the samples of an evaluation."""
    candidate, baseline = _scores(np.random.default_rng([2026, list(SCENARIOS).index(scenario), part]), scenario)
    found = {}
    for name, (rule, cases) in ROWS.items():
        for size in SIZES:
            said = rule(candidate[:, :size, :cases], baseline[:, :size, :cases])
            found[name, size, scenario, "red"] = said.red.any(axis=1).tolist()
            found[name, size, scenario, "green"] = said.green.all(axis=1).tolist()
            found[name, size, scenario, "samples"] = said.samples.mean(axis=1).tolist()
    return found


def _against_a_threshold() -> Iterator[Figure]:
    rules = {
        "pooled interval over cases × samples": partial(pooled_threshold, threshold=THRESHOLD),
        "Steelyard, fixed": partial(steelyard, baseline=None, design="fixed", threshold=THRESHOLD),
        "Steelyard, sequential": partial(steelyard, baseline=None, design="sequential", threshold=THRESHOLD),
    }
    shares: dict[tuple[str, str, str], list[float]] = {}
    for number, (scenario, drop) in enumerate(zip(("on the threshold", "0.05 below it"), (0.0, MARGIN), strict=True)):
        rng = np.random.default_rng([2027, number])
        scores = _answers(rng, rng.beta(2, 0.5, (GATES, 1, 100)) * (1 - drop / _MEAN), 20)
        for name, rule in rules.items():
            said = rule(scores)
            shares[name, scenario, "red"] = said.red.any(axis=1).tolist()
            shares[name, scenario, "green"] = said.green.all(axis=1).tolist()
    for name in rules:
        for column in THRESHOLD_COLUMNS:
            yield _share(title(name, 1, *column), shares[(name, *column)])


def _scores(rng: np.random.Generator, scenario: str) -> tuple[Scores, Scores]:
    """Scores of candidate and baseline, (gates, evaluations, cases, samples)."""
    shape, drop = (_AT_ONCE, max(SIZES), MOST_CASES), SCENARIOS[scenario]
    rates = rng.beta(2, 0.5, shape)
    changed = rates
    if drop is not None:
        others = rng.beta(2, 0.5, shape)
        others[:, 0] *= 1 - drop / (_CHANGED * _MEAN)
        changed = np.where(rng.random(shape) < _CHANGED, others, rates)
    return _answers(rng, changed, SAMPLES), _answers(rng, rates, SAMPLES)


def _answers(rng: np.random.Generator, rates: Numbers, samples: int) -> Scores:
    drawn: Scores = rng.random((*rates.shape, samples), dtype=np.float32) < rates[..., np.newaxis]
    return drawn


def title(name: str, size: int, scenario: str, what: str) -> str:
    """The name of a figure."""
    return f"{name}; gate of {size}, {scenario}: {what}"


def _share(name: str, flags: list[float]) -> Figure:
    """A share of gates."""
    share, high = float(np.mean(flags)), 1 - exact_lower(len(flags) - sum(flags), len(flags), 0.025)
    return Figure(name, share, "of the gates", "", True, f"at most {high:.3f}")


def table(figures: Iterable[Figure], size: int) -> str:
    """The figures of one size of gate, as the documentation shows them."""
    values = {figure.name: figure.value for figure in figures}
    head = ["", "samples", *(f"{scenario}: {colour}" for scenario, colour in COLUMNS)]
    rows = [
        [name, f"{values[title(name, size, 'as good', 'samples')]:,.0f}"]
        + [f"{values[title(name, size, *column)]:.3f}" for column in COLUMNS]
        for name in ROWS
    ]
    return _markdown(head, rows)


def threshold_table(figures: Iterable[Figure]) -> str:
    """The figures against a threshold, as the documentation shows them."""
    values = {figure.name: figure.value for figure in figures}
    names = ("pooled interval over cases × samples", "Steelyard, fixed", "Steelyard, sequential")
    head = ["", *(f"{scenario}: {colour}" for scenario, colour in THRESHOLD_COLUMNS)]
    return _markdown(
        head, [[name, *(f"{values[title(name, 1, *c)]:.3f}" for c in THRESHOLD_COLUMNS)] for name in names]
    )


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
