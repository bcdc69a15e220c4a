"""`steelyard blame`: the step of a candidate's path that carries its loss."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import click

from harness.cli.console import build_line, emit, open_store, place_option, say, shows
from harness.errors import UsageError
from harness.gate.history.blame import PathLoss, Trial, explain
from harness.gate.history.measured_path import MeasuredPath
from harness.reporting.shared.figures import bounds, digits, figure
from harness.reporting.shared.names import row_names
from harness.reporting.shared.text import Block
from harness.stages.hybrids import Steps
from harness.store import store_url
from harness.store.location import settings_with_store


@dataclass(frozen=True, slots=True)
class Blame:
    """The steps that carry the losses of a candidate.

    Attributes:
        steps: in which the two versions differ; those that are swapped together are one.
        cost: the most that one version asks; `most_runs` is how many are measured at most, `builds` those built before.
        losses: of each metric; None with --plan, before anything is drawn.
        left_out: hybrids that were not measured, and why; `runs` has the stored run of each that was.
        unmeasured: evaluations that could not be weighed, and why.
    """

    candidate: str
    baseline: str
    confidence_level: float
    steps: Sequence[Steps]
    most_runs: int
    builds: Sequence[str]
    cost: str
    losses: Sequence[PathLoss] | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 where each loss is explained, 8 where one is not, or may be there and was not measured."""
        unexplained = any(each.whole.carries and not each.carriers for each in self.losses or ())
        return 8 if unexplained or self.unmeasured else 0


def _view(blame: Blame) -> Iterator[Block]:
    if blame.losses is None:
        yield "steps", ", ".join(map(" and ".join, blame.steps))
        yield "runs", f"{blame.most_runs:,} at most for a loss, 1 where there is none"
        yield "cost", f"of each run: {blame.cost}"
        yield "builds", ", ".join(blame.builds) or "none"
        return
    for name, loss in zip(row_names(blame.losses), blame.losses, strict=True):
        yield (f"{name}: {_moved(loss, loss.whole)}{'' if loss.whole.carries else ': no loss to explain'}",)
        yield from (("  ", line) for line in _reasons(loss) if loss.whole.carries)
    yield from ((f"{name} {why}",) for name, why in blame.left_out.items())
    yield from ((f"not weighed: {name}: {why}",) for name, why in blame.unmeasured.items())
    if not blame.losses:
        yield ("No loss to explain: no evaluation has scores of both that were drawn to the end.",)
    yield from (f"look  steelyard compare {name} {blame.baseline}" for name in blame.runs if "+" in name)


def _reasons(loss: PathLoss) -> Iterator[str]:
    """Say which steps carry a loss, which are shown to carry none, and what is left without them."""
    for each in loss.carriers:
        what, alone = " and ".join(each.steps), f"with the candidate's {' and '.join(each.steps)} alone"
        shown = f"no single step: {what} together" if each is loss.pair else f"{what} carries it"
        yield f"{shown}: {_moved(loss, each, alone)}"
    if not loss.carriers:
        yield "not decided: no step, and no pair that was tried, is shown to carry it. Draw more, such as --samples 20"
    sign, none = (1 if loss.higher_is_better else -1), dict[str, float]()
    for each in loss.steps:
        lowest = each.difference.low if sign > 0 else -each.difference.high
        if not each.carries and lowest > -loss.margin:
            none[" and ".join(each.steps)] = lowest
        elif not each.carries:
            yield f"{' and '.join(each.steps)}: not decided by itself: {_moved(loss, each)}"
    if none:
        least = figure(sign * min(none.values()), digits(none.values()), signed=True)
        yield f"{', '.join(none)}: no loss shown (each better than {least})"
    if loss.rest is not None:
        left = "a loss is left that is not explained" if loss.rest.carries else "no loss is shown to be left"
        yield f"without it: {_moved(loss, loss.rest)}: {left}"


def _moved(loss: PathLoss, trial: Trial, how: str = "") -> str:
    low, high = trial.difference.low, trial.difference.high
    places = digits([loss.baseline, trial.value], [low, high])
    means = f"{figure(loss.baseline, places)} -> {figure(trial.value, places)}"
    return f"{' '.join(filter(None, [means, how]))} ({bounds(low, high, places, signed=True)})"


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("candidate")
@click.argument("baseline")
@click.argument("suite", nargs=-1, type=click.UNPROCESSED, metavar="[SUITE | PYTEST OPTION]...")
@place_option
@click.option("--plan", "is_plan", is_flag=True, help="Show what differs, the runs, cost and builds; draw nothing.")
@shows(_view)
def blame(candidate: str, baseline: str, suite: tuple[str, ...], place: str | None, is_plan: bool) -> Blame:
    """Find the step of CANDIDATE's path that carries its loss against BASELINE: prompt, adapter, quantization, …

    Both are versions of the settings. One step at a time is taken over: BASELINE with one step of CANDIDATE, drawn in
    the evaluations that lost. Where no step carries a loss alone, pairs are tried. What is stored is not drawn again,
    so that the same command goes on after an interruption; what a step has to be trained for is built first. Options of
    pytest, such as -k, --samples and --judge, go to it. It is no look at the candidate: no gate has less for it.

    Exit code: 0 where every loss is explained or there is none, 8 where one is not, 4 for what can't be.

    \b
    Examples:
      steelyard blame support-int8 released suites --plan
      steelyard blame support-int8 released suites -k capitals --samples 10
    """
    from harness.plugin.measuring import measure, most_asked

    settings = settings_with_store(place)
    given = [*suite, "--baseline", baseline]
    given += [] if place is None else ["--store", store_url(settings)]

    def draw(name: str, ids: Collection[str]) -> str:
        say(f"{len(path.runs) + 1} of at most {path.most_runs}: {name}", err=True)
        where = [f"{settings.root.resolve()}/{each}" for each in ids] or ["*"]
        report = measure([*given, "--candidate", name], {}, lambda text: say(text, err=True), where)
        if isinstance(report, str):
            raise UsageError(report)
        return report.run_id

    with open_store(settings, "make") as store, build_line() as line:
        path = MeasuredPath(settings, store, (candidate, baseline), draw, line.show)
        (cost, why), level = most_asked([*given, "--candidate", candidate]), settings.confidence_level
        if why:
            raise UsageError(why)
        planned = Blame(candidate, baseline, level, path.units, path.most_runs, path.to_build(), cost)
        if is_plan:
            return planned
        emit(planned, _view, err=True)
        losses = explain(path.units, path.weigh, 1 - level)
    return replace(planned, losses=losses, left_out=path.left_out, unmeasured=path.unmeasured, runs=path.runs)
