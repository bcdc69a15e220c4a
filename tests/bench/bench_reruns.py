"""The promise however the gate is used: reruns, rare losses, copies, recordings, and what the defaults decide."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from harness.config import Settings
from harness.decisions import Observations, decide, first_looks
from harness.decisions.looks import look_at
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.gate.planning.simulation import About, ScoreSpread, Shape, observed, sampled
from harness.gate.sampling.ledger import Family, enter_looks
from harness.records import Case, VerdictKind
from harness.statistics.arrays import FloatArray
from harness.store import Store
from tests.bench.adversary import ADVERSARIES, KINDS, Wrong, attacked
from tests.bench.bench_decisions import SPREAD
from tests.bench.practices import PRACTICES
from tests.bench.sampling import Figure
from tests.decisions.observations import replace
from tests.simulated import means_of, simulated

LEVEL = 0.05
_WORKERS, _NICENESS, _AT_ONCE = 2, 10, 100
#: Every adversary tries so many gates, each up to seven times.
GATES = 2000
_RARE = (10, 20, 50, 100)

Rule = Callable[[int, int], int]
"""How many of so many gates of a part are wrong: (part, gates)."""


def reruns(folder: Path) -> list[Figure]:
    """All figures."""
    return [cost(folder), *_simulated()]


def cost(folder: Path) -> Figure:
    """Milliseconds of a decision on 1,000 cases × 10 that the ledger enters: the slower of the two claims."""
    shape = Shape(name="t", cases=1000, samples=10, spread=SPREAD)
    cases = tuple(Case({"id": f"c{i}", "prompt": f"question {i}"}) for i in range(shape.cases))
    slowest = 0.0
    for about in ("suite", "population"):
        plan = read_plan({"samples": 10, "about": about, "design": "sequential"}, Settings(root=folder), where="bench")
        asked = Evaluation("t", plan, cases, lambda: None, lambda _: "error")
        entry = simulated(replace(shape, about=about), 0.0, np.random.default_rng(1))
        took = []
        with Store.open(str(folder / f"{about}.db")) as store:
            for number in range(_TIMES):
                family = Family(
                    f"candidate {number}", "baseline", ("t",), 1 - LEVEL, draws={"candidate": (0,), "baseline": (0,)}
                )
                began = time.perf_counter()
                known = enter_looks(store.looks, family, "run", [asked])
                decide([entry], 1 - LEVEL, looks={"t": known["t"].look}, tells_lost=False)
                took.append(time.perf_counter() - began)
        slowest = max(slowest, 1000 * statistics.median(took))
    return Figure("a decision on 1,000 cases × 10, entered into the ledger", slowest, "ms", "≤ 6 ms", slowest <= 6)


_TIMES = 40


def _simulated() -> list[Figure]:
    with ProcessPoolExecutor(_WORKERS, initializer=os.nice, initargs=(_NICENESS,)) as workers:
        return [figure for measure in (*_CLAIMS, adversaries, family, best_of, rivals) for figure in measure(workers)]


def _share(workers: Executor, rule: Rule, gates: int) -> float:
    return sum(workers.map(partial(rule, gates=_AT_ONCE), range(gates // _AT_ONCE))) / gates


def _wrong(name: str, value: float, gates: int) -> Figure:
    most = LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / gates)
    return Figure(name, value, "of the gates", f"≤ {most:.3f}", value <= most, f"{gates:,} gates, promised 0.05")


def adversaries(workers: Executor) -> Iterator[Figure]:
    """Someone who reruns an evaluation by certain options, six times at most, until the wrong verdict comes."""
    for about in ("suite", "population"):
        shape = Shape(cases=60, samples=2, spread=SPREAD, about=about)  # type: ignore[arg-type]
        for number, (name, moves) in enumerate(ADVERSARIES.items()):
            for wrong in KINDS:
                value = _share(workers, partial(_attacked, number, moves, wrong, (shape,)), GATES)
                yield _wrong(f"reruns, {name}, 60 cases × 2, about the {about}: false {wrong}", value, GATES)


def _attacked(
    number: int, moves: tuple[str, ...], wrong: Wrong, shapes: tuple[Shape, ...], part: int, gates: int
) -> int:
    return sum(attacked(moves, wrong, shapes, (31, number, part, gate)) for gate in range(gates))


def family(workers: Executor) -> Iterator[Figure]:
    """Twenty evaluations of which the open ones run again, with more samples: red is shared by all twenty for good."""
    shapes = (Shape(cases=30, samples=2, spread=SPREAD, about="suite"),) * 20
    gates = GATES // 10
    value = _share(workers, partial(_attacked, 4, ("lf", "samples"), "red", shapes), gates)
    yield _wrong("reruns, 20 evaluations, --lf and more samples by turns: false red", value, gates)


def defaults(workers: Executor) -> Iterator[Figure]:
    """What the defaults decide where nothing is worse, at a first look; scores as `steelyard plan` assumes them."""
    small, usual = Shape(cases=50, samples=10, about="suite"), Shape(cases=100, samples=5, about="suite")
    whole = Shape(cases=100, samples=5, about="population", design="fixed")  # as design="auto" has it at this size
    rows = (
        ("50 cases × 10, the same version, about the suite", replace(small, spread=SPREAD), None, 0.85),
        ("100 cases × 5, as good over the suite, about the suite", usual, 0.0, 0.80),
        ("100 cases × 5, as good on average, about the population", whole, 0.0, 0.60),
    )
    for name, shape, drop, goal in rows:
        value = _share(workers, partial(_green, shape, drop), GATES)
        yield Figure(f"green by default: {name}", value, "of the gates", f"≥ {goal:.2f}", value >= goal, f"{GATES:,}")
    value = _share(workers, partial(_green, whole, 0.05), GATES)
    yield _wrong("100 cases × 5, lower by 0.05 on average, about the population: false green", value, GATES)
    used = np.concatenate(list(workers.map(_cases_used, range(GATES // _AT_ONCE))))
    mean = float(used.mean())
    name = "cases used where equal: 200 cases × 5, 50 stored baseline samples, about the population"
    yield Figure(name, mean, "cases", "≤ 106", mean <= 106, f"{GATES:,} gates")
    for spread, said in ((ScoreSpread(), ""), (SPREAD, ", scores of `decisions`")):
        for drop, name in ((0.0, "as good"), (0.05, "lower by 0.05")):
            shape = Shape(cases=450, spread=spread, about="population")
            ends = np.concatenate(list(workers.map(partial(_ends, shape, drop), range(GATES // _AT_ONCE))))
            bound = _wald(shape, drop)
            ratio = float(ends.mean()) / bound
            name = f"450 cases × 5, {name}, about the population: cases used against Wald's bound{said}"
            yield Figure(name, ratio, "×", "≤ 1.30", ratio <= 1.3, f"{ends.mean():.0f} against {bound:.0f} cases")


def _wald(shape: Shape, drop: float) -> float:
    """Expected cases of Wald's test of a normal mean, both errors 0.05 (A. Wald 1947, Sequential Analysis, 7.3)."""
    entry = simulated(replace(shape, cases=100_000), drop, np.random.default_rng(7))
    assert entry.baseline is not None
    variance = float((entry.candidate.mean(axis=1) - entry.baseline.mean(axis=1)).var())
    return 2 * variance / 0.05**2 * (0.95 * math.log(0.95 / 0.05) + 0.05 * math.log(0.05 / 0.95))


