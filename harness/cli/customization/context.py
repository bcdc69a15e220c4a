"""`steelyard context`: how long a version's context may be, as a stored run found it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.cli.shared.drawings import write_drawing
from harness.cli.shared.layout import terminal_layout
from harness.cli.shared.stored import open_store, settings_with_store, store_option
from harness.errors import UsageError


@click.command()
@click.argument("run_name", metavar="[RUN]", default="latest")
@store_option
@click.option("--svg", "drawing", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Draw it, too.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def context(run_name: str, place: str | None, drawing: Path | None, as_json: bool) -> None:
    """Tell up to which length a version finds what stands in its context, and at which depth, without asking a model.

    RUN is a stored run with an evaluation of needles: its id, the beginning of it, `latest` (the default), or the name
    of a version, which stands for the newest finished run that weighed it. Lengths are tested from short to long.

    \b
    Examples:
      steelyard context
      steelyard context smollm2 --svg depth.svg
      steelyard context 20261127-0930 --json
    """
    from harness.gate.history.runs import find_version, stored_report
    from harness.reporting.customization.context import context_curves, context_document, context_lines
    from harness.reporting.customization.drawing import context_svg

    with open_store(settings_with_store(place), readonly=True) as opened:
        run = find_version(opened.runs(), run_name).run
        report = stored_report(opened, run.run_id)
    curves = context_curves(report)
    if not curves:
        raise UsageError(
            f"Run {run.run_id} has no scores of needles at two lengths. An evaluation whose cases are Needles.cases() "
            "gives them: {needle.metric: needle.score(answer), …}. suites/customization/test_context.py is one."
        )
    if drawing is not None:
        write_drawing("--svg", drawing, context_svg(curves))
    if as_json:
        click.echo(json.dumps(context_document(curves), indent=2))
        return
    layout = terminal_layout()
    click.echo("\n\n".join("\n".join(context_lines(each, report.confidence_level, layout)) for each in curves))
