"""`steelyard corpus diff`: what two versions of a corpus differ in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.data.built import opened_corpora
from harness.cli.shared.layout import terminal_layout
from harness.config.settings import load_settings
from harness.errors import CorpusError

if TYPE_CHECKING:
    from harness.stages.data.corpus import Corpus
    from harness.stages.data.drift.drift import DriftTable


@click.command()
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
