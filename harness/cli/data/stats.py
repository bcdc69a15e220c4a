"""`steelyard corpus stats`: what the steps of a corpus left of its documents."""

from __future__ import annotations

import json

import click

from harness.cli.data.built import opened_corpus
from harness.cli.shared.layout import terminal_layout


@click.command(short_help="Tell what each step removed, and why.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def stats(name: str, as_json: bool) -> None:
    """Tell what each step of the corpus called NAME removed and why, and how long it took; it is built first.

    Seconds are those of all workers together; of exact and minhash, those from begin to end.

    \b
    Examples:
      steelyard corpus stats clean
      steelyard corpus stats clean --json
    """
    from harness.reporting.data.funnel import funnel_lines, statistics_document

    statistics = opened_corpus(name).statistics
    if as_json:
        click.echo(json.dumps(statistics_document(statistics), indent=2))
    else:
        click.echo("\n".join(funnel_lines(statistics, terminal_layout())))
