"""The gate that `plan` and `calibrate` look at: assumed, or like a stored run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from harness.cli.shared.stored import open_store
from harness.config import setting_checks
from harness.config.settings import Settings, check_setting
from harness.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from harness.gate.planning.shapes import PlannedGate, SeenShape
    from harness.gate.planning.simulation import About, Shape
    from harness.records import Report, Role
    from harness.store import Store
    from harness.store.summaries import RunInfo

NO_RUN = "none"
_MOST = {"cases": 100_000, "samples": 10_000, "evaluations": 1_000}
_NEWEST_TRIED = 20
_SPREAD = {"score": "mean", "correlation": "correlation", "differing": "differing"}

_OPTIONS = (
    click.option("--cases", metavar="N", type=int, help="Cases of an evaluation.  [default: 200]"),
    click.option("--samples", metavar="N", type=int, help="Samples for each case.  [default: that of the settings]"),
    click.option("--margin", metavar="DROP", type=float, help="The largest drop that still counts as no worse."),
    click.option("--threshold", metavar="SCORE", type=float, help="Weigh against this score, not against a baseline."),
    click.option("--evaluations", metavar="N", type=int, help="How many the gate has.  [default: 1]"),
    click.option("--score", metavar="SCORE", type=float, help="Mean score when nothing is wrong.  [default: 0.9]"),
    click.option(
        "--correlation",
        metavar="SHARE",
        type=float,
        help="Of two samples of a case; 0: all cases alike, 1: always right or always wrong.  [default: 0.5]",
    ),
    click.option(
        "--differing",
        metavar="SHARE",
        type=float,
        help="Cases that another version answers right more or less often.  [default: 0.3]",
    ),
    click.option("--design", metavar="DESIGN", help="sequential or fixed."),
    click.option("--confidence-level", metavar="LEVEL", type=float, help="1 - error rate of red and of green."),
    click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True, help="Of all draws."),
)


def shape_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what the gate looks like."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class GateOptions:
    """The options of the command line about the gate; None for one that is not given.

    Attributes:
        run: a stored run, as `steelyard compare` takes it.
        pattern: of the ids of its evaluations.
        about: what a verdict is about.
    """

    cases: int | None
    samples: int | None
    margin: float | None
    threshold: float | None
    evaluations: int | None
    score: float | None
    correlation: float | None
    differing: float | None
    design: str | None
    confidence_level: float | None
    seed: int
    run: str | None = None
    pattern: str | None = None
    about: About | None = None


def assumed(asked: GateOptions, settings: Settings, why: str) -> PlannedGate:
    """A gate of evaluations that are all alike, as the options and the settings say."""
    from harness.gate.planning.shapes import PlannedGate, SeenShape
    from harness.gate.planning.simulation import ScoreSpread, Shape

    threshold = None if asked.threshold is None else check_setting("threshold", asked.threshold, where="--threshold")
    spread = ScoreSpread() if threshold is None else ScoreSpread(mean=(1 + threshold) / 2)
    shape = Shape(
        samples=settings.samples, margin=settings.margin, threshold=threshold, spread=spread, about=settings.about
    )
    if settings.design == "fixed":
        shape = replace(shape, design="fixed")
    count = _whole("evaluations", asked.evaluations) or 1
    seen = SeenShape(_as_asked(shape, asked), has_samples=True, is_clustered=False)
    guessed = tuple(
        f"--{name}"
        for name in _SPREAD
        if getattr(asked, name) is None and not (name == "differing" and threshold is not None)
    )
    return PlannedGate(
        (seen,) * count, count, _level(asked, settings.confidence_level), f"assumed{why}", guessed=guessed
    )


def of_run(asked: GateOptions, settings: Settings) -> PlannedGate | None:
    """A gate like the stored run that is asked for; else like the newest that can be simulated, or None.

    The newest of the version under test, where the settings name it and there is one.

    Raises:
        SettingsError: there is no such run as is asked for, or it has no evaluation that can be simulated.
        StoreError: it can't be read.
    """
    from harness.gate.history.runs import WeighedVersion, find_version, stored_report
    from harness.gate.history.scores import Side
    from harness.gate.planning.shapes import PlannedGate

    try:
        store = open_store(settings, readonly=True)
    except StoreError:
        if asked.run is None and not _exists(settings):
            return None
        raise
    with store:
        runs = store.runs()
        newest = [WeighedVersion(run, "candidate") for run in reversed(runs) if run.finished][:_NEWEST_TRIED]
        own = _under_test(settings)["candidate"]
        newest.sort(key=lambda each: own is not None and _name(each.run, "candidate") != own)
        for weighed in newest if asked.run is None else [find_version(runs, asked.run)]:
            report = stored_report(store, weighed.run.run_id)
            seen = _seen(store, Side(weighed, report), report, asked)
            if seen:
                break
        else:
            return None
    others = f" against {report.baseline.name}" if report.baseline else ""
    source = f"as seen in run {report.run_id} ({report.candidate.name}{others}){_but(asked)}{_certain(report)}"
    n_evaluations = _whole("evaluations", asked.evaluations) or len({verdict.id for verdict in report.evaluations})
    unlike = _unlike(settings, weighed.run)
    return PlannedGate(seen, n_evaluations, _level(asked, report.confidence_level), source, unlike)


def _but(asked: GateOptions) -> str:
    """Name the options given in place of the run's own spread; "" for none."""
    given = [f"--{name}" for name in _SPREAD if getattr(asked, name) is not None]
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


