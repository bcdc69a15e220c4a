"""The settings that all evaluations of a run share, and what is asked of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.gate.baselines.recording import Recording
from harness.gate.evaluations.evaluation import Evaluation
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


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of a run beyond the settings: those of the command line, and facts about its evaluations.

    Attributes:
        is_judged: whether any evaluation asks the judge that settings or command line name.
        weighs_judges: whether the versions under test judge in any evaluation.
        recording: that the candidate is weighed against, in place of a version that is asked.
        cases: the pattern of ids that the run is restricted to.
        for_baseline: whether the candidate is drawn as a baseline is.
        noted: what else the store keeps of the run, for those who read it later.
        elapsed_s: seconds that the session is old, for a deadline.
        evaluations: all that may run; the ledger gets a look at each.
        family: the ids of all of the suite that could be run for the candidate, run or not: red is corrected over them.
        notes: sentences for the report on what is known of them.
        is_gone: tells of an id whether the suite had such an evaluation, and has it no more.
    """

    offline: bool = False
    fresh: bool = False
    n_evaluations: int = 1
    is_judged: bool = False
    weighs_judges: bool = False
    recording: Recording | None = None
    cases: str = "*"
    for_baseline: bool = False
    noted: Mapping[str, Any] = field(default_factory=dict)
    elapsed_s: float = 0.0
    evaluations: tuple[Evaluation, ...] = ()
    family: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_gone: Callable[[str], bool] = field(default=lambda _: False)
