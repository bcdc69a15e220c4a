"""`steelyard corpus explain`: what became of documents, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from harness.cli.data.built import opened_corpus
from harness.cli.shared.layout import terminal_layout
from harness.errors import UsageError, choices

if TYPE_CHECKING:
    from harness.stages.data.corpus import Corpus
    from harness.stages.data.outcomes import Explanation


@click.command(short_help="Tell what became of documents, and why.")
@click.argument("name")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--removed", is_flag=True, help="Those that were removed, by any step.")
@click.option("--step", metavar="STEP", help="Those that this step removed.")
@click.option("--reason", metavar="REASON", help="Those that were removed for this reason.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object a line, with whole texts.")
def explain(
    name: str, ids: tuple[str, ...], removed: bool, step: str | None, reason: str | None, as_json: bool
) -> None:
    """Tell what became of documents of the corpus called NAME, and why: of each ID, or of all a line each.

    A document that was kept and changed is shown with what was taken out of its text and what was put in.

    \b
    Examples:
      steelyard corpus explain clean d-0017
      steelyard corpus explain clean --removed --step gopher_quality
      steelyard corpus explain clean --reason gopher_short_doc --json
    """
    from harness.reporting.data.explaining import explanation_lines, explanation_row

    found = opened_corpus(name)
    _check(found, step, reason)
    layout = terminal_layout()
    for number, explanation in enumerate(_chosen(found, ids, removed=removed, step=step, reason=reason)):
        if as_json:
            click.echo(json.dumps(asdict(explanation), ensure_ascii=False))
        elif ids:
            gap = "\n" if number else ""
            click.echo(gap + "\n".join(explanation_lines(explanation, layout)), color=layout.colour)
        else:
            click.echo(explanation_row(explanation, layout), color=layout.colour)


def _check(found: Corpus, step: str | None, reason: str | None) -> None:
    """Refuse a step that the corpus has not, and a reason for which nothing was removed."""
    steps = [each.step for each in found.statistics.steps]
    if step is not None and step not in steps:
        raise UsageError(f"--step: {choices('step', step, steps)}")
    reasons = {each for one in found.statistics.steps if step in (None, one.step) for each in one.reasons}
    if reason is not None and reason not in reasons:
        raise UsageError(f"--reason: {choices('reason', reason, reasons)}")


def _chosen(
    found: Corpus, ids: tuple[str, ...], *, removed: bool, step: str | None, reason: str | None
) -> Iterator[Explanation]:
    for explanation in found.explain(ids):
        if explanation.kept and (removed or step is not None or reason is not None):
            continue
        if step in (None, explanation.step) and reason in (None, explanation.reason):
            yield explanation
