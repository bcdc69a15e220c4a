"""Hooks for what happens in a gate. A `conftest.py` implements them, or any plugin that pytest has loaded by then: a
function of that name is enough. `@pytest.hookimpl(tryfirst=True)` says the order where it matters.

Version 1. Within a version nothing is taken away: hooks may be added, and arguments to hooks. An implementation names
the arguments that it wants, and no others.

They are called once, in the process that runs the gate: with pytest-xdist in the worker that has the evaluations.
Nothing is sampled meanwhile. What they return is ignored. What one raises is told once, as a warning that names its
plugin, and changes neither a verdict nor the exit code; the other implementations are called all the same. Ctrl-C alone
gets through. What they are given can't be changed.

None is called where no evaluation runs: with `--collect-only`, or after a usage error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.records import GateStart, Report, Verdict

HOOKS_VERSION = 1
"""Of these hooks."""


def steelyard_gate_started(gate: GateStart) -> None:
    """Called once, when versions, store and engines are ready, before the first sample is drawn.

    Args:
        gate: what is known of it by then.
    """


def steelyard_evaluation_decided(gate: GateStart, verdicts: Sequence[Verdict]) -> None:
    """Called once for each evaluation, as soon as its verdicts are known; they stay as they are.

    Evaluations that are sampled side by side are decided together, and told one after the other. One that could not be
    set up, and one that was interrupted, is told with its verdict `error`; one that `-x` left out is not told.

    Args:
        gate: as it was given to `steelyard_gate_started`.
        verdicts: of one evaluation, one for each of its metrics. `verdicts[0].id` is the evaluation's.
    """


def steelyard_gate_finished(gate: GateStart, report: Report) -> None:
    """Called once, when the report is written and stored and the engines are closed; also after Ctrl-C.

    Args:
        gate: as it was given to `steelyard_gate_started`.
        report: the whole run. Its exit code is pytest's so far: a plugin may still raise it, and so may the controller
            of pytest-xdist, where tests beside the gate fail.
    """
