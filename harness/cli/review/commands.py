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
    "serve": "harness.cli.review.serve:serve",
    "reviewer": "harness.cli.review.reviewer:reviewer",
    "export": "harness.cli.review.exchange:export",
    "import": "harness.cli.review.exchange:import_file",
}


@click.group(cls=LazyGroup, elsewhere=_ELSEWHERE)
def review() -> None:
    """Let people judge answers: a gate fills the queue where a marker has `review=`, or a file that is imported.

    A batch is named by its id or the beginning of it. The store is the one of the settings; --store names another.

    \b
    Examples:
      steelyard review reviewer add ann
      steelyard review serve
      steelyard review status
    """


@review.command()
@store_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with the agreement in each batch.")
@click.argument("batch_id", metavar="[BATCH]", required=False)
def status(place: str | None, as_json: bool, batch_id: str | None) -> None:
    """Tell how far all batches are: labels in and left (until a gate is decided), by reviewer, what is disputed.

    Of one BATCH also how far its reviewers agree with each other, over items that several have labelled, and the judge
    with them.

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
        origins = queue.origins()
        ahead = prospects(opened, [each.batch_id for each in progress])
        shown = progress if as_json or batch_id is not None else []
        agreement = {each.batch_id: queue.agreement(each.batch_id) for each in shown}
    if as_json:
        further = (
            {
                "created": origins[p.batch_id].created,
                "run": origins[p.batch_id].run_id,
                "candidate": origins[p.batch_id].candidate,
                "labels_needed": ahead.needed.get(p.batch_id),
                "held_back": ahead.held_back.get(p.batch_id),
                "problem": ahead.problems.get(p.batch_id),
                "agreement": asdict(agreement[p.batch_id]),
            }
            for p in progress
        )
        click.echo(json.dumps([{**asdict(p), **more} for p, more in zip(progress, further, strict=True)], indent=2))
        return
    from harness.reporting.terminal.review import agreement_lines, status_lines

    encoding = sys.stdout.encoding or "utf-8"
    click.echo("\n".join(status_lines(progress, origins, encoding, ahead)))
    for report in agreement.values():
        click.echo("\n".join(["", *agreement_lines(report, encoding)]))
    if any(each.left and each.closed is None for each in progress):
        serve = f"steelyard review serve{option_for(opened.url)}"
        click.echo(f"\nnext    {settings.review_url or serve}")


@review.command()
@store_option
@click.option("--undo", is_flag=True, help="Offer its items again that still want labels.")
@click.argument("batch_id", metavar="BATCH")
def close(place: str | None, undo: bool, batch_id: str) -> None:
    """Stop offering the items of BATCH; its labels stay.

    \b
    Examples:
      steelyard review close 1f0c
      steelyard review close 1f0c --undo
    """
    from harness.review import Queue

    with open_existing(settings_with_store(place)) as opened:
        queue = Queue(opened)
        batch = find_batch(queue, batch_id)
        if undo:
            queue.reopen(batch.id)
        else:
            queue.close(batch.id, "closed by hand")
    click.echo(f"Batch {batch.id} is {'open again' if undo else 'closed'}.")
