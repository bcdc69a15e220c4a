"""The recorded baseline that an evaluation is weighed against, where no version is asked."""

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
        n_skipped: cases that its bodies skipped.
        n_gone: recorded cases that the evaluation no longer has.
        asked_otherwise: paired cases of which the first sample was asked something else than when it was recorded.
        scored_otherwise: whether the code of the test is another than when it was recorded, so that the same answer
            may have another score.
    """

    name: str
    run_id: str
    created: str
    n_paired: int
    n_changed: int
    n_new: int
    n_gone: int
    asked_otherwise: int
    n_skipped: int = 0
    scored_otherwise: bool = False


@dataclass(frozen=True, slots=True)
class RecordedSide:
    """What is recorded of an evaluation that is weighed against a recording.

    Attributes:
        run_id: of the run.
        draws: which draws it has, each by first index, generation and when that began; the run where not known.
        unpaired: ids of the cases that it lacks, or has otherwise.
        asked: first index and generation of those of `draws` that this store has, with which looks may have been asked.
    """

    run_id: str = ""
    draws: str = ""
    unpaired: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
