"""`steelyard plan`: what a suite can find, and how large it must be to find a given drop."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import click

from harness.cli.console import margin_option, shows
from harness.cli.stores import open_store, settings_with_store, store_option
from harness.config.settings import Settings, check_setting
from harness.config.typed import Between, Share, check
from harness.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from harness.gate.history.runs import WeighedVersion
    from harness.gate.planning.shapes import PlannedGate
    from harness.gate.planning.simulation import Shape
    from harness.records import Report
    from harness.reporting.plan import GatePlan
    from harness.store import RunInfo

_NO_RUN = "none"
_MOST = {"cases": 100_000, "samples": 10_000, "evaluations": 1_000}
_NEWEST_TRIED = 20
_SPREAD = {"score": "mean", "correlation": "correlation", "differing": "differing"}
_RANGES = {
    **dict.fromkeys(("drop", *_SPREAD), (0.0, 1.0)),
    "power": (0.1, 0.99),
    **dict.fromkeys(("cost_per_case", "cost_per_sample"), (0.0, float("inf"))),
}


@click.command()
@store_option
@click.option("--run", metavar="RUN", help="Spread as in this stored run.  [default: the newest; none: as assumed]")
@click.option("--evaluation", "pattern", metavar="PATTERN", help="Only evaluations of the run whose name matches this.")
@click.option("--cases", metavar="N", type=int, help="Cases of an evaluation.  [default: 200]")
@click.option("--samples", metavar="N", type=int, help="Samples for each case.  [default: that of the settings]")
@margin_option
@click.option("--threshold", metavar="SCORE", type=float, help="Weigh against this score, not against a baseline.")
@click.option("--evaluations", metavar="N", type=int, help="How many the gate has.  [default: 1]")
@click.option("--score", metavar="SCORE", type=float, help="Mean score when nothing is wrong.  [default: 0.9]")
@click.option(
    "--correlation",
    metavar="SHARE",
    type=float,
    help="Of two samples of a case; 0: all cases alike, 1: always right or always wrong.  [default: 0.5]",
)
@click.option(
    "--differing",
    metavar="SHARE",
    type=float,
    help="Cases that another version answers right more or less often.  [default: 0.3]",
)
@click.option("--design", metavar="DESIGN", help="sequential or fixed.")
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
@click.option(
    "--gates",
    metavar="N",
    type=click.IntRange(20, 100_000),
    help="Simulated for each figure.  [default: 300, or as many as some seconds allow]",
)
@shows("harness.reporting.plan:view")
def plan(place: str | None, **options: Any) -> GatePlan:
    """Tell what an evaluation can find: the smallest drop, or with --drop the cases and samples that a drop takes.

    Gates are simulated and decided by the rule of a real one. How scores vary is taken from the newest run in the
    store, and the output names it; without a run it is assumed, and the options say what. Against a threshold a drop
    counts from the threshold. A drop within the margin may pass, so none is looked for. Of a run that was measured in
    pairs of blocks it tells the smallest loss that so many pairs find, and how many a loss takes. No model is asked.

    \b
    Examples:
      steelyard plan
      steelyard plan --cases 150 --samples 10 --margin 0.05
      steelyard plan --drop 0.05 --evaluations 4
      steelyard plan --drop 0.05 --about population
      steelyard plan --run none --score 0.7 --cases 50 --gates 2000
      steelyard plan --drop 0.05 --cost-per-case 2 --cost-per-sample 0.01
    """
    from harness.gate.planning.power import PlanTarget, plan_rows, sizes
    from harness.reporting.plan import GatePlan

    settings = settings_with_store(place)
    asked = _checked(options)
    costs = (asked.get("cost_per_case", 0.0), asked.get("cost_per_sample", 1.0))
    is_priced = "cost_per_case" in asked or "cost_per_sample" in asked
    wanted = PlanTarget(asked.get("drop"), asked["power"], costs if is_priced else None, asked.get("gates"))
    gate = None if asked.get("run") == _NO_RUN else _of_run(asked, settings)
    gate = gate or _assumed(asked, settings)
    shapes = sizes(gate, wanted, any_samples="samples" not in asked)
    shown = sys.stderr if sys.stderr.isatty() else io.StringIO()
    simulated = plan_rows(gate, shapes, wanted)
    with click.progressbar(simulated, length=len(shapes), label="simulated", file=shown) as bar:
        return GatePlan(gate, wanted, tuple(bar))


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are given.

    Raises:
        SettingsError: one of them can't be.
    """
    asked = {name: value for name, value in options.items() if value is not None}
    if isinstance(share := asked.get("margin"), str):
        raise SettingsError(
            f"--margin {share}: a share is of what a baseline measured, and a plan is of scores in [0, 1]: write a "
            "number, such as --margin 0.05."
        )
    for name, value in asked.items():
        where = f"--{name.replace('_', '-')}"
        if name in _RANGES:
            low, high = _RANGES[name]
            check(Annotated[float, Between(low, high)], value, name, where=where)
        elif name in _MOST:
            check(Annotated[int, Between(2 if name == "cases" else 1, _MOST[name])], value, name, where=where)
        elif name == "threshold":
            check(Share, value, name, where=where)
        elif name in ("margin", "design"):
            check_setting(name, value, where=where)
    if asked.get("cost_per_sample") == 0:
        raise SettingsError(
            "--cost-per-sample: 0 asks for as many samples as there can be; leave it out or give a cost."
        )
    return asked


