"""Groups whose commands are imported when they are called."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from harness.cli.shared.lazy_group import LazyGroup


@click.command(name="hello")
def hello() -> None:
    click.echo("Hello.")


PLACES = {"later": f"{__name__}:hello", "broken": "harness.no_such_module:main"}


def test_a_command_is_imported_when_it_is_called() -> None:
    group = LazyGroup("group", elsewhere=PLACES)
    assert CliRunner().invoke(group, ["later"]).output == "Hello.\n"
    with pytest.raises(ModuleNotFoundError):
        CliRunner().invoke(group, ["broken"], catch_exceptions=False)
    assert CliRunner().invoke(group, ["other"]).exit_code == 2


def test_commands_are_listed_in_their_order_or_among_others_by_name() -> None:
    group = LazyGroup("group", elsewhere=PLACES)
    context = click.Context(group)
    assert group.list_commands(context) == ["later", "broken"]
    group.add_command(hello)
    assert group.list_commands(context) == ["broken", "hello", "later"]
    assert group.get_command(context, "hello") is hello
