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
    index of passages, and what these are made of.

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
    from harness.reporting.shared.figures import duration
    from harness.stages.building import built, found, needs_building

    settings = load_settings(Path.cwd())
    chosen = settings.version(version)
    check_version(chosen, settings.root)
    is_new = needs_building(chosen) and found(settings, version) == chosen
    began_s = time.monotonic()
    with build_line() as line:
        made = built(settings, version, progress=line.show)
    fingerprint = load_version(made, settings.root).fingerprint
    took_s = time.monotonic() - began_s
    if as_json:
        click.echo(json.dumps({"version": version, "fingerprint": fingerprint, "built": is_new, "seconds": took_s}))
        return
    said = "nothing of it is built"
    if needs_building(chosen):
        said = f"built in {duration(took_s)}" if is_new else "was built before"
    click.echo(f"{version}: {said}, fingerprint {fingerprint[:12]}")
    for name, note in line.notes.items():
        click.echo(f"  {name}: {note}")
    for base in filter(None, map(told_base, made.steps)):
        click.echo(f"  its adapter was made for {base}, as it says; the shapes fit, which others' may, too")
