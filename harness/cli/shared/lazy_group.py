"""A command with subcommands in other modules, each imported when it is called."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """Imports a subcommand when it is called; the arguments that go unused are click's.

    Args:
        elsewhere: by name, where a subcommand is, as "module:attribute"; listed as they stand here where there are no
            others, else in the order of the alphabet.
    """

    def __init__(self, *args: Any, elsewhere: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._elsewhere = elsewhere

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all subcommands."""
        own = super().list_commands(ctx)
        return sorted([*own, *self._elsewhere]) if own else list(self._elsewhere)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of this name, imported now; None where there is none."""
        if cmd_name not in self._elsewhere:
            return super().get_command(ctx, cmd_name)
        command = pkgutil.resolve_name(self._elsewhere[cmd_name])
        assert isinstance(command, click.Command)
        return command
