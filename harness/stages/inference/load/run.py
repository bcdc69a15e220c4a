"""A load from its plan to its result: requests, the generator's process, what the server counts, and what holds."""

from __future__ import annotations

import contextlib
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import EngineError
from harness.models.openai.redaction import Redactor
from harness.models.processes.worker import how_it_ended
from harness.stages.inference.address import ServerAddress
from harness.stages.inference.load import counters, machine, payloads
from harness.stages.inference.load.answers import read_answer
from harness.stages.inference.load.figures import figures, percentile_notes
from harness.stages.inference.load.generator import Sending
from harness.stages.inference.load.plan import LoadPlan, arrival_times
from harness.stages.inference.load.prompts import planned_prompts
from harness.stages.inference.load.result import LoadResult, RequestRecord
from harness.stages.inference.load.validity import LoadEvidence, doubts

_SETTLES_S = 2.0
_SETTLING_STEP_S = 0.05
_LOST = ("connection", "broken_off")


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """The progress of a load.

    Attributes:
        phase: "warming up" or "measuring".
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
    plan: LoadPlan, address: ServerAddress, *, progress: Callable[[LoadProgress], None] = lambda _: None
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
        EngineError: the server can't be reached, or refuses what it is asked, before any load.
    """
    form: payloads.RequestForm | None = payloads.RequestForm(counters.is_vllm(address))
    while form is not None:
        try:
            evidence = _measure(plan, address, form, progress)
        except _RefusedError as error:
            refused, form = error, form.mended(error.kind, error.said)
        else:
            return _result(plan, evidence)
    raise refused


class _RefusedError(EngineError):
    """The server answered no request of the warm-up; `kind` is that of the first error, `said` what it said."""

    def __init__(self, record: RequestRecord, address: ServerAddress) -> None:
        base = address.base_url
        lacks = f"base_url {base} probably lacks /v1, as in {base}/v1. "
        super().__init__(
            f"No request of the warm-up was answered ({record.error}): {record.said or 'nothing was said'}. "
            + (lacks if record.error == "http_404" and "/v1" not in base else "")
            + f"Mend what version {address.version.name!r} asks, or its server; no load was sent."
        )
        self.kind = record.error or ""
        self.said = record.said


def _prepare(plan: LoadPlan, address: ServerAddress, form: payloads.RequestForm) -> tuple[Sending, list[int | None]]:
    """Draw and write all requests, and the tokens that each answer must have.

    Arrivals, prompts and warm-up have random numbers of their own.
    """
    import numpy as np

    times = arrival_times(plan, np.random.default_rng([plan.seed, 0]))
    number = plan.most_requests() if times is None else len(times)
    prompts = planned_prompts(plan, number, np.random.default_rng([plan.seed, 1]))
    # Those of the warm-up are made up: what is measured must not be known to a cache.
    warm = planned_prompts(replace(plan, prompts=()), plan.warm_up, np.random.default_rng([plan.seed, 2]))
    bodies = [payloads.body_of(prompt, place, address, plan, form) for place, prompt in enumerate(prompts)]
    warming = [payloads.body_of(prompt, place, address, plan, form) for place, prompt in enumerate(warm)]
    is_timed = plan.requests is None and plan.seconds is not None
    sending = Sending(
        url=f"{address.base_url}/chat/completions",
        headers=payloads.HEADERS | address.headers,
        warm_up=[payloads.content_of(body) for body in warming],
        requests=[payloads.content_of(body) for body in bodies],
        arrivals=times,
        concurrency=plan.concurrency or 0,
        limit=sys.maxsize if is_timed else number,
        seconds=plan.seconds,
        timeout_s=plan.timeout_s,
    )
    return sending, [payloads.asked_tokens(body) for body in bodies]


