"""Refuses, before the first request, runs that can't be weighed against a recording."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import SettingsError, some
from harness.gate.baselines.recording import RecordedEvaluation, Recording
from harness.gate.evaluations.evaluation import Evaluation


def check_recorded(recording: Recording, evaluations: Sequence[Evaluation], seed: int) -> None:
    """Refuse, before the first request, a recording that evaluations can't be weighed against.

    Raises:
        SettingsError: it is of other evaluations altogether; or it stopped as soon as it was decided, and the cases
            would not be weighed in the order in which it drew them.
    """
    ours = [evaluation.id for evaluation in evaluations]
    if not any(identity in recording.evaluations for identity in ours):
        known = some(map(repr, recording.evaluations))
        raise SettingsError(
            f"--baseline: {recording.in_words} is of other evaluations: it has {known}, and this run has {some(ours)}."
            " Record a run of these with `steelyard baseline record`."
        )
    for evaluation in evaluations:
        recorded = recording.evaluations.get(evaluation.id)
        if recorded is not None and recorded.stopped_early:
            _check_order(recording, recorded, evaluation, seed)


def _check_order(recording: Recording, recorded: RecordedEvaluation, evaluation: Evaluation, seed: int) -> None:
    """A run that stopped when it was decided stopped at scores that lean one way: bets in the order drawn allow for it,
    and nothing else does.
    """
    if evaluation.plan.design == "sequential" and recording.seed == seed:
        return
    if evaluation.plan.design != "sequential":
        why = "this run has a fixed design. Gate with --design sequential"
    else:
        drawn = "an unknown order" if recording.seed is None else f"the order of seed = {recording.seed}"
        why = f"it drew its cases in {drawn}, and this run does in that of seed = {seed}. Gate with its seed"
    raise SettingsError(
        f"--baseline: {recording.in_words} stopped after {recorded.n_drawn:,} of {recorded.n_planned:,} in "
        f"{evaluation.id}, as soon as it was decided, so that its mean is biased; and {why}, or record a run that drew "
        "everything (--for-baseline)."
    )
