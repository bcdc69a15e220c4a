"""Refuses, before the first request, runs that can't be weighed against a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from harness.errors import SettingsError, some
from harness.gate.baselines.recording import RecordedEvaluation, Recording
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.sampling.ledger import Entry
from harness.gate.sampling.order import draw_order


def check_recorded(recording: Recording, evaluations: Sequence[Evaluation]) -> None:
    """Refuse, before the first request, a recording that evaluations can't be weighed against.

    Raises:
        SettingsError: it is of other evaluations altogether; or it stopped as soon as it was decided, and this run
            weighs all cases at once.
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
        if recorded is None or not recorded.stopped_early:
            continue
        if evaluation.plan.design != "sequential":
            _refuse(recording, recorded, evaluation, "this run has a fixed design. Gate with design='sequential', or")
        if evaluation.plan.margin_is_relative:
            why = "a margin in per cent is decided by all cases at once. Gate with a margin in the unit, or"
            _refuse(recording, recorded, evaluation, why)


def check_orders(
    recording: Recording, evaluations: Sequence[Evaluation], entries: Mapping[str, Entry], seed: int
) -> None:
    """Refuse a recording that stopped early where its cases would not be weighed in the order in which it drew them.

    Args:
        entries: that the ledger would make for this run, by evaluation.
        seed: of the run.

    Raises:
        SettingsError: naming the evaluation.
    """
    for evaluation in evaluations:
        recorded = recording.evaluations.get(evaluation.id)
        if recorded is None or not recorded.stopped_early:
            continue
        now = _ids(evaluation, entries[evaluation.id].order(evaluation) or draw_order(evaluation, seed))
        then: Sequence[str] = recorded.drawn
        if not then and recording.seed is not None:  # a file of a Steelyard that did not write the order
            then = _ids(evaluation, draw_order(evaluation, recording.seed))
        both = {*then}.intersection(now, recorded.cases)
        if not then or [case for case in now if case in both] != [case for case in then if case in both]:
            drawn = "another order than this run" if then else "an unknown order"
            ways = [seed] if recording.seed is None else [seed, recording.seed]
            own, its = (_ids(evaluation, draw_order(evaluation, each)) for each in (seed, ways[-1]))
            helps = now == own and [case for case in its if case in both] == [case for case in then if case in both]
            way = f" Gate with its seed = {recording.seed}, or" if both and helps and len(ways) > 1 else ""
            _refuse(recording, recorded, evaluation, f"it drew its cases in {drawn}.{way}")


def _ids(evaluation: Evaluation, order: Sequence[int]) -> list[str]:
    return [evaluation.cases[number].id for number in order]


def _refuse(recording: Recording, recorded: RecordedEvaluation, evaluation: Evaluation, why: str) -> NoReturn:
    """A run that stopped when it was decided stopped at scores that lean one way: bets in the order drawn allow for it,
    and nothing else does.
    """
    record = "record" if why.endswith("or") else "Record"
    raise SettingsError(
        f"--baseline: {recording.in_words} stopped after {recorded.n_drawn:,} of {recorded.n_planned:,} in "
        f"{evaluation.id}, as soon as it was decided, so that its mean is biased; and {why} {record} a run that drew "
        "everything (--for-baseline)."
    )
