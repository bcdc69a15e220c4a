"""`steelyard build`: what a version is made of, before any gate asks for it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from harness.config.settings import load_settings


@click.command()
@click.argument("version")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def build(version: str, as_json: bool) -> None:
    """Build what VERSION is made of, as a gate would before its first request: a corpus, a student, an adapter, an
    index of passages, what these are made of, and the weights as its engine loads them.

    What was built before of the same by the same recipe is found again, and nothing is done.

    \b
    Examples:
      steelyard build clean
      steelyard build clean --json
    """
    from harness.cli.data.built import build_line
    from harness.models.adapters.adapter_files import told_base
    from harness.models.engine_creation import check_version
    from harness.models.version import load_version
    from harness.models.weights.weights import made_folder, materialize
    from harness.reporting.shared.figures import duration
    from harness.stages.build_state import BuildState
    from harness.stages.building import built, found, needs_building

    settings = load_settings(Path.cwd())
    chosen = settings.version(version)
    check_version(chosen, settings.root)
    is_new = needs_building(chosen) and found(settings, version) == chosen
    began_s = time.monotonic()
    with build_line() as line:
        made = built(settings, version, progress=line.show)
        options, root = made.engine_options, made.root(settings.root)
        if "weights" in options and not made.is_registered and made_folder(options, root) is None:
            is_new = True
            line.show(BuildState(version, "writing the weights"))
            materialize(options, root)
    fingerprint = load_version(made, settings.root).fingerprint
    took_s = time.monotonic() - began_s
    if as_json:
        click.echo(json.dumps({"version": version, "fingerprint": fingerprint, "built": is_new, "seconds": took_s}))
        return
    said = f"built in {duration(took_s)}" if is_new else "nothing is left to build"
    click.echo(f"{version}: {said}, fingerprint {fingerprint[:12]}")
    for name, note in line.notes.items():
        click.echo(f"  {name}: {note}")
    for base in filter(None, map(told_base, made.steps)):
        click.echo(f"  its adapter was made for {base}, as it says; the shapes fit, which others' may, too")
