"""`steelyard report`: a stored run in any format."""

from __future__ import annotations

import io
import json
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from harness.cli.shared.layout import terminal_layout
from harness.cli.shared.stored import open_store, settings_with_store, store_option
from harness.errors import SettingsError
from harness.reporting.writing import StoredReport, find_format, formats, write
from harness.store.location import option_for

if TYPE_CHECKING:
    from harness.config.settings import Settings
    from harness.reporting.writing import ReportFormat

_OPTION = "--output"
_STANDARD_OUTPUT = "-"


@dataclass(frozen=True, slots=True)
class _ReportOptions:
    """The options of the command line, beside the run."""

    place: str | None
    formats: tuple[str, ...]
    output: str | None
    is_schema: bool


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
    "formats",
    metavar="NAME",
    multiple=True,
    help="One of those below; default: terminal. May be repeated.",
)
@click.option("-o", "--output", metavar="PATH", help="A file, or a folder; - for standard output.")
@click.option("--schema", "is_schema", is_flag=True, help="Write the JSON schema of the format json, and no report.")
def report(run_name: str, **options: Any) -> None:
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

    given = _ReportOptions(**options)
    if given.is_schema:
        click.echo(json.dumps(schema(), indent=2))
        return
    chosen = [find_format(name) for name in dict.fromkeys(given.formats or ("terminal",))]
    settings = settings_with_store(given.place)
    with open_store(settings, readonly=True) as opened:
        run = find_version(opened.runs(), run_name).run
        report = stored_report(opened, run.run_id)
        stored = StoredReport(opened, run, report, option=_OPTION)
        _write(stored, chosen, given.output, settings)
        _tell_of_labels(stored, chosen)


def _write(stored: StoredReport, chosen: list[ReportFormat], output: str | None, settings: Settings) -> None:
    from harness.reporting.shared.files import prepare_folder

    single = chosen[0] if len(chosen) == 1 else None
    if output == _STANDARD_OUTPUT or (output is None and single is not None and single.to_stream is not None):
        _print(stored, chosen)
        return
    _refuse_page_name(chosen, output)
    folder = settings.root / "reports" / stored.run.run_id if output is None else Path.cwd() / output
    if single is not None and single.to_folder is None and output is not None and not _is_folder(output):
        prepare_folder(folder.parent, _OPTION)
        written = [write(stored, single, folder)]
    else:
        prepare_folder(folder, _OPTION)
        written = [write(stored, each, folder / each.file_name) for each in chosen]
    for each in written:
        click.echo(each.path.relative_to(Path.cwd()) if each.path.is_relative_to(Path.cwd()) else each.path)
    _tell([each.note for each in written])


def _refuse_page_name(chosen: list[ReportFormat], output: str | None) -> None:
    """Refuse a file's name for the page, which is a folder.

    Raises:
        SettingsError: naming what to write.
    """
    place = Path(output or "")
    if any(each.to_folder for each in chosen) and place.suffix in (".html", ".htm") and not place.is_dir():
        raise SettingsError(
            f"--output {output}: the page is a folder, index.html and details beside it. Name that: "
            f"--output {place.with_suffix('')}"
        )


def _tell(notes: list[str]) -> None:
    """Print what a reader must know, once and beside the output."""
    for note in dict.fromkeys(filter(None, notes)):
        click.echo(f"note: {note}", err=True)


def _tell_of_labels(stored: StoredReport, chosen: list[ReportFormat]) -> None:
    """Say that labels came after the run, where a format has no room for it: it shows the run's own verdicts."""
    from harness.reporting.wording.waiting import resume_step

    if any(each.name != "terminal" for each in chosen):
        steps = resume_step(stored.store, stored.report, option_for(stored.store.url))
        _tell([f"verdicts are those that the run came to; {step}" for step in steps])


def _is_folder(output: str) -> bool:
    return output.endswith("/") or Path(output).is_dir()


def _print(stored: StoredReport, chosen: list[ReportFormat]) -> None:
    """Write one text to standard output, in UTF-8 unless it is made for the terminal.

    Raises:
        SettingsError: it is not one, or not text; or nothing can be written there.
    """
    if len(chosen) > 1 or chosen[0].to_stream is None:
        what = "several formats" if len(chosen) > 1 else f"the format {chosen[0].name}"
        raise SettingsError(f"--output -: {what} can't go to standard output. Name a folder.")
    if chosen[0].name == "terminal":
        _write_to(sys.stdout, replace(stored, layout=terminal_layout()), chosen[0])
        return
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="\n")
    try:
        note = _write_to(stream, stored, chosen[0])
    finally:
        with suppress(OSError):
            stream.detach()
    _tell([note])


def _write_to(stream: TextIO, stored: StoredReport, chosen: ReportFormat) -> str:
    assert chosen.to_stream is not None
    try:
        note = chosen.to_stream(stored, stream)
        stream.flush()
    except BrokenPipeError:  # whoever reads it has seen enough
        raise
    except OSError as error:
        raise SettingsError(f"Standard output can't be written: {error.strerror or error}.") from None
    return note
