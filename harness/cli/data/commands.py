"""`steelyard corpus`: what corpora are built of, what their steps removed, and why."""

from __future__ import annotations

import importlib

import click

_COMMANDS = {
    "build": ("harness.cli.data.build", "build"),
    "stats": ("harness.cli.data.stats", "stats"),
    "explain": ("harness.cli.data.explain", "explain"),
    "diff": ("harness.cli.data.diff", "diff"),
    "ablation": ("harness.cli.data.ablation", "ablation"),
    "contamination": ("harness.cli.data.contamination", "contamination"),
}


class _CorpusGroup(click.Group):
    """Imports a command when it is called; the arguments that go unused are click's."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_CorpusGroup)
def corpus() -> None:
    """Build a corpus of the settings, and tell what its steps left of its documents, and why.

    A corpus is built once; what was built before is found by its documents, its steps and the versions of the packages.

    \b
    Examples:
      steelyard corpus build clean
      steelyard corpus stats clean
      steelyard corpus explain clean --removed --step minhash
      steelyard corpus diff raw clean
      steelyard corpus ablation clean raw
      steelyard corpus contamination clean
    """
