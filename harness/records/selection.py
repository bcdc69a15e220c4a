"""Which evaluations a run chose by what changed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selected:
    """An evaluation that runs, and the first reason that was found."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The evaluations of a run that was confined to what changed.

    Attributes:
        since: the ref as it was given; `commit` is what it named.
        chosen: those that ran.
        left_out: the ids of those that did not, because nothing that they depend on changed, as far as one can tell.
    """

    since: str
    commit: str
    chosen: tuple[Selected, ...]
    left_out: tuple[str, ...]
