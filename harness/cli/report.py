"""`steelyard report`: a stored run in any format."""

from __future__ import annotations

import io
import json
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from harness.cli.console import say
from harness.cli.stores import open_store, settings_with_store, store_option
from harness.errors import SettingsError
from harness.reporting.shared.files import prepare_folder
from harness.reporting.terminal.report import terminal_layout
from harness.reporting.writing import ReportFormat, StoredReport, find_format, formats, write
from harness.store.location import option_for

_OPTION = "--output"
_STANDARD_OUTPUT = "-"


class _FormatsCommand(click.Command):
    """A command whose help ends with the formats that there are."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Called when help is shown."""
        rows = "\n".join(f"  {name:<10}{each.summary}" for name, each in formats().items())
        self.epilog = f"\b\nFormats:\n{rows}"
        super().format_epilog(ctx, formatter)


@click.command(cls=_FormatsCommand)
@click.argument("run_name", metavar="[RUN]", default="latest")
@store_option
@click.option(
    "--format",
    "names",
    metavar="NAME",
    multiple=True,
    help="One of those below; default: terminal. May be repeated.",
)
@click.option("-o", "--output", metavar="PATH", help="A file, or a folder; - for standard output.")
@click.option("--schema", "is_schema", is_flag=True, help="Write the JSON schema of the format json, and no report.")
def report(run_name: str, place: str | None, names: tuple[str, ...], output: str | None, is_schema: bool) -> None:
    """Write a stored RUN in one format or several, without asking a model.

    RUN is the id of a run, the beginning of it, `latest` (the default), or the name of a version, which stands for the
    newest finished run that weighed it. A `latest` without verdicts is refused. A single format that is text goes to
    standard output. All else goes into the folder reports/RUN, where --output names no other.

    Exit code: 0, whatever the verdict; 4 for a run that is not stored or a file that can't be written.

    \b
    Examples:
      steelyard report
      steelyard report 20261124-1615 --format markdown
      steelyard report --format junit --output junit.xml
      steelyard report --schema
      steelyard report smollm2-int8 --format markdown --format parquet --output reports/int8
    """
    from harness.gate.history.runs import find_version, stored_report
    from harness.records.report_json import schema
    from harness.reporting.steps import resume_steps, step_in_words

    if is_schema:
        click.echo(json.dumps(schema(), indent=2))
        return
    chosen = [find_format(name) for name in dict.fromkeys(names or ("terminal",))]
    settings = settings_with_store(place)
    with open_store(settings, readonly=True) as opened:
        run = find_version(opened.runs(), run_name).run
        stored = StoredReport(opened, run, stored_report(opened, run.run_id), option=_OPTION)
        is_text = len(chosen) == 1 and chosen[0].to_stream is not None
        if output == _STANDARD_OUTPUT or (output is None and is_text):
            notes = _print(stored, chosen)
        else:
            folder = settings.root / "reports" / run.run_id if output is None else Path.cwd() / output
            notes = _write(stored, chosen, output, folder)
        if any(each.name != "terminal" for each in chosen):  # other formats have no room for labels given since
            steps = resume_steps(opened, stored.report, option_for(opened.url))
            notes += [f"verdicts are those that the run came to; {step_in_words(step)}" for step in steps]
    for note in dict.fromkeys(filter(None, notes)):
        say(f"note: {note}", err=True)


def _write(stored: StoredReport, chosen: list[ReportFormat], output: str | None, folder: Path) -> list[str | None]:
    """Write the formats into a folder, or a single one to a file of that name; return what a reader must know of each.

    Raises:
        SettingsError: a file's name is given for the page, which is a folder; or it can't be written.
    """
    is_folder = output is None or output.endswith("/") or folder.is_dir()
    if any(each.to_folder for each in chosen) and folder.suffix in (".html", ".htm") and not folder.is_dir():
        raise SettingsError(
            f"--output {output}: the page is a folder, index.html and details beside it. Name that: "
            f"--output {Path(output or '').with_suffix('')}"
        )
    if len(chosen) == 1 and chosen[0].to_folder is None and not is_folder:
        prepare_folder(folder.parent, _OPTION)
        written = [write(stored, chosen[0], folder)]
    else:
        prepare_folder(folder, _OPTION)
        written = [write(stored, each, folder / each.file_name) for each in chosen]
    for path, _ in written:
        say(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
    return [note for _, note in written]


def _print(stored: StoredReport, chosen: list[ReportFormat]) -> list[str | None]:
    """Write one text to standard output, in UTF-8 unless it is made for the terminal; return what is to be known of it.

    Raises:
        SettingsError: it is not one, or not text; or nothing can be written there.
    """
    to_stream = chosen[0].to_stream
    if len(chosen) > 1 or to_stream is None:
        what = "several formats" if len(chosen) > 1 else f"the format {chosen[0].name}"
        raise SettingsError(f"--output -: {what} can't go to standard output. Name a folder.")
    is_terminal = chosen[0].name == "terminal"
    stored = replace(stored, layout=terminal_layout()) if is_terminal else stored
    stream = sys.stdout if is_terminal else io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="\n")
    try:
        note = to_stream(stored, stream)
        stream.flush()
    except BrokenPipeError:  # whoever reads it has seen enough
        raise
    except OSError as error:
        raise SettingsError(f"Standard output can't be written: {error.strerror or error}.") from None
    finally:
        if isinstance(stream, io.TextIOWrapper) and not is_terminal:
            with suppress(OSError):
                stream.detach()
    return [note]
