"""`steelyard review serve`: the review queue in a browser."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from harness.cli.shared.stored import open_or_make, settings_with_store, store_option
from harness.config.environment import colours_wanted, user_name
from harness.config.settings import Settings
from harness.errors import ReviewerError, SettingsError, install
from harness.reporting.shared.figures import plural

if TYPE_CHECKING:
    from pathlib import Path

    from harness.review.queue import Queue

PORT = 8700


@dataclass(frozen=True, slots=True)
class _ServeOptions:
    """The options of the command line."""

    place: str | None
    host: str
    port: int
    public_url: str | None
    allow_network: bool
    reviewer: str | None


@click.command()
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
def serve(**given: Any) -> None:
    """Serve the review queue to browsers, until Ctrl-C.

    Prints an address that signs you in once. Others get tokens from an admin's page, or `steelyard review reviewer
    add`.

    \b
    Examples:
      steelyard review serve
      steelyard review serve --reviewer ann --port 8800
      steelyard review serve --public-url https://review.example.org
    """
    options = _ServeOptions(**given)
    _check_installed()
    from harness.gate.people.attending import attended
    from harness.review import Queue
    from harness.review import web as site

    web = site.server
    web.check_host(options.host, options.public_url, allow_network=options.allow_network)
    settings = settings_with_store(options.place)
    with open_or_make(settings) as store, closing(web.listen(options.host, options.port)) as listener:
        port = listener.getsockname()[1]
        urls = web.addresses(options.host, port, options.public_url)
        name, role = _admin(Queue(store), options.reviewer)
        with attended(store) as needed:
            app = site.create_app(store, site.WebOptions(urls, sessions=_sessions(settings, port), needed=needed))
            desk = app.state.desk
            left = desk.queue.count("label").left
            _greet(f"{urls[0]}/sign-in#{desk.ticket_for(name)}", f"{name}, {role}", store.url, left)
            web.serve(app, listener)
    click.echo("\nEnded. Every label is in the store.")


def _check_installed() -> None:
    from harness.cli.doctor import requirements

    _, missing = requirements("review")
    if missing:
        raise SettingsError(
            f"`steelyard review serve` needs {', '.join(missing)}. Install them with: {install('review')}"
        )


def _sessions(settings: Settings, port: int) -> Path:
    """The file of this server's sessions."""
    from harness.store.location import FOLDER, prepare_store_folder

    path = settings.root / FOLDER / f"review-sessions-{port}.json"
    prepare_store_folder(path)
    return path


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


def _greet(link: str, who: str, store: str, left: int) -> None:
    styled = sys.stdout.isatty() and colours_wanted()
    shown = click.style(link, bold=True, underline=True) if styled else link
    click.echo(f"store     {store}")
    click.echo(f"waiting   {plural(left, 'label')}")
    click.echo(f"sign in   {shown}")
    click.echo(f"          as {who}; this address works once")
    click.echo("Ctrl-C ends it.")
    sys.stdout.flush()
