"""`steelyard plan`: what a suite can find, and how large it must be to find a given drop."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from harness.cli.shared.progress import progress
from harness.cli.shared.stored import open_store, settings_with_store, store_option
from harness.config import setting_checks
from harness.config.settings import Settings, check_setting
from harness.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from harness.gate.planning.shapes import PlannedGate, SeenShape
    from harness.gate.planning.simulation import Shape
    from harness.records import Report, Role
    from harness.store.summaries import RunInfo

_NO_RUN = "none"
_MOST = {"cases": 100_000, "samples": 10_000, "evaluations": 1_000}
_NEWEST_TRIED = 20
_SPREAD = {"score": "mean", "correlation": "correlation", "differing": "differing"}


@click.command()
@store_option
@click.option("--run", metavar="RUN", help="Spread as in this stored run.  [default: the newest; none: as assumed]")
@click.option("--evaluation", "pattern", metavar="PATTERN", help="Only evaluations of the run whose name matches this.")
@click.option("--cases", metavar="N", type=int, help="Cases of an evaluation.  [default: 200]")
@click.option("--samples", metavar="N", type=int, help="Samples for each case.  [default: that of the settings]")
@click.option("--margin", metavar="DROP", type=float, help="The largest drop that still counts as no worse.")
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
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def plan(place: str | None, as_json: bool, **asked: Any) -> None:
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
    from harness.gate.planning.plans import PlanTarget, plan_rows, sizes
    from harness.reporting.planning.plan import plan_json, render_plan

    settings = settings_with_store(place)
    if asked["drop"] is not None:
        setting_checks.number(asked["drop"], "drop", where="--drop", low=0, high=1)
    power = setting_checks.number(asked["power"], "power", where="--power", low=0.1, high=0.99)
    costs = _costs(asked["cost_per_case"], asked["cost_per_sample"])
    wanted = PlanTarget(asked["drop"], power, costs, asked["gates"])
    found = None if asked["run"] == _NO_RUN else _of_run(asked, settings)
    gate = found or _assumed(asked, settings)
    shapes = sizes(gate, wanted, any_samples=asked["samples"] is None)
    with progress(len(shapes), "simulated") as step:
        rows = list(plan_rows(gate, shapes, wanted, step))
    if as_json:
        click.echo(json.dumps(plan_json(gate, wanted, rows), allow_nan=False))
    else:
        click.echo("\n".join(render_plan(gate, wanted, rows, sys.stdout.encoding or "utf-8")))


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


def _assumed(asked: Mapping[str, Any], settings: Settings) -> PlannedGate:
    """A gate of evaluations that are all alike, as the options and the settings say."""
    from harness.gate.planning.shapes import PlannedGate, SeenShape
    from harness.gate.planning.simulation import ScoreSpread, Shape

    threshold = asked["threshold"]
    if threshold is not None:
        threshold = check_setting("threshold", threshold, where="--threshold")
    spread = ScoreSpread() if threshold is None else ScoreSpread(mean=(1 + threshold) / 2)
    shape = Shape(
        samples=settings.samples, margin=settings.margin, threshold=threshold, spread=spread, about=settings.about
    )
    if settings.design == "fixed":
        shape = replace(shape, design="fixed")
    count = _whole("evaluations", asked) or 1
    seen = SeenShape(_as_asked(shape, asked), has_samples=True, is_clustered=False)
    needless = () if threshold is None else ("differing",)
    guessed = tuple(f"--{name}" for name in _SPREAD if asked[name] is None and name not in needless)
    source = "assumed" if asked["run"] == _NO_RUN else "assumed; no run is stored that tells more"
    return PlannedGate((seen,) * count, count, settings.confidence_level, source, guessed=guessed)


def _of_run(asked: Mapping[str, Any], settings: Settings) -> PlannedGate | None:
    """A gate like the stored run that is asked for; else like the newest that tells something, or None.

    The newest of the version under test, where the settings name it and there is one.

    Raises:
        SettingsError: there is no such run as is asked for, or it has no evaluation that can be planned.
        StoreError: it can't be read.
    """
    from harness.gate.history.runs import WeighedVersion, find_version, stored_report
    from harness.gate.history.scores import Side
    from harness.gate.planning.blocks import pairs_of_blocks
    from harness.gate.planning.shapes import PlannedGate, shapes_of_run
    from harness.reporting.shared.names import row_names

    try:
        store = open_store(settings, readonly=True)
    except StoreError:
        if asked["run"] is None and not _exists(settings):
            return None
        raise
    with store:
        runs = store.runs()
        newest = [WeighedVersion(run, "candidate") for run in reversed(runs) if run.finished][:_NEWEST_TRIED]
        own = _under_test(settings)["candidate"]
        newest.sort(key=lambda each: own is not None and _name(each.run, "candidate") != own)
        for weighed in newest if asked["run"] is None else [find_version(runs, asked["run"])]:
            report = stored_report(store, weighed.run.run_id)
            names = row_names(report.evaluations)
            seen = shapes_of_run(store, Side(weighed, report), names)
            blocks = tuple(pairs_of_blocks(report, names))
            if seen or blocks:
                break
        else:
            if asked["run"] is None:
                return None
            raise SettingsError(
                f"Run {report.run_id} has no evaluation of scores in [0, 1] with two cases or more, against a "
                "threshold or a baseline, and none in pairs of blocks; nothing of it can be planned."
            )
    if asked["pattern"] is not None:
        seen, blocks = _named(asked["pattern"], seen, blocks)
    others = f" against {report.baseline.name}" if report.baseline else ""
    source = f"as seen in run {report.run_id} ({report.candidate.name}{others}){_but(asked)}{_certain(report)}"
    return PlannedGate(
        seen=_with_threshold(seen, asked),
        evaluations=_whole("evaluations", asked) or len({verdict.id for verdict in report.evaluations}),
        confidence_level=report.confidence_level,
        source=source,
        unlike=_unlike(settings, weighed.run),
        blocks=blocks,
    )


def _named(pattern: str, seen: tuple[SeenShape, ...], blocks: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
    """Those whose evaluation has a name like this."""
    from harness.reporting.shared.names import find_evaluations

    names = [*(each.shape.name for each in seen), *(each.name for each in blocks)]
    chosen = find_evaluations(pattern, names, where="--evaluation")
    return (
        tuple(each for each in seen if each.shape.name in chosen),
        tuple(each for each in blocks if each.name in chosen),
    )


def _with_threshold(seen: tuple[SeenShape, ...], asked: Mapping[str, Any]) -> tuple[SeenShape, ...]:
    """The comparisons as the command line has them; with a threshold, each evaluation once against that."""
    if asked["threshold"] is not None:
        threshold = check_setting("threshold", asked["threshold"], where="--threshold")
        by_name = {each.shape.name: each for each in seen}
        seen = tuple(replace(each, shape=replace(each.shape, threshold=threshold)) for each in by_name.values())
    return tuple(replace(each, shape=_as_asked(each.shape, asked)) for each in seen)


def _as_asked(shape: Shape, asked: Mapping[str, Any]) -> Shape:
    """The shape with what the command line says laid over it."""
    spread = {
        _SPREAD[name]: setting_checks.number(asked[name], name, where=f"--{name}", low=0, high=1)
        for name in _SPREAD
        if asked[name] is not None
    }
    if spread.get("correlation") == 1:
        spread["correlation"] = 0.9999
    values: dict[str, Any] = {"spread": replace(shape.spread, **spread)}
    for name in ("cases", "samples"):
        if (number := _whole(name, asked)) is not None:
            values[name] = number
    for name in ("margin", "design"):
        if asked[name] is not None:
            values[name] = check_setting(name, asked[name], where=f"--{name}")
    if asked["about"] is not None:
        values["about"] = asked["about"]
    if values.get("cases", shape.cases) < 2:
        raise SettingsError("--cases = 1: a single case has no spread between cases; give 2 or more.")
    return replace(shape, **values)


def _whole(name: str, asked: Mapping[str, Any]) -> int | None:
    value = asked[name]
    return None if value is None else setting_checks.integer(value, name, where=f"--{name}", high=_MOST[name])


def _but(asked: Mapping[str, Any]) -> str:
    """Name the options given in place of the run's own spread; "" for none."""
    given = [f"--{name}" for name in _SPREAD if asked[name] is not None]
    return f", but {' and '.join(given)} as given" if given else ""


