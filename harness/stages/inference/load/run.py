"""A load from its plan to its result: requests, the generator's process, what the server counts, and what holds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from harness.errors import EngineError
from harness.models.processes.worker import WaitingWorker
from harness.stages.inference.load import machine, target
from harness.stages.inference.load.figures import LoadResult, doubts, figures, notes
from harness.stages.inference.load.generator import Sending
from harness.stages.inference.load.plan import LoadPlan, arrival_times, planned_prompts
from harness.stages.inference.load.rows import Row
from harness.stages.inference.serving import ServerAddress

_TARGET = "harness.stages.inference.load.generator:begin"
_WARM_IN_FLIGHT = 4
_LOST = ("connection", "broken_off")


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a load is: "warming up" or "measuring", and of how many requests, None where only answers tell."""

    phase: str
    planned: int | None = None
    elapsed_s: float = 0.0
    sent: int = 0
    completed: int = 0
    failed: int = 0


def run_load(
    plan: LoadPlan, address: ServerAddress, *, progress: Callable[[LoadProgress], None] = lambda _: None
) -> LoadResult:
    """Put the planned load on a server, and give what came of it. It blocks until the last answer is in.

    A run that can't be trusted is a result too, with `valid` false and the reasons; Ctrl-C (KeyboardInterrupt in this
    thread) ends a run early, and gives what was measured so far, which is not valid.

    Raises:
        EngineError: the server can't be reached, or refuses what it is asked, before any load.
    """
    import numpy as np

    # Arrivals, prompts and warm-up have random numbers of their own.
    times = arrival_times(plan, np.random.default_rng([plan.seed, 0]))
    prompts = planned_prompts(plan, plan.n_requests(), np.random.default_rng([plan.seed, 1]))
    start = {"base_url": address.base_url, "api_key": address.api_key, "timeout_s": plan.timeout_s}
    with WaitingWorker(_TARGET, start, name="The process that sends the load", env={}) as generator:

        def send(phase: str, planned: int | None, sending: Sending) -> Any:
            progress(LoadProgress(phase, planned))
            progress_of = partial(LoadProgress, phase, planned)
            return generator.call("send", {"sending": sending}, lambda state: progress(progress_of(**state)))

        progress(LoadProgress("warming up", plan.warm_up))
        form = _warm_up(plan, address, partial(send, "warming up", plan.warm_up))
        bodies = form.bodies(prompts, address, plan)
        limit = sys.maxsize if plan.is_timed else len(bodies)
        sending = Sending(bodies, plan.concurrency or 0, limit, plan.seconds, times)
        pids = (address.pid,) if address.pid is not None else machine.server_pids(address.base_url)
        counted, before = target.read_counters(address, form.server), machine.read_machine(pids)
        interrupted = False
        try:
            sent = send("measuring", None if times is None else len(times), sending)
        except KeyboardInterrupt:
            interrupted, sent = True, generator.call("stop")
        use = machine.use_between(before, machine.read_machine(pids))
    asked = [form.asked_tokens(prompt, plan) for prompt in prompts]
    rows = [Row(*plain)._replace(asked_tokens=asked[plain[0] % len(asked)]) for plain in sent["rows"]]
    result = figures(rows, plan)
    server = target.counts_since(counted, address, form.server, result.completed) if counted else {}
    cpu = sent["cpu_s"] / sent["wall_s"]
    result = replace(result, client_cpu=cpu, interrupted=interrupted, server=server, **use._asdict())
    is_reachable = not any(row.error in _LOST for row in rows) or target.is_reachable(address)
    raised = doubts(result, plan, is_reachable=is_reachable)
    refused = [doubt for doubt in raised if doubt.name not in plan.accept]
    accepted = [f"Accepted: {doubt.reason}" for doubt in raised if doubt.name in plan.accept]
    return replace(
        result,
        valid=not refused,
        invalid_reasons=tuple(
            f"{reason} Or accept it: --accept {name} (accept= in a marker)." if name else reason
            for name, reason, _ in refused
        ),
        by_server=any(doubt.by_server for doubt in refused),
        notes=(*accepted, *notes(result, len(prompts))),
    )


def _warm_up(plan: LoadPlan, address: ServerAddress, send: Callable[[Sending], Any]) -> target.RequestForm:
    """Send the warm-up: one request alone, for a cold server, then the others; gives the form that the server takes.

    Its prompts are made up: what is measured must not be known to a cache. Raises EngineError where none is answered.
    """
    import numpy as np

    form: target.RequestForm | None = target.RequestForm(target.server_spec(address))
    prompts = planned_prompts(replace(plan, prompts=()), plan.warm_up, np.random.default_rng([plan.seed, 2]))
    while form is not None:
        bodies, rows = form.bodies(prompts, address, plan), list[Row]()
        for part, in_flight in ((bodies[:1], 1), (bodies[1:], max(_WARM_IN_FLIGHT, plan.concurrency or 0))):
            rows += [Row(*plain) for plain in send(Sending(part, in_flight, len(part)))["rows"]] if part else []
        if not rows or any(row.error is None for row in rows):
            return form
        error, message = str(rows[0].error), rows[0].message
        form = form.mended(error, message)
    base = address.base_url
    lacks = error == "http_404" and "/v1" not in base
    raise EngineError(
        f"No request of the warm-up was answered ({error}): {message or 'nothing was said'}. "
        + (f"base_url {base} probably lacks /v1, as in {base}/v1. " if lacks else "")
        + f"Mend what version {address.version.name!r} asks, or its server; no load was sent."
    )
