"""`steelyard calibrate`: how often a gate of a given size is wrong, measured beside what it promises."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from harness.cli.planning.shapes import GateOptions, assumed, of_run, shape_options
from harness.cli.shared.progress import progress
from harness.cli.shared.stored import settings_with_store, store_option
from harness.config import setting_checks
from harness.errors import SettingsError

if TYPE_CHECKING:
    from harness.gate.planning.adversary import Attempt
    from harness.gate.planning.calibration import Calibration
    from harness.gate.planning.shapes import PlannedGate
    from harness.gate.planning.simulation import Shape


@click.command()
@store_option
@click.option("--run", metavar="RUN", help="A gate like this stored run: its sizes, requirements and spread.")
@click.option("--evaluation", "pattern", metavar="PATTERN", help="Only evaluations of the run whose name matches this.")
@shape_options
@click.option("--drop", metavar="DROP", type=float, help="The planted drop to be found.  [default: twice the margin]")
@click.option(
    "--gates",
    metavar="N",
    type=click.IntRange(1, 1_000_000),
    default=1000,
    show_default=True,
    help="Simulated for each truth.",
)
@click.option(
    "--whole-gates",
    metavar="N",
    type=click.IntRange(0, 10_000),
    default=10,
    show_default=True,
    help="Run for each truth with scripted engine, scheduler, store and stopping.",
)
@click.option(
    "--reruns", is_flag=True, help="Measure someone who reruns the gate until it is wrong, six times at most."
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def calibrate(
    place: str | None, drop: float | None, gates: int, whole_gates: int, reruns: bool, as_json: bool, **options: Any
) -> None:
    """Measure how often a gate is wrong: run it against itself, and against drops that were planted.

    Each gate is decided by the very rule of a real one. Most are decided on simulated scores; some are run whole, on a
    scripted engine with a store that is thrown away. Without --run the gate is what the options say. No model is asked,
    and nothing is kept.

    Exit code: 0; 1 if a rate of error lies above the nominal one by more than chance explains (one-sided, 0.95).

    \b
    Examples:
      steelyard calibrate
      steelyard calibrate --evaluations 4 --cases 150 --samples 10
      steelyard calibrate --threshold 0.9 --score 0.95 --gates 2000
      steelyard calibrate --run latest --json
      steelyard calibrate --run latest --reruns --gates 500
    """
    from harness.gate.planning.adversary import is_exceeded
    from harness.reporting.planning.calibration import calibration_json, render_calibration
    from harness.reporting.planning.reruns import render_reruns, reruns_json

    settings = settings_with_store(place)
    asked = GateOptions(**options)
    found = None if asked.run is None else of_run(asked, settings)
    gate, left_out = _side_by_side(found or assumed(asked, settings, ""))
    if reruns:
        attempts = _attacked(gate, gates, asked.seed)
        if as_json:
            click.echo(json.dumps(reruns_json(gate, attempts), allow_nan=False))
        else:
            click.echo("\n".join(render_reruns(gate, attempts, sys.stdout.encoding or "utf-8")))
        sys.exit(1 if is_exceeded(attempts, 1 - gate.confidence_level) else 0)
    calibration = _measure(gate, _checked_drop(drop, gate.shapes), (gates, whole_gates), asked.seed)
    if as_json:
        click.echo(json.dumps(calibration_json(gate, calibration, left_out), allow_nan=False))
    else:
        click.echo("\n".join(render_calibration(gate, calibration, left_out, sys.stdout.encoding or "utf-8")))
    sys.exit(1 if calibration.is_contradicted else 0)


def _side_by_side(gate: PlannedGate) -> tuple[PlannedGate, int]:
    """The comparisons that one gate can hold, those with the baseline or else all; and how many others there are."""
    kept = tuple(each for each in gate.seen if each.shape.threshold is None) or gate.seen
    return replace(gate, seen=kept), len(gate.seen) - len(kept)


def _checked_drop(drop: float | None, shapes: Sequence[Shape]) -> float | None:
    if drop is None:
        return None
    deepest = min(shape.deepest for shape in shapes)
    if not 0 < setting_checks.number(drop, "drop", where="--drop") <= deepest:
        raise SettingsError(f"--drop: {drop:g} is not above 0 and at most {deepest:.2f}, all that there is to lose.")
    return drop


def _attacked(gate: PlannedGate, n_gates: int, seed: int) -> list[Attempt]:
    from harness.gate.planning.adversary import ADVERSARIES, Trial, attack
    from harness.gate.planning.calibration import KINDS

    tries = [(adversary, wrong) for adversary in ADVERSARIES for wrong in KINDS]
    found = []
    with progress(n_gates * len(tries), "gates, each run up to 7 times") as step:
        for i, (adversary, wrong) in enumerate(tries):
            trial = Trial(n_gates, confidence_level=gate.confidence_level, seed=(seed, i, 2))
            found.append(attack(adversary, wrong, gate.shapes, trial, step))
    return found


def _measure(gate: PlannedGate, drop: float | None, counts: tuple[int, int], seed: int) -> Calibration:
    from harness.gate.planning.calibration import Calibration, simulate, truths
    from harness.gate.planning.rehearsal import rehearse

    shapes, level = gate.shapes, gate.confidence_level
    wanted = truths(shapes, drop)
    n_gates, n_whole = counts
    with progress(n_gates * len(wanted), "simulated gates") as step:
        simulated = [simulate(truth, shapes, n_gates, level, [seed, i], step) for i, truth in enumerate(wanted)]
    whole = []
    if n_whole:
        with progress(n_whole * len(wanted), "whole gates    ") as step:
            whole = [rehearse(truth, shapes, n_whole, level, [seed, i, 1], step) for i, truth in enumerate(wanted)]
    return Calibration(tuple(simulated), tuple(whole), 1 - level)
