"""A load from its plan to its result: requests, the generator's process, what the server counts, and what holds."""

from __future__ import annotations

import contextlib
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import child_environment
from harness.errors import EngineError
from harness.models.openai.redaction import Redactor
from harness.models.processes.ends import how_it_ended
from harness.stages.inference.address import ServerAddress
from harness.stages.inference.load import counters, machine, payloads
from harness.stages.inference.load.answers import read_exchange
from harness.stages.inference.load.figures import figures, percentile_notes
from harness.stages.inference.load.generator import Sending
from harness.stages.inference.load.plan import LoadPlan, arrival_times
from harness.stages.inference.load.prompts import planned_prompts
from harness.stages.inference.load.result import LoadResult, RequestRecord
from harness.stages.inference.load.validity import LoadEvidence, doubts, failures

_SETTLES_S = 2.0
_SETTLING_STEP_S = 0.05
_GRACE_S = 10.0
_LOST = ("connection", "broken_off")
_INTERRUPTED = "The run was ended before all was measured (Ctrl-C): the figures are of what came until then."


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
        EngineError: the server can't be reached, or refuses what it is asked, before any load.
    """
    form: payloads.RequestForm | None = payloads.RequestForm(counters.is_vllm(address))
    while form is not None:
        requests = _prepare(plan, address, form)
        with tempfile.TemporaryDirectory(prefix="steelyard-load-") as folder:
            try:
                measured = _measure(requests.sending(plan, address, folder), address, requests, progress)
            except _RefusedError as error:
                refused, form = error, form.mended(error.kind, error.said)
            else:
                return _result(plan, requests, measured)
    raise refused


class _RefusedError(EngineError):
    """The server answered no request of the warm-up; `kind` is that of the first error, `said` what it said."""

    def __init__(self, record: RequestRecord, address: ServerAddress) -> None:
        super().__init__(
            f"No request of the warm-up was answered ({record.error}): {record.said or 'nothing was said'}. "
            + _guess(record, address)
            + f"Mend what version {address.version.name!r} asks, or its server; no load was sent."
        )
        self.kind = record.error or ""
        self.said = record.said


def _guess(record: RequestRecord, address: ServerAddress) -> str:
    """A guess at what an address lacks that there is nothing at."""
    if record.error != "http_404" or "/v1" in address.base_url:
        return ""
    return f"base_url {address.base_url} probably lacks /v1, as in {address.base_url.rstrip('/')}/v1. "


@dataclass(frozen=True, slots=True)
class _Requests:
    """All requests of a load, written out.

    Attributes:
        times: when each is begun; None for a closed loop.
        asked: how many tokens each answer must have.
    """

    times: list[float] | None
    wire: list[bytes]
    warm_up: list[bytes]
    asked: list[int | None]
    limit: int

    @property
    def planned(self) -> int | None:
        """The number that there will be, where that is known."""
        return len(self.wire) if self.times is not None else None

    def sending(self, plan: LoadPlan, address: ServerAddress, folder: str) -> Sending:
        """The message to the generator."""
        return Sending(
            target=payloads.target_of(address),
            warm_up=self.warm_up,
            requests=self.wire,
            arrivals=self.times,
            concurrency=plan.concurrency or 0,
            limit=self.limit,
            seconds=plan.seconds,
            timeout_s=plan.timeout_s,
            spool=str(Path(folder) / "exchanges"),
        )


def _prepare(plan: LoadPlan, address: ServerAddress, form: payloads.RequestForm) -> _Requests:
    """Draw and write all requests. Arrivals, prompts and warm-up have random numbers of their own."""
    import numpy as np

    times = arrival_times(plan, np.random.default_rng([plan.seed, 0]))
    number = plan.most_requests() if times is None else len(times)
    prompts = planned_prompts(plan, number, np.random.default_rng([plan.seed, 1]))
    warm = planned_prompts(plan.for_warm_up(), plan.warm_up, np.random.default_rng([plan.seed, 2]))
    bodies = [payloads.body_of(prompt, place, address, plan, form) for place, prompt in enumerate(prompts)]
    warming = [payloads.body_of(prompt, place, address, plan, form) for place, prompt in enumerate(warm)]
    is_timed = times is None and plan.requests is None and plan.seconds is not None
    return _Requests(
        times=times,
        wire=[payloads.wire_request(body, address) for body in bodies],
        warm_up=[payloads.wire_request(body, address) for body in warming],
        asked=[payloads.asked_tokens(body) for body in bodies],
        limit=sys.maxsize if is_timed else number,
    )


@dataclass(frozen=True, slots=True)
class _Measured:
    """The generator's report and the readings around it.

    Attributes:
        ending: what the generator said last.
    """

    records: Sequence[RequestRecord]
    ending: Mapping[str, Any]
    server: Mapping[str, float]
    use: machine.MachineUse | None
    is_interrupted: bool
    is_reachable: bool


def _measure(
    sending: Sending,
    address: ServerAddress,
    requests: _Requests,
    progress: Callable[[LoadProgress], None] | None,
) -> _Measured:
    """Let the generator send everything, and read the server's counters and the machine's times before and after."""
    pids = frozenset({address.pid}) if address.pid is not None else machine.server_pids(address.base_url)
    spool = Path(sending.spool)
    with _generator(sending) as process:
        lines = _Lines(process, progress, requests.planned)
        lines.until("warm", "warming up")
        _check_warm_up(spool, len(sending.warm_up), address)
        counted, before = counters.read_counters(address), machine.read_times(pids)
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
        ending = lines.until("cpu_s", "measuring")
        use = machine.use_between(before, machine.read_times(pids))
    redactor, asked = Redactor(address.api_key), requests.asked
    records = [
        read_exchange(
            exchange, redactor, started_s=ending["started_s"], asked_tokens=asked[exchange.index % len(asked)]
        )
        for exchange in _exchanges(spool)
        if exchange.index >= 0
    ]
    records.sort(key=lambda record: record.index)
    answered = sum(record.error is None for record in records)
    server = _settled(address, counted, answered) if counted else {}
    may_have_ended = any(record.error in _LOST for record in records)
    is_reachable = not may_have_ended or counters.is_reachable(address)
    return _Measured(records, ending, server, use, lines.is_interrupted, is_reachable)


@contextlib.contextmanager
def _generator(sending: Sending) -> Iterator[subprocess.Popen[bytes]]:
    """The generator's process, which is ended with the context. Ctrl-C in the terminal does not reach it."""
    plan = Path(sending.spool).with_name("plan")
    plan.write_bytes(pickle.dumps(sending, protocol=pickle.HIGHEST_PROTOCOL))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "harness.stages.inference.load.generator", str(plan)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment({}),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Lines:
    """Hands on as progress what the generator says.

    Attributes:
        is_interrupted: whether Ctrl-C came; the generator was then told to come to its end.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        progress: Callable[[LoadProgress], None] | None,
        planned: int | None,
    ) -> None:
        self.is_interrupted = False
        self._process = process
        self._progress = progress
        self._planned = planned

    def until(self, key: str, phase: str) -> dict[str, Any]:
        """Read up to the line that has a key, and give it.

        Raises:
            EngineError: the generator ended without it.
        """
        self._tell(phase, {})
        while True:
            try:
                line = self._next()
            except KeyboardInterrupt:
                if self.is_interrupted or key != "cpu_s":
                    raise
                self.is_interrupted = True
                self._process.terminate()
                continue
            if key in line:
                return line
            self._tell(phase, line)

    def _next(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EngineError(
                f"The process that sends the load {how_it_ended(self._process.wait())}; what it wrote stands above. "
                "Nothing was measured."
            )
        return dict(json.loads(line))

    def _tell(self, phase: str, line: Mapping[str, Any]) -> None:
        if self._progress is not None:
            self._progress(LoadProgress(phase, planned=self._planned, **line))


def _exchanges(spool: Path) -> Iterator[Any]:
    """Every exchange in the file that the generator writes."""
    with spool.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except EOFError:
                return


def _check_warm_up(spool: Path, number: int, address: ServerAddress) -> None:
    """Refuse a server that answered nothing of the warm-up.

    Raises:
        _RefusedError: with what it said.
    """
    records = [read_exchange(exchange, Redactor(address.api_key)) for exchange in _exchanges(spool)]
    if number and all(record.error is not None for record in records):
        raise _RefusedError(records[0], address)


def _settled(address: ServerAddress, before: Mapping[str, float], answered: int) -> dict[str, float]:
    """The server's counts since; they may follow the last answer by a moment."""
    deadline = time.monotonic() + _SETTLES_S
    while True:
        after = counters.read_counters(address)
        found = counters.difference(before, after) if after else {}
        if not after or found.get("requests", answered) >= answered or time.monotonic() > deadline:
            return found
        time.sleep(_SETTLING_STEP_S)


