"""`steelyard build`: what a version is made of, before any gate asks for it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from harness.cli.console import shows
from harness.config.settings import load_settings
from harness.reporting.shared.text import Block


@dataclass(frozen=True, slots=True)
class Built:
    """A version of which nothing is left to build; `built` says whether something was."""

    version: str
    fingerprint: str
    built: bool
    seconds: float
    notes: Mapping[str, str] = field(default_factory=dict)
    adapter_bases: tuple[str, ...] = ()


def _view(made: Built) -> Iterator[Block]:
    from harness.reporting.shared.figures import duration

    said = f"built in {duration(made.seconds)}" if made.built else "nothing is left to build"
    yield f"{made.version}: {said}, fingerprint {made.fingerprint[:12]}"
    yield from (f"  {name}: {note}" for name, note in made.notes.items())
    for base in made.adapter_bases:
        yield f"  its adapter was made for {base}, as it says; the shapes fit, which others' may, too"


@click.command()
@click.argument("version")
@shows(_view)
def build(version: str) -> Built:
    """Build what VERSION is made of, as a gate would before its first request: a corpus, a student, an adapter, an
    index of passages, what these are made of, and the weights as its engine loads them.

    What was built before of the same by the same recipe is found again, and nothing is done.

    \b
    Examples:
      steelyard build clean
      steelyard build clean --json
    """
    from harness.cli.corpus import build_line
    from harness.models.adapters.adapter_files import declared_base
    from harness.models.engine_creation import check_version
    from harness.models.version import load_version
    from harness.models.weights.weights import made_folder, materialize
    from harness.stages.build_state import BuildState
    from harness.stages.building import built, needs_building, version_named

    settings = load_settings(Path.cwd())
    chosen = settings.version(version)
    check_version(chosen, settings.root)
    is_new = needs_building(chosen) and version_named(settings, version) == chosen
    began_s = time.monotonic()
    with build_line() as line:
        made = built(settings, version, progress=line.show)
        options, root = made.engine_options, made.root(settings.root)
        if "weights" in options and not made.is_registered and made_folder(options, root) is None:
            is_new = True
            line.show(BuildState(version, "writing the weights"))
            materialize(options, root)
    fingerprint = load_version(made, settings.root).fingerprint
    bases = tuple(filter(None, map(declared_base, made.steps)))
    return Built(version, fingerprint, is_new, time.monotonic() - began_s, line.notes, bases)
