"""`steelyard review`: the queue in which people judge answers."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import click

from harness.cli import Group
from harness.cli.console import emit, open_store, place_option, say, shows, with_store
from harness.cli.doctor import requirements
from harness.config.environment import colours_wanted, user_name
from harness.config.settings import Settings, load_settings
from harness.errors import ReviewerError, ReviewFileError, SettingsError, UnknownItemError, install
from harness.gate.people.attending import attended, prospects
from harness.records.review import Batch
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import Block
from harness.reporting.terminal.review import BatchStatus, QueueStatus, view
from harness.review import Queue
from harness.review.exchange import exported, format_of, import_items
from harness.store import Store
from harness.store.location import FOLDER, option_for, prepare_store_folder, settings_with_store

PORT = 8700
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=Group)
def review() -> None:
    """Let people judge answers: a gate fills the queue where a marker has `review=`, or a file that is imported.

    A batch is named by its id or the beginning of it. The store is the one of the settings; --store names another.

    \b
    Examples:
      steelyard review reviewer add ann
      steelyard review serve
    """


def _find_batch(queue: Queue, text: str) -> Batch:
    """The batch of an id or its beginning."""
    batches = queue.batches()
    begun = [each for each in batches if text and each.id.startswith(text)]
    matches = [each for each in batches if each.id == text] or begun
    if len(matches) == 1:
        return matches[0]
    known = ", ".join(f"{batch.id} ({batch.evaluation_id})" for batch in reversed(batches)) or "none"
    what = f"begins the ids of {len(matches)} batches; write more" if matches else "is no batch of the review queue"
    raise UnknownItemError(f"{text!r} {what}. Batches, the newest first: {known}.")


@review.command()
@with_store()
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with the agreement in each batch.")
@click.argument("batch_id", metavar="[BATCH]", required=False)
def status(store: Store, as_json: bool, batch_id: str | None) -> None:
    """Tell how far all batches are: labels in and left (until a gate is decided), by reviewer, what is disputed.

    Of one BATCH also how far its reviewers agree with each other, over items that several have labelled, and the judge
    with them.

    \b
    Examples:
      steelyard review status 1f0c --json
    """
    queue = Queue(store)
    progress = queue.progress(None if batch_id is None else _find_batch(queue, batch_id).id)
    origins, ahead = queue.origins(), prospects(store, [each.batch_id for each in progress])
    batches = []
    for each in progress:
        name = each.batch_id
        outlook = ahead.needed.get(name), ahead.held_back.get(name), ahead.problems.get(name)
        agreement = queue.agreement(name) if as_json or batch_id is not None else None
        command = queue.verdict_command(store.review.batch(name))
        batches.append(BatchStatus(each, origins[name], *outlook, command, agreement))
    serve = load_settings(Path.cwd()).review_url or f"steelyard review serve{option_for(store.url)}"
    emit(QueueStatus(tuple(batches), serve), view, as_json)


@review.command()
@with_store("write")
@click.option("--undo", is_flag=True, help="Offer its items again that still want labels.")
@click.argument("batch_id", metavar="BATCH")
def close(store: Store, undo: bool, batch_id: str) -> None:
    """Stop offering the items of BATCH; its labels stay.

    \b
    Example:
      steelyard review close 1f0c
    """
    queue = Queue(store)
    batch = _find_batch(queue, batch_id)
    if undo:
        queue.reopen(batch.id)
    else:
        queue.close(batch.id, "closed by hand")
    say(f"Batch {batch.id} is {'open again' if undo else 'closed'}.")


@review.command()
@with_store()
@click.option("--unblind", is_flag=True, help="With labels, exclusions, versions, judge scores and the drawing.")
@click.option("-o", "--output", type=_FILE, help="A file, .jsonl or .csv; default: JSON lines to standard output.")
@click.argument("batch_id", metavar="BATCH")
def export(store: Store, unblind: bool, output: Path | None, batch_id: str) -> None:
    """Write the items of BATCH to a file, for people who label elsewhere; without what could sway them.

    What comes back is brought in with `steelyard review import`.

    \b
    Examples:
      steelyard review export 1f0c -o items.csv
      steelyard review export 1f0c --unblind -o labels.jsonl
    """
    chosen = format_of(output or Path("items.jsonl"))
    items = exported(store.review, _find_batch(Queue(store), batch_id), unblind=unblind)
    if output is None:
        click.echo(chosen.write(items), nl=False)
        return
    try:
        output.write_text(chosen.write(items), encoding="utf-8", newline="")
    except OSError as error:
        raise ReviewFileError(f"--output {output} can't be written: {error.strerror or error}.") from None
    how = f"{'with' if unblind else 'blind: --unblind adds'} labels, versions and judge scores"
    say(f"Wrote {plural(len(items), 'item')} to {output} ({how}).")


@review.command("import")
@with_store("write")
@click.option("--reviewer", metavar="NAME", default="imported", show_default=True, help="Of labels that name nobody.")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_file(store: Store, reviewer: str, path: Path) -> None:
    """Bring in the labels of FILE (.jsonl or .csv), and the items that the queue does not have, as new batches.

    Importing a file again brings nothing. Of each reviewer the newest label of an item counts; one without a time is
    newer than those that are there. Reviewers who are not known are added; they can't sign in.

    \b
    Examples:
      steelyard review import items.csv --reviewer ann
      steelyard review import labels.jsonl
    """
    chosen = format_of(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise ReviewFileError(f"{path} can't be read: {error}. Save it as UTF-8 (Excel: CSV UTF-8).") from None
    except OSError as error:
        raise ReviewFileError(f"{path} can't be read: {error.strerror or error}.") from None
    items = [
        replace(each, labels=tuple(replace(label, reviewer=label.reviewer or reviewer) for label in each.labels))
        for each in chosen.read(text)
    ]
    before = store.review.last_event()
    done = import_items(store.review, items, time.time())
    problems = prospects(store, store.review.touched(before), settles=True).problems
    added = f" and {plural(done.items, 'item')} in {plural(done.batches, 'new batch')}" if done.items else ""
    say(f"Brought in {plural(done.labels, 'label')}{added}.")
    for batch_id, problem in problems.items():
        say(f"Batch {batch_id} can't be decided: {problem}", err=True)


@review.command()
@place_option
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes a free one.")
@click.option("--public-url", metavar="URL", help="Of the proxy that reviewers reach: https://review.example.org.")
@click.option("--allow-network", is_flag=True, help="Listen where other machines can reach it, over plain HTTP.")
@click.option(
    "--reviewer", metavar="NAME", help="Whom the printed address signs in, an admin if new.  [your user name]"
)
def serve(place: str | None, host: str, port: int, reviewer: str | None, **network: Any) -> None:
    """Serve the review queue to browsers, until Ctrl-C.

    Prints an address that signs you in once. Others get tokens by `steelyard review reviewer add`, or from an admin.

    \b
    Examples:
      steelyard review serve --reviewer ann
      steelyard review serve --public-url https://review.example.org
    """
    if missing := requirements("review")[1]:
        raise SettingsError(f"`steelyard review serve` needs {', '.join(missing)}. Install: {install('review')}")
    from harness.review import web as site

    web = site.server
    web.check_host(host, **network)
    settings = settings_with_store(place)
    with open_store(settings, "make") as store, closing(web.listen(host, port)) as listener:
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
    """Name and role of the reviewer whom the printed address signs in, made an admin if new."""
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
    Example:
      steelyard review reviewer add ann
    """