def _assumed(asked: Mapping[str, Any], settings: Settings) -> PlannedGate:
    """A gate of evaluations that are all alike, as the options and the settings say."""
    from harness.gate.planning.shapes import PlannedGate
    from harness.gate.planning.simulation import ScoreSpread, Shape

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
    count = asked.get("evaluations", 1)
    needless = () if threshold is None else ("differing",)
    guessed = tuple(f"--{name}" for name in _SPREAD if name not in asked and name not in needless)
    source = "assumed" if "run" in asked else "assumed; no run is stored that tells more"
    shapes = (_as_asked(shape, asked),) * count
    return PlannedGate(shapes, count, settings.confidence_level, source, guessed=guessed)


def _tried(runs: Sequence[RunInfo], asked: Mapping[str, Any], under_test: str | None) -> list[WeighedVersion]:
    """The runs that a plan may be like: the one asked for, or the newest, those of the version under test first."""
    from harness.gate.history.runs import WeighedVersion, find_version

    if "run" in asked:
        return [find_version(runs, asked["run"])]
    tried = [WeighedVersion(run, "candidate") for run in reversed(runs) if run.finished][:_NEWEST_TRIED]
    return sorted(tried, key=lambda each: under_test is not None and each.version.name != under_test)


def _under_test(settings: Settings) -> dict[str, str | None]:
    """The names of candidate and baseline, as a gate would choose them."""
    alone = settings.models or settings.versions
    only = next(iter(alone)) if len(alone) == 1 else None
    return {"candidate": settings.candidate or only, "baseline": settings.baseline}


def _differ(report: Report, under_test: Mapping[str, str | None]) -> str:
    """Say which versions of a run are others than those of the settings."""
    return " and ".join(
        f"{version.name!r} is not {under_test[role]!r}, the {role} of the settings"
        for role, version in (("candidate", report.candidate), ("baseline", report.baseline))
        if version is not None and under_test[role] not in (None, version.name)
    )


def _as_seen(report: Report, asked: Mapping[str, Any]) -> str:
    """Say which run a plan is like, and in what it is not."""
    from harness.reporting.shared.figures import plural

    certain = len({verdict.id for verdict in report.evaluations if verdict.is_certain})
    given = " and ".join(f"--{name}" for name in _SPREAD if name in asked)
    others = f" against {report.baseline.name}" if report.baseline else ""
    return (
        f"as seen in run {report.run_id} ({report.candidate.name}{others})"
        + (f", but {given} as given" if given else "")
        + (f", without {plural(certain, 'evaluation')} in which nothing is left to chance" if certain else "")
    )


def _of_run(asked: Mapping[str, Any], settings: Settings) -> PlannedGate | None:
    """A gate like the stored run that is asked for; else like the newest that tells something (of the version under
    test, where the settings name it and there is one), or None.

    Raises:
        SettingsError: there is no such run as is asked for, or it has no evaluation that can be planned.
        StoreError: it can't be read.
    """
    from pathlib import Path

    from harness.gate.history.runs import stored_report
    from harness.gate.history.scores import Side
    from harness.gate.planning.blocks import pairs_of_blocks
    from harness.gate.planning.shapes import PlannedGate, shapes_of_run
    from harness.reporting.shared.names import find_evaluations, row_names
    from harness.store import store_url

    url = store_url(settings)
    try:
        store = open_store(settings, readonly=True)
    except StoreError:
        if "run" not in asked and "://" not in url and not Path(url).exists():
            return None
        raise
    under_test = _under_test(settings)
    with store:
        for weighed in _tried(store.runs(), asked, under_test["candidate"]):
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
    if "pattern" in asked:
        names = [*(each.name for each in shapes), *(each.name for each in blocks)]
        chosen = find_evaluations(asked["pattern"], names, where="--evaluation")
        shapes = tuple(each for each in shapes if each.name in chosen)
        blocks = tuple(each for each in blocks if each.name in chosen)
    if "threshold" in asked:  # each evaluation once, against that
        shapes = tuple({each.name: each for each in shapes}.values())
    differ = _differ(report, under_test)
    return PlannedGate(
        shapes=tuple(_as_asked(each, asked) for each in shapes),
        evaluations=asked.get("evaluations", len({verdict.id for verdict in report.evaluations})),
        confidence_level=report.confidence_level,
        source=_as_seen(report, asked),
        unlike=f"The spread is that of another version: {differ}." if differ else "",
        blocks=blocks,
    )


def _as_asked(shape: Shape, asked: Mapping[str, Any]) -> Shape:
    """The shape with what the command line says laid over it."""
    spread = {field: asked[name] for name, field in _SPREAD.items() if name in asked}
    if spread.get("correlation") == 1:
        spread["correlation"] = 0.9999
    given = ("cases", "samples", "margin", "threshold", "design", "about")
    values = {name: asked[name] for name in given if name in asked}
    return replace(shape, spread=replace(shape.spread, **spread), **values)
