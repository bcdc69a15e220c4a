"""`steelyard corpus build`: the documents of a corpus, through its steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from harness.cli.data.built import opened_corpus
from harness.config.corpora import EXECUTORS
from harness.config.settings import Settings, load_settings


@click.command(short_help="Build a corpus by its recipe.")
@click.argument("name")
@click.option("--executor", type=click.Choice(EXECUTORS), help="Who does the work, for what the settings say.")
@click.option("--workers", metavar="N", type=click.IntRange(1), help="How many processes; the corpus is the same.")
@click.option("--json", "as_json", is_flag=True, help="Write the statistics as JSON, as `corpus stats` does.")
def build(name: str, executor: str | None, workers: int | None, as_json: bool) -> None:
    """Build the corpus called NAME, unless it was built before of the same documents by the same steps.

    Whoever does the work, and with however many workers, it comes to the same. A build that was ended goes on where it
    was; what was built before is kept.

    \b
    Examples:
      steelyard corpus build clean
      steelyard corpus build clean --workers 8
      steelyard corpus build clean --executor ray
    """
    found = opened_corpus(name, chosen_executor(load_settings(Path.cwd()), name, executor, workers))
    if as_json:
        from harness.reporting.data.funnel import statistics_document

        click.echo(json.dumps(statistics_document(found.statistics), indent=2))
        return
    from harness.reporting.data.funnel import summary

    click.echo(f"{name}: {summary(found.statistics)}, fingerprint {found.fingerprint[:12]}, in {found.folder}")


def chosen_executor(settings: Settings, name: str, executor: str | None, workers: int | None) -> dict[str, Any] | None:
    """Lay the options over the executor of the settings; None where no option is given.

    An executor other than that of the settings gets none of its options.
    """
    if executor is None and workers is None:
        return None
    own = dict(settings.corpus(name).executor)
    chosen = own if executor in (None, own["name"]) else {"name": executor}
    return chosen if workers is None else {**chosen, "workers": workers}
