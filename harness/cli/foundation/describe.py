"""`steelyard describe`: what a version's weights are, told from the heads of their files."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import click

from harness.cli.foundation.described import described_pair, described_version
from harness.config.settings import load_settings


@click.command()
@click.argument("version")
@click.argument("other", required=False)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object, with whole values.")
def describe(version: str, other: str | None, *, as_json: bool) -> None:
    """Tell what the weights of VERSION are, by llama.cpp's names, and the steps by which it was made.

    GGUF files and folders of safetensors are told alike, from their heads: nothing is loaded, converted or started.
    What the engine gets where that differs stands below, once it is made. Of a version without weights, such as a
    corpus, the steps are all. With OTHER, only what differs between the two is shown.

    \b
    Examples:
      steelyard describe smollm2
      steelyard describe smollm2-int8 smollm2
      steelyard describe smollm2 --json
    """
    from harness.models.description.contents import different_files
    from harness.reporting.weights.document import difference_document, version_document
    from harness.reporting.weights.text import difference_lines, version_lines

    settings, width = load_settings(Path.cwd()), shutil.get_terminal_size().columns
    if other is None:
        found = described_version(settings, version)
        _write(json.dumps(version_document(found), indent=2) if as_json else "\n".join(version_lines(found, width)))
        return
    one, two = described_pair(settings, version, other)
    files = {} if one.weights is None or two.weights is None else different_files(one.weights.path, two.weights.path)
    if as_json:
        _write(json.dumps(difference_document(one, two, files), indent=2))
    else:
        _write("\n".join(difference_lines(one, two, files, width)))


def _write(text: str) -> None:
    """Write a text; signs that the stream can't hold are written out."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))
