"""`steelyard corpus contamination`: what a corpus holds of the cases of evaluations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.data.built import opened_corpus
from harness.cli.shared.layout import terminal_layout
from harness.cli.shared.stored import open_store, settings_with_store, store_option
from harness.config.settings import load_settings
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.gate.history.leaked_scores import LeakedScores
    from harness.stages.case_files import FiledCase
    from harness.stages.data.overlap.contamination import Contamination


@click.command()
@click.argument("name")
@click.option(
    "--cases",
    metavar="PATH",
    default="evals",
    show_default=True,
    help="A file of cases, or a folder of evaluations.",
)
@click.option("--run", "run_name", metavar="RUN", help="Compare this run's scores on contaminated and clean cases.")
@store_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def contamination(name: str, cases: str, run_name: str | None, place: str | None, as_json: bool) -> None:
    """Tell which cases of evaluations the documents of the corpus called NAME hold, and where.

    A case is found by 13 of its words in a row, without case, punctuation and layout; a shorter text whole; a short
    question with its answer after it. What more than ten documents have is boilerplate. Rewordings are out of reach.

    RUN is the id of a run, the beginning of it, `latest`, or the name of a version.

    \b
    Examples:
      steelyard corpus contamination clean
      steelyard corpus contamination clean --cases evals/foundation
      steelyard corpus contamination clean --run latest --json
    """
    from harness.reporting.data.contamination import contamination_document, contamination_lines
    from harness.stages.case_files import filed_cases

    if place is not None and run_name is None:
        raise UsageError("--store names the store of the run whose scores are compared: give --run RUN as well.")
    root = load_settings(Path.cwd()).root
    filed = filed_cases(cases, (root,))  # what is wrong with them is told before a corpus is built
    corpus = opened_corpus(name)
    corpus.root = root
    found = corpus.contamination(cases)
    scores = None if run_name is None else _scores(run_name, place, filed, found)
    if as_json:
        document = contamination_document(name, corpus.fingerprint, found, scores)
        click.echo(json.dumps(document, ensure_ascii=False, default=str))
        return
    click.echo("\n".join(contamination_lines(name, found, scores, terminal_layout())))


def _scores(
    run_name: str, place: str | None, cases: Sequence[FiledCase], found: Contamination
) -> Sequence[LeakedScores]:
    from harness.gate.evaluations.cases import content_digest
    from harness.gate.history.leaked_scores import leaked_scores
    from harness.gate.history.runs import find_version, stored_report

    leaked = {
        digest: found[each.id].is_contaminated
        for each in cases
        if found[each.id].state != "too short" and (digest := content_digest(each.case)) is not None
    }
    with open_store(settings_with_store(place), readonly=True) as store:
        weighed = find_version(store.runs(), run_name)
        report = stored_report(store, weighed.run.run_id)
    return leaked_scores(report, leaked, report.confidence_level)