def _decided(entry: Observations) -> VerdictKind:
    (verdict,) = decide([entry], 1 - LEVEL, looks=first_looks([entry.id]), tells_lost=False)
    return verdict.verdict


def _green(shape: Shape, drop: float | None, part: int, gates: int) -> int:
    entries = (simulated(shape, drop, np.random.default_rng([32, part, gate])) for gate in range(gates))
    return sum(_decided(entry) is VerdictKind.PASSED for entry in entries)


def _ends(shape: Shape, drop: float, part: int) -> FloatArray:
    found = []
    for gate in range(_AT_ONCE):
        entry = simulated(shape, drop, np.random.default_rng([33, part, gate]))
        (verdict,) = decide([entry], 1 - LEVEL, looks=first_looks([entry.id]), tells_lost=False)
        found.append(verdict.n_cases)
    return np.array(found)


def _cases_used(part: int) -> FloatArray:
    shape, found = Shape(cases=200, about="population"), []
    for gate in range(_AT_ONCE):
        rng = np.random.default_rng([34, part, gate])
        candidate, baseline = means_of(shape, 0.0, rng)
        assert baseline is not None
        entry = observed(shape, sampled(candidate, 5, 1.0, rng), sampled(baseline, 50, 1.0, rng))
        (verdict,) = decide([entry], 1 - LEVEL, looks=first_looks([entry.id]), tells_lost=False)
        found.append(verdict.n_cases)
    return np.array(found)


