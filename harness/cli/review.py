"""`steelyard review`: the queue in which people judge answers."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from harness.cli import Group
from harness.cli.console import emit, say, shows
from harness.cli.stores import open_existing, open_or_make, open_store, settings_with_store, store_option
from harness.config.environment import colours_wanted, user_name
from harness.errors import ReviewerError, ReviewFileError, SettingsError, UnknownItemError, install
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import Block
from harness.store.location import FOLDER, option_for, prepare_store_folder

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.records.review import Batch
    from harness.review import Queue
    from harness.store import Store

PORT = 8700


@click.group(cls=Group)
def review() -> None:
    """Let people judge answers: a gate fills the queue where a marker has `review=`, or a file that is imported.

    A batch is named by its id or the beginning of it. The store is the one of the settings; --store names another.

    \b
    Examples:
      steelyard review reviewer add ann
      steelyard review serve
      steelyard review status
    """


def _find_batch(queue: Queue, text: str) -> Batch:
    """The batch of an id or its beginning.

    Raises:
        UnknownItemError: there is none, or several; the message names all.
    """
    batches = queue.batches()
    found = [batch for batch in batches if batch.id == text] or [
        batch for batch in batches if text and batch.id.startswith(text)
    ]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{batch.id} ({batch.evaluation_id})" for batch in reversed(batches)) or "none"
    what = f"begins the ids of {len(found)} batches; write more of it" if found else "is no batch of the review queue"
    raise UnknownItemError(f"{text!r} {what}. Batches, the newest first: {known}.")


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
    from harness.reporting.terminal.review import BatchStatus, QueueStatus, view
    from harness.review import Queue

    settings = settings_with_store(place)
    with open_store(settings, readonly=True) as opened:
        queue = Queue(opened)
        progress = queue.progress(None if batch_id is None else _find_batch(queue, batch_id).id)
        origins, ahead = queue.origins(), prospects(opened, [each.batch_id for each in progress])
        batches = []
        for each in progress:
            name = each.batch_id
            outlook = ahead.needed.get(name), ahead.held_back.get(name), ahead.problems.get(name)
            agreement = queue.agreement(name) if as_json or batch_id is not None else None
            batches.append(BatchStatus(each, origins[name], *outlook, agreement))
        serve = settings.review_url or f"steelyard review serve{option_for(opened.url)}"
    emit(QueueStatus(tuple(batches), serve), view, as_json)


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
        batch = _find_batch(queue, batch_id)
        if undo:
            queue.reopen(batch.id)
        else:
            queue.close(batch.id, "closed by hand")
    say(f"Batch {batch.id} is {'open again' if undo else 'closed'}.")


@review.command()
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
        shared = exported(opened.review, _find_batch(Queue(opened), batch_id), unblind=unblind)
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
    say(f"Wrote {plural(len(shared), 'item')} to {output} ({told}).")


@review.command("import")
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
    say(f"Brought in {plural(done.labels, 'label')}{added}.")
    for batch_id, problem in problems.items():
        say(f"Batch {batch_id} can't be decided: {problem}", err=True)


@review.command()
@store_option
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes a free one.")
@click.option(
    "--public-url", metavar="URL", help="Under which reviewers reach it through a proxy: https://review.example.org."
)
@click.option("--allow-network", is_flag=True, help="Listen where other machines can reach it, over plain HTTP.")
@click.option(
    "--reviewer",
    metavar="NAME",
    help="Whom the printed address signs in, once; made an admin if new. Without it, your user name.",
)
def serve(place: str | None, host: str, port: int, reviewer: str | None, **network: Any) -> None:
    """Serve the review queue to browsers, until Ctrl-C.

    Prints an address that signs you in once. Others get tokens from an admin's page, or `steelyard review reviewer
    add`.

    \b
    Examples:
      steelyard review serve
      steelyard review serve --reviewer ann --port 8800
      steelyard review serve --public-url https://review.example.org
    """
    from harness.cli.doctor import requirements

    if missing := requirements("review")[1]:
        raise SettingsError(
            f"`steelyard review serve` needs {', '.join(missing)}. Install them with: {install('review')}"
        )
    from harness.gate.people.attending import attended
    from harness.review import Queue
    from harness.review import web as site

    web = site.server
    web.check_host(host, **network)
    settings = settings_with_store(place)
    with open_or_make(settings) as store, closing(web.listen(host, port)) as listener:
        port = listener.getsockname()[1]
        urls = web.addresses(host, port, network["public_url"])
        name, role = _admin(Queue(store), reviewer)
        sessions = settings.root / FOLDER / f"review-sessions-{port}.json"
        prepare_store_folder(sessions)
        with attended(store, on_decided=functools.partial(_notify, store, settings)) as outlooks:
            app = site.create_app(store, site.WebOptions(urls, sessions=sessions, outlooks=outlooks))
            desk = app.state.desk
            left, link = desk.queue.count("label").left, f"{urls[0]}/sign-in#{desk.ticket_for(name)}"
            say(f"store     {store.url}", f"waiting   {plural(left, 'label')}")
            styled = sys.stdout.isatty() and colours_wanted()
            click.echo(f"sign in   {click.style(link, bold=True, underline=True) if styled else link}")
            say(f"          as {name}, {role}; this address works once", "Ctrl-C ends it.")
            sys.stdout.flush()
            web.serve(app, listener)
    say("", "Ended. Every label is in the store.")


def _notify(store: Store, settings: Settings, batch: Batch) -> None:
    """Tell the web hook of the settings, if there is one, what the run has come to whose batch labels have closed."""
    from harness.config.waivers import read_waivers, today
    from harness.gate.history.runs import run_of, stored_report
    from harness.gate.people.verdicts import resumed
    from harness.reporting.notifying import notify

    if settings.notify is None or batch.run_id is None:
        return
    run, waivers = run_of(store, batch.run_id), read_waivers(settings.root, today())
    counts_as = run.spec.get("inconclusive", settings.inconclusive)
    report = resumed(store, stored_report(store, run.run_id), counts_as, settings.review_url, waivers)
    if problem := notify(report, settings):
        say(f"WARNING: {problem}", err=True)


def _admin(queue: Queue, wanted: str | None) -> tuple[str, str]:
    """The reviewer whom the printed address signs in, made an admin if new: who runs this has the store."""
    name = user_name() if wanted is None else wanted
    for reviewer in queue.reviewers():
        if reviewer.name == name:
            if reviewer.disabled is not None:
                raise ReviewerError(f"The reviewer {name!r} is disabled. Name another with --reviewer.")
            return name, reviewer.role
    try:
        queue.add_reviewer(name, "admin")
    except ReviewerError as error:
        whose = "your user name, which counts without --reviewer NAME" if wanted is None else "--reviewer"
        raise ReviewerError(f"{error} It comes from {whose}.") from None
    return name, "admin"


@review.group(cls=Group)
def reviewer() -> None:
    """Add, list and disable reviewers.

    A token is shown once, to be handed to the reviewer, who signs in with it; the store keeps a hash of it.

    \b
    Examples:
      steelyard review reviewer add ann
      steelyard review reviewer add eve --role adjudicator
      steelyard review reviewer list
    """


@reviewer.command()
@store_option
@click.option(
    "--role",
    type=click.Choice(["annotator", "adjudicator", "admin"]),
    default="annotator",
    show_default=True,
    help="annotator labels, adjudicator also settles what labels differ in, admin may do everything.",
)
@click.argument("name", metavar="NAME")
def add(place: str | None, role: Literal["annotator", "adjudicator", "admin"], name: str) -> None:
    """Add the reviewer NAME, and show the token to sign in with.

    \b
    Example:
      steelyard review reviewer add eve --role adjudicator
    """
    from harness.review import Queue

    with open_or_make(settings_with_store(place)) as opened:
        token = Queue(opened).add_reviewer(name, role)
    say(f"{name} is {role}. Token, shown this once:", token)


@reviewer.command()
@store_option
@click.argument("name", metavar="NAME")
def token(place: str | None, name: str) -> None:
    """Give NAME a new token, also after being disabled; the old one stops working.

    \b
    Example:
      steelyard review reviewer token ann
    """
    from harness.review import Queue

    with open_existing(settings_with_store(place)) as opened:
        new = Queue(opened).new_token(name)
    say(f"Token of {name}, shown this once:", new)


@reviewer.command()
@store_option
@click.argument("name", metavar="NAME")
def disable(place: str | None, name: str) -> None:
    """Let NAME do nothing any more; labels that are in stay.

    \b
    Example:
      steelyard review reviewer disable ann
    """
    from harness.review import Queue

    with open_existing(settings_with_store(place)) as opened:
        Queue(opened).disable(name)
    say(f"{name} is disabled.")


def _reviewers_view(reviewers: list[dict[str, Any]]) -> Iterator[Block]:
    for each in reviewers:
        told = [each["role"], *(["disabled"] if each["disabled"] is not None else [])]
        yield each["name"], "  ".join([*told, *(["no token"] if each["without_token"] else [])])
    if any(each["without_token"] for each in reviewers):
        yield "Who has no token can't sign in; `steelyard review reviewer token NAME` gives one."
    if not reviewers:
        yield "There are no reviewers; `steelyard review reviewer add NAME` adds one."


@reviewer.command("list")
@store_option
@shows(_reviewers_view)
def list_reviewers(place: str | None) -> list[dict[str, Any]]:
    """List the reviewers with their roles, and who has no token: those whom a file or `steelyard store merge` brought.

    \b
    Example:
      steelyard review reviewer list
    """
    from harness.review import Queue

    with open_store(settings_with_store(place), readonly=True) as opened:
        reviewers = Queue(opened).reviewers()
        tokenless = opened.review.without_token() if reviewers else set()
    return [{**asdict(each), "without_token": each.name in tokenless} for each in reviewers]
