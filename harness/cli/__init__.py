"""The command `steelyard`.

A subcommand is imported when it is called, so that none pays for another.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from harness.cli.shared.lazy_group import LazyGroup
from harness.errors import SteelyardError, UsageError, choices

USAGE = 4


@dataclass(frozen=True, slots=True)
class _Entry:
    """The place of a subcommand in the code, and its line in `steelyard --help`."""

    module: str
    attribute: str
    summary: str


_COMMANDS = {
    "init": _Entry("harness.cli.init", "init", "Write a first evaluation that runs at once."),
    "models": _Entry("harness.cli.models", "models", "List the versions: fingerprint, source, ready or not."),
    "describe": _Entry("harness.cli.foundation.describe", "describe", "Tell what a version's weights are."),
    "build": _Entry("harness.cli.build", "build", "Build what a version is made of, before a gate asks for it."),
    "corpus": _Entry("harness.cli.data.commands", "corpus", "Build a corpus; tell what its steps removed, and why."),
    "tokens": _Entry("harness.cli.foundation.tokens", "tokens", "Show a text as a version's model sees it."),
    "retrieve": _Entry(
        "harness.cli.customization.retrieve", "retrieve", "Show the passages that a version finds for a question."
    ),
    "doctor": _Entry("harness.cli.doctor", "doctor", "Tell what is installed, what is missing, and what mends it."),
    "gate": _Entry("harness.cli.gate", "gate", "Decide a stored run again, with the labels given since."),
    "compare": _Entry("harness.cli.compare", "compare", "Weigh two stored runs or versions against each other."),
    "baseline": _Entry("harness.cli.baseline", "baseline", "Record a run's scores in a file, to gate against later."),
    "plan": _Entry("harness.cli.plan", "plan", "Tell what a suite can find, or how large it must be to find a drop."),
    "load": _Entry(
        "harness.cli.inference.load", "load", "Put a served version under load: latencies, throughput, trust."
    ),
    "review": _Entry("harness.cli.review.commands", "review", "Let people judge answers, and see how far they agree."),
    "report": _Entry("harness.cli.report", "report", "Write a stored run as Markdown, JUnit XML, JSON, a table, …"),
    "comment": _Entry("harness.cli.comment", "comment", "Write the report into a pull request, kept up to date."),
    "track": _Entry("harness.cli.track", "track", "Hand a stored run to a tracker, such as MLflow."),
    "store": _Entry("harness.cli.store", "store", "Look at stored samples, prune them, merge two stores."),
}
_PLACES = {name: f"{entry.module}:{entry.attribute}" for name, entry in _COMMANDS.items()}


class _Refusal(click.ClickException):
    """An error of Steelyard's as the command line shows it: one message, no traceback."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class _Commands(LazyGroup):
    """The commands of `_COMMANDS`; gives errors their exit codes (usage: 4, anything else: 1)."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            raise _Refusal(choices("command", args[0], _COMMANDS), USAGE)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in _COMMANDS.items()])

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
        raise _Refusal(str(error), USAGE if isinstance(error, UsageError) else 1) from None


@click.group(cls=_Commands, elsewhere=_PLACES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="steelyard", message="steelyard %(version)s")
def main() -> None:
    """The behaviour of a language model as test cases.

    Evaluations run with pytest; this command does what surrounds them.

    \b
    Example:
      steelyard init
      pytest suites --candidate forgetful --baseline steady
    """
