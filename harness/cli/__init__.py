"""The command `steelyard`.

A subcommand is imported when it is called, so that none pays for another.
"""

from __future__ import annotations

import contextlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import click

from harness.errors import SteelyardError, UsageError, choices

USAGE = 4


_COMMANDS = {
    "init": ("init", "Write a first evaluation that runs at once."),
    "models": ("versions", "List the versions: fingerprint, source, ready or not."),
    "describe": ("versions", "Tell what a version's weights are."),
    "build": ("versions", "Build what a version is made of, before a gate asks for it."),
    "corpus": ("corpus", "Build a corpus; tell what its steps removed, and why."),
    "tokens": ("versions", "Show a text as a version's model sees it."),
    "retrieve": ("versions", "Show the passages that a version finds for a question."),
    "doctor": ("doctor", "Tell what is installed, what is missing, and what mends it."),
    "gate": ("runs", "Decide a stored run again, with the labels given since."),
    "accept": ("runs", "Accept a red evaluation until a day; the gate stays red."),
    "compare": ("runs", "Weigh two stored runs or versions against each other."),
    "rank": ("history", "Rank stored versions, with the ranks that each may have."),
    "history": ("history", "Show how evaluations came out over time, on one page."),
    "bisect": ("bisect", "Find the version of a series that made a suite worse."),
    "blame": ("blame", "Find the step of a path that carries a loss."),
    "baseline": ("baseline", "Record a run's scores in a file, to gate against later."),
    "plan": ("plan", "Tell what a suite can find, or how large it must be to find a drop."),
    "load": ("load", "Put a served version under load: latencies, throughput, trust."),
    "review": ("review", "Let people judge answers, and see how far they agree."),
    "report": ("runs", "Write a stored run as Markdown, JUnit XML, JSON, a table, …"),
    "comment": ("runs", "Write the report into a pull request, kept up to date."),
    "track": ("runs", "Hand a stored run to a tracker, such as MLflow."),
    "watch": ("watch", "Tell whether production has become worse, and since when."),
    "cases": ("watch", "Make cases of traffic: some drawn, or one that failed."),
    "store": ("store", "Look at stored samples, prune them, merge two stores."),
}
"""The module of each subcommand, which has its name there, and its line in `steelyard --help`."""


class Group(click.Group):
    """A command with subcommands; one that there is not is refused with the nearest."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The subcommand that the arguments name."""
        if (known := self.list_commands(ctx)) and args[0] not in known and not args[0].startswith("-"):
            raise UsageError(choices("command", args[0], known))
        return super().resolve_command(ctx, args)


class _Commands(Group):
    """The commands of `_COMMANDS`, imported when called; gives errors their exit codes (usage: 4, anything else: 1)."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command = pkgutil.resolve_name(f"harness.cli.{_COMMANDS[cmd_name][0]}:{cmd_name}")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with _exit_codes():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _exit_codes():
            return super().invoke(ctx)


@contextlib.contextmanager
def _exit_codes() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        error.exit_code = USAGE
        raise
    except SteelyardError as error:
        refusal = click.ClickException(str(error))
        refusal.exit_code = USAGE if isinstance(error, UsageError) else 1
        raise refusal from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="steelyard", message="steelyard %(version)s")
def main() -> None:
    """The behaviour of a language model as test cases.

    Evaluations run with pytest; this command does what surrounds them.

    \b
    Example:
      steelyard init
      pytest suites --candidate forgetful --baseline steady
    """
