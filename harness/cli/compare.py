"""`steelyard compare`: two stored runs or versions weighed against each other, without asking a model."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import Any

import click

from harness.cli.shared.stored import open_store, settings_with_store, store_option
from harness.config import typed
from harness.config.settings import check_setting


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
@click.option("--margin", metavar="DROP", type=float, help="The largest drop that still counts as no worse.")
@click.option("--confidence-level", metavar="LEVEL", type=float, help="1 - error rate of red and of green.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON in the shape of report.json.")
def compare(candidate: str, baseline: str, place: str | None, as_json: bool, **given: Any) -> None:
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
    from harness.reporting.terminal.comparison import comparison_json, render_comparison
    from harness.reporting.terminal.report import terminal_layout

    began = time.monotonic()
    settings = settings_with_store(place)
    margin, level, evaluations = given["margin"], given["confidence_level"], None
    if margin is not None:
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
    report = comparison.report
    usage = replace(report.usage, wall_s=time.monotonic() - began)
    comparison = replace(comparison, report=replace(report, usage=usage))
    if as_json:
        click.echo(json.dumps(comparison_json(comparison), allow_nan=False))
    else:
        click.echo("\n".join(render_comparison(comparison, terminal_layout(verbosity=1))))
    sys.exit(report.exit_code)
