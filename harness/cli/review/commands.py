"""`steelyard review`: the queue in which people judge answers."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from harness.cli.shared.lazy_group import LazyGroup
from harness.cli.shared.stored import find_batch, open_existing, open_store, settings_with_store, store_option
from harness.store.location import option_for

_ELSEWHERE = {
    "add": "harness.cli.review.add:add",
    "serve": "harness.cli.review.serve:serve",
    "reviewer": "harness.cli.review.reviewer:reviewer",
    "export": "harness.cli.review.exchange:export",
    "import": "harness.cli.review.exchange:import_file",
}
_json = click.option("--json", "as_json", is_flag=True, help="Write JSON.")
_batch = click.argument("batch_id", metavar="BATCH")


@click.group(cls=LazyGroup, elsewhere=_ELSEWHERE)
def review() -> None:
    """Let people judge answers: fill the queue, see how far it is, and take labels out of it or into it.

    A batch is named by its id or the beginning of it. The store is the one of the settings; --store names another.

    \b
    Examples:
      steelyard review add latest
      steelyard review reviewer add ann
      steelyard review serve
      steelyard review status
      steelyard review agreement 1f0c
    """


@review.command("list")
@store_option
@_json
def list_batches(place: str | None, as_json: bool) -> None:
    """List the batches of the queue: what they are of, how many labels are in and left, and from which run they come.

    \b
    Examples:
      steelyard review list
      steelyard review list --json
    """
    from harness.review import Queue

    with open_store(settings_with_store(place), readonly=True) as opened:
        queue = Queue(opened)
        batches, progress, origins = queue.batches(), queue.progress(), queue.origins()
    if as_json:
        entries = [
            {
                **asdict(each),
                "created": batch.created,
                "run": batch.run_id,
                "candidate": origins[batch.id].candidate,
                "kind": batch.form.kind,
                "source": dict(batch.source),
            }
            for batch, each in zip(batches, progress, strict=True)
        ]
        click.echo(json.dumps(entries, indent=2))
        return
    if not batches:
        click.echo("The review queue is empty; `steelyard review add RUN` fills it.")
        return
    from harness.reporting.terminal.review import batch_lines

    click.echo("\n".join(batch_lines(batches, progress, origins, sys.stdout.encoding or "utf-8")))


@review.command()
@store_option
@_json
@click.argument("batch_id", metavar="[BATCH]", required=False)
def status(place: str | None, as_json: bool, batch_id: str | None) -> None:
    """Tell how far a batch is, or all: labels in and left (until a gate is decided), by reviewer, what is disputed.

    \b
    Examples:
      steelyard review status
      steelyard review status 1f0c --json
    """
    from harness.gate.people.attending import prospects
    from harness.review import Queue

    settings = settings_with_store(place)
    with open_store(settings, readonly=True) as opened:
        queue = Queue(opened)
        progress = queue.progress(None if batch_id is None else find_batch(queue, batch_id).id)
        ahead = prospects(opened, [each.batch_id for each in progress])
    if as_json:
        further = (
            {
                "labels_needed": ahead.needed.get(p.batch_id),
                "held_back": ahead.held_back.get(p.batch_id),
                "problem": ahead.problems.get(p.batch_id),
            }
            for p in progress
        )
        click.echo(json.dumps([{**asdict(p), **more} for p, more in zip(progress, further, strict=True)], indent=2))
        return
    from harness.reporting.terminal.review import status_lines

    click.echo("\n".join(status_lines(progress, sys.stdout.encoding or "utf-8", ahead)))
    if any(each.left and each.closed is None for each in progress):
        serve = f"steelyard review serve{option_for(opened.url)}"
        click.echo(f"\nnext    {settings.review_url or serve}")


@review.command()
@store_option
@_batch
def guidelines(place: str | None, batch_id: str) -> None:
    """Show what the reviewers of BATCH are asked: criteria, guidelines and values, as the rubric file has them.

    \b
    Example:
      steelyard review guidelines 1f0c
    """
    from harness.review import Queue

    with open_store(settings_with_store(place), readonly=True) as opened:
        form = find_batch(Queue(opened), batch_id).form
    from harness.reporting.terminal.review import form_lines

    click.echo("\n".join(form_lines(form, sys.stdout.encoding or "utf-8")))


@review.command()
@store_option
@_json
@click.option(
    "--confidence-level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.95, show_default=True
)
@_batch
def agreement(place: str | None, as_json: bool, confidence_level: float, batch_id: str) -> None:
    """Tell how far the reviewers of BATCH agree with each other, and the judge with them.

    Between reviewers: Krippendorff's alpha, Fleiss' and Cohen's kappa over items that several have labelled. The
    judge's sensitivity and specificity are held against the labels that count, each item weighted by its probability.

    \b
    Examples:
      steelyard review agreement 1f0c
      steelyard review agreement 1f0c --json
    """
    from harness.review import Queue

    with open_store(settings_with_store(place), readonly=True) as opened:
        queue = Queue(opened)
        report = queue.agreement(find_batch(queue, batch_id).id, confidence_level=confidence_level)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
        return
    from harness.reporting.terminal.review import agreement_lines

    click.echo("\n".join(agreement_lines(report, sys.stdout.encoding or "utf-8")))


@review.command()
@store_option
@click.option("--reason", metavar="TEXT", default="closed by hand", show_default=True, help="Why, for the status.")
@_batch
def close(place: str | None, reason: str, batch_id: str) -> None:
    """Stop offering the items of BATCH; its labels stay, and `steelyard review reopen` offers the rest again.

    \b
    Example:
      steelyard review close 1f0c
    """
    from harness.review import Queue

    with open_existing(settings_with_store(place)) as opened:
        queue = Queue(opened)
        batch = find_batch(queue, batch_id)
        queue.close(batch.id, reason)
    click.echo(f"Batch {batch.id} is closed.")


@review.command()
@store_option
@_batch
def reopen(place: str | None, batch_id: str) -> None:
    """Offer the items of BATCH again that still want labels.

    \b
    Example:
      steelyard review reopen 1f0c
    """
    from harness.review import Queue

    with open_existing(settings_with_store(place)) as opened:
        queue = Queue(opened)
        batch = find_batch(queue, batch_id)
        queue.reopen(batch.id)
    click.echo(f"Batch {batch.id} is open again.")
