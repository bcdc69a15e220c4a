"""`steelyard retrieve`: the passages that a version finds for a question."""

from __future__ import annotations

import json
import shutil
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from harness.errors import NotInLineageError, UsageError

if TYPE_CHECKING:
    from harness.models.retrieval.retriever import Find

_WIDEST = 80
_LINES = 3


@click.command()
@click.argument("version", metavar="VERSION")
@click.argument("query", metavar="QUERY")
@click.option("--k", "k", type=click.IntRange(min=1), help="How many passages; the version's own number by default.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON: a list of rank, id, score and text.")
def retrieve(version: str, query: str, k: int | None, as_json: bool) -> None:
    """Show the passages that VERSION finds for QUERY, the best first, as its model is given them with a question.

    The index is built first where it is not there, and nothing else of VERSION. Passages of equal score keep the order
    of their file.

    \b
    Examples:
      steelyard retrieve support-rag "When is the library open?"
      steelyard retrieve support-rag "late books" --k 5 --json
    """
    from pathlib import Path

    from harness.cli.data.built import build_line
    from harness.config.settings import load_settings
    from harness.stages.customization.passages import built_retriever

    try:
        with build_line() as line:
            retriever = built_retriever(load_settings(Path.cwd()), version, line.show)
    except NotInLineageError as error:
        raise UsageError(f"{error.advice}.") from error
    found = retriever.search(query, k)
    if as_json:
        click.echo(json.dumps([asdict(find) for find in found], indent=2, ensure_ascii=False))
        return
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    click.echo("\n\n".join(_shown(find, width) for find in found) or "No passage was found for the question.")


def _shown(find: Find, width: int) -> str:
    text = textwrap.wrap(" ".join(find.text.split()), width, initial_indent="   ", subsequent_indent="   ")
    if len(text) > _LINES:
        text = [*text[: _LINES - 1], textwrap.shorten(" ".join(text[_LINES - 1 :]), width - 3, placeholder=" …")]
        text[-1] = f"   {text[-1].lstrip()}"
    return "\n".join([f"{find.rank}  {find.id}  {find.score:.4g}", *text])
