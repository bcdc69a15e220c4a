"""How many attempts get out of the walls around a program."""

from __future__ import annotations

from collections.abc import Iterable

from tests.bench.sampling import Figure
from tests.scoring.confinement import trying
from tests.scoring.confinement.attempts import ATTEMPTS, KINDS

_SHOWN = 5


def escapes(sandbox: str = "built-in", kinds: Iterable[str] = tuple(KINDS)) -> Figure:
    """How many attempts get out of the walls of a sandbox, with the names of some that do."""
    names = [name for kind in kinds for name in KINDS[kind]]
    found = trying.escapes(names, sandbox=sandbox)
    out = [name for name in found if name in ATTEMPTS]
    beside = f"of {len(names)} tried" + (f": {', '.join(found[:_SHOWN])}" if found else "")
    return Figure(f"checks.runs, {sandbox}: attempts that get out", len(out), "", "0", not found, beside)
