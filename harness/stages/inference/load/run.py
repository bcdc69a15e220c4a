"""A load from its plan to its result: prompts, the generator's process, what the server counts, and whether it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.stages.inference.address import ServerAddress
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.result import LoadResult


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a load is.

    Attributes:
        phase: "warming up", "measuring" or "finishing", when nothing more is begun.
        elapsed_s: since the measurement began.
        sent, completed, failed: requests so far. planned: how many there will be; None where only time ends them.
    """

    phase: str
    elapsed_s: float = 0.0
    sent: int = 0
    completed: int = 0
    failed: int = 0
    planned: int | None = None


def run_load(
    plan: LoadPlan, address: ServerAddress, *, progress: Callable[[LoadProgress], None] | None = None
) -> LoadResult:
    """Put the planned load on a server, and give what came of it. It blocks until the last answer is in.

    Requests are sent by a process of its own. Warm-up comes first, then the measurement. A run that can't be trusted is
    a result too, with `valid` false and the reasons; Ctrl-C (KeyboardInterrupt in this thread) ends a run early, and
    gives what was measured so far, which is not valid.

    Args:
        plan: what is sent, and when.
        address: where to; see `harness.stages.inference.address.address_of` and `.server.serve`.
        progress: told a few times a second how far it is.

    Raises:
        UsageError: prompts that do not fit into the server's context, before any load.
        EngineError: the server can't be reached, or refuses what it is asked, before any load.
    """
    raise NotImplementedError
