"""A load from its plan to its result: requests, the generator's process, what the server counts, and what holds."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from harness.errors import EngineError
from harness.models.openai.redaction import Redactor
from harness.stages.inference.address import ServerAddress
from harness.stages.inference.load import counters, machine
from harness.stages.inference.load.doubts import doubts
from harness.stages.inference.load.figures import LoadResult, figures, notes
from harness.stages.inference.load.generator import Sending, framed
from harness.stages.inference.load.payloads import HEADERS, RequestForm, asked_tokens, body_of
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt, arrival_times, planned_prompts
from harness.stages.inference.load.rows import Row, read_row

_SETTLES_S = 2.0
_SETTLING_STEP_S = 0.05
_WARM_IN_FLIGHT = 4
_LOST = ("connection", "broken_off")


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
    with _generator(plan, address) as generator:
        form = _warm_up(generator, progress)
        sending = generator.sending(prompts, form, plan.concurrency or 0)
        limit = sys.maxsize if plan.is_timed else sending.limit
        sending = sending._replace(limit=limit, seconds=plan.seconds, arrivals=times)
        pids = (address.pid,) if address.pid is not None else machine.server_pids(address.base_url)
        counted, before = counters.read_counters(address), machine.read_times(pids)
        planned = None if times is None else len(times)
        spent = generator.send(sending, lambda **said: progress(LoadProgress("measuring", planned=planned, **said)))
        others_cpu, steal = machine.use_between(before, machine.read_times(pids))
        rows = generator.rows([asked_tokens(prompt, plan, form) for prompt in prompts])
    result = replace(
        figures(rows, plan),
        client_cpu=spent["cpu_s"] / spent["wall_s"],
        others_cpu=others_cpu,
        steal=steal,
        interrupted=spent["interrupted"],
    )
    if counted:
        result = replace(result, server=_settled(address, counted, result.completed))
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


def _warm_up(generator: _Generator, progress: Callable[[LoadProgress], None]) -> RequestForm:
    """Send the warm-up: one request alone, for a cold server, then the others; gives the form that the server takes.

    Its prompts are made up: what is measured must not be known to a cache.

    Raises:
        EngineError: the server answered none.
    """
    import numpy as np

    plan, address = generator.plan, generator.address

    def tell(**said: Any) -> None:
        progress(LoadProgress("warming up", planned=plan.warm_up, **said))

    tell()
    form: RequestForm | None = RequestForm(counters.is_vllm(address))
    prompts = planned_prompts(replace(plan, prompts=()), plan.warm_up, np.random.default_rng([plan.seed, 2]))
    while form is not None:
        rows: list[Row] = []
        for part, in_flight in ((prompts[:1], 1), (prompts[1:], max(_WARM_IN_FLIGHT, plan.concurrency or 0))):
            if part:
                if generator.send(generator.sending(part, form, in_flight), tell)["interrupted"]:
                    raise KeyboardInterrupt
                rows += generator.rows()
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


@dataclass(frozen=True, slots=True)
class _Generator:
    """The generator's process, and the file with the requests that ended in its last sending."""

    plan: LoadPlan
    address: ServerAddress
    spool: Path
    process: subprocess.Popen[bytes]
    words: IO[bytes]
    lines: IO[bytes]

    def sending(self, prompts: Sequence[PlannedPrompt], form: RequestForm, concurrency: int) -> Sending:
        """A request for each prompt, so many in flight."""
        bodies = [body_of(prompt, place, self.address, self.plan, form) for place, prompt in enumerate(prompts)]
        headers = {**HEADERS, **self.address.headers}
        url = f"{self.address.base_url}/chat/completions"
        return Sending(url, headers, bodies, self.plan.timeout_s, concurrency, len(bodies))

    def send(self, sending: Sending, tell: Callable[..., None]) -> dict[str, Any]:
        """Let it send, and hand on how far it is; gives the time that it took. Ctrl-C ends a sending early.

        Raises:
            EngineError: the process ended.
        """
        tell()
        self._write(sending)
        is_interrupted = False
        while True:
            try:
                said: dict[str, Any] = json.loads(self.lines.readline() or "{}")
                if said and "cpu_s" not in said:
                    tell(**said)
            except KeyboardInterrupt:
                is_interrupted = True
                self._write(None)
                continue
            if not said:
                raise EngineError(
                    f"The process that sends the load ended (exit code {self.process.wait()}); what it wrote stands "
                    "above. Nothing was measured."
                )
            if "cpu_s" in said:
                return {**said, "interrupted": is_interrupted}

    def rows(self, asked: Sequence[int | None] = (None,)) -> list[Row]:
        """The rows of its last sending, of answers with so many tokens each, begun anew where there are more rows."""
        redactor, found = Redactor(self.address.api_key), []
        with self.spool.open("rb") as file, suppress(EOFError):
            while True:
                ended = pickle.load(file)
                found.append(read_row(ended, redactor, asked[ended.index % len(asked)]))
        return sorted(found, key=lambda row: row.index)

    def _write(self, sending: Sending | None) -> None:
        with suppress(BrokenPipeError):  # it has ended, which its output tells
            self.words.write(framed(sending))
            self.words.flush()


@contextmanager
def _generator(plan: LoadPlan, address: ServerAddress) -> Iterator[_Generator]:
    """The generator's process, which is ended with the context. Ctrl-C in the terminal does not reach it."""
    code, pipe = "from harness.stages.inference.load.generator import main; main()", subprocess.PIPE
    with tempfile.TemporaryDirectory(prefix="steelyard-load-") as folder:
        spool = Path(folder) / "ended"
        command = [sys.executable, "-P", "-c", code, str(spool)]
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True) as process:
            try:
                assert process.stdin is not None and process.stdout is not None  # noqa: PT018
                yield _Generator(plan, address, spool, process, process.stdin, process.stdout)
            finally:
                process.kill()


def _settled(address: ServerAddress, before: Mapping[str, float], answered: int) -> dict[str, float]:
    """The server's counts since; they may follow the last answer by a moment."""
    deadline = time.monotonic() + _SETTLES_S
    while True:
        after = counters.read_counters(address)
        found = counters.difference(before, after) if after else {}
        if not after or found.get("requests", answered) >= answered or time.monotonic() > deadline:
            return found
        time.sleep(_SETTLING_STEP_S)
