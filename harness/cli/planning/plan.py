"""`steelyard plan`: what a suite can find, and how large it must be to find a given drop."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from harness.cli.planning.shapes import NO_RUN, GateOptions, assumed, of_run, shape_options
from harness.cli.shared.progress import progress
from harness.cli.shared.stored import settings_with_store, store_option
from harness.config import setting_checks
from harness.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from harness.gate.planning.plans import PlanTarget


@click.command()
@store_option
@click.option("--run", metavar="RUN", help="Spread as in this stored run.  [default: the newest; none: as assumed]")
@click.option("--evaluation", "pattern", metavar="PATTERN", help="Only evaluations of the run whose name matches this.")
@shape_options
@click.option(
    "--about",
    type=click.Choice(["suite", "population"]),
    help="What verdicts are about: these cases, or cases like these.  [default: that of the run, else of the settings]",
)
@click.option("--drop", metavar="DROP", type=float, help="Tell how many cases it takes to find a drop of this size.")
@click.option(
    "--power", metavar="SHARE", type=float, default=0.8, show_default=True, help="Of gates that find the drop."
)
@click.option("--cost-per-case", metavar="COST", type=float, help="What one more case costs, to write or to label.")
@click.option("--cost-per-sample", metavar="COST", type=float, help="What one more sample of each version costs.")
@click.option("--budget", metavar="COST", type=float, help="Split this between cases and samples, in place of --cases.")
@click.option(
    "--gates",
    metavar="N",
    type=click.IntRange(20, 100_000),
    help="Simulated for each figure.  [default: 300, or as many as some seconds allow]",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def plan(place: str | None, as_json: bool, **options: Any) -> None:
    """Tell what an evaluation can find: the smallest drop, or with --drop the cases and samples that a drop takes.

    Gates are simulated and decided by the rule of a real one. How scores vary is taken from the newest run in the
    store, and the output names it; without a run it is assumed, and the options say what. Against a threshold a drop
    counts from the threshold. A drop within the margin may pass, so none is looked for. No model is asked.

    \b
    Examples:
      steelyard plan
      steelyard plan --cases 150 --samples 10 --margin 0.05
      steelyard plan --drop 0.05 --evaluations 4
      steelyard plan --drop 0.05 --about population
      steelyard plan --run none --score 0.7 --cases 50 --gates 2000
      steelyard plan --drop 0.05 --cost-per-case 2 --cost-per-sample 0.01
      steelyard plan --budget 2000 --cost-per-case 2 --cost-per-sample 0.5
    """
    from harness.gate.planning.plans import plan_rows, sizes
    from harness.reporting.planning.plan import plan_json, render_plan

    settings = settings_with_store(place)
    wanted, asked = _read(options)
    found = None if asked.run == NO_RUN else of_run(asked, settings)
    gate = found or assumed(asked, settings, "" if asked.run == NO_RUN else "; no run is stored that tells more")
    shapes = sizes(gate, wanted, any_samples=asked.samples is None)
    with progress(len(shapes), "simulated") as step:
        rows = list(plan_rows(gate, shapes, wanted, step))
    if as_json:
        click.echo(json.dumps(plan_json(gate, wanted, rows), allow_nan=False))
    else:
        click.echo("\n".join(render_plan(gate, wanted, rows, sys.stdout.encoding or "utf-8")))


def _read(options: dict[str, Any]) -> tuple[PlanTarget, GateOptions]:
    """The options, checked as far as they can be before the gate is known."""
    from harness.gate.planning.plans import PlanTarget

    drop, power, budget, gates = (options.pop(name) for name in ("drop", "power", "budget", "gates"))
    costs = _costs(options.pop("cost_per_case"), options.pop("cost_per_sample"))
    asked = GateOptions(**options)
    if drop is not None:
        setting_checks.number(drop, "drop", where="--drop", low=0, high=1)
    if budget is not None:
        if costs is None or drop is not None or asked.cases is not None or asked.samples is not None:
            raise UsageError(
                "--budget is split between cases and samples by what they cost: give --cost-per-case or "
                "--cost-per-sample with it, and none of --cases, --samples and --drop."
            )
        if asked.about == "suite":
            raise UsageError(
                "--budget is split for verdicts about cases like these. About the suite itself every sample counts "
                "alike, whichever case it is of: leave out one of --budget and --about."
            )
        setting_checks.number(budget, "budget", where="--budget", low=2 * sum(costs))
        asked = replace(asked, about="population")
    power = setting_checks.number(power, "power", where="--power", low=0.1, high=0.99)
    return PlanTarget(drop, power, costs, budget, gates, asked.seed), asked


def _costs(per_case: float | None, per_sample: float | None) -> tuple[float, float] | None:
    """Return the costs of a case and of a sample, 0 and 1 where one is left out; None where both are."""
    if per_case is None and per_sample is None:
        return None
    case = setting_checks.number(per_case or 0.0, "cost", where="--cost-per-case", low=0)
    sample = setting_checks.number(1.0 if per_sample is None else per_sample, "cost", where="--cost-per-sample", low=0)
    if sample == 0:
        raise SettingsError(
            "--cost-per-sample: 0 asks for as many samples as there can be; leave it out, or give a cost."
        )
    return case, sample
