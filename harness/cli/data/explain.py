"""`steelyard corpus explain`: what became of documents, and why."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from harness.cli.data.built import opened_corpus
from harness.cli.shared.layout import terminal_layout
from harness.errors import UsageError, choices


@click.command(short_help="Tell what became of documents, and why.")
@click.argument("name")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--removed", is_flag=True, help="Those that were removed, by any step.")
@click.option("--step", metavar="STEP", help="Those that this step removed.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object a line, with whole texts.")
def explain(name: str, ids: tuple[str, ...], removed: bool, step: str | None, as_json: bool) -> None:
    """Tell what became of documents of the corpus called NAME, and why: of each ID, or of all a line each.

    A document that was kept and changed is shown with what was taken out of its text and what was put in.

    \b
    Examples:
      steelyard corpus explain clean d-0017
      steelyard corpus explain clean --removed --step gopher_quality
      steelyard corpus explain clean --step c4 --json
    """
    from harness.reporting.data.explaining import explanation_lines, explanation_row

    found = opened_corpus(name)
    steps = [each.step for each in found.statistics.steps]
    if step is not None and step not in steps:
        raise UsageError(f"--step: {choices('step', step, steps)}")
    layout = terminal_layout()
    chosen = (
        each
        for each in found.explain(ids)
        if step in (None, each.step) and not (each.kept and (removed or step is not None))
    )
    for number, explanation in enumerate(chosen):
        if as_json:
            click.echo(json.dumps(asdict(explanation), ensure_ascii=False))
        elif ids:
            click.echo(("\n" if number else "") + "\n".join(explanation_lines(explanation, layout)))
        else:
            click.echo(explanation_row(explanation, layout))
