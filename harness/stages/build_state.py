"""Progress of the building of a version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

NOTE = "note"
"""The phase of a state that tells something of the recipe, and not how far its building is."""


@dataclass(frozen=True, slots=True)
class BuildState:
    """The phase that a version's building is in, and its progress.

    Attributes:
        phase: a step of a corpus, "reading", "training", …; or `NOTE`.
        total: of `unit`, in the plural, in this phase; None while it is not known.
        note: what else is worth a look, such as the loss, or, where that is the phase, what is to stay in sight.
    """

    version: str
    phase: str
    done: int = 0
    total: int | None = None
    unit: str = "documents"
    note: str = ""


BuildProgress = Callable[[BuildState], None]
"""Called as often as the builder likes, in the process that builds."""


def tell_note(progress: BuildProgress, version: str, note: str) -> None:
    """Tell something of the recipe of a version."""
    progress(BuildState(version, NOTE, note=note))


def unseen(state: BuildState) -> None:
    """Show nothing of a build."""
