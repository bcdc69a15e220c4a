"""`steelyard review reviewer`: who reviews, and with what token."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from harness.cli.shared.lazy_group import LazyGroup
from harness.cli.shared.stored import open_existing, open_or_make, open_store, settings_with_store, store_option


@click.group(cls=LazyGroup)
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
def add(place: str | None, role: str, name: str) -> None:
    """Add the reviewer NAME, and show the token to sign in with.

    \b
    Example:
      steelyard review reviewer add eve --role adjudicator
    """
    from harness.review import Queue

    with open_or_make(settings_with_store(place)) as opened:
        token = Queue(opened).add_reviewer(name, role)  # type: ignore[arg-type]
    click.echo(f"{name} is {role}. Token, shown this once:\n{token}")


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
    click.echo(f"Token of {name}, shown this once:\n{new}")


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
    click.echo(f"{name} is disabled.")


@reviewer.command("list")
@store_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def list_reviewers(place: str | None, as_json: bool) -> None:
    """List the reviewers with their roles, and who has no token: those whom a file or `steelyard store merge` brought.

    \b
    Example:
      steelyard review reviewer list
    """
    from harness.review import Queue

    with open_store(settings_with_store(place), readonly=True) as opened:
        reviewers = Queue(opened).reviewers()
        tokenless = opened.review.without_token() if reviewers else set()
    if as_json:
        entries = [{**asdict(each), "without_token": each.name in tokenless} for each in reviewers]
        click.echo(json.dumps(entries, indent=2))
        return
    width = max((len(each.name) for each in reviewers), default=0)
    for each in reviewers:
        disabled = "  disabled" if each.disabled is not None else ""
        click.echo(f"{each.name:<{width}}  {each.role}{disabled}{'  no token' if each.name in tokenless else ''}")
    if tokenless:
        click.echo("Who has no token can't sign in; `steelyard review reviewer token NAME` gives one.")
    if not reviewers:
        click.echo("There are no reviewers; `steelyard review reviewer add NAME` adds one.")
