"""Opens a corpus for a command, and builds it first where it is not there, with progress on the standard error."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.config.settings import Settings, load_settings

if TYPE_CHECKING:
    from harness.reporting.terminal.progress import BuildLine
    from harness.stages.data.corpus import Corpus

_INTERRUPTED = 2
"""The exit code after Ctrl-C: that of pytest."""


def opened_corpus(name: str, executor: Mapping[str, Any] | None = None) -> Corpus:
    """The corpus of this name, of the settings here.

    Raises:
        UsageError: there is none, or it can't be built.
    """
    settings = load_settings(Path.cwd())
    settings.corpus(name)
    require_packages(settings, name)
    from harness.stages.data.versions import build_corpus

    with build_line() as line:
        return build_corpus(settings, name, progress=line.show, executor=executor)


def opened_corpora(first: str, second: str) -> tuple[Corpus, Corpus]:
    """Two corpora of the settings here; what is wrong with the recipe of either is told before one is built.

    Raises:
        UsageError: as `opened_corpus`.
    """
    settings = load_settings(Path.cwd())
    for name in (first, second):
        settings.corpus(name)
        require_packages(settings, name)
    from harness.stages.data.recipe import corpus_recipe

    for name in (first, second):
        corpus_recipe(settings, name)
    return opened_corpus(first), opened_corpus(second)


def require_packages(settings: Settings, name: str) -> None:
    """Refuse a corpus where what builds and reads it is not installed.

    Raises:
        SettingsError: naming the command that installs it.
    """
    from harness.models.spec import engine_spec

    version = settings.version(name)
    engine_spec(version.engine).require_packages(version)


@contextmanager
def build_line() -> Iterator[BuildLine]:
    """Shows how far builds are on the standard error, and what Ctrl-C leaves of them.

    Raises:
        ClickException: a build was interrupted.
    """
    from harness.reporting.terminal.progress import BuildLine

    try:
        with BuildLine(sys.stderr, sys.stderr.isatty(), shutil.get_terminal_size().columns) as line:
            yield line
    except KeyboardInterrupt:
        told = click.ClickException("Interrupted. What is saved of the build is kept: run again to go on from there.")
        told.exit_code = _INTERRUPTED
        raise told from None
