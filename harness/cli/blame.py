"""`steelyard blame`: the step of a candidate's path that carries its loss."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import click

from harness.cli.console import build_line, emit, open_store, place_option, say, shows
from harness.errors import UsageError
from harness.gate.history.blame import Blame, PathLoss, Trial
from harness.records import Report
from harness.reporting.shared.figures import bounds, digits, figure
from harness.reporting.shared.names import row_names
from harness.reporting.shared.text import Block
from harness.store import store_url
from harness.store.location import settings_with_store


def _view(blame: Blame) -> Iterator[Block]:
    if blame.losses is None:
        yield "steps", ", ".join(map(" and ".join, blame.steps))
        yield "runs", f"{blame.most_runs:,} at most for a loss, 1 where there is none"
        yield "cost", f"of each run: {blame.cost}"
        yield "builds", f"for {', '.join(blame.builds)}" if blame.builds else "none"
        return
    for name, loss in zip(row_names(blame.losses), blame.losses, strict=True):
        is_lost, trials = loss.whole.carries, [*loss.steps, *filter(None, [loss.pair])]
        yield (f"{name}: {_moved(loss, loss.whole)}{'' if is_lost else ': no loss to explain'}",)
        for each in trials if is_lost else ():
            yield f"  {' and '.join(each.steps)}", _moved(loss, each), _shown(loss, each)
        if is_lost and not loss.carriers:
            yield ("  no step, and no pair that was tried, is shown to carry it: draw more, such as --samples 20",)
    missing = {**blame.left_out, **blame.unmeasured}
    yield from ((f"not weighed: {name}: {why}",) for name, why in missing.items())
    if not blame.losses:
        yield ("No loss to explain: no evaluation has scores of both that were drawn to the end.",)
    yield from (f"look  steelyard compare {name} {blame.baseline}" for name in blame.runs if "+" in name)


def _moved(loss: PathLoss, trial: Trial) -> str:
    low, high = trial.difference.low, trial.difference.high
    places = digits([loss.baseline, trial.value], [low, high])
    means = f"{figure(loss.baseline, places)} -> {figure(trial.value, places)}"
    return f"{means} ({bounds(low, high, places, signed=True)})"


def _shown(loss: PathLoss, trial: Trial) -> str:
    lowest = trial.difference.low if loss.higher_is_better else -trial.difference.high
    if trial.carries:
        return "carry it together alone" if trial is loss.pair else "carries it"
    return "no loss shown" if lowest > -loss.margin else "not decided"


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
    search = Blame(settings, candidate, baseline)
    given = [*suite, "--baseline", baseline, *([f"--store={store_url(settings)}"] if place else [])]

    def draw(name: str, ids: Collection[str]) -> Report:
        tell(f"{len(search.runs) + 1} of at most {search.most_runs}: {name}")
        where = [f"{settings.root.resolve()}/{each}" for each in ids] or ["*"]
        report = measure([*given, "--candidate", name], {}, tell, where)
        if isinstance(report, str):
            raise UsageError(report)
        return report

    def tell(text: str) -> None:
        say((text,), err=True)

    search.cost, why = most_asked([*given, "--candidate", candidate])
    if why:
        raise UsageError(why)
    if not is_plan:
        emit(search, _view, err=True)
        with open_store(settings, "make") as store, build_line() as line:
            search.run(store, draw, line.show)
    return search