def _certain(report: Report) -> str:
    """Say how many evaluations the plan leaves out because chance has no part in them; "" for none."""
    from harness.reporting.shared.figures import plural

    n = len({verdict.id for verdict in report.evaluations if verdict.is_certain})
    return f", without {plural(n, 'evaluation')} in which nothing is left to chance" if n else ""


def _under_test(settings: Settings) -> dict[Role, str | None]:
    """The versions that a gate would weigh now, as far as the settings alone say."""
    alone = settings.models or settings.versions
    only = next(iter(alone)) if len(alone) == 1 else None
    return {"candidate": settings.candidate or only, "baseline": settings.baseline}


def _name(run: RunInfo, role: Role) -> str | None:
    entry = run.spec.get(role)
    return None if entry is None else str(entry["name"])


def _unlike(settings: Settings, run: RunInfo) -> str:
    """Say which versions of a run are not those of the settings; "" where all are."""
    differ = [
        f"{seen!r} is not {now!r}, the {role} of the settings"
        for role, now in _under_test(settings).items()
        if now is not None and (seen := _name(run, role)) is not None and seen != now
    ]
    return f"The spread is that of another version: {', and '.join(differ)}." if differ else ""


def _exists(settings: Settings) -> bool:
    """Tell whether the settings' store exists, so that failing to read it is an error."""
    from pathlib import Path

    from harness.store import store_url

    url = store_url(settings)
    return "://" in url or Path(url).exists()
