"""The settings that all evaluations of a run share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.gate.sampling.ledger import Entry
from harness.stages.lineage import Lineages


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings that all evaluations of a run share.

    `n_evaluations` is how many the session holds. `seed` settles the order in which sequential designs take their
    cases. `review_url` is the address of the review queue, where the settings have one. `best_of` is how many
    candidates were tried. `ledger` says which look at the candidate this is, by evaluation; one that is not in it is
    looked at this once. `changed` tells which versions are not what they were when the run began, a sentence each.
    `notes` are sentences on the versions that a reader must know. `root` is the folder that relative paths of weights
    start from. `lineages` makes what bodies take of a version beside its answers.
    """

    run_id: str
    confidence_level: float
    n_evaluations: int
    concurrency: int
    seed: int = 0
    review_url: str | None = None
    best_of: int = 1
    ledger: Mapping[str, Entry] = field(default_factory=dict)
    changed: Callable[[], Sequence[str]] = tuple
    notes: tuple[str, ...] = ()
    root: Path = Path()
    lineages: Lineages = field(default_factory=lambda: Lineages({}))
