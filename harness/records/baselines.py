"""The recorded baseline that an evaluation was weighed against, where no version was asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaselineRecord:
    """The recorded scores that an evaluation was weighed against, where no baseline was asked.

    Attributes:
        name: of the recording, or of the version where a stored run stands for one.
        run_id, created: of the run that was recorded.
        n_paired: cases that are weighed against their recorded scores.
        n_changed: cases of which the fields are others than when they were recorded.
        n_new: cases that the recorded run did not have.
        n_undrawn: cases that it had not come to when it was decided, or did not have.
        n_skipped: cases that its bodies skipped.
        n_gone: recorded cases that the evaluation no longer has.
        n_unverified: paired cases of which nobody knows whether their fields changed.
        asked_otherwise: paired cases of which the first sample was asked something else than when it was recorded.
        scored_otherwise: whether the code of the test is another than when it was recorded, so that the same answer
            may have another score.
        stopped_early: whether its run ended where it was decided: bets in its order are weighed alone.
    """

    name: str
    run_id: str
    created: str
    n_paired: int
    n_changed: int
    n_new: int
    n_gone: int
    asked_otherwise: int
    n_undrawn: int = 0
    n_skipped: int = 0
    n_unverified: int = 0
    scored_otherwise: bool = False
    stopped_early: bool = False
