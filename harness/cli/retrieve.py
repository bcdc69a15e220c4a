"""`steelyard retrieve`: the passages that a version finds for a question."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.console import shows
from harness.errors import NotInLineageError, UsageError
from harness.reporting.shared.text import Block

if TYPE_CHECKING:
    from harness.models.retrieval.retriever import Find

_MOST_CHARACTERS = 160


def _view(found: list[Find]) -> Iterator[Block]:
    if not found:
        yield "No passage was found for the question."
    for number, find in enumerate(found):
        text = " ".join(find.text.split())
        cut = f"{text[:_MOST_CHARACTERS]} …" if len(text) > _MOST_CHARACTERS else text
        yield from ([""] if number else [])
        yield f"{find.rank}  {find.id}  {find.score:.4g}"
        yield " ", cut


@click.command()
@click.argument("version", metavar="VERSION")
@click.argument("query", metavar="QUERY")
@click.option("--k", "k", type=click.IntRange(min=1), help="How many passages; the version's own number by default.")
@shows(_view, "Write JSON: a list of rank, id, score and text.")
def retrieve(version: str, query: str, k: int | None) -> list[Find]:
    """Show the passages that VERSION finds for QUERY, the best first, as its model is given them with a question.

    The index is built first where it is not there, and nothing else of VERSION. Passages of equal score keep the order
    of their file.

    \b
    Examples:
      steelyard retrieve support-rag "When is the library open?"
      steelyard retrieve support-rag "late books" --k 5 --json
    """
    from harness.cli.corpus import build_line
    from harness.config.settings import load_settings
    from harness.stages.customization.passages import built_retriever

    try:
        with build_line() as line:
            retriever = built_retriever(load_settings(Path.cwd()), version, line.show)
    except NotInLineageError as error:
        raise UsageError(f"{error.advice}.") from error
    return list(retriever.search(query, k))
