"""The options of a run, apart from what opens it: who collects evaluations makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.gate.baselines.recording import Recording
from harness.gate.evaluations.evaluation import Evaluation


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