@reviewer.command()
@with_store("make")
@click.option(
    "--role", type=click.Choice(["annotator", "adjudicator", "admin"]), default="annotator", show_default=True
)
@click.argument("name", metavar="NAME")
def add(store: Store, role: Literal["annotator", "adjudicator", "admin"], name: str) -> None:
    """Add the reviewer NAME, and show the token to sign in with.

    An annotator labels, an adjudicator also decides where labels differ, an admin may do everything.

    \b
    Example:
      steelyard review reviewer add eve --role adjudicator
    """
    say(f"{name} is {role}. Token, shown this once:", Queue(store).add_reviewer(name, role))


@reviewer.command()
@with_store("write")
@click.argument("name", metavar="NAME")
def token(store: Store, name: str) -> None:
    """Give NAME a new token, also after being disabled; the old one stops working.

    \b
    Example:
      steelyard review reviewer token ann
    """
    say(f"Token of {name}, shown this once:", Queue(store).new_token(name))


@reviewer.command()
@with_store("write")
@click.argument("name", metavar="NAME")
def disable(store: Store, name: str) -> None:
    """Let NAME do nothing any more; labels that are in stay.

    \b
    Example:
      steelyard review reviewer disable ann
    """
    Queue(store).disable(name)
    say(f"{name} is disabled.")


def _reviewers_view(reviewers: list[dict[str, Any]]) -> Iterator[Block]:
    for each in reviewers:
        state = [
            *(["disabled"] if each["disabled"] is not None else []),
            *(["no token"] if each["without_token"] else []),
        ]
        yield each["name"], "  ".join([each["role"], *state])
    if any(each["without_token"] for each in reviewers):
        yield "Who has no token can't sign in; `steelyard review reviewer token NAME` gives one."
    if not reviewers:
        yield "There are no reviewers; `steelyard review reviewer add NAME` adds one."


@reviewer.command("list")
@with_store()
@shows(_reviewers_view)
def list_reviewers(store: Store) -> list[dict[str, Any]]:
    """List the reviewers with their roles, and who has no token: those whom a file or `steelyard store merge` brought.

    \b
    Example:
      steelyard review reviewer list
    """
    reviewers = Queue(store).reviewers()
    tokenless = store.review.without_token() if reviewers else set()
    return [{**asdict(each), "without_token": each.name in tokenless} for each in reviewers]