def _seen(store: Store, side: Any, report: Report, asked: GateOptions) -> tuple[SeenShape, ...]:
    from harness.gate.planning.shapes import shapes_of_run
    from harness.reporting.shared.names import find_evaluations, row_names

    names = row_names(report.evaluations)
    found = shapes_of_run(store, side, names)
    if not found and asked.run is None:
        return ()
    if not found:
        raise SettingsError(
            f"Run {report.run_id} has no evaluation of scores in [0, 1] with two cases or more, against a threshold or "
            "a baseline; nothing of it can be simulated."
        )
    if asked.pattern is not None:
        named = find_evaluations(asked.pattern, (each.shape.name for each in found), where="--evaluation")
        found = tuple(each for each in found if each.shape.name in named)
    if asked.threshold is not None:
        threshold = check_setting("threshold", asked.threshold, where="--threshold")
        by_name = {each.shape.name: each for each in found}
        found = tuple(replace(each, shape=replace(each.shape, threshold=threshold)) for each in by_name.values())
    return tuple(replace(each, shape=_as_asked(each.shape, asked)) for each in found)


def _as_asked(shape: Shape, asked: GateOptions) -> Shape:
    """The shape with what the command line says laid over it."""
    spread = {
        _SPREAD[name]: setting_checks.number(value, name, where=f"--{name}", low=0, high=1)
        for name in _SPREAD
        if (value := getattr(asked, name)) is not None
    }
    if spread.get("correlation") == 1:
        spread["correlation"] = 0.9999
    values: dict[str, Any] = {"spread": replace(shape.spread, **spread)}
    for name in ("cases", "samples"):
        if (number := _whole(name, getattr(asked, name))) is not None:
            values[name] = number
    for name in ("margin", "design"):
        if (value := getattr(asked, name)) is not None:
            values[name] = check_setting(name, value, where=f"--{name}")
    if asked.about is not None:
        values["about"] = asked.about
    if values.get("cases", shape.cases) < 2:
        raise SettingsError("--cases = 1: a single case has no spread between cases; give 2 or more.")
    return replace(shape, **values)


def _whole(name: str, value: int | None) -> int | None:
    return None if value is None else setting_checks.integer(value, name, where=f"--{name}", high=_MOST[name])


def _level(asked: GateOptions, own: float) -> float:
    if asked.confidence_level is None:
        return own
    return float(check_setting("confidence_level", asked.confidence_level, where="--confidence-level"))