def lost(workers: Executor) -> Iterator[Figure]:
    """`max_lost=0`, 50 cases × 10: two or three cases lost altogether, and none."""
    for name, share, goal in (("5 % of the cases lost", 0.05, 0.98), ("the same version", 0.0, 0.05)):
        value = _share(workers, partial(_red_by_lost, share), GATES)
        met = value >= goal if share else value <= goal
        sign = "≥" if share else "≤"
        yield Figure(
            f"max_lost=0, 50 cases × 10, {name}: red", value, "of the gates", f"{sign} {goal}", met, f"{GATES:,}"
        )


def _red_by_lost(share: float, part: int, gates: int) -> int:
    shape, red = Shape(cases=50, samples=10, spread=SPREAD, about="suite", margin=0.1), 0
    for gate in range(gates):
        rng = np.random.default_rng([35, part, gate])
        entry = replace(simulated(shape, None, rng), max_lost=0)
        right = np.flatnonzero(entry.baseline.mean(axis=1) > 0.5)  # type: ignore[union-attr] - what can be lost
        candidate = entry.candidate.copy()
        candidate[rng.choice(right, round(share * 50 + rng.choice([-0.5, 0.5])) if share else 0, replace=False)] = 0
        red += _decided(replace(entry, candidate=candidate)).is_red
    return red


def rare_losses(workers: Executor) -> Iterator[Figure]:
    """Graded scores, drawn whole, about the population: 6 in 100 cases fall from 0.8 to 0, or the other way round."""
    for n_cases in _RARE:
        for wrong in KINDS:
            value = _share(workers, partial(_rare, n_cases, wrong), GATES)
            yield _wrong(f"a rare loss of graded scores, {n_cases} cases, fixed: false {wrong}", value, GATES)


def _rare(n_cases: int, wrong: Wrong, part: int, gates: int) -> int:
    """A drop of exactly the margin where 1 in 16 cases is lost; none where as rare a gain makes up for a small loss."""
    count, share = 0, LEVEL / 0.8
    for gate in range(gates):
        rng = np.random.default_rng([36, n_cases, part, gate])
        rare, noise = rng.random(n_cases) < share, rng.normal(0, 0.01, n_cases)
        if wrong == "green":
            baseline = np.full(n_cases, 0.8)
            candidate = np.where(rare, 0.0, 0.8)
        else:
            baseline = np.where(rare, 0.0, 0.85)
            candidate = np.full(n_cases, 0.85 * (1 - share))
        entry = observed(
            Shape(cases=n_cases, samples=1, design="fixed", about="population"),
            np.clip(candidate + noise, 0, 1)[:, np.newaxis],
            np.clip(baseline + noise, 0, 1)[:, np.newaxis],
        )
        kind = _decided(entry)
        count += kind.is_red if wrong == "red" else kind is VerdictKind.PASSED
    return count


def copies(workers: Executor) -> Iterator[Figure]:
    """Twenty questions, ten copies of each, that share what is true of them: found, and counted once."""
    for design in ("sequential", "fixed"):
        for wrong in KINDS:
            value = _share(workers, partial(_copied, design, wrong), GATES)
            yield _wrong(f"20 cases × 10 copies, {design}, about the population: false {wrong}", value, GATES)


def _copied(design: str, wrong: Wrong, part: int, gates: int) -> int:
    count = 0
    shape = Shape(cases=20, samples=2, spread=SPREAD, about="population", design=design, margin=0.1)  # type: ignore[arg-type]
    labels = tuple(f"q{i}" for i in range(20) for _ in range(10))
    for gate in range(gates):
        rng = np.random.default_rng([37, part, gate])
        candidate, baseline = means_of(shape, shape.margin if wrong == "green" else 0.0, rng)
        assert baseline is not None
        scores = [sampled(np.repeat(each, 10), 2, 1.0, rng) for each in (candidate, baseline)]
        entry = observed(replace(shape, cases=200), *scores)
        kind = _decided(replace(entry, clusters=labels, clusters_known_by="texts"))
        count += kind.is_red if wrong == "red" else kind is VerdictKind.PASSED
    return count


def timeouts(workers: Executor) -> Iterator[Figure]:
    """Seconds of which 2 in 100 are a timeout of 30 s, declared with at_most=30: slower by the margin is not passed."""
    for n_cases in (20, 50):
        value = _share(workers, partial(_timed_out, n_cases), GATES)
        yield _wrong(
            f"2 % timeouts of 30 s, at_most=30, {n_cases} cases, about the population: false green", value, GATES
        )