def _measure(
    plan: LoadPlan, address: ServerAddress, form: payloads.RequestForm, progress: Callable[[LoadProgress], None]
) -> LoadEvidence:
    """Let the generator send everything, and read the server's counters and the machine's times before and after.

    Raises:
        _RefusedError: the server answered nothing of the warm-up.
    """
    sending, asked = _prepare(plan, address, form)
    planned = None if sending.arrivals is None else len(sending.arrivals)
    redactor = Redactor(address.api_key)
    pids = frozenset({address.pid}) if address.pid is not None else machine.server_pids(address.base_url)
    is_interrupted = False
    with tempfile.TemporaryDirectory(prefix="steelyard-load-") as folder:
        spool = Path(folder) / "records"
        with _generator(sending, spool) as process:
            _read_until(process, "warm", lambda **said: progress(LoadProgress("warming up", planned=planned, **said)))
            warm = [read_answer(record, redactor) for record in _records(spool)]
            if warm and all(record.error is not None for record in warm):
                raise _RefusedError(warm[0], address)
            counted, before = counters.read_counters(address), machine.read_times(pids)
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()

            def tell(**said: Any) -> None:
                progress(LoadProgress("measuring", planned=planned, **said))

            try:
                spent = _read_until(process, "cpu_s", tell)
            except KeyboardInterrupt:
                is_interrupted = True
                process.terminate()
                spent = _read_until(process, "cpu_s", tell)
            use = machine.use_between(before, machine.read_times(pids))
        records = [
            read_answer(record, redactor, asked[record.index % len(asked)])
            for record in _records(spool)
            if record.index >= 0
        ]
    records.sort(key=lambda record: record.index)
    may_have_ended = any(record.error in _LOST for record in records)
    return LoadEvidence(
        figures(records, plan),
        records,
        client_cpu=spent["cpu_s"] / spent["wall_s"] if spent["wall_s"] else 0.0,
        server=_settled(address, counted, sum(record.error is None for record in records)) if counted else {},
        machine=use,
        n_prompts=len(asked),
        is_reachable=not may_have_ended or counters.is_reachable(address),
        is_interrupted=is_interrupted,
    )


@contextlib.contextmanager
def _generator(sending: Sending, spool: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The generator's process, which is ended with the context. Ctrl-C in the terminal does not reach it."""
    plan = spool.with_name("plan")
    plan.write_bytes(pickle.dumps(sending, protocol=pickle.HIGHEST_PROTOCOL))
    command = [sys.executable, "-P", "-m", "harness.stages.inference.load.generator", str(plan), str(spool)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _read_until(process: subprocess.Popen[bytes], key: str, tell: Callable[..., None]) -> dict[str, Any]:
    """Hand on what the generator says up to the line that has a key, and give that.

    Raises:
        EngineError: the generator ended without it.
    """
    tell()
    assert process.stdout is not None
    for line in process.stdout:
        said: dict[str, Any] = json.loads(line)
        if key in said:
            return said
        tell(**said)
    raise EngineError(
        f"The process that sends the load {how_it_ended(process.wait())}; what it wrote stands above. Nothing was "
        "measured."
    )


def _records(spool: Path) -> Iterator[RequestRecord]:
    """Every record in the file that the generator writes."""
    with spool.open("rb") as file, contextlib.suppress(EOFError):
        while True:
            yield pickle.load(file)


def _settled(address: ServerAddress, before: Mapping[str, float], answered: int) -> dict[str, float]:
    """The server's counts since; they may follow the last answer by a moment."""
    deadline = time.monotonic() + _SETTLES_S
    while True:
        after = counters.read_counters(address)
        found = counters.difference(before, after) if after else {}
        if not after or found.get("requests", answered) >= answered or time.monotonic() > deadline:
            return found
        time.sleep(_SETTLING_STEP_S)


def _result(plan: LoadPlan, evidence: LoadEvidence) -> LoadResult:
    """The figures, and whether they can be trusted."""
    found, use = evidence.found, evidence.machine
    raised = doubts(evidence, plan)
    refused = [doubt for doubt in raised if doubt.name not in plan.accept]
    return LoadResult(
        valid=not refused,
        invalid_reasons=tuple(doubt.refusal for doubt in refused),
        notes=(
            *(f"Accepted: {doubt.reason}" for doubt in raised if doubt.name in plan.accept),
            *percentile_notes(found),
            *_notes(evidence),
        ),
        rate_planned=plan.rate,
        client_cpu=evidence.client_cpu,
        server=evidence.server,
        others_cpu=None if use is None else use.others_cpu,
        steal=None if use is None else use.steal,
        interrupted=evidence.is_interrupted,
        by_server=any(doubt.by_server for doubt in refused),
        records=tuple(evidence.records),
        **found,
    )


def _notes(evidence: LoadEvidence) -> Iterator[str]:
    """Notes that a reader must know."""
    requests, completed = evidence.found["requests"], evidence.found["completed"]
    if 0 < completed < requests:
        yield f"{requests - completed} of {requests} requests are errors; the latencies are those of the others."
    answered = [record for record in evidence.records if record.error is None]
    if uncounted := sum(None in (record.prompt_tokens, record.completion_tokens) for record in answered):
        yield (
            f"{uncounted} of {completed} answers do not tell their tokens (usage), so that they are not "
            "counted: prompt_tokens, completion_tokens, output_tokens_per_s, tpot_s and goodput_per_s (of an objective "
            "of tpot) are left out where they need them."
        )
    if requests > evidence.n_prompts:
        yield (
            f"{evidence.n_prompts:,} prompts were written, and repeated from the first one on. Give --requests for as "
            "many prompts as there are requests."
        )
