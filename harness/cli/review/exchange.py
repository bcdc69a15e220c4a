"""`steelyard review export` and `import`: items and labels as files."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.shared.stored import find_batch, open_existing, open_store, settings_with_store, store_option
from harness.errors import ReviewFileError
from harness.reporting.shared.figures import plural


@click.command()
@store_option
@click.option(
    "--format", "name", metavar="NAME", default="jsonl", show_default=True, help="jsonl, csv, label-studio or argilla."
)
@click.option("--unblind", is_flag=True, help="With labels, exclusions, versions, judge scores and the drawing.")
@click.option("--labeling-config", is_flag=True, help="Write the XML that a project of Label Studio needs instead.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file, for standard output.")
@click.argument("batch_id", metavar="BATCH")
def export(
    place: str | None, name: str, unblind: bool, labeling_config: bool, output: Path | None, batch_id: str
) -> None:
    """Write the items of BATCH to a file, for people who label elsewhere; without what could sway them.

    What comes back is brought in with `steelyard review import`.

    \b
    Examples:
      steelyard review export 1f0c --format csv -o items.csv
      steelyard review export 1f0c --format label-studio -o tasks.json
      steelyard review export 1f0c --unblind -o labels.jsonl
    """
    from harness.review import Queue
    from harness.review.exchange import exported, find_format
    from harness.review.exchange.label_studio import labeling_config as config_of

    chosen = find_format(name)
    with open_store(settings_with_store(place), readonly=True) as opened:
        batch = find_batch(Queue(opened), batch_id)
        shared = exported(opened.review, batch, unblind=unblind)
    has_reference = any(each.reference is not None for each in shared)
    text = config_of(batch.form, has_reference=has_reference) if labeling_config else chosen.write(shared)
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
    "--format", "name", metavar="NAME", help="jsonl, csv, label-studio or argilla; default: as the file looks."
)
@click.option(
    "--reviewer", metavar="NAME", default="imported", show_default=True, help="Who labelled what names nobody."
)
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_file(place: str | None, name: str | None, reviewer: str, path: Path) -> None:
    """Bring in the labels of FILE, and the items that the queue does not have, as new batches.

    Importing a file again brings nothing. Of each reviewer the newest label of an item counts; one without a time is
    newer than those that are there. Reviewers who are not known are added; they can't sign in.

    \b
    Examples:
      steelyard review import items.csv --reviewer ann
      steelyard review import project-3.json
    """
    import time
    from dataclasses import replace

    from harness.gate.people.attending import attend_all
    from harness.review.exchange import find_format, format_of, import_items

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
        for each in find_format(name or format_of(path, text)).read(text)
    ]
    with open_existing(settings_with_store(place)) as opened:
        before = opened.review.last_event()
        done = import_items(opened.review, shared, time.time())
        problems = attend_all(opened, opened.review.touched(before))
    added = f" and {plural(done.items, 'item')} in {plural(done.batches, 'new batch')}" if done.items else ""
    left_out = f" Left out: {plural(done.replaced, 'label')} older than another of the same reviewer for the item."
    click.echo(f"Brought in {plural(done.labels, 'label')}{added}.{left_out if done.replaced else ''}")
    for batch_id, problem in problems.items():
        click.echo(f"Batch {batch_id} can't be decided: {problem}", err=True)