def _result(plan: LoadPlan, requests: _Requests, measured: _Measured) -> LoadResult:
    """The figures, and whether they can be trusted."""
    found = figures(measured.records, plan)
    wall_s = measured.ending["wall_s"]
    client_cpu = measured.ending["cpu_s"] / wall_s if wall_s else 0.0
    evidence = LoadEvidence(found, measured.records, client_cpu, measured.server, measured.use, measured.is_reachable)
    raised, failed = doubts(evidence, plan), failures(evidence)
    refused = [doubt for doubt in raised if doubt.name not in plan.accept]
    reasons = [_INTERRUPTED] if measured.is_interrupted else []
    reasons += failed
    reasons += [f"{doubt.reason} Or accept it: --accept {doubt.name} (accept= in a marker)." for doubt in refused]
    notes = [f"Accepted: {doubt.reason}" for doubt in raised if doubt.name in plan.accept]
    notes += percentile_notes(found) + _notes(requests, found, measured.records)
    use = measured.use
    return LoadResult(
        valid=not reasons,
        invalid_reasons=tuple(reasons),
        notes=tuple(notes),
        rate_planned=plan.rate,
        client_cpu=client_cpu,
        server=measured.server,
        others_cpu=None if use is None else use.others_cpu,
        steal=None if use is None else use.steal,
        interrupted=measured.is_interrupted,
        by_server=bool(failed and measured.records) or any(doubt.by_server for doubt in refused),
        records=tuple(measured.records),
        **found,
    )


def _notes(requests: _Requests, found: Mapping[str, Any], records: Sequence[RequestRecord]) -> list[str]:
    """Notes that a reader must know."""
    notes = []
    failed = found["requests"] - found["completed"]
    if failed and found["completed"]:
        notes.append(f"{failed} of {found['requests']} requests are errors; the latencies are those of the others.")
    uncounted = sum(
        record.error is None and None in (record.prompt_tokens, record.completion_tokens) for record in records
    )
    if uncounted:
        notes.append(
            f"{uncounted} of {found['completed']} answers do not tell their tokens (usage), so that they are not "
            "counted: prompt_tokens, completion_tokens, output_tokens_per_s, tpot_s and goodput_per_s (of an objective "
            "of tpot) are left out where they need them."
        )
    if found["requests"] > len(requests.wire):
        notes.append(
            f"{len(requests.wire):,} prompts were written, and repeated from the first one on. Give --requests for as "
            "many prompts as there are requests."
        )
    return notes