def _timed_out(n_cases: int, part: int, gates: int) -> int:
    green = 0
    for gate in range(gates):
        rng = np.random.default_rng([38, n_cases, part, gate])
        baseline = rng.uniform(0.8, 1.2, (n_cases, 1))
        candidate = np.where(rng.random((n_cases, 1)) < 0.02, 30.0, rng.uniform(0.8, 1.2, (n_cases, 1)))
        shape = Shape(cases=n_cases, samples=1, about="population", margin=0.05)
        entry = replace(observed(shape, candidate, baseline), unit="s", at_least=0.0, at_most=30.0, margin=0.58)
        green += _decided(replace(entry, higher_is_better=False)) is VerdictKind.PASSED
    return green


def heavy_tails(workers: Executor) -> Iterator[Figure]:
    """Pareto(1.5) seconds, which have no variance, weighed by their median: slower by the margin is not passed."""
    for n_cases in (50, 200):
        value = _share(workers, partial(_heavy, n_cases), GATES // 4)
        yield _wrong(f"Pareto(1.5) seconds, statistic=p50, {n_cases} cases × 5: false green", value, GATES // 4)


def _heavy(n_cases: int, part: int, gates: int) -> int:
    """Both have the same tail; the candidate takes a second longer, which is the margin."""
    shape, green = Shape(cases=n_cases, design="fixed", about="population"), 0
    for gate in range(gates):
        rng = np.random.default_rng([40, n_cases, part, gate])
        baseline, candidate = rng.pareto(1.5, (2, n_cases, 5)) + np.array([[[0.0]], [[1.0]]])
        entry = replace(observed(shape, candidate, baseline), unit="s", statistic="p50", margin=1.0)
        green += _decided(replace(entry, higher_is_better=False)) is VerdictKind.PASSED
    return green


def best_of(workers: Executor) -> Iterator[Figure]:
    """Thirty candidates, all lower by the margin, weighed with `--best-of 30` against one recording: any passes."""
    gates = GATES // 2
    for about in ("suite", "population"):
        value = _share(workers, partial(any_of_thirty, about), gates)
        yield _wrong(f"best of 30 against one recording, 100 cases, about the {about}: false green", value, gates)


def any_of_thirty(about: About, part: int, gates: int) -> int:
    """In how many gates of a part one of the thirty passes."""
    shape, count = Shape(cases=100, spread=SPREAD, about=about, design="fixed"), 0
    looks = {shape.name: look_at(1, 1, 1, best_of=_CANDIDATES)}
    for gate in range(gates):
        rng = np.random.default_rng([41, part, gate])
        candidate, baseline = means_of(shape, shape.margin, rng)
        assert baseline is not None
        recorded = sampled(baseline, 5, 1.0, rng)
        entries = (observed(shape, sampled(candidate, 5, 1.0, rng), recorded) for _ in range(_CANDIDATES))
        verdicts = (decide([entry], 1 - LEVEL, looks=looks, tells_lost=False)[0] for entry in entries)
        count += any(verdict.verdict is VerdictKind.PASSED for verdict in verdicts)
    return count


_CANDIDATES = 30
_CLAIMS = (defaults, lost, rare_losses, copies, timeouts, heavy_tails)


def rivals(workers: Executor) -> Iterator[Figure]:
    """What people do today, run again up to six times with new answers until the wrong colour comes; 100 cases × 5."""
    for name in _RIVALS:
        for wrong in KINDS:
            value = _share(workers, partial(_rerun, name, wrong), GATES)
            yield Figure(f"reruns, {name}: false {wrong}", value, "of the gates", "", True, f"{GATES:,} gates")


_RIVALS = {name: PRACTICES[name] for name in ("fixed tolerance, one run", "half the tolerance, mean of 5")}
_RIVALS |= {name: PRACTICES[name] for name in ("unpaired z test, one run", "pooled interval over cases × samples")}
_RERUNS = 6


def _rerun(name: str, wrong: Wrong, part: int, gates: int) -> int:
    """Whether the wrong colour comes in any of seven runs: red where it is as good, green where it is lower by 0.05."""
    shape, count = Shape(cases=100, spread=SPREAD), 0
    for gate in range(gates):
        rng = np.random.default_rng([39, part, gate])
        means = means_of(shape, 0.05 if wrong == "green" else 0.0, rng)
        runs = [
            np.stack([sampled(each, 5, 1.0, rng) for _ in range(_RERUNS + 1)]).astype(bool)[:, np.newaxis]
            for each in means
            if each is not None
        ]
        outcomes = _RIVALS[name](*runs)
        count += bool((outcomes.red if wrong == "red" else outcomes.green).any())
    return count
