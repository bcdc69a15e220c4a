"""`steelyard compare`: two stored runs or versions weighed against each other, without asking a model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from harness.cli.console import Ready, margin_option, shows
from harness.cli.stores import open_store, settings_with_store, store_option
from harness.config import typed
from harness.config.settings import check_setting
from harness.reporting.shared.text import Block

if TYPE_CHECKING:
    from harness.reporting.terminal.comparison import Compared


def _view(compared: Compared) -> Iterator[Block]:
    from harness.reporting.terminal.comparison import comparison_report, facts
    from harness.reporting.terminal.report import render, terminal_layout

    report = comparison_report(compared.comparison)
    yield from map(Ready, render(report, terminal_layout(verbosity=1), changes=report.changes))
    yield from facts(compared.comparison)


@click.command()
@click.argument("candidate", metavar="A")
@click.argument("baseline", metavar="B")
@store_option
@click.option("--evaluation", metavar="PATTERN", help="Only evaluations whose name or id matches this shell pattern.")
@click.option("--case", metavar="PATTERN", help="Only cases whose id matches this shell pattern, such as 'per*'.")
@click.option(
    "--cases",
    metavar="N",
    type=click.IntRange(min=0, max=1000),
    default=10,
    show_default=True,
    help="How many of the cases that moved are shown, those that moved most.",
)
@margin_option
@click.option("--confidence-level", metavar="LEVEL", type=float, help="1 - error rate of red and of green.")
@shows(_view, "Write JSON in the shape of report.json.")
def compare(candidate: str, baseline: str, place: str | None, **given: Any) -> Compared:
    """Weigh A against B from what is stored: the candidate against what it should be no worse than.

    Each is a run, by its id, the beginning of it, or `latest`; or a version, by name. Two versions are those of the
    newest finished run that weighed A against B, else B against A; where no run has both, and beside a run, a version
    stands for the newest finished run that weighed it. Two names of one run compare its candidate with its baseline.
    Cases that both have are paired. Thresholds, margins and requirements are those of A's run. No model is asked.

    Exit code: 0 passed, 1 red, 8 inconclusive, as a gate's; 4 for names that are not stored.

    \b
    Examples:
      steelyard compare smollm2-int8 smollm2
      steelyard compare latest 20261124-1615 --cases 30
      steelyard compare smollm2-int8 smollm2 --evaluation '*capitals*' --margin 0.02
      steelyard compare latest smollm2 --json
    """
    from harness.gate.history.comparison import ComparisonOptions, sides
    from harness.gate.history.comparison import compare as weigh
    from harness.gate.history.scores import EVERY_CASE
    from harness.reporting.shared.names import find_evaluations
    from harness.reporting.terminal.comparison import Compared

    began = time.monotonic()
    settings = settings_with_store(place)
    margin, level, evaluations = given["margin"], given["confidence_level"], None
    if isinstance(margin, float):
        typed.check(typed.NotNegative, margin, "margin", where="--margin")
    if level is not None:
        check_setting("confidence_level", level, where="--confidence-level")
    with open_store(settings, readonly=True) as opened:
        ours, theirs = sides(opened, candidate, baseline)
        if given["evaluation"] is not None:
            ids = (verdict.id for verdict in ours.report.evaluations)
            evaluations = find_evaluations(given["evaluation"], ids, where="--evaluation")
        options = ComparisonOptions(
            evaluations=evaluations,
            cases=EVERY_CASE if given["case"] is None else given["case"],
            margin=margin,
            confidence_level=level,
            n_changes=given["cases"],
            inconclusive=settings.inconclusive,
        )
        comparison = weigh(opened, ours, theirs, options)
    usage = replace(comparison.report.usage, wall_s=time.monotonic() - began)
    return Compared(replace(comparison, report=replace(comparison.report, usage=usage)))
