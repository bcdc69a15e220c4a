"""A load from its plan to its result: requests, the generator's process, what the server counts, and what holds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from harness.errors import EngineError
from harness.models.processes.worker import WaitingWorker
from harness.models.spec import ServerSpec
from harness.stages.inference.address import ServerAddress
from harness.stages.inference.load import counters, machine
from harness.stages.inference.load.doubts import doubts
from harness.stages.inference.load.figures import LoadResult, figures, notes
from harness.stages.inference.load.generator import Sending
from harness.stages.inference.load.payloads import RequestForm
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt, arrival_times, planned_prompts
from harness.stages.inference.load.rows import Row

_SETTLES_S = 2.0
_SETTLING_STEP_S = 0.05
_WARM_IN_FLIGHT = 4
_LOST = ("connection", "broken_off")
_HEADERS = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "steelyard",
}


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a load is: "warming up" or "measuring", and of how many requests, None where only answers tell."""

    phase: str
    elapsed_s: float = 0.0
    sent: int = 0
    completed: int = 0
    failed: int = 0
    planned: int | None = None


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
    start = {
        "url": f"{address.base_url}/chat/completions",
        "headers": {**_HEADERS, **address.headers},
        "api_key": address.api_key,
    }
    target = "harness.stages.inference.load.generator:begin"
    with WaitingWorker(target, start, name="The process that sends the load", env={}) as generator:

        def send(phase: str, sending: Sending, planned: int | None) -> dict[str, Any]:
            state = partial(LoadProgress, phase, planned=planned)
            progress(state())
            answer: dict[str, Any] = generator.call("send", {"sending": sending}, lambda told: progress(state(**told)))
            return answer

        progress(LoadProgress("warming up", planned=plan.warm_up))
        form = _warm_up(plan, address, lambda sending: send("warming up", sending, plan.warm_up)["rows"])
        sending = _sending(prompts, plan, address, form, plan.concurrency or 0)
        limit = sys.maxsize if plan.is_timed else sending.limit
        sending = sending._replace(limit=limit, seconds=plan.seconds, arrivals=times)
        pids = (address.pid,) if address.pid is not None else machine.server_pids(address.base_url)
        counted, before = counters.read_counters(address, form.server), machine.read_times(pids)
        energy, interrupted = machine.energy_counters(), False
        try:
            sent = send("measuring", sending, None if times is None else len(times))
        except KeyboardInterrupt:
            interrupted, sent = True, generator.call("stop")
        others_cpu, steal = machine.use_between(before, machine.read_times(pids))
        energy_j = machine.joules_between(energy, machine.energy_counters())
    asked = [form.asked_tokens(prompt, plan) for prompt in prompts]
    rows = [Row(*plain)._replace(asked_tokens=asked[plain[0] % len(asked)]) for plain in sent["rows"]]
    result = replace(
        figures(rows, plan),
        client_cpu=sent["cpu_s"] / sent["wall_s"],
        others_cpu=others_cpu,
        steal=steal,
        energy_j=energy_j,
        interrupted=interrupted,
    )
    if counted:
        result = replace(result, server=_settled(address, form.server, counted, result.completed))
    is_reachable = not any(row.error in _LOST for row in rows) or counters.is_reachable(address)
    raised = doubts(result, plan, is_reachable=is_reachable)
    refused = [doubt for doubt in raised if doubt.name not in plan.accept]
    accepted = [f"Accepted: {doubt.reason}" for doubt in raised if doubt.name in plan.accept]
    return replace(
        result,
        valid=not refused,
        invalid_reasons=tuple(doubt.refusal for doubt in refused),
        by_server=any(doubt.by_server for doubt in refused),
        notes=(*accepted, *notes(result, len(prompts))),
    )


def _warm_up(plan: LoadPlan, address: ServerAddress, send: Callable[[Sending], list[list[Any]]]) -> RequestForm:
    """Send the warm-up: one request alone, for a cold server, then the others; gives the form that the server takes.

    Its prompts are made up: what is measured must not be known to a cache.

    Raises:
        EngineError: the server answered none.
    """
    import numpy as np

    form: RequestForm | None = RequestForm(counters.server_spec(address))
    prompts = planned_prompts(replace(plan, prompts=()), plan.warm_up, np.random.default_rng([plan.seed, 2]))
    parts = ((prompts[:1], 1), (prompts[1:], max(_WARM_IN_FLIGHT, plan.concurrency or 0)))
    while form is not None:
        sendings = [_sending(part, plan, address, form, in_flight) for part, in_flight in parts if part]
        rows = [Row(*plain) for sending in sendings for plain in send(sending)]
        if not rows or any(row.error is None for row in rows):
            return form
        error, said = str(rows[0].error), rows[0].said
        form = form.mended(error, said)
    base = address.base_url
    lacks = error == "http_404" and "/v1" not in base
    raise EngineError(
        f"No request of the warm-up was answered ({error}): {said or 'nothing was said'}. "
        + (f"base_url {base} probably lacks /v1, as in {base}/v1. " if lacks else "")
        + f"Mend what version {address.version.name!r} asks, or its server; no load was sent."
    )


def _sending(
    prompts: Sequence[PlannedPrompt], plan: LoadPlan, address: ServerAddress, form: RequestForm, concurrency: int
) -> Sending:
    """A request for each prompt, so many in flight."""
    bodies = [form.body(prompt, place, address, plan) for place, prompt in enumerate(prompts)]
    return Sending(bodies, plan.timeout_s, concurrency, len(bodies))


def _settled(
    address: ServerAddress, server: ServerSpec | None, before: Mapping[str, float], answered: int
) -> dict[str, float]:
    """The server's counts since; they may follow the last answer by a moment."""
    deadline = time.monotonic() + _SETTLES_S
    while True:
        after = counters.read_counters(address, server)
        found = counters.difference(before, after) if after else {}
        if not after or found.get("requests", answered) >= answered or time.monotonic() > deadline:
            return found
        time.sleep(_SETTLING_STEP_S)
