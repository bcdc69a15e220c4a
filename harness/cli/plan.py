"""`steelyard plan`: what a suite can find, and how large it must be to find a given drop."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness.cli.console import Number, open_store, place_option, shows
from harness.config.settings import Settings, check_setting
from harness.errors import SettingsError
from harness.gate.history.runs import WeighedVersion, find_version, stored_report
from harness.gate.history.scores import Side
from harness.gate.planning.blocks import pairs_of_blocks
from harness.gate.planning.candidates import NextCandidate, next_candidates
from harness.gate.planning.power import PlanTarget, plan_rows, sizes
from harness.gate.planning.shapes import PlannedGate, shapes_of_run
from harness.gate.planning.simulation import ScoreSpread, Shape
from harness.records import Report
from harness.reporting.plan import GatePlan, view
from harness.reporting.shared.figures import plural
from harness.reporting.shared.names import find_evaluations, row_names
from harness.store import Store, store_url
from harness.store.location import settings_with_store

_NO_RUN = "none"
_NEWEST_TRIED = 20
_SPREAD = {"score": "mean", "correlation": "correlation", "differing": "differing"}
_SHAPE = ("cases", "samples", "margin", "threshold", "design", "about")
_SHARE, _COST, _PER_CASE, _POWER = Number(0, 1), Number(0, min_open=True), Number(0), Number(0.1, 0.99)
_ABOUT = "Verdicts about these cases, or cases like these.  [default: that of the run or settings]"
_GATES = "Simulated for each figure.  [default: 300, or as many as some seconds allow]"


@click.command()
@place_option
@click.option("--run", metavar="RUN", help="Spread as in this stored run.  [default: the newest; none: as assumed]")
@click.option("--evaluation", metavar="PATTERN", help="Only evaluations of the run whose name matches this.")
@click.option("--cases", metavar="N", type=click.IntRange(2, 100_000), help="Of an evaluation.  [default: 200]")
@click.option("--samples", metavar="N", type=click.IntRange(1, 10_000), help="Of a case.  [default: the settings']")
@click.option("--margin", metavar="DROP", type=Number(), help="The largest drop that still counts as no worse.")
@click.option("--threshold", metavar="SCORE", type=_SHARE, help="Weigh against this score, not against a baseline.")
@click.option("--evaluations", metavar="N", type=click.IntRange(1, 1_000), help="Of the gate.  [default: 1]")
@click.option("--score", metavar="SCORE", type=_SHARE, help="Mean score when nothing is wrong.  [default: 0.9]")
@click.option("--correlation", metavar="SHARE", type=_SHARE, help="Of two samples of a case.  [default: 0.5]")
@click.option("--differing", metavar="SHARE", type=_SHARE, help="Cases answered otherwise by another.  [default: 0.3]")
@click.option("--design", type=click.Choice(["sequential", "fixed"]), help="[default: that of the run or settings]")
@click.option("--about", type=click.Choice(["suite", "population"]), help=_ABOUT)
@click.option("--drop", metavar="DROP", type=_SHARE, help="Tell how many cases it takes to find a drop of this size.")
@click.option("--power", metavar="SHARE", type=_POWER, default=0.8, show_default=True, help="Of gates that find it.")
@click.option("--cost-per-case", metavar="COST", type=_PER_CASE, help="What one more case costs, to write or to label.")
@click.option("--cost-per-sample", metavar="COST", type=_COST, help="What one more sample of each version costs.")
@click.option("--gates", metavar="N", type=click.IntRange(20, 100_000), help=_GATES)
@shows(view)
def plan(place: str | None, **options: Any) -> GatePlan:
    """Tell what an evaluation can find: the smallest drop, or with --drop the cases and samples that a drop takes.

    Gates are simulated and decided by the rule of a real one. How scores vary is taken from the newest run in the
    store, and the output names it; without a run it is assumed, and the options say what. Against a threshold a drop
    counts from the threshold. A drop within the margin may pass, so none is looked for. Of a run that was measured in
    pairs of blocks it tells the smallest loss that so many pairs find, and how many a loss takes. Where candidates are
    counted it tells what the next one passes at, and when fresh cases are due. No model is asked.

    \b
    Examples:
      steelyard plan
      steelyard plan --cases 150 --samples 10 --margin 0.05
      steelyard plan --drop 0.05 --about population
      steelyard plan --drop 0.05 --cost-per-case 2 --cost-per-sample 0.01
    """
    settings, asked = settings_with_store(place), {name: value for name, value in options.items() if value is not None}
    check_setting("margin", asked.get("margin", 0.0), where="--margin")
    costs = asked.get("cost_per_case", 0.0), asked.get("cost_per_sample", 1.0)
    is_priced = "cost_per_case" in asked or "cost_per_sample" in asked
    target = PlanTarget(asked.get("drop"), asked["power"], costs if is_priced else None, asked.get("gates"))
    gate = None if asked.get("run") == _NO_RUN else _gate_of_run(asked, settings)
    gate = gate or _assumed_gate(asked, settings)
    shapes = sizes(gate, target, any_samples="samples" not in asked)
    shown = sys.stderr if sys.stderr.isatty() else io.StringIO()
    with click.progressbar(plan_rows(gate, shapes, target), length=len(shapes), label="simulated", file=shown) as bar:
        rows = tuple(bar)
    return GatePlan(gate, target, rows, () if asked.get("run") == _NO_RUN else _next_candidates(settings, gate))


def _next_candidates(settings: Settings, gate: PlannedGate) -> tuple[NextCandidate, ...]:
    url = store_url(settings)
    if "://" not in url and not Path(url).exists():
        return ()
    with open_store(settings) as store:
        return next_candidates(store, gate, row_names)


def _assumed_gate(asked: Mapping[str, Any], settings: Settings) -> PlannedGate:
    """A gate of evaluations that are all alike, as the options and the settings say."""
    threshold, name = asked.get("threshold"), _under_test(settings)["candidate"]
    shape = Shape(
        samples=settings.samples,
        margin=settings.margin,
        threshold=threshold,
        spread=ScoreSpread() if threshold is None else ScoreSpread(mean=(1 + threshold) / 2),
        design="fixed" if settings.design == "fixed" else "sequential",
        about=settings.about,
        is_repeatable=bool(name in settings.versions and settings.version(str(name)).sampling.get("temperature") == 0),
    )
    count, needless = asked.get("evaluations", 1), () if threshold is None else ("differing",)
    guessed = tuple(f"--{name}" for name in _SPREAD if name not in asked and name not in needless)
    source = "assumed" if "run" in asked else "assumed; no run is stored that tells more"
    return PlannedGate((_as_asked(shape, asked),) * count, count, settings.confidence_level, source, guessed=guessed)


def _gate_of_run(asked: Mapping[str, Any], settings: Settings) -> PlannedGate | None:
    """A gate like the stored run that is asked for, or like the newest that tells something; None where none does."""
    url = store_url(settings)
    if "run" not in asked and "://" not in url and not Path(url).exists():
        return None
    under_test = _under_test(settings)
    with open_store(settings) as store:
        for weighed in _runs(store, asked, under_test["candidate"]):
            report = stored_report(store, weighed.run.run_id)
            names = row_names(report.evaluations)
            shapes = tuple(shapes_of_run(store, Side(weighed, report), names))
            blocks = tuple(pairs_of_blocks(report, names))
            if shapes or blocks:
                break
        else:
            if "run" not in asked:
                return None
            raise SettingsError(
                f"Run {report.run_id} has no evaluation of scores in [0, 1] with two cases or more, against a "
                "threshold or a baseline, and none in pairs of blocks; nothing of it can be planned."
            )
    if "evaluation" in asked:
        names = [*(each.name for each in shapes), *(each.name for each in blocks)]
        chosen = find_evaluations(asked["evaluation"], names, where="--evaluation")
        shapes = tuple(each for each in shapes if each.name in chosen)
        blocks = tuple(each for each in blocks if each.name in chosen)
    if "threshold" in asked:  # each evaluation once, against that
        shapes = tuple({each.name: each for each in shapes}.values())
    others = " and ".join(
        f"{version.name!r} is not {under_test[role]!r}, the {role} of the settings"
        for role, version in (("candidate", report.candidate), ("baseline", report.baseline))
        if version is not None and under_test[role] not in (None, version.name)
    )
    return PlannedGate(
        shapes=tuple(_as_asked(each, asked) for each in shapes),
        evaluations=asked.get("evaluations", len({verdict.id for verdict in report.evaluations})),
        confidence_level=report.confidence_level,
        source=_source(report, asked),
        unlike=f"The spread is that of another version: {others}." if others else "",
        blocks=blocks,
    )


def _runs(store: Store, asked: Mapping[str, Any], candidate: str | None) -> list[WeighedVersion]:
    """The runs that a plan may be like: the one asked for, or the newest, those of the version under test first."""
    if "run" in asked:
        return [find_version(store.runs(), asked["run"])]
    newest = [WeighedVersion(run, "candidate") for run in reversed(store.gates()) if run.finished][:_NEWEST_TRIED]
    return sorted(newest, key=lambda each: candidate is not None and each.version.name != candidate)


def _under_test(settings: Settings) -> dict[str, str | None]:
    """The names of candidate and baseline, as a gate would choose them."""
    alone = [*(settings.models or settings.versions)]
    return {"candidate": settings.candidate or (alone[0] if len(alone) == 1 else None), "baseline": settings.baseline}


def _source(report: Report, asked: Mapping[str, Any]) -> str:
    """Say which run a plan is like, and in what it is not."""
    certain = len({verdict.id for verdict in report.evaluations if verdict.is_certain})
    given = " and ".join(f"--{name}" for name in _SPREAD if name in asked)
    others = f" against {report.baseline.name}" if report.baseline else ""
    but = f", but {given} as given" if given else ""
    without = f", without {plural(certain, 'evaluation')} in which nothing is left to chance" if certain else ""
    return f"as seen in run {report.run_id} ({report.candidate.name}{others}){but}{without}"


def _as_asked(shape: Shape, asked: Mapping[str, Any]) -> Shape:
    """The shape with what the command line says laid over it."""
    spread = {field: asked[name] for name, field in _SPREAD.items() if name in asked}
    if spread.get("correlation") == 1:
        spread["correlation"] = 0.9999
    values = {name: asked[name] for name in _SHAPE if name in asked}
    return replace(shape, spread=replace(shape.spread, **spread), **values)
