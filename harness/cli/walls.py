"""What `steelyard doctor` says of the walls around programs that `checks.runs` runs."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from harness.config.settings import SANDBOXES
from harness.scoring.confinement import sandboxes

_SCOPES, _DEVICES, _TRUNCATION = 6, 5, 3


@dataclass(frozen=True, slots=True)
class Wall:
    """One kind of walls, and whether they can stand here."""

    name: str
    state: Literal["ok", "absent", "warning", "problem"]
    detail: str
    mend: str | None = None


def walls(chosen: str) -> Iterator[Wall]:
    """Each kind of walls but the weaker ones. One that is chosen in the settings and can't stand is a problem.

    Args:
        chosen: the setting `sandbox`.
    """
    for name in SANDBOXES:
        if name == "weaker":
            continue
        lacks = sandboxes.lacks(name)
        if lacks is None:
            yield Wall(name, "ok", _built_in() if name == "built-in" else "works")
        elif name == chosen:
            detail = f"{lacks}: evaluations that use checks.runs end in an error"
            state: Literal["warning", "problem"] = "warning" if name == "built-in" else "problem"
            yield Wall(name, state, detail, 'set sandbox = "…" in [tool.steelyard] to one that works')
        else:
            yield Wall(name, "absent", lacks)
    if chosen == "weaker":
        yield Wall("weaker", "ok", "chosen in the settings: code that was written to break out may get through")


def _built_in() -> str:
    version = sandboxes.landlock_version()
    left = [
        what
        for what, since in (
            ("cutting files", _TRUNCATION),
            ("devices", _DEVICES),
            ("signals", _SCOPES),
        )
        if version < since
    ]
    by_filter = f"; the filter alone guards {', '.join(left)}" if left else ""
    folder = "in memory, with bounds of its own" if sandboxes.has_namespaces() else "on the disk, watched"
    return f"Linux {platform.release()}: Landlock {version}, libseccomp{by_filter}; a program's folder is {folder}"
