"""A command with subcommands in other modules, each imported when it is called."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from typing import Any

import click

from harness.errors import UsageError, choices


class LazyGroup(click.Group):
    """Imports a subcommand when it is called, and refuses one that there is not; unused arguments are click's.

    Args:
        elsewhere: by name, where a subcommand is, as "module:attribute"; listed as they stand here where there are no
            others, else in the order of the alphabet.
    """

    def __init__(self, *args: Any, elsewhere: Mapping[str, str] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._elsewhere = elsewhere or {}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The subcommand that the arguments name.

        Raises:
            UsageError: there is none; all are listed, and the nearest is named.
        """
        if (known := self.list_commands(ctx)) and args[0] not in known and not args[0].startswith("-"):
            raise UsageError(choices("command", args[0], known))
        return super().resolve_command(ctx, args)

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
