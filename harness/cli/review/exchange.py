"""`steelyard review export` and `import`: items and labels as files."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.shared.stored import find_batch, open_existing, open_store, settings_with_store, store_option
from harness.errors import ReviewFileError
from harness.reporting.shared.figures import plural


@click.command()
@store_option
@click.option("--unblind", is_flag=True, help="With labels, exclusions, versions, judge scores and the drawing.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file, .jsonl or .csv; default: JSON lines to standard output.",
)
@click.argument("batch_id", metavar="BATCH")
def export(place: str | None, unblind: bool, output: Path | None, batch_id: str) -> None:
    """Write the items of BATCH to a file, for people who label elsewhere; without what could sway them.

    What comes back is brought in with `steelyard review import`.

    \b
    Examples:
      steelyard review export 1f0c -o items.csv
      steelyard review export 1f0c --unblind -o labels.jsonl
    """
    from harness.review import Queue
    from harness.review.exchange import exported, format_of

    chosen = format_of(output or Path("items.jsonl"))
    with open_store(settings_with_store(place), readonly=True) as opened:
        shared = exported(opened.review, find_batch(Queue(opened), batch_id), unblind=unblind)
    text = chosen.write(shared)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise ReviewFileError(
            f"--output {output} can't be written: {error.strerror or error}. Name a file in a folder that is there."
        ) from None
    told = f"{'with' if unblind else 'blind: --unblind adds'} labels, versions and judge scores"
    click.echo(f"Wrote {plural(len(shared), 'item')} to {output} ({told}).")


@click.command("import")
@store_option
@click.option(
    "--reviewer", metavar="NAME", default="imported", show_default=True, help="Who labelled what names nobody."
)
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_file(place: str | None, reviewer: str, path: Path) -> None:
    """Bring in the labels of FILE (.jsonl or .csv), and the items that the queue does not have, as new batches.

    Importing a file again brings nothing. Of each reviewer the newest label of an item counts; one without a time is
    newer than those that are there. Reviewers who are not known are added; they can't sign in.

    \b
    Examples:
      steelyard review import items.csv --reviewer ann
      steelyard review import labels.jsonl
    """
    import time
    from dataclasses import replace

    from harness.gate.people.attending import prospects
    from harness.review.exchange import format_of, import_items

    chosen = format_of(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise ReviewFileError(
            f"{path} can't be read: {error}. Save it as UTF-8 (in Excel: CSV UTF-8), and import it again."
        ) from None
    except OSError as error:
        raise ReviewFileError(f"{path} can't be read: {error}") from None
    shared = [
        replace(each, labels=tuple(replace(label, reviewer=label.reviewer or reviewer) for label in each.labels))
        for each in chosen.read(text)
    ]
    with open_existing(settings_with_store(place)) as opened:
        before = opened.review.last_event()
        done = import_items(opened.review, shared, time.time())
        problems = prospects(opened, opened.review.touched(before), settles=True).problems
    added = f" and {plural(done.items, 'item')} in {plural(done.batches, 'new batch')}" if done.items else ""
    click.echo(f"Brought in {plural(done.labels, 'label')}{added}.")
    for batch_id, problem in problems.items():
        click.echo(f"Batch {batch_id} can't be decided: {problem}", err=True)
