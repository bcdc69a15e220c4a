"""`steelyard corpus`: what corpora are built of, what their steps removed, and why."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import Group
from harness.cli.data.built import opened_corpora, opened_corpus
from harness.config.corpora import EXECUTORS
from harness.config.settings import Settings, load_settings
from harness.errors import CorpusError, UsageError, choices

if TYPE_CHECKING:
    from harness.stages.data.corpus import Corpus
    from harness.stages.data.drift.drift import DriftTable


@click.group(cls=Group)
def corpus() -> None:
    """Build a corpus of the settings, and tell what its steps left of its documents, and why.

    A corpus is built once; what was built before is found by its documents, its steps and the versions of the packages.

    \b
    Examples:
      steelyard corpus build clean
      steelyard corpus stats clean
      steelyard corpus explain clean --removed --step minhash
      steelyard corpus diff raw clean
      steelyard corpus contamination clean
    """


@corpus.command(short_help="Build a corpus by its recipe.")
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
        click.echo(json.dumps(found.statistics.as_json(), indent=2))
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


@corpus.command(short_help="Tell what each step removed, and why.")
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
    from harness.reporting.data.funnel import funnel_lines
    from harness.reporting.terminal.report import terminal_layout

    statistics = opened_corpus(name).statistics
    if as_json:
        click.echo(json.dumps(statistics.as_json(), indent=2))
    else:
        click.echo("\n".join(funnel_lines(statistics, terminal_layout())))


@corpus.command(short_help="Tell what became of documents, and why.")
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
    from harness.reporting.terminal.report import terminal_layout

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


@corpus.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with the ids of all documents that differ.")
def diff(first: str, second: str, as_json: bool) -> None:
    """Tell what the corpora called A and B differ in: recipes, documents, and columns that drifted.

    Both are built first. Documents are the same by their ids; of those that one corpus has alone, it is told which step
    removed them from the other, and why. The drift of each column is an effect with its interval.

    \b
    Examples:
      steelyard corpus diff raw clean
      steelyard corpus diff clean clean-next --json
    """
    from harness.reporting.data.differences import difference_document, difference_lines
    from harness.reporting.terminal.report import terminal_layout
    from harness.stages.data.drift.differences import compare_documents, compare_recipes
    from harness.stages.data.recipe import corpus_recipe

    names = (first, second)
    one, other = opened_corpora(first, second)
    settings = load_settings(Path.cwd())
    recipes = compare_recipes(corpus_recipe(settings, first), corpus_recipe(settings, second))
    documents = compare_documents(one.explain(), other.explain())
    drift = _drift(one, other)
    if as_json:
        table = None if isinstance(drift, str) else drift
        click.echo(json.dumps(difference_document(names, recipes, documents, table), ensure_ascii=False, default=str))
        return
    click.echo("\n".join(difference_lines(names, recipes, documents, drift, terminal_layout())))


def _drift(one: Corpus, other: Corpus) -> DriftTable | str:
    """The drift in all columns, or why it can't be told."""
    from harness.stages.data.drift.drift import drift_table

    try:
        return drift_table(one.column_sums, other.column_sums)
    except CorpusError as error:
        return str(error)


@corpus.command()
@click.argument("name")
@click.option(
    "--cases",
    metavar="PATH",
    default="evals",
    show_default=True,
    help="A file of cases, or a folder of evaluations.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def contamination(name: str, cases: str, as_json: bool) -> None:
    """Tell which cases of evaluations the documents of the corpus called NAME hold, and where.

    A case is found by 13 of its words in a row, without case, punctuation and layout; a shorter text whole; a short
    question with its answer after it. What more than ten documents have is boilerplate. Rewordings are out of reach.

    \b
    Examples:
      steelyard corpus contamination clean
      steelyard corpus contamination clean --cases evals/foundation
      steelyard corpus contamination clean --json
    """
    from harness.reporting.data.contamination import contamination_document, contamination_lines
    from harness.reporting.terminal.report import terminal_layout
    from harness.stages.case_files import filed_cases

    root = load_settings(Path.cwd()).root
    filed_cases(cases, (root,))  # what is wrong with them is told before a corpus is built
    opened = opened_corpus(name)
    opened.root = root
    found = opened.contamination(cases)
    if as_json:
        document = contamination_document(name, opened.fingerprint, found)
        click.echo(json.dumps(document, ensure_ascii=False, default=str))
        return
    click.echo("\n".join(contamination_lines(name, found, terminal_layout())))
