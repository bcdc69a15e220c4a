"""`steelyard describe`: what a version's weights are, told from the heads of their files."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.foundation.described import described_version, traced_version
from harness.cli.shared.drawings import write_drawing
from harness.config.settings import Settings, load_settings
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.reporting.weights.document import DescribedVersion, TracedVersion

_STANDARD_OUTPUT = "-"
_FORMS = (".svg", ".mmd", ".mermaid", ".md")


@click.command()
@click.argument("version")
@click.argument("other", required=False)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object, with whole values.")
@click.option(
    "--diagram",
    metavar="[FILE]",
    is_flag=False,
    flag_value=_STANDARD_OUTPUT,
    help="Draw the architecture into FILE (.svg; .mmd or .md for Mermaid), or as Mermaid on standard output.",
)
def describe(version: str, other: str | None, *, as_json: bool, diagram: str | None) -> None:
    """Tell what the weights of VERSION are: every line that llama.cpp prints when it loads a model, and more.

    GGUF files and folders of safetensors are told alike, from their heads: nothing is loaded, converted or started.
    What the engine gets where that differs stands below, and last the steps by which the version was made; of one
    without weights, such as a corpus, these are all. With OTHER, only what differs between the two is shown: in their
    weights, or in their steps where neither has any.

    \b
    Examples:
      steelyard describe smollm2
      steelyard describe smollm2-int8 smollm2
      steelyard describe smollm2 --json
      steelyard describe smollm2 --diagram smollm2.svg
      steelyard describe smollm2 --diagram > smollm2.mmd
    """
    _check(other, diagram, as_json=as_json)
    settings = load_settings(Path.cwd())
    if diagram is None and _tell_traced(settings, version, other, as_json=as_json):
        return
    found = described_version(settings, version)
    if diagram is not None:
        _draw(found, diagram)
        if not as_json:
            return
    if other is None:
        _show(found, as_json=as_json)
    else:
        _compare(found, described_version(settings, other), as_json=as_json)


def _check(other: str | None, diagram: str | None, *, as_json: bool) -> None:
    if diagram is None:
        return
    if other is not None:
        raise UsageError(f"--diagram draws one version; leave {other!r} out, or draw it by a command of its own.")
    if diagram == _STANDARD_OUTPUT and as_json:
        raise UsageError(
            "--json and --diagram both write to standard output; give the diagram a file: --diagram MODEL.svg"
        )
    if diagram != _STANDARD_OUTPUT and Path(diagram).suffix not in _FORMS:
        raise UsageError(f"--diagram {diagram}: what form is that? A file's name ends in one of: {', '.join(_FORMS)}.")


def _show(found: DescribedVersion, *, as_json: bool) -> None:
    if as_json:
        from harness.reporting.weights.document import version_document

        click.echo(json.dumps(version_document(found), indent=2))
        return
    from harness.reporting.weights.text import version_lines

    _echo(version_lines(found, _width()))


def _tell_traced(settings: Settings, version: str, other: str | None, *, as_json: bool) -> bool:
    """Tell of a version without weights, or of two; return False where one has some, or nothing is to be told."""
    found = traced_version(settings, version, alone=other is None)
    if found is None:
        return False
    if other is None:
        _show_traced(found, as_json=as_json)
        return True
    settings.version(other)  # a name that is none is told before what the other one lacks
    beside = traced_version(settings, other, alone=False)
    if beside is not None:
        _compare_traced(found, beside, as_json=as_json)
    return beside is not None


def _compare_traced(found: TracedVersion, other: TracedVersion, *, as_json: bool) -> None:
    from harness.reporting.weights.text import traced_difference_document, traced_difference_lines

    if as_json:
        click.echo(json.dumps(traced_difference_document(found, other), indent=2))
    else:
        _echo(traced_difference_lines(found, other, _width()))


def _show_traced(found: TracedVersion, *, as_json: bool) -> None:
    from harness.reporting.weights.document import traced_document
    from harness.reporting.weights.text import traced_lines

    if as_json:
        click.echo(json.dumps(traced_document(found), indent=2))
    else:
        _echo(traced_lines(found, _width()))


def _compare(found: DescribedVersion, other: DescribedVersion, *, as_json: bool) -> None:
    from harness.models.description.folder import different_files
    from harness.reporting.weights.text import difference_document, difference_lines

    files = different_files(found.weights.path, other.weights.path)
    if as_json:
        click.echo(json.dumps(difference_document(found, other, files), indent=2))
    else:
        _echo(difference_lines(found, other, files, _width()))


def _draw(found: DescribedVersion, place: str) -> None:
    from harness.reporting.weights.drawing import draw_model

    if found.weights.vocab_only:
        raise UsageError(f"{found.weights.path} holds a vocabulary and no weights: there is no architecture to draw.")
    drawing = draw_model(found.name, found.weights)
    path = Path(place)
    if path.suffix == ".svg":
        from harness.reporting.weights.svg import svg

        text = svg(drawing)
    else:
        from harness.reporting.weights.mermaid import mermaid

        text = mermaid(drawing)
    if place == _STANDARD_OUTPUT:
        _echo([text.rstrip("\n")])
        return
    written = f"```mermaid\n{text}```\n" if path.suffix == ".md" else text
    write_drawing("--diagram", path, written)
    click.echo(str(path), err=True)


def _echo(lines: list[str]) -> None:
    """Write lines; signs that the stream can't hold are written out."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo("\n".join(lines).encode(encoding, "backslashreplace").decode(encoding))


def _width() -> int:
    return shutil.get_terminal_size().columns
