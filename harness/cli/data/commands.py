"""`steelyard corpus`: what corpora are built of, what their steps removed, and why."""

from __future__ import annotations

import click

from harness.cli.shared.lazy_group import LazyGroup

_COMMANDS = {name: f"harness.cli.data.{name}:{name}" for name in ("build", "stats", "explain", "diff", "contamination")}


@click.group(cls=LazyGroup, elsewhere=_COMMANDS)
def corpus() -> None:
    """Build a corpus of the settings, and tell what its steps left of its documents, and why.

    A corpus is built once; what was built before is found by its documents, its steps and the versions of the packages.

    \b
    Examples:
      steelyard corpus build clean
      steelyard corpus stats clean
      steelyard corpus explain clean --removed --step minhash
      steelyard corpus diff raw clean
      steelyard corpus contamination clean
    """
