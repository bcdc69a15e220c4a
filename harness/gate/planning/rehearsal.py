"""Whole runs against a known truth: scripted engine, scheduler, store, stopping and decision, all of it real."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from harness.config import Settings
from harness.config.versions import VersionSettings
from harness.decisions import worst
from harness.errors import SteelyardError
from harness.gate.evaluations.evaluation import Ending, Evaluation, EvaluationPlan
from harness.gate.planning.calibration import GateResult, MeasuredRates, Truth, decided_samples, measured
from harness.gate.planning.simulation import Shape, true_means
from harness.gate.runs.opening import open_run
from harness.gate.runs.run_settings import RunOptions
from harness.records import Case, VerdictKind
from harness.requests import Model
from harness.statistics.arrays import FloatArray

_RIGHT, _WRONG = "right", "wrong"
_LEAST_PROBABILITY = 1e-9


def rehearse(
    truth: Truth,
    shapes: Sequence[Shape],
    n_gates: int,
    confidence_level: float,
    seed: Sequence[int],
    advance: Callable[[], None] = lambda: None,
) -> MeasuredRates:
    """Run so many gates on scripted versions whose answers are right as often as the truth says.

    Answers are right or wrong, whatever the noise of the spread; versions that do not differ are one version, weighed
    against itself. Each gate has a store of its own, which is thrown away.

    Args:
        shapes: all of them against a baseline, or none.
        seed: of all that is drawn.
        advance: called after each gate.

    Raises:
        SteelyardError: a gate ended in an error, which none of them should.
    """
    results = []
    for gate in range(n_gates):
        rng = np.random.default_rng([*seed, gate])
        means = [true_means(shape, drop, rng) for shape, drop in zip(shapes, truth.drops(shapes, gate), strict=True)]
        with tempfile.TemporaryDirectory(prefix="steelyard-") as folder:
            settings = _settings(means, int(rng.integers(1 << 62)), confidence_level, Path(folder))
            results.append(asyncio.run(_run(settings, shapes)))
        advance()
    return measured(truth, shapes, results)


async def _run(settings: Settings, shapes: Sequence[Shape]) -> GateResult:
    """One gate, as a session of pytest runs it."""
    evaluations = tuple(_evaluation(number, shape) for number, shape in enumerate(shapes))
    opened = open_run(settings, RunOptions(n_evaluations=len(shapes), evaluations=evaluations))
    try:
        for evaluation in evaluations:
            opened.run.start(evaluation)
        await opened.run.decide([evaluation.id for evaluation in evaluations])
        verdicts = opened.run.all_verdicts
        drawn = opened.run.usage(0.0).model_calls
    finally:
        await opened.close()
    broken = next((verdict for verdict in verdicts if verdict.verdict is VerdictKind.ERROR), None)
    if broken is not None:
        raise SteelyardError(f"A gate on scripted answers ended in an error: {broken.reason}")
    return GateResult(worst(verdict.verdict for verdict in verdicts), decided_samples(shapes, verdicts), drawn)


def _settings(
    means: Sequence[tuple[FloatArray, FloatArray | None]], seed: int, confidence_level: float, folder: Path
) -> Settings:
    has_baseline = any(baseline is not None for _, baseline in means)
    is_same = all(candidate is baseline for candidate, baseline in means)
    versions = {"candidate": _version("candidate", [candidate for candidate, _ in means], seed)}
    if has_baseline and not is_same:
        others = [candidate if baseline is None else baseline for candidate, baseline in means]
        versions["baseline"] = _version("baseline", others, seed + 1)
    return Settings(
        root=folder,
        candidate="candidate",
        baseline=None if not has_baseline else "candidate" if is_same else "baseline",
        confidence_level=confidence_level,
        seed=seed,
        store=str(folder / "store.db"),
        versions=versions,
    )


def _version(name: str, means: Sequence[FloatArray], seed: int) -> VersionSettings:
    answers = {
        _prompt(number, case): _outcomes(mean)
        for number, of_evaluation in enumerate(means)
        for case, mean in enumerate(of_evaluation.tolist())
    }
    return VersionSettings(name=name, engine="scripted", engine_options={"answers": answers, "seed": seed})


def _outcomes(mean: float) -> dict[str, float]:
    outcomes = {_RIGHT: mean, _WRONG: 1 - mean}
    return {answer: probability for answer, probability in outcomes.items() if probability > _LEAST_PROBABILITY}


def _prompt(evaluation: int, case: int) -> str:
    return f"case {case} of evaluation {evaluation}"


def _evaluation(number: int, shape: Shape) -> Evaluation:
    plan = EvaluationPlan(
        cases=None,
        samples=shape.samples,
        threshold=shape.threshold,
        margin=shape.margin,
        margin_is_default=False,
        max_samples=None,
        per="suite",
        cluster=None,
        requirement=None,
        design=shape.design,
        about=shape.about,
    )
    cases = tuple(Case({"id": f"case-{case}", "prompt": _prompt(number, case)}) for case in range(shape.cases))
    return Evaluation(f"evaluation-{number}", plan, cases, _is_right, _classify)


async def _is_right(model: Model, case: Case) -> bool:
    return str(await model.ask(case.prompt)) == _RIGHT


def _classify(_: BaseException) -> Ending:
    return "error"
